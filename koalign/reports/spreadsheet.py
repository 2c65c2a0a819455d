"""spreadsheet: rows -> a CSV file that spreadsheets open as it is meant."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from koalign.jsonl import write_atomically
from koalign.text.visible import HIDDEN

FORMULA = re.compile(rf"[\s{HIDDEN}]*[=+\-@＝＋－＠]|[\t\r\n]")
"""How a cell begins that a spreadsheet would compute; it may drop blanks and hidden characters first."""


def write_sheet(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    """UTF-8 with its mark, for a Korean Excel; a text that would act as a formula begins with a '."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    write_atomically(path, "\ufeff" + text.getvalue())


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell
