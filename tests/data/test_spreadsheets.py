"""Excel files of teachers are read as they look; what cannot be, and what is not a workbook, is one line."""

import datetime
import io
import random
import re
import sys
import time
import zipfile
from pathlib import Path
from unittest import mock

import pytest
import yaml
from support.exam_files import FIVE, FOUR, zipped

from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source
from koalign.data.formats.spreadsheets import MOST_BYTES
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

HEADER = ["번호", "문제", "보기1", "보기2", "보기3", "보기4", "정답"]
ROW = [1, "나라는?", *FOUR, 3]


def test_without_openpyxl_the_error_says_what_to_install(tmp_path):
    path = tmp_path / "문제.xlsx"
    path.write_bytes(zipped({"a": b""}))
    with (
        mock.patch.dict(sys.modules, {"openpyxl": None}),
        pytest.raises(KoalignError, match=r"need openpyxl: pip install 'koalign\[xlsx\]'"),
    ):
        read_source(str(path), "dev")


def test_without_openpyxl_a_folder_is_read_and_the_file_listed(tmp_path):
    folder = tmp_path / "exam"
    folder.mkdir()
    (folder / "a.xlsx").write_bytes(b"")
    (folder / "~$a.xlsx").write_bytes(b"")
    (folder / "b.csv").write_text("문제,보기1,보기2,정답\n가?,나,다,1\n", encoding="utf-8")
    with mock.patch("koalign.data.formats.files.find_spec", return_value=None):
        reading = read_source(str(folder), "dev")
    assert len(reading.problems) == 1
    assert reading.not_read == {f"{folder}/a.xlsx": "needs openpyxl: pip install 'koalign[xlsx]'"}


@pytest.fixture
def book():
    return pytest.importorskip("openpyxl").Workbook()


def read(folder: Path, book, wanted: str = "dev", **options) -> Reading:
    book.save(folder / "문제.xlsx")
    return read_source(str(folder / "문제.xlsx"), wanted, **options)


def fill(sheet, *rows) -> None:
    for row in rows:
        sheet.append(row)


def test_a_sheet_is_read_on_the_first_try(book, tmp_path):
    fill(
        book.active,
        HEADER,
        ROW,
        [2, "왕은?", "세종", "태조", None, None, "②"],
        [],
        [3, "수도는?", *[None] * 4, "서울"],
    )
    reading = read(tmp_path, book)
    assert [problem.choices for problem in reading.problems] == [tuple(FOUR), ("세종", "태조"), ()]
    assert [problem.answers for problem in reading.problems] == [("3",), ("2",), ("서울",)]
    assert [problem.key for problem in reading.problems] == ["1", "2", "3"] and reading.rows == 3


def test_a_title_a_merged_header_and_a_passage_over_its_questions(book, tmp_path, capsys):
    sheet = book.active
    fill(
        sheet,
        ["2026학년도 기말고사"],
        [],
        ["번호", "지문", "문제", "보기", None, None, None, None, "정답"],
        [None, None, None, "①", "②", "③", "④", "⑤", None],
        [1, "건국에 대한 글이다.", "나라는?", *FIVE, 3],
        [2, None, "왕은?", *FIVE, 5],
        [3, "다른 글이다.", "누구?", *FIVE, 1],
        ["Ⅱ. 문법", *[None] * 8],
    )
    for cells in ("A1:I1", "A3:A4", "B3:B4", "C3:C4", "D3:H3", "I3:I4", "B5:B6", "A8:I8"):
        sheet.merge_cells(cells)
    reading = read(tmp_path, book)
    passages = ["건국에 대한 글이다.", "건국에 대한 글이다.", "다른 글이다."]
    assert [problem.passage for problem in reading.problems] == passages
    assert [problem.answers for problem in reading.problems] == [("3",), ("5",), ("1",)]
    assert [drop.reason for drop in reading.drops] == ["no_question"]
    assert reading.drops[0].place.endswith("문제.xlsx:8")
    printed = capsys.readouterr().err
    assert (
        "merged cells: 8, the first A1:I1; one over several rows is read in each of them" in printed
    )
    assert "the header is on line 4" in printed


