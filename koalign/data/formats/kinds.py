"""kinds: the problems without choices of a file that says no kind -> short or long, by their answers."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from koalign.records import FreeKind, Problem

LONG = 40
"""Letters: where the median answer of a file has more, its answers are texts, which no rule verifies.
A rule of thumb: of KorQuAD 1.0 (dev) 99 % of the answers have at most 17, and the longest has 43."""
_MEANS: dict[FreeKind, str] = {
    "short": "right if equal to the gold",
    "long": "measured by ROUGE-L; pairs need rankings",
}


def guess_kind(problems: Iterable[Problem]) -> tuple[FreeKind, str] | None:
    """The kind, and what people should know of it; none where no problem has an answer."""
    lengths = [len(problem.answers[0]) for problem in problems if problem.answers]
    if not lengths:
        return None
    middle = round(median(lengths))
    kind: FreeKind = "long" if middle > LONG else "short"
    return kind, (
        f"answers without choices have {middle} letters (median), so they are {kind}: {_MEANS[kind]}. "
        "`kind` of the source says otherwise"
    )
