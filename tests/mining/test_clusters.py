"""Planted groups are found, the medoid is the middle, and shares follow the sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.mining.mistakes.clusters import cluster, shares_by_size


def planted(sizes: list[int], seed: int = 0, spread: float = 0.05) -> tuple[np.ndarray, list[int]]:
    """Points around so many corners, mixed, and the corner of each."""
    rng = np.random.default_rng(seed)
    corners = np.eye(len(sizes) + 1)[: len(sizes)]
    owners = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return corners[owners] + rng.normal(0, spread, (len(owners), len(sizes) + 1)), owners.tolist()


@pytest.mark.parametrize("sizes", [[30, 20, 10], [40, 40], [9, 9, 9, 9, 9, 9], [100, 5]])
def test_planted_clusters_and_their_number_are_found(sizes):
    vectors, owners = planted(sizes)
    found = cluster(vectors, None, seed=0)
    assert [len(rows) for rows in found.members] == sorted(sizes, reverse=True)
    for rows in found.members:
        assert len({owners[row] for row in rows}) == 1 and list(rows) == sorted(rows)
    assert sorted(row for rows in found.members for row in rows) == list(range(len(vectors)))
    assert found.silhouette > 0.8


def test_a_given_number_of_clusters_is_made():
    vectors, _ = planted([30, 20, 10])
    assert len(cluster(vectors, 5, seed=0).members) == 5
    one = cluster(vectors, 1, seed=0)
    assert [len(rows) for rows in one.members] == [60] and one.silhouette is None


def test_the_medoid_has_the_least_squared_distance_to_the_others():
    vectors, _ = planted([25, 15], spread=0.3)
    found = cluster(vectors, 2, seed=0)
    for rows, medoid in zip(found.members, found.medoids, strict=True):
        total = {r: sum(((vectors[r] - vectors[o]) ** 2).sum() for o in rows) for r in rows}
        assert medoid == min(total, key=total.get)


def test_the_silhouette_is_as_rousseeuw_defines_it():
    vectors, _ = planted([6, 5], spread=0.4)
    found = cluster(vectors, 2, seed=0)
    scores = []
    for number, rows in enumerate(found.members):
        for row in rows:
            far = np.linalg.norm(vectors - vectors[row], axis=1)
            inside = sum(far[o] for o in rows if o != row) / (len(rows) - 1)
            outside = far[list(found.members[1 - number])].mean()
            scores.append((outside - inside) / max(inside, outside))
    assert found.silhouette == pytest.approx(np.mean(scores), abs=1e-6)


def test_there_are_never_more_clusters_than_different_vectors():
    twice = np.repeat(np.eye(3), 5, axis=0)
    assert [len(rows) for rows in cluster(twice, 8, seed=0).members] == [5, 5, 5]
    same = cluster(np.ones((20, 3)), None, seed=0)
    assert [len(rows) for rows in same.members] == [20] and same.medoids == (0,)


def test_the_same_seed_gives_the_same_clusters():
    vectors, _ = planted([50, 50], spread=1.0)  # nothing to find: only the seed decides
    assert cluster(vectors, 7, seed=3) == cluster(vectors, 7, seed=3)


SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=12)


@given(SIZES, st.integers(0, 400))
def test_shares_add_up_and_none_is_more_than_its_cluster_holds(sizes, total):
    shares = shares_by_size(sizes, total)
    assert sum(shares) == min(total, sum(sizes))
    assert all(0 <= share <= size for share, size in zip(shares, sizes, strict=True))
    assert min(shares) >= 1 or total < len(sizes)
    for size, share in zip(sizes, shares, strict=True):
        assert all(share >= other for s, other in zip(sizes, shares, strict=True) if size > s)


@given(SIZES, st.integers(0, 400))
def test_shares_keep_quota_where_nobody_is_owed_less_than_one(sizes, total):
    total = min(total, sum(sizes))
    quotas = [total * size / sum(sizes) for size in sizes]
    if min(quotas) >= 1:
        for share, quota in zip(shares_by_size(sizes, total), quotas, strict=True):
            assert abs(share - quota) < 1


@pytest.mark.parametrize(
    ("sizes", "total", "shares"),
    [
        ([60, 30, 10], 10, [6, 3, 1]),
        (
            [50, 30, 20],
            7,
            [4, 2, 1],
        ),  # quotas 3.5, 2.1, 1.4: the left one goes to the largest remainder
        ([97, 2, 1], 10, [8, 1, 1]),
        ([5, 5, 5], 2, [1, 1, 0]),
        ([1, 8, 3], 1, [0, 1, 0]),
        ([4, 4], 100, [4, 4]),
        ([3, 2], 0, [0, 0]),
    ],
)
def test_shares_as_counted_by_hand(sizes, total, shares):
    assert shares_by_size(sizes, total) == shares


def test_two_kinds_of_equal_vectors_are_two_clusters():
    found = cluster(np.repeat(np.eye(2), [7, 5], axis=0), None, seed=0)
    assert [len(rows) for rows in found.members] == [7, 5] and found.silhouette == 1.0