def test_the_first_sheet_is_read_or_the_named_one(book, tmp_path, capsys):
    book.active.title = "1반"
    fill(book.active, HEADER, ROW)
    fill(book.create_sheet("2반"), HEADER, [*ROW[:-1], 4])
    assert read(tmp_path, book).problems[0].answers == ("3",)
    printed = capsys.readouterr().err
    assert "sheet '1반' is read, 2반 not; to read all: train: [{path: " in printed
    sources = parse_yaml(printed.partition("to read all: ")[2].partition("\n")[0], "")["train"]
    sheets = [read_source(one.pop("path"), "dev", **one) for one in sources]
    assert [sheet.problems[0].answers for sheet in sheets] == [("3",), ("4",)]
    assert read(tmp_path, book, sheet="2반").problems[0].answers == ("4",)
    with pytest.raises(KoalignError, match="no sheet '3반'; there are 1반, 2반"):
        read(tmp_path, book, sheet="3반")


COVERS = {
    "a title": [["제3회 한국어 능력 대회"], [], ["2026. 3. 1."]],
    "a table": [["과목", "문항 수", "만점"], ["국사", 20, 100]],
    "a header of problems": [HEADER],
}


@pytest.mark.parametrize("cover", COVERS)
def test_a_cover_sheet_is_named_with_the_sheet_to_read(cover, book, tmp_path):
    book.active.title = "표지"
    fill(book.active, *COVERS[cover])
    fill(book.create_sheet("안내"), ["풀이 시간은 60분이다."])
    fill(book.create_sheet("문항"), HEADER, ROW)
    path = tmp_path / "문제.xlsx"
    with pytest.raises(KoalignError) as error:
        read(tmp_path, book, kind="short")
    said = str(error.value)
    assert "sheet '표지' is read and holds no problem; there are 안내, 문항" in said
    source = yaml.safe_load(said[said.index("{path: ") :])
    assert source == {"path": str(path), "sheet": "문항", "kind": "short"}
    assert len(read_source(wanted="dev", **source).problems) == 1


def test_where_no_sheet_is_known_each_error_ends_in_a_source_that_leads_on(book, tmp_path):
    book.active.title = "표지"
    fill(book.active, ["제3회 대회"])
    fill(book.create_sheet("문항"), ["내용", "가", "나", "다", "키"], ["나라는?", *FOUR[:3], 3])
    said = ""
    source = {}
    for _ in range(2):
        with pytest.raises(KoalignError) as error:
            read(tmp_path, book, **{n: value for n, value in source.items() if n != "path"})
        said = str(error.value)
        source = yaml.safe_load(said[said.index("{path: ") :])
    assert "sheet '문항' is read, 표지 not: " in said and source["sheet"] == "문항"
    source["columns"] |= {"question": "내용", "answer": "키"}
    assert read_source(wanted="dev", **source).problems[0].answers == ("3",)


def test_the_first_sheet_that_holds_anything_is_read(book, tmp_path, capsys):
    fill(book.create_sheet("문항"), HEADER, ROW)
    assert len(read(tmp_path, book).problems) == 1
    assert "sheet '문항' is read, Sheet not" in capsys.readouterr().err
    with pytest.raises(KoalignError, match="sheet 'Sheet' is empty; there are Sheet, 문항"):
        read(tmp_path, book, sheet="Sheet")


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (3, "General", "3"), (3.0, "General", "3"), (0.1 + 0.2, "General", "0.3"), (0.00001, "General", "0.00001"),
        (3.1, "0.00", "3.10"), (7, "000", "007"), (1200, "#,##0", "1,200"), (0.5, "0%", "50%"), (0.125, "0.0%", "12.5%"),
        (2.5, "0", "3"), (-1.5, "0.0", "-1.5"), (12345678901234, "General", "12345678901234"), (1e300, "General", "1" + "0" * 300),
        (True, "General", "TRUE"), ("007", "@", "007"), ("가_x000D_\n나", "General", "가\n나"),
        (datetime.date(2026, 3, 1), "yyyy-mm-dd", "2026-03-01"), (datetime.datetime(2026, 3, 1, 9, 30), "m/d/yy h:mm", "2026-03-01 09:30:00"),
        (datetime.time(9, 30), "h:mm", "09:30:00"), (3.1, "[" * 256 + "0.00", "3.1"),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_it_is_shown(value, form, shown, book, tmp_path):
    fill(book.active, HEADER, ROW, ROW)
    cell = book.active["C2"]
    cell.value, cell.number_format = value, form
    assert read(tmp_path, book).problems[0].choices[0] == shown


