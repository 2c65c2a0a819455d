"""controls: what solving wrote -> what it is measured against: how many bare answers, and whose hints."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from koalign.evaluation.solving.voting import Attempt, Written
from koalign.records import Problem


@dataclass(frozen=True)
class Controls:
    """What solving is measured against, in the order of the problems."""

    bare: Sequence[Sequence[Written]]
    """Answers of the policy alone, of each problem equally many, which cost at least as many tokens."""
    foreign: Sequence[Sequence[Written]]
    """Answers with hints of other problems, as many as with its own; empty: there was no other."""
    foreign_prompt: Sequence[int]
    """Tokens of the prompts of the latter."""


def foreign_hints(
    problems: Sequence[Problem], attempts: Sequence[Attempt], seed: int
) -> list[list[tuple[str, int]]]:
    """For each problem hints of others, each with its number of answers: as many as of its own.

    The problems stand in a circle in random order, and each takes the hints of the next ones on other
    passages; never a hint that is also one of its own. Fewer where the circle holds no more.
    """
    circle = sorted(range(len(problems)), key=lambda n: problems[n].id)
    random.Random(seed).shuffle(circle)
    used = [[hint for hint in attempt.hints if hint.use == "used"] for attempt in attempts]
    found: list[list[tuple[str, int]]] = [[] for _ in problems]
    for place, number in enumerate(circle):
        own = {hint.text for hint in attempts[number].hints}
        others = (
            hint.text
            for other in [*circle[place + 1 :], *circle[:place]]
            if problems[other].cluster != problems[number].cluster
            for hint in used[other]
            if hint.text not in own
        )
        taken: dict[str, int] = {}
        for hint in used[number]:
            text = next((text for text in others if text not in taken), None)
            if text is not None:
                taken[text] = len(hint.answers)
        found[number] = list(taken.items())
    return found


def samples_at_equal_tokens(tokens: int, drawn: Sequence[Sequence[Written]]) -> tuple[int, bool]:
    """How many bare answers of each problem cost at least so many tokens, and whether they are drawn.

    Where those that are drawn cost less, the number is what the mean so far leads to expect.
    """
    n, total = 1, sum(samples[0].tokens for samples in drawn)
    while total < tokens:
        if n == len(drawn[0]):
            return n + max(1, ceil((tokens - total) / (total / n))), False
        total += sum(samples[n].tokens for samples in drawn)
        n += 1
    return n, True
