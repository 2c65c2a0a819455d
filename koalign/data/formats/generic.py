"""generic: any table whose columns the user names -> Problems.

    columns: {question: 문제, choices: [보기1, 보기2, 보기3, 보기4], answer: 정답, answer_is: letter}

Keys are fields of a Problem with `answer` for its answer; `choices` is a list of columns or one column
that holds all of them (choice_lists.listed), which may be that of the question, as may that of the answer
(choice_lists.answer_apart). Where the column of the answer is one of the choices, as in `[정답, 오답1]`, it
holds the right text, and the choices stand in the order of their texts. Empty choices at the end of a
row are none; without any it is a short problem. `text` is a completion to grade. `answer_is`: any (the
default), number, letter, or text. `answer_from`: the number of the first choice, 1 (the default) or 0.
`blank_passage`: what an empty passage means (shared_passages). The question, passage or box may be in
several columns, whose texts are joined: `box: [ㄱ, ㄴ, ㄷ]`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from koalign.data.formats import column_names
from koalign.data.formats import fields as cells
from koalign.data.formats.choice_lists import EXPLAINED, GOLD, answer_apart, apart, listed
from koalign.data.formats.documents import Document, Row, first_rows
from koalign.data.formats.format import Columns, Format, choice_columns
from koalign.data.formats.kinds import open_answers
from koalign.data.formats.shared_passages import BLANK
from koalign.data.formats.split_names import split_in_cell
from koalign.records import Drop, FreeKind, KoalignError, Problem
from koalign.text.choices import unnumbered

LOOKED_AT = 1000
"""Rows whose values are looked at."""
TEXTS = ("passage", "box", "group", "source", "key", "subject", "rationale")
OPTIONS = ("answer_is", "answer_from", "blank_passage")
JOINED = ("question", "passage", "box")
"""Keys whose text may be in several columns."""
KEYS = ("question", "choices", "answer", "points", "text", "passage_id", "split", *OPTIONS, *TEXTS)
_LABEL = re.compile(r"(\([가-하A-E]\))\Z|\A([ㄱ-ㅎ])\Z")
POINTS = re.compile(r"[\[(]?\s*([0-9]+(?:\.[0-9]+)?)\s*+점?\s*+[\])]?")

ANSWERS: dict[str, Callable[[Any, Sequence[str], Row], tuple[str, ...]]] = {
    "any": lambda value, choices, row: cells.gold(
        value, choices, first=row.answer_from, number_is_label=row.number_is_label
    ),
    "number": lambda value, choices, row: cells.gold(
        value, choices, first=row.answer_from, may_be_text=False
    ),
    "letter": lambda value, choices, _: cells.letter(value, len(choices)),
    "text": lambda value, choices, _: cells.choice_text(value, choices),
}
MANY_TEXTS = 0.1
"""Answers that are the text of a choice and no label, for each that is a label and no text: more, and
a number may be either. A rule of thumb; a file of labels has none of them."""


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
    if columns.get("answer_from", 1) not in (0, 1):
        raise KoalignError("columns.answer_from: 0 or 1, the number of the first choice")
    if _one(columns, "blank_passage") not in ("", *BLANK):
        raise KoalignError(f"columns.blank_passage: one of {', '.join(BLANK)}")
    parts = {key: names for key in JOINED if isinstance(names := columns.get(key), list | tuple)}
    own = columns
    columns = {**columns, **{key: " + ".join(names) for key, names in parts.items()}}
    named = [
        name
        for key in columns
        if key not in OPTIONS
        for name in (
            choice_columns(own) if key == "choices" else parts.get(key, [_one(columns, key)])
        )
    ]

    def fits(document: Document) -> bool:
        return set(named) <= document.columns

    asked = _one(columns, "question")
    in_question, ends_in_answer = columns.get("choices") == asked, columns.get("answer") == asked
    if ends_in_answer:
        columns = {"rationale": EXPLAINED, **columns, "answer": GOLD}

    def _answers(read: Any, value: Any, choices: Sequence[str], row: Row) -> tuple[str, ...]:
        try:
            return read(value, choices, row)
        except cells.Refused as refused:
            place = column_names.place_of(value, choice_columns(columns))
            if refused.reason != cells.NO_NUMBER or not place:
                raise
            return read(place, choices, replace(row, answer_from=1))

    right, answer_is = None, _one(columns, "answer_is") or "any"
    if rights_text(columns):
        right, answer_is = [*choice_columns(columns)].index(_one(columns, "answer")), "text"

    def problem(row: Row) -> Problem:
        question = cells.text(row, _one(columns, "question"), "question")
        choices = choices_of(row.fields, columns)
        value = row.fields.get(_one(columns, "answer"))
        if right is not None and choices:  # the right one would always come first
            if right >= len(choices):
                raise cells.Refused("empty_choice", f"{_one(columns, 'answer')}: is empty")
            bare = unnumbered(choices)
            choices, value = tuple(sorted(bare)), bare[right]
        if choices:
            answers = _answers(ANSWERS[answer_is], value, choices, row)
        else:
            none = cells.is_missing(value) or value in cells.DASHES
            answers = () if none else open_answers(value)
            if "choices" in columns and answers and not in_question:
                question, choices, answers = _in_question(question, answers, row)
        texts = {key: _text(row, _one(columns, key)) for key in TEXTS if key in columns}
        texts["passage"] = texts.get("passage") or row.passage
        if split := _one(columns, "split"):
            flag = row.fields.get(split)
            cell = str(flag) if isinstance(flag, bool) else cells.optional(row, split)
            texts["split"] = split_in_cell(split, cell) or cell
        if in_question:
            question, _ = apart(question, _one(columns, "question"))
        cells.optional(row, _one(columns, "text"))  # a list is no completion to grade
        return Problem(
            question=question,
            choices=choices,
            answers=answers,
            kind="choice" if choices else free_kind(row.fields.get("kind")) or "short",
            points=_points(row, _one(columns, "points")),
            **texts,
        )

    def rows(document: Document) -> Iterator[Row | Drop]:
        labels = answer_is != "any" or not texts_answer(document, columns)
        for row in document.rows():
            if isinstance(row, Row):
                texts = {_one(columns, key): _joined(row, names) for key, names in parts.items()}
                fields = row.fields | texts
                fields = answer_apart(fields, asked) if ends_in_answer else fields
                row = replace(row, fields=fields, number_is_label=labels)
            yield row

    about = "any table, its columns named by `columns`"
    return Format(
        "columns",
        about,
        fits,
        problem,
        rows,
        needs=tuple(named),
        key=_one(columns, "key"),
        answer="" if right is not None else _one(columns, "answer"),
        text=_one(columns, "text"),
        guesses_kind=True,
        from_zero=column_names.from_zero(choice_columns(columns))
        or column_names.is_index(_one(columns, "answer")),
        columns=columns,
    )


def free_kind(cell: Any) -> FreeKind | None:
    """What a row says that a problem without choices is; none where it says none."""
    return next((kind for kind in get_args(FreeKind) if cell == kind), None)


def _in_question(
    question: str, answers: tuple[str, ...], row: Row
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Question, choices and answers of a row without choices: where marked ones end its question, these."""
    try:
        asked, listed_there = apart(question, "question")
        choices = cells.texts(listed_there, "question")
        return asked, choices, ANSWERS["number"](answers[0], choices, row)
    except cells.Refused:
        return question, (), answers