def test_dates_are_told(book, tmp_path, capsys):
    fill(book.active, HEADER, ROW, ROW)
    book.active["C2"] = datetime.date(2026, 3, 1)
    read(tmp_path, book)
    printed = capsys.readouterr().err
    assert "dates: 1, the first C2 2026-03-01; Excel makes them of text such as 3-1" in printed


def changed(path: Path, change) -> None:
    """The workbook with the XML of its sheet changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    path.write_bytes(zipped({**members, name: change(members[name])}))


def test_a_formula_counts_by_its_value_and_an_error_is_a_drop(book, tmp_path):
    fill(book.active, HEADER, ROW, [2, *ROW[1:]])
    book.active["G2"] = "=1+1"
    book.active["G3"] = "#REF!"
    book.save(tmp_path / "문제.xlsx")
    path = tmp_path / "문제.xlsx"
    changed(
        path,
        lambda xml: re.sub(rb"<f>1\+1</f><v ?/>|<f>1\+1</f><v></v>", b"<f>1+1</f><v>2</v>", xml),
    )
    reading = read_source(str(path), "dev")
    assert [problem.answers for problem in reading.problems] == [("2",)]
    assert [drop.detail for drop in reading.drops] == ["the error #REF! in G3"]


def test_a_stray_cell_far_below_and_to_the_right_makes_no_empty_row_as_wide(book, tmp_path):
    fill(book.active, HEADER, ROW)
    book.active["ZZ20000"] = "x"
    started = time.monotonic()
    assert [
        problem.answers
        for problem in read(
            tmp_path, book, columns={"question": "문제", "choices": HEADER[2:6], "answer": "정답"}
        ).problems
    ] == [("3",)]
    assert time.monotonic() - started < 10


def test_wrong_dimensions_hide_no_row(book, tmp_path):
    fill(book.active, HEADER, ROW, [2, *ROW[1:]])
    book.save(tmp_path / "문제.xlsx")
    changed(
        tmp_path / "문제.xlsx",
        lambda xml: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', xml),
    )
    assert len(read_source(str(tmp_path / "문제.xlsx"), "dev").problems) == 2


BOMBS = {
    "a giant sheet": lambda xml: xml + b" " * (MOST_BYTES + 1),
    "a row far below": lambda xml: xml.replace(b'<row r="2"', b'<row r="999999999"'),
    "a column far to the right": lambda xml: xml.replace(b'r="A2"', b'r="XFD2"'),
    "a cell of no column": lambda xml: xml.replace(b'r="A2"', b'r="AAAAAAA2"'),
    "merged cells over everything": lambda xml: xml.replace(b"</sheetData>", b'</sheetData><mergeCells count="1">' + b'<mergeCell ref="A1:XFD1048576"/>' * 9 + b"</mergeCells>"),
    "entities": lambda xml: b'<!DOCTYPE a [<!ENTITY b "' + b"c" * 1000 + b'">' + b"".join(b'<!ENTITY b%d "%s">' % (n, b"&b%d;" % (n - 1) * 50 if n else b"&b;" * 50) for n in range(9)) + b"]>" + xml.partition(b"?>")[2].replace(b"<v>1</v>", b"<v>&b8;</v>") if b"?>" in xml else b'<!DOCTYPE a [<!ENTITY b "&c;&c;"><!ENTITY c "&b;">]>' + xml.replace(b"<v>1</v>", b"<v>&b;</v>"),
    "cut": lambda xml: xml[: len(xml) // 2],
    "nothing": lambda xml: b"",
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_is_too_large_or_broken_is_one_line_or_read(bomb, book, tmp_path):
    fill(book.active, HEADER, ROW)
    book.save(tmp_path / "문제.xlsx")
    changed(tmp_path / "문제.xlsx", BOMBS[bomb])
    try:
        reading = read_source(str(tmp_path / "문제.xlsx"), "dev")
        assert reading.rows <= 1
    except KoalignError as error:
        assert "\n" not in str(error) and str(error).startswith(str(tmp_path))


def test_no_damage_to_a_workbook_ends_in_a_traceback(book, tmp_path):
    fill(book.active, HEADER, *[ROW] * 3)
    book.active.merge_cells("B2:B4")
    book.save(tmp_path / "문제.xlsx")
    with zipfile.ZipFile(tmp_path / "문제.xlsx") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    chance = random.Random(0)
    path = tmp_path / "a.xlsx"
    for name in sorted(members):
        for _ in range(6):
            data = bytearray(members[name])
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.choice(b'<>"/&0aZ\x00\xff')
            others = {key: value for key, value in members.items() if chance.random() < 0.95}
            path.write_bytes(zipped({**others, name: bytes(data)}))
            with mock.patch("koalign.data.formats.sources.warn"):
                try:
                    read_source(str(path), "dev")
                except KoalignError as error:
                    assert "\n" not in str(error)


def test_a_file_with_a_password_and_an_old_one_are_refused_by_name(tmp_path):
    pytest.importorskip("openpyxl")
    (tmp_path / "a.xlsx").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    with pytest.raises(
        KoalignError, match=r"a\.xlsx: not an \.xlsx file .*one with a password cannot"
    ):
        read_source(str(tmp_path / "a.xlsx"), "dev")
    (tmp_path / "a.xls").write_bytes(b"")
    with pytest.raises(KoalignError, match=r"koalign reads .*\.xlsx and \.zip, not \.xls"):
        read_source(str(tmp_path / "a.xls"), "dev")


def test_a_workbook_in_a_zip_is_read_and_a_sheet_of_a_csv_is_not(book, tmp_path):
    fill(book.active, HEADER, ROW)
    data = io.BytesIO()
    book.save(data)
    (tmp_path / "a.zip").write_bytes(zipped({"안/문제.xlsx": data.getvalue()}))
    assert len(read_source(str(tmp_path / "a.zip"), "dev").problems) == 1
    (tmp_path / "a.csv").write_text("문제,보기1,보기2,정답\n가?,나,다,1\n", encoding="utf-8")
    with pytest.raises(KoalignError, match="`sheet` is for"):
        read_source(str(tmp_path / "a.csv"), "dev", sheet="1반")


@pytest.mark.parametrize(
    ("bound", "said"),
    [("MOST_BYTES", "koalign reads up to"), ("MOST_CELLS", "more cells"), ("MOST_MERGED", "too many merged")],
)  # fmt: skip
def test_each_bound_refuses(bound, said, book, tmp_path, monkeypatch):
    fill(book.active, HEADER, ROW, ROW)
    book.active.merge_cells("B2:B3")
    monkeypatch.setattr(f"koalign.data.formats.spreadsheets.{bound}", 0)
    with pytest.raises(KoalignError, match=said):
        read(tmp_path, book)


def test_answers_from_0_of_a_named_sheet_are_read_from_that_sheet(book, tmp_path):
    fill(book.active, HEADER, [*ROW[:-1], 4])
    fill(book.create_sheet("2반"), HEADER, *([*ROW[:-1], n % 3] for n in range(6)))
    reading = read(tmp_path, book, sheet="2반", needs_answers=False)
    assert [problem.answers for problem in reading.problems] == [
        (str(n % 3 + 1),) for n in range(6)
    ]
