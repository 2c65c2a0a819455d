"""mismatched: problems and their passages -> as many of other problems, the control of answering."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from koalign.evaluation.stats.resampling import clusters_of
from koalign.records import Problem
from koalign.retrieval.records import Passage


def mismatched_passages(
    problems: Sequence[Problem], passages: Mapping[str, Sequence[Passage]], seed: int
) -> list[list[Passage]]:
    """For each problem as many passages of others as it has, and none that is its own.

    `passages`: problem id -> its own. The problems stand in a circle in random order. Each takes those of
    the next ones of other clusters, best first. Fewer where the circle holds no more.
    """
    circle = sorted(range(len(problems)), key=lambda n: problems[n].id)
    random.Random(seed).shuffle(circle)
    clusters = clusters_of(problems)
    mismatched: list[list[Passage]] = [[] for _ in problems]
    for place, number in enumerate(circle):
        own = {passage.chunk_id for passage in passages.get(problems[number].id, ())}
        others = (
            passage
            for other in [*circle[place + 1 :], *circle[:place]]
            if clusters[other] != clusters[number]
            for passage in passages.get(problems[other].id, ())
            if passage.chunk_id not in own
        )
        taken: dict[str, Passage] = {}
        while len(taken) < len(own) and (passage := next(others, None)):
            taken.setdefault(passage.chunk_id, passage)
        mismatched[number] = list(taken.values())
    return mismatched
