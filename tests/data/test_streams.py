"""A file that is read in parts gives what one that is read whole gives, and needs little memory."""

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.problems import write_lines

from koalign.data.formats import decoding, streams
from koalign.data.formats.decoding import encoding_of
from koalign.data.formats.documents import open_documents
from koalign.data.formats.streams import Lines, Text
from koalign.records import KoalignError

TEXTS = st.text(st.sampled_from('가나 a,"\r\n\x0b\x85\ufeff𝒙ਊ਍'), max_size=30)
"""Also letters of which a half, in UTF-16, is a line end."""
PARTS = [b"a\n", "가".encode(), "가".encode("cp949"), b"\xff", b"\xea", b"\xff\xfe", b"\x00\xd8"]


@pytest.fixture(params=[2, 6, streams.BLOCK])
def block(request, monkeypatch):
    for module in (streams, decoding):
        monkeypatch.setattr(module, "BLOCK", request.param)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16-le", "utf-16-be"])
def test_lines_are_those_of_the_whole_text(encoding, block):
    @given(TEXTS)
    def check(text):
        mark = "\ufeff" if encoding.startswith("utf-16") else ""
        data = (mark + text).encode(encoding, "ignore")
        written = "utf-16" if mark else encoding
        expected = data.decode(written)
        lines = Lines(Text(data, written))
        assert [*lines.between(0, len(lines))] == [*io.StringIO(expected, newline="")]
        assert "\n".join(Text(data, written).lines()) == expected.removesuffix("\n")

    check()


def test_the_encoding_and_its_first_wrong_byte_are_those_of_the_whole(block):
    @given(st.lists(st.sampled_from(PARTS)))
    def check(parts):
        data = b"".join(parts)
        try:
            encoding = encoding_of(data, "x")
        except KoalignError as error:
            says = str(error)
        else:
            data.decode(encoding)
            return
        marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        if "zero bytes" in says:
            return
        with pytest.raises(UnicodeDecodeError) as wrong:
            data.decode("utf-16" if marked else "utf-8")
        assert says.startswith(f"x: byte {wrong.value.start} ")
        if "cp949" in says:
            with pytest.raises(UnicodeDecodeError) as other:
                data.decode("cp949")
            assert f"byte {other.value.start} (" in says
        elif not marked:
            assert not data[: wrong.value.start].isascii()

    check()


@pytest.mark.parametrize("begins", ["회차", "책", "No,표", "카드 번호"])
def test_cp949_whose_first_letters_would_be_utf_8_too_is_read(begins):
    assert encoding_of(f"{begins},문제,정답\n1,수도는?,서울\n".encode("cp949"), "x") == "cp949"


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.tsv", "wide.csv"])
def test_rows_of_a_large_file_are_not_held(name, tmp_path):
    rows, text = 10_000, "긴 글 " * 100
    path = tmp_path / name
    if "json" in name:
        write_lines(path, [{"question": f"{n} {text}"} for n in range(rows)])
    else:
        encoding = "utf-16" if name == "wide.csv" else "cp949"
        path.write_text("question\n" + f'"{text}\n{text}"\n' * (rows // 2), encoding=encoding)
    tracemalloc.start()
    (document,) = open_documents(path)
    read = sum(1 for _ in document.rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == (rows if "json" in name else rows // 2)
    assert peak < path.stat().st_size / 3, f"{peak:,} of {path.stat().st_size:,} bytes"


def test_rows_that_are_lines_of_a_json_file_keep_their_line_numbers(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"question": "가"}) + '\n\n{"question"\n', encoding="utf-8")
    (document,) = open_documents(path)
    row, broken = document.rows()
    assert row.place == f"{path}:1" and broken.place == f"{path}:3"
    assert "no line of JSON" in broken.detail
