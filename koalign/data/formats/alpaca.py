"""alpaca: an instruction and its output -> open problems.

- koalpaca, KoAlpaca v1.1a: JSON lines of `instruction, output, url`. The page is the key.
- alpaca: `instruction, input, output`, with `subject` where a team adds one, and LLaMA-Factory's
  `system` and `history`. The question is the system message, the instruction and the input, each
  set off by a blank line. Other columns (`type`) are annotations and not read.
"""

from __future__ import annotations

from koalign.data.formats.completions import open_problem
from koalign.data.formats.documents import Row
from koalign.data.formats.fields import Refused, is_missing, optional, text
from koalign.data.formats.format import Format, having
from koalign.records import Problem


def _koalpaca(row: Row) -> Problem:
    return open_problem(text(row, "instruction"), text(row, "output"), key=optional(row, "url"))


def _alpaca(row: Row) -> Problem:
    history = row.fields.get("history")
    if history not in ([], "[]") and not is_missing(history):
        raise Refused("several_turns", "history: turns before this one")
    parts = (optional(row, "system"), text(row, "instruction"), optional(row, "input"))
    return open_problem(
        "\n\n".join(part for part in parts if part.strip()),
        text(row, "output"),
        key=optional(row, "id"),
        subject=optional(row, "subject"),
    )


FORMATS = (
    Format(
        "koalpaca", "KoAlpaca v1.1a", having("instruction", "output", "url", without="input"), _koalpaca
    ),
    Format("alpaca", "instruction, input and output", having("instruction", "output"), _alpaca),
)  # fmt: skip
