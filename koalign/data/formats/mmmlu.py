"""mmmlu: MMMLU, OpenAI's translation of MMLU (`mmlu_KO-KR.csv`, config `KO_KR`) -> Problems.

Columns: one without a name (the number of the row, kept as key), `Question, A, B, C, D, Answer` (a letter)
and `Subject` (`high_school_psychology`), one of 57.
"""

from __future__ import annotations

from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import columns, letter, optional, text
from koalign.data.formats.format import Format
from koalign.records import Problem

LETTERS = ("A", "B", "C", "D")


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    choices = columns(row, LETTERS)
    return Problem(
        question=text(row, "Question"),
        choices=choices,
        answers=letter(row.fields.get("Answer"), len(choices), "Answer"),
        key=optional(row, "Unnamed: 0"),
        subject=optional(row, "Subject"),
    )


def _fits(document: Document) -> bool:
    return {"Question", "Answer", "Subject", *LETTERS} <= document.columns


FORMATS = (
    Format("mmmlu", "MMMLU, the Korean file: Question, A to D, Answer, Subject", _fits, problem),
)
