"""Files, zips and tables that are odd or broken in a way of their own, and what still comes out of them."""

import io
import json
import os
import zipfile
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from support.exam_files import FILES, FIVE, ROWS, as_json, parquet, zipped

from koalign.data.formats.documents import Row, document_of_rows, open_document, open_documents
from koalign.data.formats.read import read
from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source
from koalign.data.formats.streams import Lines
from koalign.records import Drop, KoalignError

KOALPACA = FILES["koalpaca"]


def rows_of(text: str, name: str = "a.csv") -> list[Row | Drop]:
    return list(open_document(name, text.encode("utf-8")).rows())


def cells(rows: list[Row | Drop]) -> list[list[str]]:
    return [list(row.fields.values()) for row in rows if isinstance(row, Row)]


class Counted(list):
    """Rows that count how often one is read."""

    read = 0

    def __iter__(self):
        for value in super().__iter__():
            self.read += 1
            yield value


def test_a_file_of_broken_rows_is_not_read_to_its_end_for_each_format():
    rows = Counted([1] * 50_000)
    assert not read([document_of_rows("a", "", rows)]).problems
    assert rows.read < 3 * len(rows)


# --- tables


def test_a_quotation_mark_that_is_never_closed_costs_its_own_row():
    rows = rows_of('id,text\n1,"가\n나"\n2,"다\n3,라\n4,"마"\n')
    assert cells(rows) == [["1", "가\n나"], ["3", "라"], ["4", "마"]]
    (broken,) = [row for row in rows if isinstance(row, Drop)]
    assert broken.place == "a.csv:4" and "no line of CSV" in broken.detail


