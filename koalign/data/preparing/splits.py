"""splits: problems -> two parts, no group standing in both; and the clusters of intervals."""

from __future__ import annotations

from collections.abc import Sequence

from koalign.data.preparing.duplicates import unordered_content
from koalign.data.text.korean import fold
from koalign.records import Problem, content_hash


def split_by_group(
    problems: Sequence[Problem], share: float, seed: int
) -> tuple[list[Problem], list[Problem]]:
    """The problems as (rest, held out), both in their order; about `share` of them are held out.

    A group goes to one side: the problems of one `group` of one source, else of one folded passage,
    else one problem in any order of its choices. A hash of the seed and the group decides, so that
    neither the order nor other rows change the side of a row. Share, subjects and numbers of choices
    are met as a fair draw of groups meets them, the better the more groups there are.
    """
    rest: list[Problem] = []
    held_out: list[Problem] = []
    for problem in problems:
        (held_out if _draw(problem, seed) < share else rest).append(problem)
    return rest, held_out


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


def _draw(problem: Problem, seed: int) -> float:
    """A number in [0, 1), the same for all of a group."""
    group: tuple[str, ...]
    if problem.group:
        group = ("group", problem.source, problem.group)
    elif problem.passage:
        group = ("passage", fold(problem.passage))
    else:
        group = ("problem", unordered_content(problem))
    return int(content_hash(seed, *group), 16) / 2**64
