"""A broken value, line, column or encoding costs its row and no other, and what means nothing changes nothing."""

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import corrupt_files
from support.corrupt_files import IN_JSON, IN_TEXT, LINES, TABLES, good, lost, out_of, reading_of
from support.exam_files import FILES, ROWS, ExamFile

from koalign.data.formats.sources import read_source
from koalign.records import KoalignError

# --- values


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


GARBAGE: dict[str, Any] = {
    "null": None, "true": True, "zero": 0, "minus one": -1, "a huge number": 10**4000,
    "infinity": float("inf"), "NaN": float("nan"), "no text": "", "text": "글", "spaces": " " * 20_000,
    "a null character": "가\0나", "a lone surrogate": "\ud800", "an empty list": [], "lists": nested(3),
    "many lists": nested(800), "a list of objects": [{}], "an empty object": {},
    "an object": {"x": {"\ud800": [1]}},
}  # fmt: skip
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


def is_blank(row: Any) -> bool:
    """Whether the line of a row in a table holds nothing; keys of no column are not written."""
    return row is None or not str(row).strip() or (isinstance(row, dict) and not {*row} - {"x"})


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
        reading = reading_of(file.data(broken), format, here)
        assert not lost(others, out_of(reading)), path
        # A blank row of a table is none.
        assert reading.rows > len(others) or GARBAGE[bad] == [] or is_blank(broken[which])


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
        reading = reading_of(data, format, here)
        if reading is None:
            assert is_left_open(lines[which]) and which == ROWS - 1
            continue
        assert not lost(others, out_of(reading)), lines[which]
        assert reading.rows > len(others)


def is_left_open(line: str) -> bool:
    """Whether a quoted cell takes in the lines below, which at a file's end may be rows: it is refused."""
    return line.count('"') % 2 == 1 and "\n" in line.strip()


def test_a_file_that_ends_in_the_middle_of_a_row_keeps_the_rows_before_or_is_refused(here):
    for format in LINES:
        file, rows = FILES[format], FILES[format].rows()
        for cut in range(3, len(line_of(file, rows[-1])) - 3, 7):
            data = file.data(rows).decode(file.encoding)[:-cut].encode(file.encoding)
            reading = reading_of(data, format, here)
            if reading is None:
                assert is_left_open(line_of(file, rows[-1])[:-cut])
                continue
            assert not lost(good(here, format, ROWS - 1), out_of(reading))
            assert reading.rows == ROWS


@pytest.mark.parametrize("format", TABLES)
def test_a_header_that_stands_again_is_counted_and_never_a_problem(format, here):
    file = FILES[format]
    once = file.data(file.rows())
    whole = good(here, format)
    for mark in (b"", b"\xef\xbb\xbf") if file.encoding == "utf-8" else (b"",):
        reading = reading_of(once + mark + once, format, here)
        assert out_of(reading) == whole * 2
        assert [drop.detail for drop in reading.drops] == ["the header again"]


# --- columns and keys


def reordered(value: Any, chance: random.Random) -> Any:
    """The value with the keys of every object in another order."""
    if isinstance(value, dict):
        keys = chance.sample(list(value), len(value))
        return {key: reordered(value[key], chance) for key in keys}
    return [reordered(item, chance) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("format", IN_JSON)
def test_the_order_of_keys_means_nothing(format, here):
    file, chance = FILES[format], random.Random(format)
    data = file.data([reordered(row, chance) for row in file.rows()])
    whole = good(here, format)
    assert out_of(reading_of(data, format, here)) == whole


@pytest.mark.parametrize("format", TABLES)
def test_the_order_of_columns_means_nothing(format, here):
    """But for columns of one name, which keep theirs, and for the number of one without a name."""
    file, rows = FILES[format], FILES[format].rows()
    names = [name.split(".")[0] for name in file.header()]
    header = sorted(file.header(), key=lambda name: -names.index(name.split(".")[0]))
    header.sort(key=lambda name: not name.startswith("Unnamed"))
    assert header != file.header()
    whole = good(here, format)
    assert out_of(reading_of(file.data(rows, header), format, here)) == whole


@pytest.mark.parametrize("format", FILES)
def test_a_column_that_is_gone_is_said_or_was_not_needed(format, here):
    file = FILES[format]
    for gone in file.header():
        rows = [{key: value for key, value in row.items() if key != gone} for row in file.rows()]
        header = [name for name in file.header() if name != gone]
        reading = reading_of(file.data(rows, header), format, here)
        assert reading is None or reading.rows == len(good(here, format))


# --- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("format", IN_TEXT)
def test_the_encoding_of_a_text_changes_nothing_in_what_is_read(format, encoding, here):
    file, whole = FILES[format], good(here, format)
    data = file.data(file.rows()).decode(file.encoding).encode(encoding)
    reading = read_source(str(corrupt_files.written(here, file, data)), "dev")
    assert out_of(reading) == whole and not reading.drops
    assert set(reading.encodings.values()) == {encoding}


@pytest.mark.parametrize("format", IN_TEXT)
def test_a_byte_that_is_no_text_is_named(format, here):
    file = FILES[format]
    text = file.data(file.rows()).decode(file.encoding)
    data = text.encode("utf-8")
    hangul = max(place for place, byte in enumerate(data) if byte >= 0xE0)
    bad = data[: hangul + 1] + b"\xff" + data[hangul + 2 :]
    cut = text.encode("utf-16")[:-1]
    for broken, place in ((bad, rf"{hangul} \(0x[0-9a-f]{{2}}\)"), (cut, len(cut) - 1)):
        path = corrupt_files.written(here, file, broken)
        with pytest.raises(KoalignError, match=f"byte {place} ") as refused:
            read_source(str(path), "dev")
        corrupt_files.assert_for_people(str(refused.value), path)
