"""Corrupted files: rows in = problems + rankings + drops, or one line that names the file; never a traceback."""

import gzip
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.corrupt_files import assert_nothing_lost, out_of, problems_of, reading_of
from support.exam_files import FILES, ROWS, zipped

from koalign.data.formats.families import FORMATS
from koalign.data.formats.sources import read_source
from koalign.jsonl import to_json_line

# --- the good files


def test_every_format_has_a_file():
    assert set(FILES) == {format.name for format in FORMATS}


@pytest.mark.parametrize("format", FILES)
def test_a_good_file_is_known_whatever_its_name_and_read_whole(format, here):
    path = FILES[format].write(here)
    reading = read_source(str(path.rename(path.with_stem("x"))), "dev")
    assert set(reading.files.values()) == {format}
    assert not reading.drops and not reading.not_read
    assert len({to_json_line(one) for one in out_of(reading)}) == reading.rows >= ROWS
    assert_nothing_lost(reading, here)
    for problem in problems_of(reading):
        assert problem.source == format
        assert format in ("aihub-qa", "etri") or bool(problem.group) == bool(problem.passage)


# --- bytes

Corruption = Callable[[bytes, random.Random], bytes]


def somewhere(data: bytes, chance: random.Random) -> int:
    return chance.randrange(len(data))


def put(data: bytes, what: bytes, chance: random.Random) -> bytes:
    place = somewhere(data, chance)
    return data[:place] + what + data[place:]


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


WHOLE = {
    "empty": b"", "blank": b" \r\n\t\n", "null": b"null", "nothing but a mark": b"\xef\xbb\xbf",
    "empty list": b"[]", "list of lists": b"[[1, 2], [3]]", "empty object": b"{}", "text": '"글"'.encode(),
    "a page of HTML": b"<!DOCTYPE html>\n<html><body>404</body></html>\n",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "nested 100000 deep": b"[" * 100_000, "another kind of file": zipped({"a.txt": b"a"}),
}  # fmt: skip
PUT = {
    "a null byte": b"\0", "a bad byte": b"\xff", "a quotation mark": b'"', "a line end": b"\n",
    "a carriage return": b"\r", "a separator": b",\t;", "a surrogate": rb"\ud800", "a brace": b"}",
    "spaces": b" " * 20_000,
}  # fmt: skip
SWAPPED = {
    "line ends of the Mac": (b"\n", b"\r"), "semicolons": (b",", b";"), "tabs": (b",", b"\t"),
    "commas for tabs": (b"\t", b","), "no quotation marks": (b'"', b""), "no colons": (b":", b""),
    "curled quotation marks": (b'"', "”".encode()), "apostrophes": (b'"', b"'"),
}  # fmt: skip
BYTES: dict[str, Corruption] = {
    **{name: lambda _, __, data=data: data for name, data in WHOLE.items()},
    **{name: lambda data, chance, what=what: put(data, what, chance) for name, what in PUT.items()},
    **{name: lambda data, _, pair=pair: data.replace(*pair) for name, pair in SWAPPED.items()},
    **{name: lambda data, _, name=name: data.decode("utf-8", "replace").encode(name, "replace")
       for name in ("utf-16", "utf-16-le", "utf-32", "johab", "latin-1")},
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
    "two marks": lambda data, chance: b"\xef\xbb\xbf" * 2 + data,
    "two files in one": lambda data, chance: data * 2,
    "backwards": lambda data, chance: data[::-1],
    "lines shuffled": shuffled_lines,
    "a line lost": without_a_line,
    "no line ends": lambda data, chance: data.replace(b"\r", b"").replace(b"\n", b" "),
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
    reading_of(data, format, here)


@settings(max_examples=200)
@given(data=st.data(), format=st.sampled_from(sorted(FILES)))
def test_no_edit_of_bytes_ends_in_a_traceback(data, format, here):
    corrupt = FILES[format].data(FILES[format].rows())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(corrupt)))
        gone = data.draw(st.integers(0, 40))
        new = data.draw(
            st.binary(max_size=8) | st.sampled_from([b'"', b"\n", b"\0", b"[", b",", b"'"])
        )
        corrupt = corrupt[:place] + new + corrupt[place + gone :]
    reading_of(corrupt, format, here)
