"""generic: any table whose columns the user names -> Problems.

    columns: {question: 문제, choices: [보기1, 보기2, 보기3, 보기4], answer: 정답, answer_is: letter}

Keys are fields of a Problem with `answer` for its answer; `choices` is a list of columns or one
column that holds a list. `answer_is`: number (from 1, the default), index (from 0), letter, or text.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any

from koalign.data.formats import fields as cells
from koalign.data.formats.documents import Document, Row
from koalign.data.formats.format import Columns, Format
from koalign.records import KoalignError, Problem

TEXTS = ("passage", "box", "group", "split", "source", "key", "subject", "rationale")
KEYS = ("question", "choices", "answer", "answer_is", *TEXTS)

ANSWERS: dict[str, Callable[[Any, Sequence[str]], tuple[str, ...]]] = {
    "number": lambda value, choices: cells.number(value, len(choices)),
    "index": lambda value, choices: cells.number(value, len(choices), first=0),
    "letter": lambda value, choices: cells.letter(value, len(choices)),
    "text": lambda value, choices: cells.choice_text(value, choices),
}


def mapped(columns: Columns) -> Format:
    """The format of a table whose columns are named; raises KoalignError for a map that says nothing."""
    for key in columns:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KoalignError(f"columns: unknown key {key!r}{hint} (known: {', '.join(KEYS)})")
    if "question" not in columns:
        raise KoalignError("columns: say which column is the `question`")
    if _one(columns, "answer_is") not in ("", *ANSWERS):
        raise KoalignError(f"columns.answer_is: one of {', '.join(ANSWERS)}")
    named = [
        name
        for key, value in columns.items()
        if key != "answer_is"
        for name in ([value] if isinstance(value, str) else value)
    ]

    def fits(document: Document) -> bool:
        return set(named) <= document.columns

    def problem(row: Row) -> Problem:
        choices = _choices(row, columns.get("choices"))
        value = row.fields.get(_one(columns, "answer"))
        if choices:
            answers = ANSWERS[_one(columns, "answer_is") or "number"](value, choices)
        else:
            answers = () if cells.is_missing(value) else (cells.as_text(value, "answer"),)
        return Problem(
            question=cells.text(row, _one(columns, "question")),
            choices=choices,
            answers=answers,
            kind="choice" if choices else "short",
            **{key: cells.optional(row, _one(columns, key)) for key in TEXTS if key in columns},
        )

    return Format("columns", "any table, its columns named by `columns`", fits, problem)


def _one(columns: Columns, key: str) -> str:
    name = columns.get(key, "")
    if not isinstance(name, str):
        raise KoalignError(f"columns.{key}: one column expected, found a list")
    return name


def _choices(row: Row, names: str | Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return ()
    if isinstance(names, str):
        return cells.texts(cells.literal(row.fields.get(names), names), names)
    return cells.columns(row, names)
