"""documents: files -> rows, each with its place; what cannot be a row is a Drop, never a guess.

CSV, TSV, JSON, JSON lines, Parquet and .xlsx, alone, in a folder or in a zip.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from koalign.data.formats.column_names import holds_a_text, meaning
from koalign.data.formats.decoding import encoding_of
from koalign.data.formats.drops import broken, drop, wrong_type
from koalign.data.formats.files import SUFFIXES, contents
from koalign.data.formats.inside import is_problem, leads_to_problems, problems_inside
from koalign.data.formats.json_texts import (
    begins_with_a_row,
    is_a_value_a_line,
    values_in_a_row,
)
from koalign.data.formats.nested_choices import Contradiction, with_plain_choices
from koalign.data.formats.parquet import read_parquet
from koalign.data.formats.split_names import split_in_name
from koalign.data.formats.spreadsheets import read_sheet
from koalign.data.formats.streams import Data, Lines, Text, whole
from koalign.data.formats.tables import Grid, Table, delimiter
from koalign.records import Drop, KoalignError
from koalign.text.visible import shown
from koalign.yaml_text import as_object


@dataclass(frozen=True)
class Row:
    """One row, as it stands in the file."""

    place: str
    """For people: file and line, row number, or path into the JSON."""
    fields: dict[str, Any]
    file: str
    """Name of the file without its ending."""
    split: str
    """train, dev or test, where the name of the file or folder says it; else empty."""
    answer_from: int = 1
    """The number of the first choice in the answers."""
    number_is_label: bool = True
    """Whether an answer that is a number is that of a choice, also where a choice says just that."""
    passage: str = ""
    """That of a row above, which says so."""


@dataclass(frozen=True)
class Document:
    """A file that was opened: what a format needs to know it and to read it."""

    name: str
    """Path for people."""
    split: str
    records: Callable[[], Iterator[tuple[str, Any]]]
    """Place and value of each of its flat rows; none where a JSON file is no list."""
    value: Any = None
    """The value of a JSON file."""
    encoding: str = ""
    """How its text was written; empty where it is no text."""
    header: tuple[str, ...] = ()
    """Names in the header of a table."""
    header_line: int = 1
    sheet: str = ""
    """Of a workbook of several: the sheet that is read; below the others, the next one first."""
    other_sheets: tuple[str, ...] = ()
    trouble: str = ""
    """Why the problems in a JSON file are no rows."""
    headers: Callable[[], Iterable[Document]] = tuple
    """The same table with its header on two lines, on one, and on lines below it, under a title; of JSON
    and Parquet also the problems in its rows."""
    notes: tuple[str, ...] = ()
    """What people should know of how it was read."""
    doubts: Callable[[], Sequence[str]] = tuple
    """The same of its rows, once they were read."""

    def rows(self) -> Iterator[Row | Drop]:
        """Its flat rows."""
        for place, value in self.records():
            yield value if isinstance(value, Drop) else self._row(place, value)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The header of a table, or the keys that most of the first rows have."""
        if self.header:
            return frozenset(self.header)
        keys = Counter(frozenset(map(str, fields)) for fields in first_rows(self.rows()))
        return keys.most_common(1)[0][0] if keys else frozenset()

    def descend(
        self, levels: Sequence[str], holder: Any, path: str = "", around: Mapping[str, Any] = {}
    ) -> Iterator[Row | Drop]:
        """One row for each object at the end of a path of lists, `data[].paragraphs[].qas[]`.

        A level that the holder leaves out is passed over if it has the next. A row has the fields of the
        objects around it too, an inner field before an outer one of its name, and as `number` its place,
        from 1, in the innermost list. What is no list, or no object in a list, is one Drop.
        """
        level, *below = levels
        if below and isinstance(holder, Mapping) and level not in holder and below[0] in holder:
            level, *below = below
        here = f"{path}.{level}" if path else level
        items = holder.get(level) if isinstance(holder, Mapping) else None
        if not isinstance(items, list):
            yield wrong_type(f"{self.name}: {here}", items, "a list")
            return
        for number, item in enumerate(items, start=1):
            place = f"{here}[{number - 1}]"
            if below and isinstance(item, dict):
                yield from self.descend(below, item, place, {**around, **item})
            else:
                fields = {**around, **item, "number": number} if isinstance(item, dict) else item
                yield self._row(f"{self.name}: {place}", fields)

    def _row(self, place: str, value: Any) -> Row | Drop:
        if not isinstance(value, dict):
            return wrong_type(place, value, "an object")
        try:
            return Row(place, with_plain_choices(value), self._stem, self.split)
        except Contradiction as why:
            return drop(place, "two_answers", str(why))
        except RecursionError:
            return broken(place, "nested too deeply")

    @cached_property
    def _stem(self) -> str:
        return PurePosixPath(self.name).stem


