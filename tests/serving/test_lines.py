"""Pages of large JSONL files: the index gives what reading the whole file gives."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.records import KoalignError
from koalign.serving.board.lines import open_lines, tail


def written(path: Path, rows: list, end: bytes = b"") -> Path:
    path.write_bytes(
        b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows) + end
    )
    return path


ROWS = [{"id": f"i{n}", "text": "가" * n, "kind": "odd" if n % 2 else "even"} for n in range(123)]


def test_any_range_is_that_of_the_file(tmp_path):
    lines = open_lines(written(tmp_path / "a.jsonl", ROWS), tmp_path / "cache")
    assert len(lines) == len(ROWS)
    for start, stop in ((0, 50), (50, 100), (100, 150), (122, 123), (123, 130), (-5, 3), (7, 7)):
        assert lines.rows(start, stop) == ROWS[max(0, start) : stop]


@given(st.lists(st.text(), max_size=30), st.binary(max_size=20).filter(lambda b: b"\n" not in b))
def test_an_unfinished_last_line_is_none(tmp_path_factory, texts, rest):
    folder = tmp_path_factory.mktemp("lines")
    rows = [{"id": text} for text in texts]
    lines = open_lines(written(folder / "a.jsonl", rows, rest), folder / "cache")
    assert lines.rows(0, len(lines) + 1) == rows


def test_a_file_that_grew_or_changed_is_indexed_again(tmp_path):
    path = written(tmp_path / "a.jsonl", ROWS[:10])
    assert len(open_lines(path, tmp_path / "cache")) == 10
    written(path, ROWS)
    assert len(open_lines(path, tmp_path / "cache")) == len(ROWS)
    stat = path.stat()
    written(path, [{**row, "id": row["id"].upper()} for row in ROWS])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert open_lines(path, tmp_path / "cache").number_of("I3") == 3


def test_another_file_of_the_same_size_and_time_is_indexed_again(tmp_path):
    rows = [{"id": "가" * 3000}, {"id": "나"}, {"id": "다" * 300}, {"id": "라" * 3000}]
    path = written(tmp_path / "a.jsonl", rows)
    other = written(tmp_path / "b.jsonl", [rows[0], rows[2], rows[1], rows[3]])
    stat = path.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert open_lines(path, tmp_path / "cache").number_of("나") == 1
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert open_lines(path, tmp_path / "cache").number_of("나") == 2


def test_a_file_that_is_written_again_under_its_index_gives_no_lines_of_another(tmp_path):
    path = written(tmp_path / "a.jsonl", ROWS)
    lines = open_lines(path, tmp_path / "cache")
    written(tmp_path / "b.jsonl", ROWS[::-1]).replace(path)
    with pytest.raises(KoalignError, match="was written again"):
        lines.rows(0, 10)
    lines = open_lines(path, tmp_path / "cache")
    written(path, ROWS[:3])
    with pytest.raises(KoalignError, match="was written again"):
        lines.rows(100, 110)


def test_a_damaged_index_is_made_again(tmp_path):
    path = written(tmp_path / "a.jsonl", ROWS)
    open_lines(path, tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(b"x")
    os.utime(path, ns=(1, 1))
    assert open_lines(path, tmp_path / "cache").rows(3, 4) == ROWS[3:4]


def test_facets_and_ids_find_their_lines(tmp_path):
    lines = open_lines(written(tmp_path / "a.jsonl", ROWS), tmp_path / "cache")
    labels, codes = lines.facet("kind", lambda row: row["kind"])
    assert [labels[code] for code in codes] == [row["kind"] for row in ROWS]
    assert [lines.number_of(row["id"]) for row in ROWS] == list(range(len(ROWS)))
    assert lines.number_of("nobody") is None


@given(st.lists(st.text(), max_size=20), st.text())
def test_a_field_is_found_in_the_bytes_as_in_the_json(tmp_path_factory, values, other):
    folder = tmp_path_factory.mktemp("fields")
    rows = [
        {"text": f'"subject": "{other}" \\"subject\\": ', "subject": v, "more": other}
        for v in values
    ]
    lines = open_lines(written(folder / "a.jsonl", [*rows, {"text": "none"}]), folder / "cache")
    labels, codes = lines.field("subject")
    assert [labels[code] for code in codes] == [*values, ""]


def test_a_damaged_line_is_told_and_the_others_stay(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": "a"}\nnot json\n[1]\n{"id": "d"}\n')
    lines = open_lines(path, tmp_path / "cache")
    assert lines.rows(0, 9) == [{"id": "a"}, {"damaged": 2}, {"damaged": 3}, {"id": "d"}]
    assert lines.number_of("d") == 3


@pytest.mark.parametrize("start", [0, 12, 24, 5, 10**9, -3])
def test_a_log_is_read_on_from_any_byte(tmp_path, start):
    path = tmp_path / "log"
    path.write_bytes(b'{"step": 1}\n{"step": 2}\n{"ste')
    rows, end = tail(path, start)
    assert end == 24
    assert [row["step"] for row in rows] == {12: [2], 24: [], 5: [2]}.get(start, [1, 2])
