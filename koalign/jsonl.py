"""jsonl: records to and from files: whole lines, atomic writes, file:line in every error."""

from __future__ import annotations

import json
import os
import re
import reprlib
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TextIO, TypeVar

from pydantic import ValidationError

from koalign.locking import is_named, refuse_pipe, refuse_renamed, try_lock
from koalign.records import KoalignError, Record
from koalign.yaml_text import as_object

MOST_BYTES = 2**28
"""Of a line, and of a JSON file that is read whole; a tokenizer.json has some ten megabytes."""
HALF_PAIR = re.compile("[\ud800-\udfff]")
R = TypeVar("R", bound=Record)


class FieldError(NamedTuple):
    """What pydantic finds wrong with one field."""

    field: str
    """Its dotted name; empty: the record as a whole."""
    message: str
    type: str
    """pydantic's word for the error."""
    input: Any


def field_errors(error: ValidationError) -> list[FieldError]:
    """All of an error, with the messages of koalign's own validators as they were written."""
    return [
        FieldError(
            ".".join(map(str, e["loc"])),
            e["msg"].removeprefix("Value error, "),
            e["type"],
            e["input"],
        )
        for e in error.errors()
    ]


def read_jsonl(path: Path, record: type[R]) -> list[R]:
    """The records of a JSONL file; raises KoalignError naming file, line and field."""
    return [
        parse_record(record, value, f"{path}:{number}") for number, value in iter_json_lines(path)
    ]


class ById(dict[str, R]):
    """The records of a JSONL file by their `id`; of one that is not there the file is named."""

    def __init__(self, path: Path, record: type[R]) -> None:
        super().__init__((str(one.id), one) for one in read_jsonl(path, record))  # type: ignore[attr-defined]
        self._path = path

    def __missing__(self, name: str) -> R:
        """Raises KoalignError: two files of a run do not belong together."""
        raise KoalignError(
            f"{self._path}: holds no record {name!r}, which another file of the run names; take both from "
            "one run, or remove their folders and make them again"
        )


def iter_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, JSON value) of each non-empty line; raises KoalignError with file:line."""
    refuse_pipe(path)
    try:
        file = on_disk(path).open("rb")
    except FileNotFoundError:
        raise KoalignError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise KoalignError(f"{path}: is a folder, not a JSONL file") from None
    with file:
        lines = iter(lambda: file.readline(MOST_BYTES + 1), b"")
        yield from _json_lines(path, _decoded(path, lines))


def read_appended(path: Path, record: type[R]) -> list[R]:
    """The records of a JSONL file that another process may be appending to: its whole lines."""
    refuse_pipe(path)
    data = path.read_bytes()
    lines = data[: data.rfind(b"\n") + 1].decode(errors="replace").split("\n")
    return [parse_record(record, value, f"{path}:{n}") for n, value in _json_lines(path, lines)]


def _decoded(path: Path, lines: Iterable[bytes]) -> Iterator[str]:
    start = 0
    for number, line in enumerate(lines):
        if len(line) > MOST_BYTES:
            raise KoalignError(
                f"{path}:{number + 1}: more than {MOST_BYTES // 2**20} MB in one line; write one a record"
            )
        try:
            yield line.decode("utf-8" if number else "utf-8-sig")
        except UnicodeDecodeError as error:
            at = f"{path}: byte {start + error.start} is not UTF-8"
            raise KoalignError(f"{at}; save it as UTF-8, or remove it if it is no text") from None
        start += len(line)


def _json_lines(path: Path, lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, _json_value(line.removesuffix("\n"), f"{path}:{number}")


def _json_value(line: str, place: str) -> Any:
    try:
        return json.loads(line, object_pairs_hook=as_object)
    except json.JSONDecodeError as error:
        raise KoalignError(
            f"{place}: not a line of JSON (column {error.colno}: {error.msg})"
        ) from None
    except (ValueError, RecursionError) as error:  # a number or a nesting without end
        raise KoalignError(f"{place}: not a line of JSON ({error})") from None


def parse_record(record: type[R], value: Any, place: str) -> R:
    """The record in a JSON value; raises KoalignError with the place, the field and its value."""
    try:
        return record.model_validate(value, strict=False)
    except ValidationError as error:
        field, message, type_, found = field_errors(error)[0]
        if type_ == "extra_forbidden":
            near = get_close_matches(field, record.model_fields, n=1) if "." not in field else []
            message = "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
        elif type_ not in {"missing", "value_error"}:
            message += f", found {reprlib.repr(found)}"
        raise KoalignError(f"{place}: {field + ': ' if field else ''}{message}") from None


def to_json_line(record: Record) -> str:
    """One line of JSON without the line end; half of a surrogate pair, which no file holds, is escaped."""
    line = json.dumps(record.model_dump(mode="json"), ensure_ascii=False)
    return HALF_PAIR.sub(lambda half: f"\\u{ord(half[0]):x}", line)


def write_jsonl(path: Path, records: Iterable[Record], *, over: bool = True) -> int:
    """Write the records as `write_atomically` does, and return how many there were."""
    written = count()
    lines = (to_json_line(record) + "\n" for record, _ in zip(records, written, strict=False))
    write_atomically(path, lines, over=over)
    return next(written)


def read_small(path: Path) -> str:
    """The text of a JSON file; raises ValueError for one above MOST_BYTES, KoalignError for a pipe."""
    refuse_pipe(path)
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES // 2**20} MB")
    return path.read_text(encoding="utf-8")


def read_json(path: Path) -> Any:
    """The JSON value of a file that koalign wrote; raises KoalignError if somebody changed it since."""
    try:
        return json.loads(read_small(path))
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError too
        raise KoalignError(
            f"{path}: is not the JSON that koalign wrote ({error}); make it again with --force"
        ) from None
    except FileNotFoundError:
        raise KoalignError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise KoalignError(f"{path}: is a folder, not a JSON file") from None


def read_record(path: Path, record: type[R]) -> R:
    """The record in a JSON file; raises KoalignError with the file, the field and its value."""
    return parse_record(record, read_json(path), str(path))


def write_json(path: Path, value: Any, *, over: bool = True) -> None:
    """Write a JSON value as `write_atomically` does, indented, Korean as Korean."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n", over=over)


