"""words: the texts of the board in Korean, by their English; a text without a line stays English."""

from __future__ import annotations

from pathlib import Path

_LINES = (Path(__file__).parent / "templates" / "ko.txt").read_text("utf-8").splitlines()
KO: dict[str, str] = dict(line.split(" = ", 1) for line in _LINES)


def translated(text: str) -> str:
    """The Korean of a text; of a count of drops that of its reason."""
    if text not in KO and text.startswith("dropped ") and (rest := KO.get(text[8:])):
        return f"{KO['Dropped']}: {rest}"
    return KO.get(text, text)
