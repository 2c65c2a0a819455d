"""Corrupted files: rows in = problems + rankings + drops, or one line that names the file; never a traceback."""

import gzip
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.corrupt_files import assert_nothing_lost, out_of, through_every_door, written
from support.exam_files import FILES, ROWS, zipped

from koalign.data.formats.families import FORMATS
from koalign.data.formats.sources import read_source
from koalign.jsonl import to_json_line

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
DECODERS = {
    "csat": "CSV", "etri": "CSV in cp949", "kobest": "TSV", "click": "JSON", "klue-mrc": "JSON in an object",
    "native": "JSON lines", "korquad-2": "zip", "kmmlu-pro": "Parquet",
}  # fmt: skip
"""A format of each decoder; the others are broken by `test_no_edit_of_bytes_ends_in_a_traceback`."""


@pytest.mark.parametrize("corruption", BYTES)
@pytest.mark.parametrize("format", DECODERS)
def test_corrupt_bytes_end_in_counted_rows_or_in_one_line(format, corruption, here):
    file = FILES[format]
    data = BYTES[corruption](file.data(file.rows()), random.Random(format + corruption))
    through_every_door(written(here, file, data), format)


@settings(max_examples=200)
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