def write_atomically(path: Path, text: str | Iterable[str], *, over: bool = True) -> None:
    """Write UTF-8 text, whole or in parts, so that the file is either the old one or the whole new one.

    Of several processes each writes a file of its own, and the last one stays. Not `over`: raises
    KoalignError for a file that is there, also where another process has written it meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _part(path) as file:
        part = Path(file.name)
        file.writelines([text] if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())
        if over:
            part.replace(path)
            return
        try:
            os.link(part, path)
        except OSError:  # it is there, or the file system has no links
            if os.path.lexists(path):
                raise KoalignError(f"{path} is there already; nothing is written over") from None
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _part(path: Path) -> Iterator[TextIO]:
    """A locked file beside another: `x.json.part`, or numbered; what a kill or a link left there goes."""
    part = path.with_name(path.name + ".part")
    while True:
        if not removed(part):
            part = path.with_name(f"{path.name}.{os.getpid()}-{time.monotonic_ns()}.part")
        try:
            file = part.open("x", encoding="utf-8", newline="\n")
        except FileExistsError:  # another process was faster
            continue
        with file:
            if try_lock(file.fileno()) and is_named(file.fileno(), part):
                yield file
                return


def removed(part: Path) -> bool:
    """Whether there is no such file now; one that a process may be writing stays."""
    try:  # for writing: NFS locks nothing else
        file = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except PermissionError:  # of another user
        return False
    except OSError:  # a link
        part.unlink(missing_ok=True)
        return True
    try:
        free = try_lock(file, without=False)
        if free and is_named(file, part):
            part.unlink()
        return free
    finally:
        os.close(file)


def open_alone(path: Path) -> TextIO:
    """A file to append to, held until closed; raises KoalignError where another process holds it."""
    refuse_pipe(path)
    file = path.open("a", encoding="utf-8", newline="\n")
    if try_lock(file.fileno()) and is_named(file.fileno(), path):
        return file
    file.close()
    raise KoalignError(f"{path}: another koalign is at work on this file")


class JsonlAppender(Generic[R]):
    """Appends records to a file a killed process may have left in the middle of a line.

    `done`: what was whole on opening; half a last line is cut off. Raises KoalignError for a busy file.
    A new file into which nothing was written when an error ends the work is removed.
    """

    def __init__(self, path: Path, record: type[R]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._is_new = not path.exists()
        self._path, self._file = path, open_alone(path)
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
        try:
            self.done = read_jsonl(path, record)
        except KoalignError as error:
            raise KoalignError(f"{error}; remove that line, and it is made again") from None

    def append(self, records: Sequence[R]) -> None:
        """Write the records and hand them to the operating system before returning."""
        self._file.writelines(to_json_line(record) + "\n" for record in records)
        self._file.flush()

    def close(self) -> None:
        """Force what was written to the disk; raises KoalignError where the file was moved or removed."""
        with self._file:
            os.fsync(self._file.fileno())
            refuse_renamed(self._file.fileno(), self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self.close()
        if error and self._is_new and not self._path.stat().st_size:
            self._path.unlink()


def on_disk(path: Path) -> Path:
    """The path that is there, where only NFC and NFD differ: macOS writes `시험` decomposed.

    The path itself where it is there, or nothing is.
    """
    if str(path).isascii() or path.exists():
        return path
    there = Path(path.anchor)
    for part in path.relative_to(there).parts:
        step = there / part
        there = step if step.exists() else next(_same_names(there, part), step)
    return there if there.exists() else path


def _same_names(folder: Path, name: str) -> Iterator[Path]:
    wanted = unicodedata.normalize("NFC", name)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    yield from (folder / one for one in names if unicodedata.normalize("NFC", one) == wanted)
