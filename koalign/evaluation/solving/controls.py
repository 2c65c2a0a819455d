"""controls: the attempts of solving -> how many bare answers, and which other hints, to compare with."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf

from koalign.evaluation.solving.voting import Answer, Attempt, spent
from koalign.evaluation.stats.resampling import clusters_of
from koalign.records import Problem

MOST_VOTES = 64
"""At equal total tokens: further votes change next to no majority, and the costs say what was spent."""


@dataclass(frozen=True)
class Controls:
    """The attempts that solving is compared with, in the order of the problems."""

    bare: Sequence[Attempt]
    """By the policy alone, equally many answers for each problem, with at least as many written tokens in
    total."""
    mismatched: Sequence[Attempt]
    """With mismatched hints, as many answers as with its own; none where no other problem had one."""
    total: Sequence[Attempt] = ()
    """By the policy alone, those of `bare` and more, until prompts are paid for too; empty: not drawn."""


def own_hints(attempts: Sequence[Attempt]) -> list[list[tuple[str, int]]]:
    """For each attempt its (used hint, number of answers), and the number of its bare answers with ""."""
    return [
        [(hint.text, len(hint.answers)) for hint in attempt.hints if hint.use == "used"]
        + ([("", len(attempt.bare))] if attempt.bare else [])
        for attempt in attempts
    ]


def under_hints(attempt: Attempt, answered: Sequence[tuple[str, int, Sequence[Answer]]]) -> Attempt:
    """The attempt with these (hint, prompt tokens, answers) in place of its used hints, in their order.

    The hints cost what its own did; where there are fewer, the last ones have no answers. An empty hint
    has bare answers in place of its own.
    """
    left = iter([of_hint for of_hint in answered if of_hint[0]])
    hints = []
    for hint in attempt.hints:
        if hint.use == "used":
            text, prompt_tokens, answers = next(left, (hint.text, 0, ()))
            update = {"text": text, "prompt_tokens": prompt_tokens, "answers": tuple(answers)}
            hint = hint.model_copy(update={**update, "passages": ()})
        hints.append(hint)
    bare = next((tuple(answers) for text, _, answers in answered if not text), attempt.bare)
    return attempt.model_copy(update={"hints": tuple(hints), "bare": bare})


def total_tokens_beside(attempts: Sequence[Attempt], bare: Sequence[Attempt]) -> int:
    """How many tokens bare answers may write to cost as much as the attempts, prompts included."""
    read = sum(attempt.bare_prompt_tokens for attempt in bare)
    return sum(spent(attempt).generated + spent(attempt).prompt for attempt in attempts) - read


def mismatched_hints(
    problems: Sequence[Problem], attempts: Sequence[Attempt], seed: int
) -> list[list[tuple[str, int]]]:
    """For each problem (hint of another problem, number of answers), as many as it has used hints.

    Each takes the hints of its `lenders`, never one that is also its own. Fewer where they have no more.
    """
    used = [[hint for hint in attempt.hints if hint.use == "used"] for attempt in attempts]
    mismatched: list[list[tuple[str, int]]] = [[] for _ in problems]
    for number, others in lenders(problems, seed):
        own = {hint.text for hint in attempts[number].hints}
        lent = (hint.text for other in others for hint in used[other] if hint.text not in own)
        taken: dict[str, int] = {}
        for hint in used[number]:
            text = next((text for text in lent if text not in taken), None)
            if text is not None:
                taken[text] = len(hint.answers)
        mismatched[number] = list(taken.items())
    return mismatched


def lenders(problems: Sequence[Problem], seed: int) -> Iterator[tuple[int, Iterator[int]]]:
    """The number of each problem, with those of the problems of other clusters, whose hints it may take.

    The problems stand in a circle in a random order, whatever that of their file; the next ones come first.
    """
    circle = sorted(range(len(problems)), key=lambda n: problems[n].id)
    random.Random(seed).shuffle(circle)
    clusters = clusters_of(problems)

    def others(place: int) -> Iterator[int]:
        own = clusters[circle[place]]
        after = [*circle[place + 1 :], *circle[:place]]
        return (other for other in after if clusters[other] != own)

    for place, number in enumerate(circle):
        yield number, others(place)


def samples_at_equal_tokens(
    tokens: int, answers: Sequence[Sequence[Answer]], most: float = inf
) -> tuple[int, bool]:
    """Bare answers per problem that cost at least `tokens` in total, and whether they are sampled yet.

    Where the answers so far cost less, the number is extrapolated from their mean cost. Never above `most`.
    """
    n, total = 1, sum(samples[0].tokens for samples in answers)
    while total < tokens and n < most:
        if n == len(answers[0]):
            wanted = n + max(1, ceil((tokens - total) / (total / n)))
            return int(min(wanted, most)), False
        total += sum(samples[n].tokens for samples in answers)
        n += 1
    return n, True
