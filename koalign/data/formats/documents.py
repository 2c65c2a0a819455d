"""documents: files -> rows, each with its place; what cannot be a row is a Drop, never a guess.

CSV, TSV, JSON, JSON lines and Parquet, alone, in a folder or in a zip.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from koalign.data.formats.files import SUFFIXES, contents
from koalign.data.formats.tables import Table
from koalign.records import Drop, KoalignError

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
    """Names in the header of a table, or the keys that most of the first rows have."""
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
    return drop(place, "broken_row", detail)


def drop(place: str, reason: str, detail: str) -> Drop:
    """The Drop of what a place holds."""
    return Drop(stage="read", reason=reason, place=place, detail=shown(detail))


def shown(found: str) -> str:
    """What was found in a file as people can be shown it: one line, not long, no half characters."""
    line = " ".join(found[:1000].encode("utf-8", "backslashreplace").decode("utf-8").split())
    return line if len(line) <= 300 else f"{line[:297]}…"


def open_documents(path: Path) -> Iterator[Document]:
    """The documents of a file, of a zip, or of all files below a folder in order of their names.

    Raises KoalignError for a path that is not there, a file of another kind or that cannot be read, a
    text that is neither UTF-8 nor cp949, and JSON or Parquet that is broken as a whole.
    """
    for name, known_as, data in contents(path):
        yield open_document(name, data, split_in_name(known_as))


def open_document(name: str, data: bytes, split: str | None = None) -> Document:
    """A document from the bytes of a file; its name says of which kind, and of which split by default."""
    split = split_in_name(name) if split is None else split
    match PurePosixPath(name).suffix.lower():
        case ".csv":
            return _table(name, split, *decode(data, name), ",")
        case ".tsv":
            return _table(name, split, *decode(data, name), "\t")
        case ".jsonl":
            return _json_lines(name, split, *decode(data, name))
        case ".json":
            return _json(name, split, *decode(data, name))
        case ".parquet":
            return _parquet(name, split, data)
        case other:
            raise KoalignError(
                f"{name}: koalign reads {', '.join(SUFFIXES)} and .zip, not {other or 'this'}"
            )


def document_of_rows(name: str, split: str, values: list[Any]) -> Document:
    """A document from values that are in memory already, as the hub gives them."""

    def rows() -> Iterator[Row | Drop]:
        for number, value in enumerate(values, start=1):
            yield _row(f"{name}: row {number}", value, name, split)

    return Document(name, split, _columns(rows()), rows)


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


def _table(name: str, split: str, text: str, encoding: str, delimiter: str) -> Document:
    table = Table(name, text, delimiter)

    def rows() -> Iterator[Row | Drop]:
        for line, cells in table.records():
            place = f"{name}:{line}"
            if isinstance(cells, str):
                yield broken(place, cells)
            else:
                fields = dict(zip(table.header, cells, strict=True))
                yield Row(place, fields, _stem(name), split)

    return Document(name, split, frozenset(table.header), rows, encoding=encoding)


def _json_lines(name: str, split: str, text: str, encoding: str) -> Document:
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

    return Document(name, split, _columns(rows()), rows, encoding=encoding)


def _json(name: str, split: str, text: str, encoding: str) -> Document:
    try:
        value = json.loads(text)
    except RecursionError:
        raise KoalignError(f"{name}: the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        first = text.split("\n", 1)[0]
        if error.msg == "Extra data" and error.lineno > 1 and first.startswith("{"):
            return _json_lines(name, split, text, encoding)
        raise KoalignError(f"{name}:{error.lineno}: not JSON ({error.msg})") from None
    except ValueError as error:
        raise KoalignError(f"{name}: not JSON ({error})") from None

    def rows() -> Iterator[Row | Drop]:
        if isinstance(value, list):
            for number, item in enumerate(value, start=1):
                yield _row(f"{name}: item {number}", item, name, split)

    return Document(name, split, _columns(rows()), rows, value, encoding)


def _parquet(name: str, split: str, data: bytes) -> Document:
    import pyarrow
    import pyarrow.parquet

    def refused(error: Exception) -> KoalignError:
        return KoalignError(f"{name}: not a Parquet file that can be read ({shown(str(error))})")

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
        table.validate(full=True)  # texts that are no UTF-8
        columns = frozenset(table.column_names)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise refused(error) from None

    def rows() -> Iterator[Row | Drop]:
        number = 0
        for batch in table.to_batches(max_chunksize=1000):
            try:
                values = batch.to_pylist()
            except (ValueError, OverflowError) as error:  # a date that Python does not know
                raise refused(error) from None
            for value in values:
                number += 1
                yield _row(f"{name}: row {number}", value, name, split)

    return Document(name, split, columns, rows)


def first_rows(rows: Iterable[Row | Drop]) -> list[dict[str, Any]]:
    """The fields of the first twenty rows: a format is known by most of them, for one may be broken."""
    return [row.fields for row in islice((row for row in rows if isinstance(row, Row)), 20)]


def _columns(rows: Iterable[Row | Drop]) -> frozenset[str]:
    keys = Counter(frozenset(map(str, fields)) for fields in first_rows(rows))
    return keys.most_common(1)[0][0] if keys else frozenset()


def _row(place: str, value: Any, name: str, split: str) -> Row | Drop:
    if not isinstance(value, dict):
        return broken(place, f"an object expected, found {_type_name(value)}")
    return Row(place, value, _stem(name), split)


@lru_cache(maxsize=64)  # every row asks
def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _type_name(value: Any) -> str:
    names = {
        dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null",
    }  # fmt: skip
    return names.get(type(value), "a number")
