"""native: rows in koalign's own words -> Problems.

A row has the fields of a Problem (records.py). Only `question` is required, and for choice problems
`choices`; `answer` (a number or a text) may stand for `answers`, and an `id` that is not koalign's own
is kept as `key`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from koalign.data.formats.choice_lists import listed
from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import (
    UNKNOWN_FIELD,
    Refused,
    as_text,
    gold,
    is_missing,
    offered,
    optional,
    text,
    texts,
)
from koalign.data.formats.format import Format
from koalign.data.formats.generic import texts_answer
from koalign.data.formats.split_names import split_in_name
from koalign.records import Drop, Problem

FIELDS = (*Problem.model_fields, "id", "answer")


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    unknown = [name for name in row.fields if name not in FIELDS]
    if unknown:
        near = difflib.get_close_matches(unknown[0], FIELDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise Refused(UNKNOWN_FIELD, f"{unknown[0]!r}{hint}")
    given = row.fields.get("choices")
    choices = texts(offered(listed(given, "choices")), "choices")
    kind = optional(row, "kind") or ("choice" if choices else "short")
    points = row.fields.get("points")
    built = Problem(
        split=split_in_name(split := optional(row, "split")) or split,
        question=text(row, "question"),
        choices=choices,
        answers=_answers(row, choices),
        kind=kind,
        points=None if is_missing(points) else points,
        rationales=row.fields.get("rationales") or (),
        **{
            name: optional(row, name)
            for name in ("passage", "box", "source", "group", "subject", "rationale")
        },
        key=optional(row, "key"),
    )
    name = optional(row, "id")
    if not name or built.key or name == built.id:
        return built
    return built.model_copy(update={"key": name})


def _answers(row: Row, choices: tuple[str, ...]) -> tuple[str, ...]:
    if "answer" in row.fields and "answers" in row.fields:
        raise Refused("two_answers", "both `answer` and `answers`; keep one of them")
    given: Any = row.fields.get("answers", row.fields.get("answer"))
    if "answers" in row.fields and not isinstance(given, list | tuple):
        raise Refused("wrong_type", "answers: a list expected")
    items = given if isinstance(given, list | tuple) else [] if given is None else [given]
    if not choices:
        return tuple(as_text(item, "answers") for item in items)
    how: dict[str, Any] = {"first": row.answer_from, "number_is_label": row.number_is_label}
    return gold(list(items), choices, **how) if items else ()


def _rows(document: Document) -> Iterator[Row | Drop]:
    """Its rows; where answers are texts of choices, one that looks like a number may be either."""
    labels = not texts_answer(document, {"choices": "choices", "answer": "answer"})
    for row in document.rows():
        yield row if isinstance(row, Drop) else replace(row, number_is_label=labels)


def _fits(document: Document) -> bool:
    known = document.columns & set(FIELDS)
    if document.header and document.columns - known:
        return False  # a table of a user's own
    return "question" in known and bool(
        known & {"choices", "answers", "kind"} or not (document.columns - set(FIELDS))
    )


FORMATS = (
    Format(
        "native", "JSON lines in koalign's own words", _fits, problem, _rows,
        guesses_kind=True, fields=FIELDS,
    ),
)  # fmt: skip
