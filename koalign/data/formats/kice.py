"""kice: past 수능 papers of the NomaDamas collection, passages with their questions -> Problems.

    [{"id": "2023_11_KICE_1-3", "paragraph": "…", "type": 0, "problems": [
        {"question": "…", "question_plus": "…", "choices": [5], "answer": 4, "score": 2}]}]

`score` is the 배점 (2 or 3; a whole paper has 45 questions and 100 points). `type` is 0 비문학, 1 문학,
2 화작, 3 문법, and a question's own goes before that of its passage. A question with `no_paragraph` is
asked without the passage, but stays in its group. A question has no id of its own: its key is the
passage's with its place in it, `2023_11_KICE_1-3#2`.
"""

from __future__ import annotations

from collections.abc import Iterator

from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import gold, is_missing, optional, text, texts
from koalign.data.formats.format import Format
from koalign.records import Drop, Problem

_SUBJECTS = {"0": "비문학", "1": "문학", "2": "화작", "3": "문법"}


def fits(document: Document) -> bool:
    """Whether a document is a list of passages, each with a list of questions."""
    passages = document.value if isinstance(document.value, list) else []
    return {"paragraph", "problems", "type"} <= document.columns and any(
        isinstance(passage, dict) and isinstance(passage.get("problems"), list)
        for passage in passages
    )


def rows(document: Document) -> Iterator[Row | Drop]:
    """One row a question: its fields over those of its passage."""
    return document.descend(("", "problems"), {"": document.value})


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    choices = texts(row.fields.get("choices"), "choices")
    group, kind = optional(row, "id"), optional(row, "type")
    points = row.fields.get("score")
    return Problem(
        question=text(row, "question"),
        passage="" if row.fields.get("no_paragraph") == 1 else optional(row, "paragraph"),
        box=optional(row, "question_plus"),
        choices=choices,
        answers=gold(row.fields.get("answer"), choices, first=row.answer_from),
        group=group,
        key=f"{group}#{row.fields['number']}" if group else "",
        subject=_SUBJECTS.get(kind, kind),
        points=None if is_missing(points) else points,
    )


FORMATS = (
    Format("kice", "past 수능 papers in JSON: passages with their questions", fits, problem, rows),
)