@pytest.mark.parametrize("more", ["", ",", ",,"])
def test_a_mark_that_is_never_closed_costs_its_own_row_below_commas_that_no_column_has(more):
    lines = [f"{n},글 {n}{more}" for n in range(300)]
    lines[9] = f'9,"글 9{more}'
    rows = rows_of("\n".join(["id,text", *lines]))
    assert [c[0] for c in cells(rows)] == [str(n) for n in range(300) if n != 9]
    assert [row.place for row in rows if isinstance(row, Drop)] == ["a.csv:11"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_a_mark_that_no_line_below_it_can_end_is_refused_with_the_line_that_it_stands_on(end, last):
    good = ['1,"가\n나\n다",라']
    for unclosed, line in (
        (['2,"가', "나", "다"], 5),  # a row cut off, or marks forgotten: nothing tells
        (['2,"가\n나""다""\n","라', "3,마", "4,바"], 7),
        (['2,가,"라'] + ["3,마"] * 300, 5),
    ):
        text = "\n".join(["id,text,more", *good, *unclosed]).replace("\n", end) + end * last
        with pytest.raises(KoalignError) as refused:
            rows_of(text)
        assert str(refused.value) == (
            f"a.csv:{line}: a quotation mark opens here and none closes it, so the rows down to line "
            f'{4 + len(unclosed) + 2 * (line == 7)} would be one cell; close it, write "" for a mark in '
            "a text, or copy the file again if it is cut"
        )


def test_a_mark_that_a_later_one_closes_over_lines_of_rows_is_said(tmp_path):
    header = "id,question,A,B,C,D,answer"
    lines = [f"{n},{n}번 사람이 사는 곳은?,서울,부산,대구,광주,{n % 2 + 1}" for n in range(300)]
    lines[9] = lines[9].replace(",", ',"', 1)
    lines[19] = lines[19].replace("?", '?"')
    lines[99] = lines[99].replace(",", ',"', 1)
    lines[109] = lines[109].replace("?", '?"')
    lines[50] = '50,"지문, 둘째,\n세, 째,\n끝 줄은?",서울,부산,대구,광주,1'
    path = tmp_path / "문제.csv"
    path.write_text("\n".join([header, *lines]), "utf-8")
    for _ in range(2):
        reading = read_source(str(path), "test")
        (doubt,) = [note for note in reading.notes if note.startswith("line ")]
        assert doubt.startswith(
            "line 11: one row of 11 lines, each with as many cells as the header"
        )
        assert doubt.endswith("; so with 1 more row")
        assert len(reading.problems) == 280 and not reading.drops


def test_open_marks_on_every_line_take_linear_time(monkeypatch):
    read, counts = Lines.__getitem__, []
    for size in (400, 1600):
        seen: list[int] = []
        monkeypatch.setattr(
            Lines, "__getitem__", lambda self, n, s=seen: s.append(n) or read(self, n)
        )
        with pytest.raises(KoalignError, match="a quotation mark opens here"):
            rows_of("id,text,more\n" + 'a","b\n' * size)
        counts.append(len(seen))
    assert counts[1] < 5 * counts[0]


def test_a_quoted_text_of_many_lines_that_look_like_rows_is_one_cell():
    text = "\n".join(f"{n},글 {n}" for n in range(500))
    rows = rows_of(f'id,text\n1,"{text}"\n2,라\n')
    assert cells(rows) == [["1", text], ["2", "라"]]


def test_a_broken_row_of_several_lines_is_one_drop_that_says_how_many():
    rows = rows_of('id,text\n1,"가\n나\n다",x\n2,라\n')
    assert cells(rows) == [["2", "라"]]
    assert rows[0].detail == "3 fields, and the header names 2, over 3 lines"


def test_a_header_that_never_ends_is_refused_and_swallows_no_row():
    for header in ('id,"text\n', '"id,text\n', 'id,"te"xt\n'):
        with pytest.raises(KoalignError, match=r"a\.csv:1: the header is no line of CSV"):
            open_document("a.csv", (header + '1,"가"\n2,"나"\n').encode())


def test_blank_lines_and_a_second_mark_before_the_header_hide_no_column():
    for before in ("\n\n\ufeff\ufeff", "\ufeff\ufeff"):
        document = open_document("a.csv", f"{before}id,text\n1,가\n".encode())
        assert document.columns == {"id", "text"}


def test_a_table_with_the_line_ends_of_the_mac_is_read(tmp_path):
    file = FILES["kmmlu"]
    path = file.write(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\r\n", b"\r"))
    assert len(read_source(str(path), "dev").problems) == ROWS


# --- what a format is known by


def test_the_keys_that_most_rows_have_are_the_columns():
    lines = [b"{}", b'{"x": 1}', b"3", b"{", b'{"a": 1, "b": 2}', b'{"b": 2, "a": 3}']
    assert open_document("a.jsonl", b"\n".join(lines)).columns == {"a", "b"}
    assert open_document("a.json", b'[{"x": 1}, {"a": 1}, {"a": 2}]').columns == {"a"}


def test_an_article_with_its_own_paragraph_may_stand_beside_others(tmp_path):
    mixed = {"data": [FILES["squad"].row(0), FILES["korquad-2"].row(1), 3]}
    path = tmp_path / "mixed.json"
    path.write_bytes(as_json(mixed))
    reading = read_source(str(path), "dev", format="squad")
    assert [len(reading.problems), reading.rows] == [2, 3]
    assert reading.drops[0].place == f"{path}: data[2]"


# --- values


def reading_with(folder: Path, format: str, **changes: str) -> Reading:
    """Of the format's file with changes in its second row."""
    first, second, *rest = FILES[format].rows()
    path = folder / FILES[format].name
    path.write_bytes(FILES[format].data([first, {**second, **changes}, *rest]))
    return read_source(str(path), "dev")


def test_a_number_that_python_can_read_and_not_write_is_a_drop(tmp_path):
    literal = "{'question': 'q', 'choices': ['a', 'b'], 'answer': 0x" + "f" * 4000 + "}"
    reading = reading_with(tmp_path, "csat", problems=literal)
    assert [drop.reason for drop in reading.drops] == ["broken_literal"]
    assert len(reading.problems) == ROWS - 1


def test_a_long_run_of_spaces_in_a_query_takes_no_time(tmp_path):
    query = f"가{' ' * 20_000}나 {FILES['haerae'].row(1)['query']}{' ' * 20_000}"
    reading = reading_with(tmp_path, "haerae", query=query)
    assert [problem.choices for problem in reading.problems] == [tuple(FIVE)] * ROWS


# --- zips, folders and paths


def test_two_members_of_one_name_are_both_read(tmp_path):
    first, second = ([KOALPACA.row(n)] for n in (0, 1))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, pytest.warns(match="Duplicate name"):
        for rows in (first, second):
            archive.writestr("a.jsonl", KOALPACA.data(rows))
    assert len({p.id for p in read_source(str(tmp_path / "a.zip"), "train").problems}) == 2


def test_what_a_mac_puts_into_a_zip_is_not_read_and_a_zip_in_a_zip_is(tmp_path):
    good = KOALPACA.data(KOALPACA.rows())
    members = {
        "__MACOSX/._a.jsonl": b"\0\5\x16\7",
        "folder.json/": b"",
        "a.jsonl": good,
        "b.zip": zipped({"b.jsonl": good}),
    }
    (tmp_path / "a.zip").write_bytes(zipped(members))
    reading = read_source(str(tmp_path / "a.zip"), "train")
    assert list(reading.files) == [f"{tmp_path}/a.zip/a.jsonl", f"{tmp_path}/a.zip/b.zip/b.jsonl"]
    assert reading.rows == 2 * ROWS and not reading.not_read


def test_a_link_to_nowhere_in_a_folder_is_no_file_that_is_not_there(tmp_path):
    """As git-annex and DVC leave where the data were not fetched."""
    KOALPACA.write(tmp_path)
    (tmp_path / "more.jsonl").symlink_to(tmp_path / "gone")
    with pytest.raises(KoalignError, match=r"more\.jsonl: cannot be read"):
        read_source(str(tmp_path), "train")


def test_of_a_data_set_in_the_cache_of_the_hub_one_revision_is_read(tmp_path):
    store = tmp_path / "datasets--owner--name"
    (store / "blobs").mkdir(parents=True)
    for number, revision in enumerate(("0a", "1b")):
        (store / "blobs" / revision).write_text(f"문제,정답\n{number}은?,가\n", "utf-8")
        (store / "snapshots" / revision).mkdir(parents=True)
        (store / "snapshots" / revision / "train.csv").symlink_to(f"../../blobs/{revision}")
    with pytest.raises(
        KoalignError, match=r"holds 2 revisions of a data set; name one: .*/snapshots/1b"
    ):
        read_source(str(store), "train")
    reading = read_source(str(store / "snapshots" / "1b"), "train")
    assert [problem.question for problem in reading.problems] == ["1은?"]


def test_a_name_in_another_encoding_can_be_written_down(tmp_path):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    path = Path(os.fsdecode(os.fsencode(folder) + b"/\xc7\xd1.jsonl"))
    path.write_bytes(KOALPACA.data([3, *KOALPACA.rows()]))
    reading = read_source(str(folder), "train")
    assert json.dumps(list(reading.files), ensure_ascii=False).encode("utf-8")
    assert reading.drops[0].place.encode("utf-8")


def test_where_a_path_from_the_root_lies_says_nothing_of_its_split(tmp_path, monkeypatch):
    for folder in ("dev/exam", "exam/train"):
        (tmp_path / folder).mkdir(parents=True)
        KOALPACA.write(tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    (whole,) = open_documents(tmp_path / "dev" / "exam")
    (written,) = open_documents(Path("dev/exam"))
    (below,) = open_documents(tmp_path / "exam")
    (beside,) = open_documents(tmp_path / "exam" / "train" / KOALPACA.name)
    assert [d.split for d in (whole, written, below, beside)] == ["", "dev", "train", "train"]


# --- Parquet


def test_a_parquet_file_that_python_cannot_read_is_refused_in_one_line(tmp_path):
    lengths, text = pyarrow.py_buffer(b"\0\0\0\0\2\0\0\0"), pyarrow.py_buffer(b"\xff\xfe")
    rows = pyarrow.Table.from_pylist(FILES["kmmlu-pro"].rows()[:1])
    tables = {
        "no UTF-8": rows.append_column("x", pyarrow.StringArray.from_buffers(1, lengths, text)),
        "no date": rows.append_column("x", pyarrow.array([10**15], pyarrow.timestamp("s"))),
        "one name twice": rows.append_column("subject", pyarrow.array(["형법"])),
    }
    files = {}
    for name, table in tables.items():
        data = io.BytesIO()
        pyarrow.parquet.write_table(table, data)
        files[name] = data.getvalue()
    whole = parquet(FILES["kmmlu-pro"].rows())
    files["no name"] = whole.replace(b"license_name", b"license_nam\xe9")
    files["the first half"] = whole[: len(whole) // 2]
    for data in files.values():
        (tmp_path / "a.parquet").write_bytes(data)
        with pytest.raises(KoalignError, match=r"a\.parquet: not a Parquet file") as refused:
            read_source(str(tmp_path / "a.parquet"), "dev")
        assert "\n" not in str(refused.value)


def test_the_types_of_parquet_are_read_as_the_texts_that_they_show(tmp_path):
    rows = {
        "question": pyarrow.array(["긴 강은?".encode()] * 2),
        "answer": pyarrow.array([Decimal("2.0"), Decimal("3.0")]),
        "points": pyarrow.array([Decimal("2.50")] * 2),
        "subject": pyarrow.array(["지리"] * 2).dictionary_encode(),
        "made": pyarrow.array([datetime(2026, 1, 2)] * 2),
        "choices": pyarrow.array([[text.encode() for text in FIVE]] * 2),
        "image": pyarrow.array([{"bytes": b"\x89\xff"}] * 2),
    }
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "a.parquet")
    problems = read_source(str(tmp_path / "a.parquet"), "dev").problems
    assert [(p.question, p.answers, p.points, p.subject) for p in problems] == [
        ("긴 강은?", ("2",), 2.5, "지리"), ("긴 강은?", ("3",), 2.5, "지리"),
    ]  # fmt: skip
    assert problems[0].choices == tuple(FIVE)


@pytest.mark.parametrize(
    ("value", "answer"),
    [(Decimal("12.50"), "12.50"), (date(1945, 8, 15), "1945-08-15"), (datetime(1945, 8, 15), "1945-08-15"),
     (datetime(1945, 8, 15, 12), "1945-08-15 12:00:00"), (time(9, 30), "09:30:00")],
)  # fmt: skip
def test_an_answer_of_parquet_that_is_no_text_is_what_it_shows(value, answer, tmp_path):
    table = pyarrow.table({"question": ["언제인가?"], "answer": [value]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read_source(str(tmp_path / "a.parquet"), "dev").problems[0].answers == (answer,)


@pytest.mark.parametrize("suffix", [".arrow", ".feather"])
def test_a_file_of_arrow_is_refused_with_what_to_do(suffix, tmp_path):
    (tmp_path / f"a{suffix}").write_bytes(b"ARROW1")
    with pytest.raises(KoalignError, match=r"save it as \.parquet"):
        read_source(str(tmp_path / f"a{suffix}"), "dev")


def test_a_parquet_file_without_rows_says_that_there_are_none(tmp_path):
    (tmp_path / "a.parquet").write_bytes(parquet(FILES["kmmlu-pro"].rows()))
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    pyarrow.parquet.write_table(table.slice(0, 0), tmp_path / "a.parquet")
    with pytest.raises(KoalignError, match="there are no rows"):
        read_source(str(tmp_path / "a.parquet"), "dev")
