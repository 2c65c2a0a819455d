"""Whole clusters are drawn, each as likely, the same ones for the same seed, however many at a time."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.evaluation.stats import resampling
from koalign.evaluation.stats.resampling import clusters_of, drawn_clusters, resampled_sums
from koalign.records import Problem

ROWS = st.lists(
    st.tuples(st.integers(-9, 9), st.integers(0, 9), st.sampled_from("abcdef")),
    min_size=1,
    max_size=30,
)


@given(ROWS, st.integers(0, 5))
def test_the_sums_are_those_of_the_items_of_the_clusters_drawn(items, seed):
    rows = np.array([item[:2] for item in items], float)
    clusters = [name for *_, name in items]
    names = list(dict.fromkeys(clusters))
    found = resampled_sums(rows, clusters, 20, seed)
    draws = [draw for drawn in drawn_clusters(len(names), 20, seed) for draw in drawn]
    assert found.shape == (20, 2)
    for sums, draw in zip(found, draws, strict=True):
        taken = [rows[n] for number in draw for n, c in enumerate(clusters) if c == names[number]]
        assert sums.tolist() == np.sum(taken, axis=0).tolist()


def test_what_is_drawn_at_a_time_changes_nothing(monkeypatch):
    rows = np.random.default_rng(1).random((150, 3))
    clusters = [n // 3 for n in range(150)]
    whole = resampled_sums(rows, clusters, 101, seed=4)
    monkeypatch.setattr(resampling, "_BLOCK", 350)
    assert [len(drawn) for drawn in drawn_clusters(50, 101, seed=4)] == [7] * 14 + [3]
    assert resampled_sums(rows, clusters, 101, seed=4) == pytest.approx(whole, abs=1e-12)
    monkeypatch.setattr(resampling, "_BLOCK", 1)
    assert resampled_sums(rows, clusters, 101, seed=4) == pytest.approx(whole, abs=1e-12)


def test_the_seed_decides_and_nothing_else():
    rows = np.random.default_rng(2).random((40, 1))
    here, again, other = (resampled_sums(rows, range(40), 50, seed) for seed in (3, 3, 4))
    assert (here == again).all() and (here != other).any()


def test_as_many_clusters_are_drawn_as_there_are_and_each_as_often():
    found = resampled_sums(np.eye(8), range(8), 4000)
    assert (found.sum(axis=1) == 8).all()
    assert found.mean(axis=0) == pytest.approx(np.ones(8), abs=0.06)
    assert found.var(axis=0) == pytest.approx(np.full(8, 7 / 8), abs=0.08)


def test_items_of_a_cluster_come_together():
    found = resampled_sums(np.eye(6), ["a", "b", "a", "b", "c", "a"], 200)
    assert (found[:, 0] == found[:, 2]).all() and (found[:, 0] == found[:, 5]).all()
    assert (found[:, 1] == found[:, 3]).all() and (found[:, 0] != found[:, 1]).any()


def test_one_cluster_alone_gives_its_sums_each_time():
    assert (resampled_sums(np.ones((4, 1)), ["a"] * 4, 10) == 4).all()


def test_a_large_test_set_needs_little_memory():
    rows = np.ones((35_030, 2))
    tracemalloc.start()
    resampled_sums(rows, range(35_030), 200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000, "all draws at once would be several times as much"


def asked(number: int, **others: str) -> Problem:
    return Problem(question=f"{number}번 죄는?", kind="short", answers=("절도",), **others)


def test_problems_on_one_passage_are_one_cluster_and_others_are_their_own():
    first, second = asked(1, group="g"), asked(2, group="g")
    assert first.cluster == second.cluster != asked(2, group="g", source="csat").cluster
    assert asked(1).cluster == asked(1).id


def test_a_passage_in_two_sources_is_one_cluster_with_all_of_both_groups():
    """Of one group a question stands without its passage; spaces do not part a passage."""
    problems = [
        asked(1, group="g", source="csat", passage="한 지문이다."),
        asked(2, group="g", source="csat"),
        asked(3, group="h", source="kmmlu", passage="한  지문이다. "),
        asked(4, group="h", source="kmmlu", passage="다른 지문"),
        asked(5, passage="다른 지문"),
        asked(6, group="g", source="klue", passage="셋째 지문"),
        asked(7),
    ]
    *shared, other, alone = clusters_of(problems)
    assert len({*shared}) == 1 and len({*shared, other, alone}) == 3
    assert (other, alone) == (problems[5].cluster, problems[6].id)
    assert {*clusters_of(problems[::-1])} == {*shared, other, alone}
