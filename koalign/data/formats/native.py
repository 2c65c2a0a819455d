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
from koalign.data.formats.column_names import holds_choices, is_choice, meaning
from koalign.data.formats.documents import Document, Row, first_rows
from koalign.data.formats.fields import (
    Refused,
    gold,
    is_missing,
    offered,
    optional,
    text,
    texts,
)
from koalign.data.formats.format import Format
from koalign.data.formats.generic import LOOKED_AT, texts_answer
from koalign.data.formats.kinds import open_answers
from koalign.data.formats.shared_passages import has_one_passage, speaks_of_a_text
from koalign.data.formats.split_names import split_in_name
from koalign.records import Drop, Problem

FIELDS = (*Problem.model_fields, "id", "answer")
LISTS = ("choices", "answer", "answers", "rationales")
"""Fields whose values may be lists, or objects."""
MATTERS = (
    "question",
    "choices",
    "answer",
    "answers",
    "passage",
    "group",
    "split",
    "kind",
    "points",
    "box",
)
"""Fields that nobody leaves out by a name like them."""
MISSPELT = 0.8
"""Likeness to the name of a field, as difflib has it: `grup` and `group`, but not `usage` and `passage`."""


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    unknown = [name for name in row.fields if name not in FIELDS]
    if unknown:
        near = difflib.get_close_matches(unknown[0], FIELDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise Refused("unknown_field", f"{unknown[0]!r}{hint}")
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
        return open_answers([*items])
    how: dict[str, Any] = {"first": row.answer_from, "number_is_label": row.number_is_label}
    return gold(list(items), choices, **how) if items else ()


def _rows(document: Document) -> Iterator[Row | Drop]:
    """Its rows; where answers are texts of choices, one that looks like a number may be either."""
    labels = not texts_answer(document, {"choices": "choices", "answer": "answer"})
    for row in document.rows():
        yield row if isinstance(row, Drop) else replace(row, number_is_label=labels)


def _fits(document: Document) -> bool:
    known = document.columns & set(FIELDS)
    return "question" in known and not (document.header and document.columns - known)


def _is_certain(document: Document) -> bool:
    """Whether rows have no fields of their own, but for a misspelt one, and each its own passage."""
    rows = first_rows(document.rows(), LOOKED_AT)
    names = {name for row in rows for name in row}
    if any(map(_is_misspelt, names)):
        return True  # and a row says what may be meant
    if sum(map(_is_own, rows)) > min(1, len(rows) - 1):  # one alone is broken
        return False
    blank = [row.get("question") for row in rows if is_missing(row.get("passage"))]
    has_kinds = "kind" in names  # as koalign writes problems
    return not (
        has_one_passage("passage", "group", rows)
        or (0 < len(blank) < len(rows) and not has_kinds and any(map(speaks_of_a_text, blank)))
    )


def _is_own(row: dict[str, Any]) -> bool:
    """Whether a row has a field that no problem has, or an object or a list where a text belongs."""
    nested = (name for name, value in row.items() if isinstance(value, dict | list))
    return "question" in row and not ({*row} <= {*FIELDS} and {*nested} <= {*LISTS})


def _is_misspelt(name: str) -> bool:
    """Whether a name says nothing but that a field is meant: `grup`, not `question_ko` or `mc_answer`."""
    if name in FIELDS or meaning(name)[0] or is_choice(name) or holds_choices(name):
        return False
    near = difflib.get_close_matches(name, MATTERS, n=1, cutoff=MISSPELT)
    return bool(near) and near[0][:2] == name[:2]


FORMATS = (
    Format(
        "native", "JSON lines in koalign's own words", _fits, problem, _rows,
        guesses_kind=True, is_certain=_is_certain,
    ),
)  # fmt: skip