def open_documents(path: Path, sheet: str | None = None, want: str = "train") -> Iterator[Document]:
    """The documents of a file, of a zip, or of all files below a folder in order of their names.

    Raises KoalignError for a path that is not there, a file of another kind or that cannot be read, a
    text that is neither UTF-8, UTF-16 nor cp949, and JSON, Parquet or .xlsx that is broken as a whole.
    """
    for name, known_as, data in contents(path):
        yield open_document(name, data, split_in_name(known_as), sheet, want)


def open_document(
    name: str, data: Data, split: str | None = None, sheet: str | None = None, want: str = "train"
) -> Document:
    """A document from what a file holds; its name says of which kind, and of which split by default."""
    split = split_in_name(name) if split is None else split
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise KoalignError(
            f"{name}: koalign reads {', '.join(SUFFIXES)} and .zip, not {suffix or 'this'}"
            + _INSTEAD.get(suffix, _TABLE)
        )
    if suffix == ".xlsx":
        grid, notes = read_sheet(name, whole(data), sheet, want)
        return _of_grid(name, split or split_in_name(grid.sheet), grid, notes=notes)
    if sheet is not None:
        raise KoalignError(f"{name}: `sheet` is for .xlsx files")
    if suffix == ".parquet":
        header, values = read_parquet(name, data)
        document = Document(name, split, lambda: _numbered(f"{name}: row", values()), header=header)
        return document if header else replace(document, headers=lambda: _with_inner(document))
    text = Text(data, encoding_of(data, name))
    if suffix in (".json", ".jsonl"):
        lines_in = begins_with_a_row if suffix == ".json" else is_a_value_a_line
        return (_of_json_lines if lines_in(text) else _json)(name, split, text)
    lines = Lines(text)
    mark = delimiter(lines, usual := "," if suffix == ".csv" else "\t")
    notes = (f"columns are separated by {mark!r}",) if mark != usual else ()
    return _of_grid(name, split, Table(name, lines, mark), text.encoding, notes)


_TABLE = "; make a table of it, a row for each problem: 문제, 보기1, 보기2, …, 정답"
_INSTEAD = {
    ".xls": "; save it as .xlsx",
    **dict.fromkeys((".gz", ".zst", ".7z", ".tar"), "; unpack it first"),
    **dict.fromkeys((".arrow", ".feather"), "; save it as .parquet"),
    **dict.fromkeys((".ndjson", ".jsonlines"), "; name it .jsonl"),
    ".txt": f"; if it is a table with tabs, name it .tsv{_TABLE.replace(';', ', else', 1)}",
}
"""What to do with a file of this kind."""


def _of_grid(
    name: str, split: str, grid: Grid, encoding: str = "", notes: tuple[str, ...] = ()
) -> Document:
    return Document(
        name,
        split,
        lambda: _records(name, grid),
        encoding=encoding,
        header=tuple(grid.header),
        header_line=grid.header_line,
        sheet=grid.sheet,
        other_sheets=grid.other_sheets,
        headers=lambda: (_of_grid(name, split, one, encoding, notes) for one in grid.headers()),
        notes=notes,
        doubts=lambda: grid.doubts,
    )


def document_of_rows(name: str, split: str, values: Iterable[Any]) -> Document:
    """A document from values that can be gone through more than once, as the hub gives them."""
    document = Document(name, split, lambda: _numbered(f"{name}: row", values))
    return replace(document, headers=lambda: _with_inner(document))