def _text(row: Row, name: str) -> str:
    """The text of a column that may be empty; of a list of texts a line each."""
    value = row.fields.get(name)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        row = replace(row, fields={name: "\n".join(value)})
    return cells.optional(row, name)


def _joined(row: Row, names: Sequence[str]) -> str:
    """The texts of several columns, a line each, behind the labels that the names are or end in."""
    lines = []
    for name in names:
        if text := _text(row, name).strip():
            label = _LABEL.search(name.strip())
            mark = (label[1] or f"{label[2]}.") if label else ""
            lines.append(text if text.startswith(label[0] if label else "") else f"{mark} {text}")
    return "\n".join(lines)


def rights_text(columns: Columns) -> bool:
    """Whether the column of the answer is one of the choices, beside those of wrong answers."""
    answer = _one(columns, "answer")
    return answer in choice_columns(columns) and answer != columns.get("question")


def texts_answer(document: Document, columns: Columns) -> bool:
    """Whether answers of a table are texts of choices: `4` of 3, 4, 5, 6 may then be the second."""
    labels = texts = either = 0
    for fields in first_rows(document.rows(), LOOKED_AT):
        row = Row("", fields, "", "")
        value = fields.get(_one(columns, "answer"))
        try:
            choices = choices_of(fields, columns)
        except cells.Refused:
            continue
        as_label, as_text = (
            _read_as(ANSWERS[form], value, choices, row) for form in ("number", "text")
        )
        if not isinstance(value, str):  # a number of JSON is a label, whatever choices say
            as_text = ()
        labels += bool(as_label) and not as_text
        texts += bool(as_text) and not as_label
        either += bool(as_label and as_text) and as_label != as_text
    # Labels that are all the text of another choice too would be a rare chance.
    return texts > MANY_TEXTS * labels or (either > 0 and not labels)


def _read_as(read: Any, value: Any, choices: Sequence[str], row: Row) -> tuple[str, ...]:
    try:
        return tuple(read(value, choices, row)) if choices else ()
    except cells.Refused:
        return ()


def _one(columns: Columns, key: str) -> str:
    name = columns.get(key, "")
    if not isinstance(name, str):
        raise KoalignError(f"columns.{key}: the name of one column expected, found {name!r}")
    return name


def _points(row: Row, name: str) -> float | None:
    written = cells.optional(row, name)
    if not written:
        return None
    if not (number := POINTS.fullmatch(written)):
        raise cells.Refused("points_are_no_number", f"{name}: {written!r}")
    return float(number[1])


def choices_of(fields: Mapping[str, Any], columns: Columns) -> tuple[str, ...]:
    """The choices of a row; raises Refused."""
    names = choice_columns(columns)
    values: Sequence[Any]
    if columns.get("choices") == columns.get("question"):
        _, values = apart(fields.get(names[0]), names[0])
    elif isinstance(columns.get("choices"), str):
        values = listed(fields.get(names[0]), names[0])
    else:
        values = [fields.get(name) for name in names]
    return cells.texts(cells.offered(values), "/".join(names))
