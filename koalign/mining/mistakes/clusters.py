"""clusters: vectors -> clusters with their medoids, and shares by size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

_CANDIDATES = 12
"""Most numbers of clusters that are tried."""
_SAMPLE = 4000
"""Vectors that the silhouette is computed on: it takes all pairwise distances."""
_STARTS = 3
"""Runs of k-means, of which the best is kept."""
_UNKNOWN = -1.0


@dataclass(frozen=True)
class Clusters:
    """A clustering of vectors."""

    members: tuple[tuple[int, ...], ...]
    """The rows of each cluster, ascending; the largest cluster first."""
    medoids: tuple[int, ...]
    """Of each cluster the row with the least summed squared distance to the others, which is the one
    nearest to the mean."""
    silhouette: float | None
    """Mean over the vectors, -1 to 1 (Rousseeuw 1987); none for one cluster, and for one a vector."""


def cluster(vectors: np.ndarray, count: int | None, seed: int) -> Clusters:
    """K-means (k-means++) into `count` clusters, or into as many as have the best silhouette.

    Up to twelve numbers from 2 to the square root of the number of vectors are tried; of equal silhouettes
    the fewer clusters win. Never more clusters than different vectors. Rows must be in random order,
    since the silhouette is computed on the first ones.
    """
    different = len(np.unique(np.round(vectors, 9), axis=0))
    if count is None:
        top = min(isqrt(len(vectors)), different)
        counts = sorted({round(k) for k in np.geomspace(2, top, _CANDIDATES)}) if top >= 2 else []
    else:
        counts = [min(count, different)]
    labelings = [(-k, _labels(vectors, k, seed)) for k in counts if k > 1]
    scored = [(_silhouette(vectors, labels), k, labels) for k, labels in labelings]
    one_cluster = (_UNKNOWN, -1, np.zeros(len(vectors), int))
    score, _, labels = max(scored, key=lambda scored: scored[:2], default=one_cluster)
    return _described(vectors, labels, score if score > _UNKNOWN else None)


def shares_by_size(sizes: Sequence[int], total: int) -> list[int]:
    """How many of `total` each cluster gives: by largest remainder (Hamilton), and at least one.

    Sizes are positive. None gives more than it holds; the shares add up to the total, or to all there
    is. Where there are more clusters than places, the largest give one each.
    """
    total = min(total, sum(sizes))
    left = sorted(range(len(sizes)), key=lambda n: (-sizes[n], n))
    if total < len(left):
        left = left[:total]
    shares = dict.fromkeys(range(len(sizes)), 0)
    # Clusters with a share below one get one, and the others divide the rest. That may push others
    # below one: they follow in the next round.
    while small := [n for n in left if total * sizes[n] < sum(sizes[m] for m in left)]:
        shares |= dict.fromkeys(small, 1)
        total -= len(small)
        left = [n for n in left if n not in small]
    whole = sum(sizes[n] for n in left)
    for number in left:
        shares[number] = total * sizes[number] // whole
    over = total - sum(shares[n] for n in left)
    by_remainder = sorted(left, key=lambda n: (-(total * sizes[n] % whole), -sizes[n], n))
    for number in by_remainder[:over]:
        shares[number] += 1
    return list(shares.values())


def _labels(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # Threads would add up in any order, and a vector between two clusters change sides.
    with threadpool_limits(1):
        return KMeans(count, n_init=_STARTS, random_state=seed).fit(vectors).labels_


def _silhouette(vectors: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.metrics import silhouette_score

    seen = labels[:_SAMPLE]
    if not 2 <= len(set(seen.tolist())) < len(seen):
        return _UNKNOWN
    return round(float(silhouette_score(vectors[:_SAMPLE], seen)), 6)


def _described(vectors: np.ndarray, labels: np.ndarray, silhouette: float | None) -> Clusters:
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    groups.sort(key=lambda rows: (-len(rows), rows[0]))
    medoids = []
    for rows in groups:
        far = ((vectors[rows] - vectors[rows].mean(axis=0)) ** 2).sum(axis=1)
        medoids.append(int(rows[np.argmin(np.round(far, 12))]))
    return Clusters(tuple(tuple(rows.tolist()) for rows in groups), tuple(medoids), silhouette)
