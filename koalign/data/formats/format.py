"""format: what a kind of exam file is: how it is known, and how a row of it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from koalign.data.formats.choice_lists import is_list, listed
from koalign.data.formats.column_names import (
    holds_a_text,
    holds_choices,
    is_prose,
    is_remark,
    is_wrong,
    korean_beside,
    tells_answer,
)
from koalign.data.formats.documents import Document, Row, first_rows
from koalign.data.formats.fields import Refused, is_missing
from koalign.records import Drop, KoalignError, Problem, Ranking
from koalign.text.choices import count_from_zero
from koalign.yaml_text import in_yaml

Columns = Mapping[str, str | Sequence[str] | int]
"""A user's map: field of a Problem -> its column, for choices also a list of columns; and `answer_from`."""


def choice_columns(columns: Columns) -> Sequence[str]:
    """The columns of the choices, or the one that holds all of them; none without."""
    names = columns.get("choices", ())
    if isinstance(names, int):
        raise KoalignError(f"columns.choices: the names of columns expected, found {names!r}")
    return [names] if isinstance(names, str) else names


def source_in_yaml(path: str, **options: Any) -> str:
    """A source as it stands under `data`; of a file in a zip the zip is named."""
    path = re.split(r"(?i)(?<=\.zip)/", path)[0]
    given = {name: value for name, value in options.items() if value not in (None, "")}
    return in_yaml({"path": path, **given})


def having(*columns: str, without: str = "") -> Callable[[Document], bool]:
    """Whether a document has all these columns, and not that one."""
    return lambda document: {*columns} <= document.columns and without not in document.columns


def mostly(
    rows: Callable[[Document], Iterator[Row | Drop]],
    keys: set[str],
    known: Callable[[dict[str, Any]], bool] = lambda fields: True,
) -> Callable[[Document], bool]:
    """Whether at least half of the first rows of a document have all keys and look like it."""

    def fits(document: Document) -> bool:
        fitting = [keys <= set(row) and known(row) for row in first_rows(rows(document))]
        return bool(fitting) and 2 * sum(fitting) >= len(fitting)

    return fits


@dataclass(frozen=True)
class Format:
    """How to know and how to read one kind of file."""

    name: str
    about: str
    """One phrase for the table of what can be read."""
    fits: Callable[[Document], bool]
    """Whether a document looks like it; the first format that says so takes it."""
    problem: Callable[[Row], Problem | Ranking]
    """A row read; raises Refused."""
    rows: Callable[[Document], Iterator[Row | Drop]] = Document.rows
    """How a nested document falls into rows."""
    needs: tuple[str, ...] = ()
    """Columns that a user named."""
    key: str = ""
    """Column of what a row calls itself."""
    answer: str = ""
    """Column of the gold answer, where it is none of the choices."""
    text: str = ""
    """Column of a completion to grade."""
    from_zero: bool = False
    """Whether the names of the columns number the choices from 0."""
    columns: Columns = field(default_factory=dict)
    """The map of a table whose columns are named."""
    is_certain: Callable[[Document], bool] = lambda document: True
    """Whether what looks like it may be read so without being asked for it."""
    note: str = ""
    """What people should know of how it reads a file."""
    guesses_kind: bool = False
    """Whether the kind of problems without choices is not said, and read off the length of the answers."""

    def leaves_out(self, document: Document) -> str:
        """The first column of passages, boxes or choices without which all would be read as with it.

        Or one of answers that says another choice, or one in Korean beside another language.
        """
        parts = (
            holds_a_text,
            holds_choices,
            is_wrong,
            tells_answer,
            korean_beside(document.columns),
        )
        names = [name for name in document.columns if any(is_part(name) for is_part in parts)]
        rows = [Row("", fields, "", "") for fields in first_rows(document.rows())] if names else []
        for name in names:
            for row in rows:
                bare = {key: value for key, value in row.fields.items() if key != name}
                without = self._read(replace(row, fields=bare))
                if not _holds(name, value := row.fields.get(name)) or without != self._read(row):
                    continue
                if isinstance(without, Problem) and tells_answer(name):
                    same = [str(n) for n, text in enumerate(without.choices, 1) if text == value]
                    if same and not {*same} & {*without.answers}:
                        return name
                elif without and not (isinstance(without, Problem) and _offers(without, value)):
                    return name
        return ""

    def unread_texts(self, document: Document) -> Iterator[str]:
        """Columns of a flat document that hold long texts, are no remarks, and play no part."""
        rows = [Row("", fields, "", "") for fields in first_rows(document.rows())]
        names = [name for name in document.columns if not is_remark(name)]
        for name in sorted(names) if self.rows is Document.rows else ():
            values = [row.fields.get(name) for row in rows]
            if any(map(is_prose, values)):
                bare = [replace(row, fields={**row.fields, name: None}) for row in rows]
                if any(whole := [*map(self._read, rows)]) and whole == [*map(self._read, bare)]:
                    yield name

    def _read(self, row: Row) -> Problem | Ranking | None:
        try:
            return self.problem(row)
        except (Refused, ValidationError):
            return None

    def is_unclear(self, row: Row, problem: Problem) -> bool:
        """Whether the choices are numbered from 0, and the answer would be another if it were, too."""
        if not problem.answers or not (self.from_zero or count_from_zero(problem.choices)):
            return False
        from_zero = self._read(replace(row, answer_from=0))
        return from_zero is None or (
            isinstance(from_zero, Problem) and from_zero.answers != problem.answers
        )


def _holds(name: str, value: Any) -> bool:
    """Whether a column that is called so holds a part of the problem: a text, or several choices."""
    return (
        is_list(value) if holds_choices(name) and not holds_a_text(name) else not is_missing(value)
    )


def _offers(problem: Problem, value: Any) -> bool:
    """Whether the choices in a cell are those that a problem has."""
    try:
        return tuple(map(str, listed(value, ""))) == problem.choices
    except Refused:
        return False


@dataclass(frozen=True)
class Guess:
    """What the columns of a table hold."""

    table: Document
    columns: dict[str, str | list[str]]
    """Field of a problem -> its column, or its columns."""
    unused: tuple[str, ...]
    """The other columns that hold anything."""
    doubt: str = ""
    """Why it is not certain; empty where it is."""
    remedy: str = ""
    """What to do with the file, where naming its columns is of no use."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Columns left out that hold texts, and are no remarks by their names -> an example."""
    answer_from: int | None = None
    """The number of the first choice, where another column of answers shows it."""
    elsewhere: str = ""
    """Why passages of the rows stand in another table."""

    @property
    def completed(self) -> dict[str, str | list[str]]:
        """The columns, with `?` for those that a person has to name."""
        unknown: dict[str, str | list[str]] = {"question": "?", "choices": ["?"], "answer": "?"}
        if "answer" in self.columns or "choices" in self.columns:
            unknown.pop("choices")  # perhaps there are none
            if "question" in self.columns:
                unknown.pop("answer")
        return unknown | self.columns
