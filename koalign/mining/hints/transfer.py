"""reuse: problems -> for each the nearest others, and how much a hint is worth on them too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from koalign.data.text.tfidf import weigh
from koalign.records import Abstraction, Problem, Tried

WEIGHT = 0.5
"""What a point of lift on the neighbours counts beside one on the hint's own problem; not measured."""


def neighbours(
    problems: Sequence[Problem], asked: Sequence[str], count: int
) -> dict[str, list[str]]:
    """For each of the asked problem ids the ids of the `count` nearest problems, the nearest first.

    Near: by the cosine of character TF-IDF of all that a solver reads. A problem on the same passage is
    none: there a hint that tells the story helps again, and that is not what reuse means.
    """
    if not asked or not count:
        return {name: [] for name in asked}
    matrix = weigh([_read(problem) for problem in problems]).matrix
    number = {problem.id: place for place, problem in enumerate(problems)}
    names = sorted({problem.group for problem in problems if problem.group})
    codes = {name: place for place, name in enumerate(names)}
    groups = np.array([codes.get(p.group, -1 - place) for place, p in enumerate(problems)])
    found = {}
    for name in asked:
        place = number[name]
        near = np.asarray((matrix @ matrix[place].T).todense()).ravel()
        # Equal to the ninth digit is equal: then the one that stands first.
        order = np.lexsort((np.arange(len(near)), -np.round(near, 9)))
        others = order[groups[order] != groups[place]][:count]
        found[name] = [problems[other].id for other in others]
    return found


def worth(lift: float, neighbours: Sequence[Tried]) -> float:
    """The lift on its own problem, and WEIGHT times the mean lift on the neighbours, if there are any."""
    return lift + WEIGHT * fmean([one.hinted.rate - one.bare.rate for one in neighbours] or [0.0])


def best_of(hints: Sequence[Abstraction], per_problem: int) -> list[Abstraction]:
    """Of each problem's kept hints those of the highest score, in the order in which they stand."""
    ranked = sorted(
        (hint for hint in hints if hint.kept), key=lambda hint: (-(hint.score or 0), hint.id)
    )
    taken: Counter[str] = Counter()
    best = set()
    for hint in ranked:
        if taken[hint.problem_id] < per_problem:
            taken[hint.problem_id] += 1
            best.add(hint.id)
    return [hint for hint in hints if hint.kept and hint.id in best]


def _read(problem: Problem) -> str:
    return "\n".join((problem.question, problem.passage, problem.box, *problem.choices))