def _numbered(label: str, values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for number, value in enumerate(values, start=1):
        yield f"{label} {number}", value


def _records(name: str, table: Grid) -> Iterator[tuple[str, Any]]:
    for line, cells in table.records():
        place = f"{name}:{line}"
        if isinstance(cells, str):
            yield place, broken(place, cells)
        else:
            yield place, dict(zip(table.header, cells, strict=True))


def _of_json_lines(name: str, split: str, text: Text) -> Document:
    document = Document(name, split, lambda: _json_lines(name, text), encoding=text.encoding)
    return replace(document, headers=lambda: _with_inner(document))


def _with_inner(document: Document) -> Iterator[Document]:
    """A document and, where problems are in other objects in its rows, one of these problems."""
    yield document
    values = (value for _, value in islice(document.records(), BROKEN_ROWS))
    outer = (value for value in values if leads_to_problems(value) and not is_problem(value))
    if (first := next(outer, None)) is not None:
        notes = (*document.notes, problems_inside(first).note)
        yield replace(document, records=lambda: _inner(document), header=(), notes=notes)


def _inner(document: Document) -> Iterator[tuple[str, Any]]:
    for place, value in document.records():
        found = problems_inside(value)
        if isinstance(value, Drop):
            yield place, value
        elif found.trouble or not found.rows:
            yield place, broken(place, found.trouble or "no problem in it")
        else:
            for inside, fields in found.rows:
                yield f"{place}: {inside}", fields


def _json_lines(name: str, text: Text) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.lines(), start=1):
        if line.strip():
            place = f"{name}:{number}"
            try:
                value = json.loads(line, object_pairs_hook=as_object)
            except (ValueError, RecursionError) as error:
                value = broken(place, f"no line of JSON ({error})")
            yield place, value


def _json(name: str, split: str, text: Text) -> Document:
    notes: tuple[str, ...] = ()
    try:
        value = json.loads(text.whole(), object_pairs_hook=as_object)
    except RecursionError:
        raise KoalignError(f"{name}: the JSON is nested too deeply") from None
    except ValueError as error:
        try:
            value = values_in_a_row(text.whole())
            notes = (f"the file holds {len(value):,} values of JSON, one after the other",)
        except (ValueError, RecursionError):
            if not isinstance(error, json.JSONDecodeError):
                raise KoalignError(f"{name}: not JSON ({error})") from None
            if error.msg == "Extra data" and error.lineno > 1 and error.doc.startswith("{"):
                return _of_json_lines(name, split, text)
            raise KoalignError(f"{name}:{error.lineno}: not JSON ({error.msg})") from None

    label, items, trouble = f"{name}: item", value if isinstance(value, list) else [], ""
    if isinstance(value, dict):
        found = problems_inside(value)
        if found.rows:
            trouble = found.trouble
            notes = (found.note,) if any(found.paths) else ()
            rows = [(f"{name}: {place}".removesuffix(": "), fields) for place, fields in found.rows]
            return Document(
                name, split, lambda: iter(() if trouble else rows), value, text.encoding,
                notes=notes, trouble=trouble,
            )  # fmt: skip
        lists = {key: rows for key, rows in value.items() if isinstance(rows, list) and rows}
        if len(lists) == 1 and all(
            isinstance(row, dict) for rows in lists.values() for row in rows
        ):
            ((key, items),) = lists.items()
            label, notes = f"{name}: {shown(key)} item", (f"the rows are the list {shown(key)!r}",)
            around = {
                name: text
                for name, text in value.items()
                if isinstance(text, str) and (holds_a_text(name) or meaning(name)[0] == "split")
            }
            items = [{**around, **row} for row in items] if around else items
    document = Document(
        name, split, lambda: _numbered(label, items), value, text.encoding, notes=notes
    )
    return replace(document, headers=lambda: _with_inner(document))


BROKEN_ROWS = 1000
"""Above the first whole rows: with more of them a file is known by none, and is not read for each format
to its end."""


def first_rows(rows: Iterable[Row | Drop], count: int = 20) -> list[dict[str, Any]]:
    """The fields of the first rows: a format is known by most of them, for one may be broken."""
    looked_at = islice(rows, BROKEN_ROWS + count)
    return [row.fields for row in islice((row for row in looked_at if isinstance(row, Row)), count)]
