"""splits: problems -> two parts, no group standing in both."""

from __future__ import annotations

from collections.abc import Sequence

from koalign.data.preparing.duplicates import unordered_content
from koalign.records import Problem, content_hash
from koalign.text.korean import fold


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
        (held_out if draw(problem, seed) < share else rest).append(problem)
    return rest, held_out


def draw(problem: Problem, seed: int) -> float:
    """A number in [0, 1), the same for all of a group; see `split_by_group`."""
    group: tuple[str, ...]
    if problem.group:
        group = ("group", problem.source, problem.group)
    elif problem.passage:
        group = ("passage", fold(problem.passage))
    else:
        group = ("problem", unordered_content(problem, fold))
    return int(content_hash(seed, *group), 16) / 2**64
