"""names: visible text -> where the texts of choices stand in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from koalign.grading.label_patterns import AMOUNT
from koalign.grading.labels import OWN_TEXT, texts

_WRITTEN_AS = {"-": "(?:[-‐‑–—−→]|과|와|의)", ",": "(?:,|과|와|및|·|그리고){1,2}"}
_MOST_COMMAS = 8
"""In a choice whose commas a sentence may write as `과` or `및`."""


@dataclass(frozen=True)
class Name:
    """A choice that is named by its label or its text, and where."""

    start: int
    end: int
    number: int
    is_text: bool


@lru_cache(maxsize=4096)
def written(text: str) -> re.Pattern[str]:
    """A choice's canonical text as a sentence writes it."""
    # Commas in a row, or many, stand as they are: they would match in exponentially many ways.
    written_as = _WRITTEN_AS if text.count(",") <= _MOST_COMMAS else {}
    if AMOUNT.fullmatch(text):
        written_as = {",": ",?"}
    parts = (written_as.get(part) or re.escape(part) for part in re.findall(",+|[^,]", text))
    return re.compile(
        r"(?<![^\s\"'「『《<(\[{$=:→⇒>])"
        + "[ $]{0,3}".join(parts)
        + r"(?:\([\u4e00-\u9fff]{1,30}\))?(?![0-9A-Za-z√π^+/%°²³]|[.,][0-9]| ?[-+*/×] ?[0-9])"
        + r"(?:[.](?=[\"'」』]))?"
    )


def named_by_text(text: str, folded: Sequence[str]) -> list[Name]:
    """Where the texts of choices stand, in order; of two that overlap the longer one."""
    names: list[Name] = []
    taken: set[int] = set()
    for form, number in sorted(texts(folded).items(), key=lambda item: -len(item[0])):
        for spot in written(form).finditer(text) if len(form) <= OWN_TEXT else ():
            if "\n" not in spot[0] and not {spot.start(), spot.end() - 1} & taken:
                names.append(Name(*spot.span(), number, is_text=True))
                taken.update(range(*spot.span()))
    return sorted(names, key=lambda name: name.start)
