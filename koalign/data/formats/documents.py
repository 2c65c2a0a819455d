"""documents: files -> rows, each with its place; what cannot be a row is a Drop, never a guess.

CSV, TSV, JSON, JSON lines and Parquet, alone, in a folder or in a zip.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from koalign.records import Drop, KoalignError

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
_SPLIT_NAMES = {
    "train": "train", "training": "train", "dev": "dev", "valid": "dev", "val": "dev",
    "validation": "dev", "test": "test",
}  # fmt: skip


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


@dataclass(frozen=True)
class Document:
    """A file that was opened: what a format needs to know it and to read it."""

    name: str
    """Path for people."""
    split: str
    columns: frozenset[str]
    """Names in the header of a CSV file, or the keys of the first row."""
    rows: Callable[[], Iterator[Row | Drop]]
    """Its flat rows; none where a JSON file is no list of objects."""
    value: Any = None
    """The value of a JSON file."""
    encoding: str = ""
    """How its text was written; empty where it is no text."""

    def nested(self, path: str, fields: dict[str, Any]) -> Row:
        """A row from inside a JSON value, its place the path to it."""
        return Row(f"{self.name}: {path}", fields, _stem(self.name), self.split)

    def broken(self, path: str, found: Any, wanted: str) -> Drop:
        """The Drop for a part of a JSON value that has the wrong type."""
        return broken(f"{self.name}: {path}", f"{wanted} expected, found {_type_name(found)}")


def broken(place: str, detail: str) -> Drop:
    """The Drop of something that is no row at all."""
    return Drop(stage="read", reason="broken_row", place=place, detail=detail)


def open_documents(path: Path) -> Iterator[Document]:
    """The documents of a file, of a zip, or of all files below a folder in order of their names.

    Hidden files and folders (`.ipynb_checkpoints`) are left out. Raises KoalignError for a path
    that is not there, a file of another kind, a text that is neither UTF-8 nor cp949, and JSON or
    Parquet that is broken as a whole.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.is_file() and not hidden and file.suffix.lower() in (*SUFFIXES, ".zip"):
                yield from open_documents(file)
    elif not path.exists():
        raise KoalignError(f"{path}: no such file")
    elif path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                for member in sorted(archive.namelist()):
                    if PurePosixPath(member).suffix.lower() in SUFFIXES:
                        yield open_document(f"{path}/{member}", archive.read(member))
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise KoalignError(f"{path}: not a zip file that can be read ({error})") from None
    else:
        yield open_document(str(path), path.read_bytes())


def open_document(name: str, data: bytes) -> Document:
    """A document from the bytes of a file; its name says of which kind it is."""
    match PurePosixPath(name).suffix.lower():
        case ".csv":
            return _table(name, *decode(data, name), ",")
        case ".tsv":
            return _table(name, *decode(data, name), "\t")
        case ".jsonl":
            return _json_lines(name, *decode(data, name))
        case ".json":
            return _json(name, *decode(data, name))
        case ".parquet":
            return _parquet(name, data)
        case other:
            raise KoalignError(
                f"{name}: koalign reads {', '.join(SUFFIXES)} and .zip, not {other or 'this'}"
            )


def document_of_rows(name: str, split: str, values: list[Any]) -> Document:
    """A document from values that are in memory already, as the hub gives them."""
    first = next((value for value in values if isinstance(value, dict)), {})

    def rows() -> Iterator[Row | Drop]:
        for number, value in enumerate(values, start=1):
            yield _row(f"{name}: row {number}", value, name, split)

    return Document(name, split, frozenset(map(str, first)), rows)


def decode(data: bytes, name: str) -> tuple[str, str]:
    """Text and encoding: UTF-8 with or without BOM, else strict cp949; raises KoalignError naming the byte.

    A file whose beginning holds whole UTF-8 characters is broken UTF-8 and never tried as cp949:
    Korean in UTF-8 decodes as cp949 too, to nonsense.
    """
    if data.startswith(b"version https://git-lfs"):
        raise KoalignError(f"{name}: a Git LFS pointer and not the file; run `git lfs pull` there")
    mark = b"\xef\xbb\xbf"
    try:
        return data.decode("utf-8-sig"), "utf-8-sig" if data.startswith(mark) else "utf-8"
    except UnicodeDecodeError as error:
        start = error.start + (len(mark) if data.startswith(mark) else 0)
    problem = f"{name}: byte {start} (0x{data[start]:02x}) is not UTF-8"
    if not data[:start].isascii():
        raise KoalignError(f"{problem}, the text before it is; mend that place")
    try:
        return data.decode("cp949"), "cp949"
    except UnicodeDecodeError as error:
        raise KoalignError(
            f"{problem}, and byte {error.start} (0x{data[error.start]:02x}) is not cp949 either; "
            "save the file as UTF-8"
        ) from None


