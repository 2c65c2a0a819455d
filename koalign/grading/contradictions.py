"""contradictions: the answers that a reply states, in order -> whether they differ so that none counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from koalign.grading import patterns

_LINE_KEY = re.compile("(?:최종 |Correct |Final )?(?!고른 답)")
_OTHER_CASE = re.compile(r"[^.!?\n]{1,12}, [^.!?\n]{1,60}면,? (?:정답|답)[은이] ?[^.!?\n]{0,4}")
"""Between answers: `… 5번, … 제외하면 답은 …`."""
Statements = Sequence[tuple[int, tuple[int, ...]]]
"""Where each stands in the text, and the numbers of the choices offered there."""


def contradicts_itself(text: str, found: Statements) -> bool:
    """Whether the statements end in several, take turns, or contradict one that is called final."""
    return (
        _says_several(text, found)
        or _depends(text, found)
        or _wavers(text, found)
        or _contradicts_the_final(text, found)
    )


def _says_several(text: str, found: Statements) -> bool:
    """Whether the last answers, each announced in a line below that of another one, differ."""
    said: list[tuple[int, ...]] = []
    below = len(text) + 1
    for position, numbers in reversed(found):
        start = text.rfind("\n", 0, position) + 1
        key = _LINE_KEY.match(text, start)
        is_announced = key and patterns.KEY.match(text, key.end())
        is_above = position < below and "\n" not in text[position : below - 1]
        if not is_announced or (said and not is_above):
            break
        said.append(numbers)
        below = start
    return len(set(said)) > 1 and text.count("최종", below) != 1


def _depends(text: str, found: Statements) -> bool:
    """Whether the last sentence announces two answers, one for each case."""
    if len(found) < 2 or found[-2][1] == found[-1][1]:
        return False
    between = text[found[-2][0] : found[-1][0]]
    return bool(_OTHER_CASE.fullmatch(between))


def _wavers(text: str, found: Statements) -> bool:
    """Whether answers take turns, or go through the choices: one may be taken back, and that too."""
    said = [numbers for numbers, _ in groupby(numbers for _, numbers in found)]
    takes_turns = len(said) > 3 and len(set(said)) < len(said) - 1
    return takes_turns or (
        len({numbers for numbers in said if len(numbers) == 1}) > 2
        and not patterns.TAKES_BACK.search(text, found[0][0], found[-1][0])
        and not _is_final(text, found[-1][0])
    )


def _is_final(text: str, position: int) -> bool:
    """Whether the answer at a position is called final."""
    return "최종" in text[max(0, position - 16) : position].rpartition("\n")[2]


def _contradicts_the_final(text: str, found: Statements) -> bool:
    """Whether another answer follows one that is called final, and no word takes that back."""
    final = [(position, numbers) for position, numbers in found if _is_final(text, position)]
    if not final or final[-1][1] == found[-1][1]:
        return False
    return not patterns.TAKES_BACK.search(text, final[-1][0], found[-1][0])
