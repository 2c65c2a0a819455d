"""controls: the attempts of solving -> how many bare answers and which mismatched hints to compare with."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from koalign.evaluation.solving.voting import Answer, Attempt
from koalign.evaluation.stats.resampling import clusters_of
from koalign.records import Problem


@dataclass(frozen=True)
class Controls:
    """The answers that solving is compared with, in the order of the problems."""

    bare: Sequence[Sequence[Answer]]
    """Answers of the policy alone, equally many for each problem, with at least as many tokens in total."""
    mismatched: Sequence[Sequence[Answer]]
    """Answers with mismatched hints, as many as with its own hints; empty: no other problem had one."""
    mismatched_prompt: Sequence[int]
    """Prompt tokens of the latter."""


def mismatched_hints(
    problems: Sequence[Problem], attempts: Sequence[Attempt], seed: int
) -> list[list[tuple[str, int]]]:
    """For each problem (hint of another problem, number of answers), as many as it has used hints.

    The problems stand in a circle in random order. Each takes the hints of the next ones of other
    clusters, never one that is also its own. Fewer where the circle holds no more.
    """
    circle = sorted(range(len(problems)), key=lambda n: problems[n].id)
    random.Random(seed).shuffle(circle)
    clusters = clusters_of(problems)
    used = [[hint for hint in attempt.hints if hint.use == "used"] for attempt in attempts]
    mismatched: list[list[tuple[str, int]]] = [[] for _ in problems]
    for place, number in enumerate(circle):
        own = {hint.text for hint in attempts[number].hints}
        others = (
            hint.text
            for other in [*circle[place + 1 :], *circle[:place]]
            if clusters[other] != clusters[number]
            for hint in used[other]
            if hint.text not in own
        )
        taken: dict[str, int] = {}
        for hint in used[number]:
            text = next((text for text in others if text not in taken), None)
            if text is not None:
                taken[text] = len(hint.answers)
        mismatched[number] = list(taken.items())
    return mismatched


def samples_at_equal_tokens(tokens: int, answers: Sequence[Sequence[Answer]]) -> tuple[int, bool]:
    """Bare answers per problem that cost at least `tokens` in total, and whether they are sampled yet.

    Where the answers so far cost less, the number is extrapolated from their mean cost.
    """
    n, total = 1, sum(samples[0].tokens for samples in answers)
    while total < tokens:
        if n == len(answers[0]):
            return n + max(1, ceil((tokens - total) / (total / n))), False
        total += sum(samples[n].tokens for samples in answers)
        n += 1
    return n, True
