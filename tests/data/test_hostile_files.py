"""Files of a stranger that unpack without end: read within bounds, or refused in one line."""

import io
import json
import os
import time
import tracemalloc
import zipfile

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.command import koalign
from support.exam_files import FILES, as_json, parquet, zipped
from support.refusals import refused

from koalign.data.formats.sources import read_source
from koalign.records import KoalignError

GOOD = as_json(FILES["kmmlu-pro"].rows())
QUINE_LEVELS = 40


def zip_of(name: str, data: bytes, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def nested(levels: int) -> bytes:
    data = zip_of("a.json", GOOD)
    for _ in range(levels):
        data = zip_of("b.zip", data)
    return data


def lying() -> bytes:
    """A zip that says of 100 MB to be ten bytes."""
    data = bytearray(zip_of("a.csv", b" " * 100_000_000))
    for place in (data.find(b"PK\x03\x04") + 22, data.find(b"PK\x01\x02") + 24):
        data[place : place + 4] = (10).to_bytes(4, "little")
    return bytes(data)


def repeated(text: str, rows: int) -> bytes:
    """A Parquet file that holds a text once, for many rows."""
    values = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * rows, pyarrow.int32()), [text])
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"question": values}), file)
    return file.getvalue()


BOMBS = {
    "zeros.zip": lambda: zip_of("a.csv", b"0" * 200_000_000),
    "many.zip": lambda: zipped({f"{n}.csv": b"0" * 30_000_000 for n in range(5)}),
    "inner.zip": lambda: zip_of("a.zip", zip_of("b.csv", b"0" * 200_000_000)),
    "nested.zip": lambda: nested(QUINE_LEVELS),
    "lying.zip": lying,
    "bzip2.zip": lambda: zip_of("a.csv", b"0" * 50_000_000, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda: zip_of("a.csv", b"0" * 50_000_000, zipfile.ZIP_LZMA),
    "repeated.parquet": lambda: repeated("가" * 350_000, 100_000),
    "rows.parquet": lambda: repeated("가", 3_000_000),
    "commas.csv": lambda: b"a," * 1_000_000 + b"\n1\n",
    "names.csv": lambda: ",".join(f"a{n}" for n in range(50_000)).encode() + b"\n1\n",
    "deep.json": lambda: b"[" * 1_000_000,
    "deep_objects.json": lambda: b'{"a":' * 100_000,
    "digits.json": lambda: b'[{"question": ' + b"9" * 1_000_000 + b"}]",
    "deep.jsonl": lambda: b"[" * 1_000_000 + b"\n",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_one_line_soon_and_in_little_memory(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(BOMBS[name]())
    tracemalloc.start()
    started = time.monotonic()
    with refused(name):
        read_source(str(path), "dev")
    assert time.monotonic() - started < 60
    assert tracemalloc.get_traced_memory()[1] < 500e6
    tracemalloc.stop()


def test_a_zip_of_zips_is_read_to_the_third(tmp_path):
    (tmp_path / "a.zip").write_bytes(nested(2))
    assert read_source(str(tmp_path / "a.zip"), "dev").problems
    (tmp_path / "a.zip").write_bytes(nested(3))
    with refused("more than 3 zips within each other"):
        read_source(str(tmp_path / "a.zip"), "dev")


def test_a_device_or_a_pipe_is_no_file(tmp_path):
    (tmp_path / "a.jsonl").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "b.csv")
    (tmp_path / "c.zip").symlink_to("/dev/null")
    for path in (*(tmp_path / name for name in ("a.jsonl", "b.csv", "c.zip")), tmp_path):
        with refused("no plain file"):
            read_source(str(path), "dev")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["question", "choices", "answer", "problems", "data", "paragraphs", "qas", "paragraph",
                         "questions", "options", "id", "A", "B", "context", "answers", "text", "messages", "role",
                         "content", "instruction", "output", "input", "gold", "supports", "회차", "문제", "보기1"]),
        inner, max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=800)
@given(JSON, st.sampled_from([".json", ".jsonl"]))
def test_any_json_is_read_or_refused(here, value, ending):
    path = here / f"any{ending}"
    path.write_text(json.dumps(value), "utf-8")
    try:
        read_source(str(path), "dev")
    except KoalignError as error:
        assert "\n" not in str(error)


KINDS = {"zip": zipped({"a.json": GOOD, "b/c.csv": b"question,answer\nq,1\n"}), "parquet": parquet(FILES["kmmlu-pro"].rows())}  # fmt: skip


@settings(max_examples=600)
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=5),
    st.floats(0, 1),
)  # fmt: skip
def test_any_packed_bytes_are_read_or_refused(here, kind, changes, kept):
    data = bytearray(KINDS[kind])
    for place, new in changes:
        start = int(place * len(data))
        data[start : start + len(new)] = new
    path = here / f"any.{kind}"
    path.write_bytes(data[: int((0.5 + kept) * len(data))])
    try:
        read_source(str(path), "dev")
    except KoalignError as error:
        assert "\n" not in str(error)


def test_a_parquet_file_with_any_byte_broken_is_read_or_refused(here):
    """pyarrow itself ends Python at some of them, where the metadata of a column are asked for."""
    path = here / "broken.parquet"
    for place in range(len(KINDS["parquet"])):
        data = bytearray(KINDS["parquet"])
        data[place] = 87
        path.write_bytes(data)
        try:
            read_source(str(path), "dev")
        except KoalignError as error:
            assert "\n" not in str(error)


def test_a_parquet_file_of_too_many_rows_is_told_to_be_split(tmp_path, monkeypatch):
    path = tmp_path / "many.parquet"
    path.write_bytes(parquet(FILES["kmmlu-pro"].rows()))
    monkeypatch.setattr("koalign.data.formats.parquet.MOST_ROWS", 1)
    with pytest.raises(KoalignError, match=r"many\.parquet: 4 rows, .* at most 1; split it"):
        read_source(str(path), "dev")


@pytest.mark.parametrize("where", ["-c", "data.train", "data.hints", "corpus.sources"])
def test_no_stage_waits_for_a_pipe(where, scripted):
    os.mkfifo("pipe.jsonl")
    given = ("-c", "pipe.jsonl") if where == "-c" else ("-s", f"{where}=pipe.jsonl")
    command = "index" if where.startswith("corpus") else "prepare"
    said = koalign(command, *given, code=2).stderr
    assert said.splitlines()[-1] == "koalign: pipe.jsonl: no plain file; put the file itself there"
