"""hints: the static screen: a hint that tells the answer, or nothing at all, is no abstraction."""

from __future__ import annotations

import re

from koalign.data.grading import comparable, stated_numbers
from koalign.records import Problem

_OPTION_NUMBER = re.compile(r"[①-⑤➀-➄❶-❺]|(?<!\d)[1-5]\s*번")


def static_refusal(
    problem: Problem, text: str, *, min_characters: int, max_characters: int
) -> str | None:
    """Why a hint is refused without asking any model; none if it passes."""
    if len(text) < min_characters:
        return "too_short"
    if len(text) > max_characters:
        return "too_long"
    if stated_numbers(text) or _OPTION_NUMBER.search(text) or "정답은" in text:
        return "states_the_answer"
    said = comparable(text)
    asked = comparable(problem.question)
    secrets = problem.choices or problem.answers
    for secret in map(comparable, secrets):
        # An option that the question itself names tells nothing new.
        if secret and secret in said and secret not in asked:
            return "contains_an_option"
    return None
