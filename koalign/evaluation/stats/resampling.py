"""resampling: items and their clusters -> what resamples of whole clusters hold (Efron 1979).

Questions on one passage are right and wrong together, so what is drawn with repetition is whole clusters.
Every bootstrap of the package draws here: the same clusters and seed give the same resamples, whatever
statistic is taken of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING

from koalign.records import Problem
from koalign.text.korean import fold

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 2000
_BLOCK = 1_000_000
"""Clusters drawn at a time; it bounds the memory of large test sets."""


def clusters_of(problems: Sequence[Problem]) -> list[str]:
    """For each problem the name of its cluster: those that are right and wrong together.

    A cluster holds the problems of one `group` of one source, and those on one folded passage, whatever
    their source: the same passage stands in files of 수능 and of KMMLU. A problem with neither is its own.
    """
    merged = {problem.cluster: problem.cluster for problem in problems}

    def name(cluster: str) -> str:
        while merged[cluster] != cluster:
            cluster = merged[cluster]
        return cluster

    first: dict[str, str] = {}
    for problem in problems:
        if problem.passage:
            own = name(problem.cluster)
            other = name(first.setdefault(fold(problem.passage), own))
            merged[max(own, other)] = min(own, other)
    return [name(problem.cluster) for problem in problems]


def drawn_clusters(count: int, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[np.ndarray]:
    """The resamples, some at a time: a row of each, with the numbers of `count` clusters drawn."""
    import numpy as np

    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // count)
    for start in range(0, resamples, block):
        yield rng.integers(count, size=(min(block, resamples - start), count))


def resampled_sums(
    rows: np.ndarray, clusters: Sequence[Hashable], resamples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """(items, columns) and the cluster of each item -> (resamples, columns): the sums of what is drawn.

    As many clusters are drawn as there are, so one cluster alone gives its sums each time. Needs an item.
    """
    import numpy as np

    numbers = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    count = len(numbers)
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, [numbers[name] for name in clusters], rows)
    blocks = []
    for drawn in drawn_clusters(count, resamples, seed):
        size = len(drawn)
        places = (drawn + count * np.arange(size)[:, None]).ravel()
        blocks.append(np.bincount(places, minlength=size * count).reshape(size, count) @ sums)
    return np.concatenate(blocks)
