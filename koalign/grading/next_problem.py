"""next_problem: a reply that goes on with problems of its own -> what it states of the one it was asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from koalign.grading.extract import extract_numbers
from koalign.grading.patterns import NEXT_PROBLEM
from koalign.grading.visible import canonical, comparable_choice, visible_text

_TRIED, _HEADING, _TAIL = 3, 600, 12
"""Places where a next problem may begin that are tried; characters read there; of the own question."""

_OF_THE_ANSWER = re.compile("위의?(?:답|풀이)|(?:답이|정말|그답)[^?]{0,10}(?:맞|옳|확실)")
"""In a heading without blanks: it asks about the answer that was given."""
_CHOICES = re.compile(r"①.*②|1[.)].*2[.)]|\(1\).*\(2\)|a[.)].*b[.)]", re.DOTALL | re.IGNORECASE)


def stated(
    text: str, choices: Sequence[str], *, question: str, concluding: bool
) -> list[tuple[int, ...]]:
    """The choice numbers of each statement of a reply, as `extract_numbers` reads them.

    A base model answers, and goes on with `질문: …` and `답: 2`: those are no statements. A reply that
    says its own question again is read on. One that begins with the choices of another problem states
    nothing.
    """
    seen = "\n" + (visible_text(text) or "")
    own = canonical(comparable_choice(question)).rstrip("?.")[-_TAIL:]
    for mark in islice(NEXT_PROBLEM.finditer(seen), _TRIED):
        heading = canonical(comparable_choice(seen[mark.start() : mark.start() + _HEADING]))
        if (own and own in heading) or _OF_THE_ANSWER.search(heading):
            continue
        before = seen[: mark.start()]
        statements = extract_numbers(before, choices, question=question, concluding=True)
        if statements or _has_other_choices(heading, choices):
            return statements
    return extract_numbers(text, choices, question=question, concluding=concluding)


def _has_other_choices(heading: str, choices: Sequence[str]) -> bool:
    """Whether a problem has a list of choices, and none of the given ones."""
    ours = [canonical(comparable_choice(choice)) for choice in choices]
    return bool(_CHOICES.search(heading)) and not any(
        choice in heading for choice in ours if choice
    )
