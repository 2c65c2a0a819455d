"""words: the texts of the board in Korean, by their English; a text without a line stays English.

Sentences of reports stand in files with their figures in them. They are found by their form: a line with
`{names}` fits every sentence that has something in their places.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_LINES = (Path(__file__).parent / "templates" / "ko.txt").read_text("utf-8").splitlines()
_NAME = re.compile(r"{(\w+)}")
KO: dict[str, str] = dict(line.split(" = ", 1) for line in _LINES)


def translated(text: str) -> str:
    """The Korean of a text; of a count of drops that of its reason."""
    if text not in KO and text.startswith("dropped ") and (rest := KO.get(text[8:])):
        return f"{KO['Dropped']}: {rest}"
    return KO.get(text, text)


def told(sentence: str) -> str:
    """The Korean of a sentence of a report, with its figures; a sentence of no known form as it is."""
    if sentence in KO:
        return KO[sentence]
    for form in _forms():
        if (values := form.values(sentence)) is not None:
            return form.korean.format(**{name: KO.get(part, part) for name, part in values.items()})
    return sentence


class _Form(NamedTuple):
    """A line with names, between which stand its own letters."""

    names: tuple[str, ...]
    pieces: tuple[str, ...]
    """One more than names."""
    korean: str

    def values(self, sentence: str) -> dict[str, str] | None:
        """What stands in the places of the names, each as short as it can be; None: another sentence.

        By `find`: patterns with several `.+?` take the square or the cube of the length of a text.
        """
        first, *middle, last = self.pieces
        start, end = len(first), len(sentence) - len(last)
        if not (sentence.startswith(first) and sentence.endswith(last)):
            return None
        found = []
        for piece in middle:
            place = sentence.find(piece, start + 1, end)
            if place < 0:
                return None
            found.append(sentence[start:place])
            start = place + len(piece)
        if start >= end:
            return None
        return dict(zip(self.names, [*found, sentence[start:end]], strict=True))


@lru_cache(1)
def _forms() -> list[_Form]:
    """The lines with names, those with the most letters of their own first."""
    lines = [(_NAME.split(english), korean) for english, korean in KO.items() if "{" in english]
    forms = [_Form(tuple(parts[1::2]), tuple(parts[::2]), korean) for parts, korean in lines]
    return sorted(forms, key=lambda form: -sum(map(len, form.pieces)))