def split_in_name(name: str) -> str:
    """The split that a path names in its last part that names one: `data/Law-dev.csv` -> dev."""
    for part in reversed(PurePosixPath(name).parts):
        stem = part.rpartition(".")[0] or part
        found = [_SPLIT_NAMES.get(word) for word in re.split(r"[^a-z]+", stem.lower())]
        if known := [split for split in found if split]:
            return known[-1]
    return ""


def _table(name: str, text: str, encoding: str, delimiter: str) -> Document:
    csv.field_size_limit(sys.maxsize)
    header = _unique(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []))
    if not header:
        raise KoalignError(f"{name}: the file is empty")
    split = split_in_name(name)

    def rows() -> Iterator[Row | Drop]:
        for line, cells in islice(_records(text, delimiter, len(header)), 1, None):
            place = f"{name}:{line}"
            if isinstance(cells, csv.Error):
                yield broken(place, f"no line of CSV ({cells})")
            elif len(cells) != len(header):
                yield broken(place, f"{len(cells)} fields, and the header names {len(header)}")
            else:
                fields = dict(zip(header, cells, strict=True))
                yield Row(place, fields, _stem(name), split)

    return Document(name, split, frozenset(header), rows, encoding=encoding)


def _records(text: str, delimiter: str, width: int) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """(number of its first line, cells or why there are none) of each record that is not blank.

    Files with tabs are often written without quoting. There a line that is no CSV of `width` cells,
    but has as many between its tabs, is taken as it stands: `"국제시장"은 영화이다`.
    """
    lines = list(io.StringIO(text, newline=""))
    taken = 0

    def take() -> Iterator[str]:
        nonlocal taken
        while taken < len(lines):
            taken += 1
            yield lines[taken - 1]

    while taken < len(lines):
        first = taken
        cells: list[str] | csv.Error
        try:
            cells = next(csv.reader(take(), delimiter=delimiter, strict=True))
        except csv.Error as error:
            cells = error
        if delimiter == "\t" and (isinstance(cells, csv.Error) or len(cells) != width):
            plain = lines[first].rstrip("\r\n").split("\t")
            if len(plain) == width:
                cells, taken = plain, first + 1
        if cells:
            yield first + 1, cells


def _unique(header: list[str]) -> list[str]:
    """Column names as pandas has them: one without a name by its place, a second one with `.1`."""
    names: list[str] = []
    for place, cell in enumerate(header):
        name = unicodedata.normalize("NFC", cell).strip() or f"Unnamed: {place}"
        again = sum(other == name or other.startswith(f"{name}.") for other in names)
        names.append(f"{name}.{again}" if name in names else name)
    return names


def _json_lines(name: str, text: str, encoding: str) -> Document:
    split = split_in_name(name)

    def rows() -> Iterator[Row | Drop]:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                place = f"{name}:{number}"
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield broken(place, f"no line of JSON ({error})")
                else:
                    yield _row(place, value, name, split)

    first = next((row for row in rows() if isinstance(row, Row)), None)
    columns = frozenset(first.fields if first else ())
    return Document(name, split, columns, rows, encoding=encoding)


def _json(name: str, text: str, encoding: str) -> Document:
    try:
        value = json.loads(text)
    except RecursionError:
        raise KoalignError(f"{name}: the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        first = text.split("\n", 1)[0]
        if error.msg == "Extra data" and error.lineno > 1 and first.startswith("{"):
            return _json_lines(name, text, encoding)
        raise KoalignError(f"{name}:{error.lineno}: not JSON ({error.msg})") from None
    except ValueError as error:
        raise KoalignError(f"{name}: not JSON ({error})") from None
    split = split_in_name(name)

    def rows() -> Iterator[Row | Drop]:
        if isinstance(value, list):
            for number, item in enumerate(value, start=1):
                yield _row(f"{name}: item {number}", item, name, split)

    first = next((row for row in rows() if isinstance(row, Row)), None)
    columns = frozenset(first.fields if first else ())
    return Document(name, split, columns, rows, value, encoding)


def _parquet(name: str, data: bytes) -> Document:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise KoalignError(f"{name}: not a Parquet file that can be read ({reason})") from None
    split = split_in_name(name)

    def rows() -> Iterator[Row | Drop]:
        number = 0
        for batch in table.to_batches(max_chunksize=1000):
            for value in batch.to_pylist():
                number += 1
                yield _row(f"{name}: row {number}", value, name, split)

    return Document(name, split, frozenset(table.column_names), rows)


def _row(place: str, value: Any, name: str, split: str) -> Row | Drop:
    if not isinstance(value, dict):
        return broken(place, f"an object expected, found {_type_name(value)}")
    return Row(place, value, _stem(name), split)


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _type_name(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), "a number")
