"""teacher_alarms: the replies of a teacher -> signs that it did not read the problems."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import sqrt

from koalign.mining.distilling.teacher_calls import Reply
from koalign.records import Record

FEWEST, SHARE = 5, 0.05
"""An alarm needs one text for at least so many problems, and this share of all. A rule of thumb: refusals
and stock phrases repeat, solutions of different problems do not."""
Z = 4.0
"""Standard errors above chance that make a choice number an alarm: one-sided p = 0.00003 by the normal
approximation, so that a stage of five choices raises a false alarm once in 6,000 times."""
BEGINNING = 60
"""Characters of a text that an alarm shows."""


class Chosen(Record):
    """The choice that one reply answers."""

    problem_id: str
    number: int
    """Of the choice, from 1."""
    choices: int
    """How many the problem has."""


def text_alarms(replies: Sequence[Reply | None]) -> list[str]:
    """One line for each text that many problems share."""
    problems: dict[str, set[str]] = defaultdict(set)
    for reply in replies:
        if reply is not None:
            problems[" ".join(reply.text.split())].add(reply.problem_id)
    total = len(set().union(*problems.values()))
    many = {
        text: len(ids)
        for text, ids in problems.items()
        if len(ids) >= FEWEST and len(ids) >= SHARE * total
    }
    return [
        f"the same text for {count} of {total} problems: {text[:BEGINNING]}"
        f"{'…' if len(text) > BEGINNING else ''}"
        for text, count in sorted(many.items(), key=lambda item: (-item[1], item[0]))
    ]


def number_alarms(chosen: Sequence[Chosen]) -> list[str]:
    """One line for each choice number that is far more frequent than by chance, with independent problems.

    Draws of one problem are one observation, the share of them that chose the number; its variance is
    at most p(1 - p) with p = 1 / choices, and with that the test is the binomial one (normal
    approximation) or stricter.
    """
    draws: dict[tuple[str, int], list[int]] = defaultdict(list)
    for choice in chosen:
        draws[choice.problem_id, choice.choices].append(choice.number)
    lines = []
    for number in range(1, max((choices for _, choices in draws), default=0) + 1):
        problems = {key: numbers for key, numbers in draws.items() if key[1] >= number}
        share = sum(numbers.count(number) / len(numbers) for numbers in problems.values())
        chances = [1 / choices for _, choices in problems]
        error = sqrt(sum(p * (1 - p) for p in chances))
        if error and (z := (share - sum(chances)) / error) > Z:
            lines.append(
                f"choice {number} for {share:.0f} of {len(problems)} problems, by chance "
                f"{sum(chances):.0f} (z = {z:.1f})"
            )
    return lines
