"""contradictions: the answers that a reply states, in order -> whether they differ so that none counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from koalign.grading import patterns

Statements = Sequence[tuple[int, tuple[int, ...]]]
"""Where each stands in the text, and the numbers of the choices offered there."""


def contradicts_itself(text: str, found: Statements) -> bool:
    """Whether the statements end in several, take turns, or contradict one that is called final."""
    return _says_several(text, found) or _wavers(found) or _contradicts_the_final(text, found)


def _says_several(text: str, found: Statements) -> bool:
    """Whether a text ends with announced answers, one in each line, that differ."""
    start = len(text) + 1
    for line in reversed(text.split("\n")):
        key = patterns.KEY.match(line.removeprefix("최종 "))
        if not key or key["quote"]:
            break
        start -= len(line) + 1
    said = [numbers for position, numbers in found if position >= start]
    lines = text[start:].count("\n") + 1
    return lines == len(said) and len(set(said)) > 1 and text.count("최종", start) != 1


def _wavers(found: Statements) -> bool:
    """Whether answers take turns: an answer may be taken back, and that too, and no more."""
    said = [numbers for numbers, _ in groupby(numbers for _, numbers in found)]
    return len(said) > 3 and len(set(said)) < len(said) - 1


def _contradicts_the_final(text: str, found: Statements) -> bool:
    """Whether another answer follows one that is called final, and no word takes that back."""
    final = [
        (position, numbers)
        for position, numbers in found
        if "최종" in text[max(0, position - 16) : position].rpartition("\n")[2]
    ]
    if not final or final[-1][1] == found[-1][1]:
        return False
    return not patterns.TAKES_BACK.search(text, final[-1][0], found[-1][0])
