"""words: the texts of the board in Korean, by their English; a text without a line stays English.

Sentences of reports stand in files with their figures in them. They are found by their form: a line with
`{names}` fits every sentence that has something in their places.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

_LINES = (Path(__file__).parent / "templates" / "ko.txt").read_text("utf-8").splitlines()
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
    for form, korean in _forms():
        if found := form.fullmatch(sentence):
            return korean.format(
                **{name: KO.get(part, part) for name, part in found.groupdict().items()}
            )
    return sentence


@lru_cache(1)
def _forms() -> list[tuple[re.Pattern[str], str]]:
    """The lines with names, those with the most letters of their own first."""
    forms = [(english, korean) for english, korean in KO.items() if "{" in english]
    forms.sort(key=lambda form: -len(re.sub(r"{.*?}", "", form[0])))
    return [
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(english)), re.DOTALL), korean)
        for english, korean in forms
    ]
