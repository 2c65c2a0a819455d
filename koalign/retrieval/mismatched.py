"""mismatched: problems and their passages -> as many of other problems, the control of answering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from koalign.evaluation.solving.controls import lenders
from koalign.records import Problem
from koalign.retrieval.records import Passage


def mismatched_passages(
    problems: Sequence[Problem], passages: Mapping[str, Sequence[Passage]], seed: int
) -> list[list[Passage]]:
    """For each problem as many passages of others as it has, and none that is its own.

    `passages`: problem id -> its own. Each takes those of its `lenders`, best first. Fewer where they have
    no more.
    """
    mismatched: list[list[Passage]] = [[] for _ in problems]
    for number, others in lenders(problems, seed):
        own = {passage.chunk_id for passage in passages.get(problems[number].id, ())}
        lent = (
            passage
            for other in others
            for passage in passages.get(problems[other].id, ())
            if passage.chunk_id not in own
        )
        taken: dict[str, Passage] = {}
        while len(taken) < len(own) and (passage := next(lent, None)):
            taken.setdefault(passage.chunk_id, passage)
        mismatched[number] = list(taken.values())
    return mismatched
