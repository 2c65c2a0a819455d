"""Corrupted files: rows in = problems + rankings + drops, or one line that names the file; never a traceback."""

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from exam_files import FILES, ROWS, ExamFile, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from koalign.data.formats import Reading, read
from koalign.data.formats.documents import open_documents
from koalign.data.formats.families import FORMATS
from koalign.data.formats.sources import read_source
from koalign.jsonl import parse_record, to_json_line
from koalign.records import KoalignError, Problem, Ranking, Record

TABLES = [name for name, file in FILES.items() if file.suffix in (".csv", ".tsv")]
LINES = [*TABLES, *(name for name, file in FILES.items() if file.suffix == ".jsonl")]
IN_JSON = [name for name, file in FILES.items() if file.suffix in (".json", ".jsonl")]
IN_TEXT = [name for name, file in FILES.items() if not file.name.endswith((".zip", ".parquet"))]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, because some thousand folders take longer to make than to read."""
    return tmp_path_factory.mktemp("corrupt")


def through_every_door(path: Path, format: str) -> Reading | None:
    """What `read_source` reads, none where it refuses; the format being known or named."""
    found = []
    for name in (None, format):
        try:
            found.append(read_source(str(path), "dev", format=name))
        except KoalignError as error:
            assert_for_people(str(error), path)
            found.append(None)
    try:
        assert_nothing_lost(read(open_documents(path), format), path)
    except KoalignError as error:
        assert_for_people(str(error), path)
    for reading in filter(None, found):
        assert_nothing_lost(reading, path)
    return found[0]


def assert_for_people(message: str, path: Path) -> None:
    assert path.name in message
    assert len(message.splitlines()) == 1 and len(message) < len(str(path)) * 2 + 600
    assert message.encode("utf-8")


def assert_nothing_lost(reading: Reading, path: Path) -> None:
    records = [*reading.problems, *reading.rankings, *reading.drops]
    assert reading.rows == len(records)
    for record in records:
        line = to_json_line(record).encode("utf-8").decode("utf-8")
        assert parse_record(type(record), json.loads(line), "") == record
    for drop in reading.drops:
        assert drop.place.startswith(str(path))
        assert drop.reason and drop.detail and len(drop.detail) < 600
    assert json.dumps([reading.files, reading.not_read], ensure_ascii=False).encode("utf-8")


def out_of(reading: Reading | None) -> list[Problem | Ranking]:
    return [*reading.problems, *reading.rankings] if reading else []


def written(folder: Path, file: ExamFile, data: bytes) -> Path:
    path = folder / file.name
    path.write_bytes(data)
    return path


@cache
def good(folder: Path, format: str, without: int = -1) -> list[Problem | Ranking]:
    """What comes out of the good rows, or of all but one of them, when nothing is broken."""
    file = FILES[format]
    rows = [row for number, row in enumerate(file.rows()) if number != without]
    return out_of(read_source(str(written(folder, file, file.data(rows))), "dev"))


def lost(some: list[Record], among: list[Record]) -> Counter:
    return Counter(map(to_json_line, some)) - Counter(map(to_json_line, among))


# --- the good files


def test_every_format_has_a_file():
    assert set(FILES) == {format.name for format in FORMATS}


@pytest.mark.parametrize("format", FILES)
def test_a_good_file_is_known_as_what_it_is_and_read_whole(format, here):
    reading = read_source(str(FILES[format].write(here)), "dev")
    assert set(reading.files.values()) == {format}
    assert not reading.drops and not reading.not_read
    assert len({to_json_line(one) for one in out_of(reading)}) == reading.rows >= ROWS
    assert_nothing_lost(reading, here)


# --- bytes

Corruption = Callable[[bytes, random.Random], bytes]


def somewhere(data: bytes, chance: random.Random) -> int:
    return chance.randrange(len(data))


def put(what: bytes) -> Corruption:
    def into(data: bytes, chance: random.Random) -> bytes:
        place = somewhere(data, chance)
        return data[:place] + what + data[place:]

    return into


def swap(old: bytes, new: bytes) -> Corruption:
    return lambda data, chance: data.replace(old, new)


def always(data: bytes) -> Corruption:
    return lambda _, chance: data


def flip(data: bytes, chance: random.Random) -> bytes:
    place = somewhere(data, chance)
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def without_a_slice(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted((somewhere(data, chance), somewhere(data, chance)))
    return data[:first] + data[last + 1 :]


def twice_a_slice(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted((somewhere(data, chance), somewhere(data, chance)))
    return data[:last] + data[first:]


def zeroed(data: bytes, chance: random.Random) -> bytes:
    place = somewhere(data, chance)
    return data[:place] + bytes(len(data[place : place + 64])) + data[place + 64 :]


def shuffled_lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(chance.sample(lines, len(lines)))


def without_a_line(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def recoded(encoding: str) -> Corruption:
    return lambda data, chance: data.decode("utf-8", "replace").encode(encoding, "replace")


BYTES: dict[str, Corruption] = {
    "empty": always(b""),
    "blank": always(b" \r\n\t\n"),
    "null": always(b"null"),
    "nothing but a mark": always(b"\xef\xbb\xbf"),
    "empty list": always(b"[]"),
    "list of lists": always(b"[[1, 2], [3]]"),
    "empty object": always(b"{}"),
    "text": always('"글"'.encode()),
    "a page of HTML": always(b"<!DOCTYPE html>\n<html><body>404</body></html>\n"),
    "a Git LFS pointer": always(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "nested 100000 deep": always(b"[" * 100_000),
    "another kind of file": always(zipped({"a.txt": b"a"})),
    "noise": lambda data, chance: chance.randbytes(len(data)),
    "half": lambda data, chance: data[: len(data) // 2],
    "all but the end": lambda data, chance: data[:-9],
    "all but the beginning": lambda data, chance: data[3:],
    "cut anywhere": lambda data, chance: data[: somewhere(data, chance)],
    "a bit flipped": flip,
    "another bit flipped": flip,
    "a slice lost": without_a_slice,
    "a slice twice": twice_a_slice,
    "zeroed": zeroed,
    "all zero": lambda data, chance: bytes(len(data)),
    "a null byte": put(b"\0"),
    "a bad byte": put(b"\xff"),
    "a quotation mark": put(b'"'),
    "a line end": put(b"\n"),
    "a carriage return": put(b"\r"),
    "a separator": put(b",\t;"),
    "a surrogate": put(rb"\ud800"),
    "a brace": put(b"}"),
    "spaces": put(b" " * 20_000),
    "two marks": lambda data, chance: b"\xef\xbb\xbf" * 2 + data,
    "two files in one": lambda data, chance: data * 2,
    "backwards": lambda data, chance: data[::-1],
    "lines shuffled": shuffled_lines,
    "a line lost": without_a_line,
    "no line ends": lambda data, chance: data.replace(b"\r", b"").replace(b"\n", b" "),
    "line ends of the Mac": swap(b"\n", b"\r"),
    "semicolons": swap(b",", b";"),
    "tabs": swap(b",", b"\t"),
    "commas for tabs": swap(b"\t", b","),
    "no quotation marks": swap(b'"', b""),
    "curled quotation marks": swap(b'"', "”".encode()),
    "apostrophes": swap(b'"', b"'"),
    "no colons": swap(b":", b""),
    "utf-16": recoded("utf-16"),
    "utf-16 without a mark": recoded("utf-16-le"),
    "utf-32": recoded("utf-32"),
    "johab": recoded("johab"),
    "latin-1": recoded("latin-1"),
    "utf-8 twice": lambda data, chance: data.decode("latin-1").encode("utf-8"),
    "packed": lambda data, chance: gzip.compress(data),
}  # fmt: skip
CASES = [(format, corruption) for format in FILES for corruption in BYTES]


def test_there_are_enough_corruptions_to_believe_it():
    assert len(CASES) >= 500


@pytest.mark.parametrize(("format", "corruption"), CASES)
def test_corrupt_bytes_end_in_counted_rows_or_in_one_line(format, corruption, here):
    file = FILES[format]
    data = BYTES[corruption](file.data(file.rows()), random.Random(format + corruption))
    through_every_door(written(here, file, data), format)


@settings(deadline=None, max_examples=200)
@given(data=st.data(), format=st.sampled_from(sorted(FILES)))
def test_no_edit_of_bytes_ends_in_a_traceback(data, format, here):
    file = FILES[format]
    corrupt = file.data(file.rows())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(corrupt)))
        gone = data.draw(st.integers(0, 40))
        new = data.draw(
            st.binary(max_size=8) | st.sampled_from([b'"', b"\n", b"\0", b"[", b",", b"'"])
        )
        corrupt = corrupt[:place] + new + corrupt[place + gone :]
    through_every_door(written(here, file, corrupt), format)


# --- values


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


GARBAGE: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "minus one": -1,
    "a huge number": 10**4000,
    "infinity": float("inf"),
    "NaN": float("nan"),
    "no text": "",
    "text": "글",
    "spaces": " " * 20_000,
    "a null character": "가\0나",
    "a lone surrogate": "\ud800",
    "an empty list": [],
    "lists": nested(3),
    "many lists": nested(800),
    "a list of objects": [{}],
    "an empty object": {},
    "an object": {"x": {"\ud800": [1]}},
}
PLACES = 3


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path to a value and to all in it."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def spoilt(value: Any, path: tuple, bad: Any) -> Any:
    """The value with garbage at the end of a path."""
    if not path:
        return bad
    copied = value.copy()
    copied[path[0]] = spoilt(value[path[0]], path[1:], bad)
    return copied


@pytest.mark.parametrize("bad", GARBAGE)
@pytest.mark.parametrize(
    "format", [format for format in FILES if format in LINES or format in IN_JSON]
)
def test_garbage_in_a_row_costs_that_row_and_no_other(format, bad, here):
    file, rows = FILES[format], FILES[format].rows()
    chance = random.Random(format + bad)
    for _ in range(PLACES):
        which = chance.randrange(ROWS)
        path = chance.choice(list(places(rows[which])))
        broken = [*rows[:which], spoilt(rows[which], path, GARBAGE[bad]), *rows[which + 1 :]]
        others = good(here, format, which)
        reading = through_every_door(written(here, file, file.data(broken)), format)
        assert not lost(others, out_of(reading)), path
        assert reading.rows > len(others) or GARBAGE[bad] == []


# --- lines


def line_of(file: ExamFile, row: Any) -> str:
    """One row as it stands in the file."""
    return file.data([row])[len(file.data([])) :].decode(file.encoding)


CUT: dict[str, Callable[[str, random.Random], str]] = {
    "half": lambda line, chance: line[: len(line) // 2] + "\n",
    "cut anywhere": lambda line, chance: line[: chance.randrange(1, len(line) - 2)] + "\n",
    "a quotation mark more": lambda line, chance: line[:-2] + '"' + line[-2:],
    "an open quotation mark": lambda line, chance: '"' + line,
    "a cell more": lambda line, chance: line.rstrip() + ",x\tx\n",
    "a cell less": lambda line, chance: re.split("[,\t]", line, maxsplit=1)[1],
    "noise": lambda line, chance: "\0\1\2\n",
}


@pytest.mark.parametrize("cut", CUT)
@pytest.mark.parametrize("format", LINES)
def test_a_broken_line_costs_its_row_and_no_other(format, cut, here):
    file, rows = FILES[format], FILES[format].rows()
    chance = random.Random(format + cut)
    for which in range(ROWS):
        lines = [line_of(file, row) for row in rows]
        lines[which] = CUT[cut](lines[which], chance)
        data = file.data([]) + "".join(lines).encode(file.encoding)
        others = good(here, format, which)
        reading = through_every_door(written(here, file, data), format)
        assert not lost(others, out_of(reading)), lines[which]
        assert reading.rows > len(others)


def test_a_file_that_ends_in_the_middle_of_a_row_keeps_the_rows_before(here):
    for format in LINES:
        file, rows = FILES[format], FILES[format].rows()
        for cut in range(3, len(line_of(file, rows[-1])) - 3, 7):
            data = file.data(rows).decode(file.encoding)[:-cut].encode(file.encoding)
            reading = through_every_door(written(here, file, data), format)
            assert not lost(good(here, format, ROWS - 1), out_of(reading))
            assert reading.rows == ROWS


@pytest.mark.parametrize("format", TABLES)
def test_a_header_that_stands_again_is_counted_and_never_a_problem(format, here):
    file = FILES[format]
    once = file.data(file.rows())
    whole = good(here, format)
    for mark in (b"", b"\xef\xbb\xbf") if file.encoding == "utf-8" else (b"",):
        reading = through_every_door(written(here, file, once + mark + once), format)
        assert out_of(reading) == whole * 2
        assert [drop.detail for drop in reading.drops] == ["the header again"]


# --- columns and keys


def reordered(value: Any, chance: random.Random) -> Any:
    """The value with the keys of every object in another order."""
    if isinstance(value, dict):
        return {
            key: reordered(value[key], chance) for key in chance.sample(list(value), len(value))
        }
    return [reordered(item, chance) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("format", IN_JSON)
def test_the_order_of_keys_means_nothing(format, here):
    file, chance = FILES[format], random.Random(format)
    data = file.data([reordered(row, chance) for row in file.rows()])
    whole = good(here, format)
    assert out_of(through_every_door(written(here, file, data), format)) == whole


@pytest.mark.parametrize("format", TABLES)
def test_the_order_of_columns_means_nothing(format, here):
    """But for columns of one name, which keep theirs, and for the number of one without a name."""
    file, rows = FILES[format], FILES[format].rows()
    names = [name.split(".")[0] for name in file.header()]
    header = sorted(file.header(), key=lambda name: -names.index(name.split(".")[0]))
    header.sort(key=lambda name: not name.startswith("Unnamed"))
    assert header != file.header()
    whole = good(here, format)
    reading = through_every_door(written(here, file, file.data(rows, header)), format)
    assert out_of(reading) == whole


@pytest.mark.parametrize("format", FILES)
def test_a_column_that_is_gone_is_said_or_was_not_needed(format, here):
    file = FILES[format]
    for gone in file.header():
        rows = [{key: value for key, value in row.items() if key != gone} for row in file.rows()]
        header = [name for name in file.header() if name != gone]
        reading = through_every_door(written(here, file, file.data(rows, header)), format)
        assert reading is None or reading.rows == len(good(here, format))


# --- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("format", IN_TEXT)
def test_the_encoding_of_a_text_changes_nothing_in_what_is_read(format, encoding, here):
    file, whole = FILES[format], good(here, format)
    data = file.data(file.rows()).decode(file.encoding).encode(encoding)
    reading = read_source(str(written(here, file, data)), "dev")
    assert out_of(reading) == whole and not reading.drops
    assert set(reading.encodings.values()) == {encoding}


@pytest.mark.parametrize("format", IN_TEXT)
def test_a_byte_that_is_no_text_is_named(format, here):
    file = FILES[format]
    text = file.data(file.rows()).decode(file.encoding)
    data = text.encode("utf-8")
    hangul = max(place for place, byte in enumerate(data) if byte >= 0xE0)
    bad = data[: hangul + 1] + b"\xff" + data[hangul + 2 :]
    for broken, place in ((bad, hangul), (text.encode("utf-16"), 0)):
        path = written(here, file, broken)
        with pytest.raises(KoalignError, match=rf"byte {place} \(0x[0-9a-f]{{2}}\)") as refused:
            read_source(str(path), "dev")
        assert_for_people(str(refused.value), path)
