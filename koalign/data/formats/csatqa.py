"""csatqa: CSAT-QA of HAERAE-HUB, 수능 국어 with five choices -> Problems.

Columns `question`, `context` (null where there is none: then no passage, never the word None), `option#1`
to `option#5`, `gold` (1 to 5), `category` (WR, GR, RCS, RCSS, RCH, LI) and `human_performance`, ignored.
"""

from __future__ import annotations

from koalign.data.formats.documents import Row
from koalign.data.formats.fields import columns, number, optional, text
from koalign.data.formats.format import Format, having
from koalign.records import Problem

OPTIONS = tuple(f"option#{n}" for n in range(1, 6))


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    choices = columns(row, OPTIONS)
    return Problem(
        question=text(row, "question"),
        passage=optional(row, "context"),
        choices=choices,
        answers=number(row.fields.get("gold"), len(choices), "gold"),
        subject=optional(row, "category"),
    )


FORMATS = (
    Format(
        "csat-qa", "CSAT-QA: context, question, option#1 to option#5, gold",
        having("question", "gold", *OPTIONS), problem,
    ),
)  # fmt: skip
