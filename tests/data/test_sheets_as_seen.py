"""What a teacher sees in Excel is what is read: raised letters, formats, hidden parts, other writers' XML."""

import gzip
import re
import zipfile

import pytest
from support.exam_files import FOUR, zipped

from koalign.data.formats.number_formats import shown_number
from koalign.data.formats.sources import read_source
from koalign.records import KoalignError

HEADER = ["번호", "지문", "문제", "보기1", "보기2", "보기3", "보기4", "정답"]
ROW = [1, "건국에 대한 글이다.", "나라는?", *FOUR, 3]
SHEET, TYPES = "xl/worksheets/sheet1.xml", "[Content_Types].xml"
SPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OVERRIDE = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
    b'officedocument.spreadsheetml.sharedStrings+xml"/>'
)


@pytest.fixture
def book():
    book = pytest.importorskip("openpyxl").Workbook()
    book.active.append(HEADER)
    book.active.append(ROW)
    return book


def read(folder, book, change=lambda xml: xml, member=SHEET, strings=b"", **options):
    """The reading of a workbook after a change of the XML of one member.

    `strings`: a shared string, which the cell D2 then holds, as Excel writes texts.
    """
    path = folder / "문제.xlsx"
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member])
    if strings:
        cell = rb'<c r="D2" t="s"><v>0</v></c>'
        members[SHEET] = re.sub(rb'<c r="D2".*?</c>', cell, members[SHEET])
        members["xl/sharedStrings.xml"] = b"<sst " + SPACE + b"><si>" + strings + b"</si></sst>"
        members[TYPES] = members[TYPES].replace(b"</Types>", OVERRIDE + b"</Types>")
    path.write_bytes(zipped(members))
    return read_source(str(path), "dev", **options)


def runs(*parts):
    """A text of runs, each with its place on the line."""
    return "".join(
        f'<r><rPr><vertAlign val="{place}"/></rPr><t>{text}</t></r>' for text, place in parts
    ).encode()


UP, DOWN, ON = "superscript", "subscript", "baseline"


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([("10", ON), ("2", UP)], "10²"), ([("10", ON), ("-12", UP)], "10⁻¹²"), ([("log", ON), ("2", DOWN), ("8", ON)], "log₂8"),
        ([("H", ON), ("2", DOWN), ("O", ON)], "H₂O"), ([("x", ON), ("a+b", UP)], "x^{a+b}"), ([("a", ON), ("k", DOWN)], "a_k"),
        ([("x", ON), ("n", UP)], "xⁿ"), ([("가", ON), (" ", UP), ("나", ON)], "가 나"),
    ],
)  # fmt: skip
def test_raised_and_lowered_letters_stay_so(parts, shown, book, tmp_path):
    reading = read(tmp_path, book, strings=runs(*parts))
    assert reading.problems[0].choices[0] == shown


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (1 / 3, "# ?/?", "1/3"), (1.5, "# ?/?", "1 1/2"), (1.5, "?/?", "3/2"), (2, "# ?/?", "2"), (-0.25, "# ??/??", "-1/4"), (0, "# ?/?", "0"),
        (0.0001, "0.00E+00", "1.00E-04"), (12345, "0E+00", "1E+04"), (3, '0"번"', "3번"), (1200, "₩#,##0", "₩1,200"),
        (1200, "[$₩-412]#,##0", "₩1,200"), (-5, '"약 "0', "-약 5"), (1200, "#,##0_);(#,##0)", "1,200"), (0.5, "0%;[Red]-0%", "50%"),
        (3, 'General"개"', "3개"), (3, "0\\점", "3점"), (2.5, "0000-0000", "2.5"), (float("inf"), "0", "inf"),
    ],
)  # fmt: skip
def test_a_number_is_read_as_its_format_shows_it(value, form, shown):
    assert shown_number(value, form) == shown


def test_a_hidden_sheet_is_not_read_before_a_visible_one(book, tmp_path, capsys):
    book.active.title = "옛것"
    book.active.sheet_state = "hidden"
    sheet = book.create_sheet("문항")
    sheet.append(HEADER)
    sheet.append([*ROW[:-1], 4])
    assert read(tmp_path, book).problems[0].answers == ("4",)
    assert "sheet '문항' is read, 옛것 (hidden) not" in capsys.readouterr().err
    assert read(tmp_path, book, sheet="옛것").problems[0].answers == ("3",)


def test_hidden_rows_and_columns_are_read_and_told(book, tmp_path, capsys):
    book.active.append([2, *ROW[1:]])
    book.active.row_dimensions[3].hidden = True
    book.active.row_dimensions[9].hidden = True
    book.active.column_dimensions["F"].hidden = True
    assert len(read(tmp_path, book).problems) == 2
    told = "hidden in Excel, and read: 1 row, the first 3; columns from F\n"
    assert told in capsys.readouterr().err


def prefixed(xml):
    """The XML as writers other than Excel have it: `<x:row>`."""
    xml = xml.replace(SPACE, SPACE.replace(b"xmlns", b"xmlns:x"))
    return re.sub(rb"<(/?)(?=[a-zA-Z])", rb"<\1x:", xml)


@pytest.mark.parametrize(
    "change",
    [prefixed, lambda xml: re.sub(rb'mergeCell ref="(.*?)"', rb"mergeCell  ref='\1'", xml)],
)
def test_merged_cells_are_filled_whoever_wrote_them(change, book, tmp_path):
    book.active.append([2, None, "왕은?", *FOUR, 2])
    book.active.merge_cells("B2:B3")
    reading = read(tmp_path, book, change=change)
    assert [problem.passage for problem in reading.problems] == [ROW[1]] * 2


@pytest.mark.parametrize("change", [prefixed, lambda xml: xml])
def test_a_formula_without_a_value_makes_no_problem_with_fewer_choices(change, book, tmp_path):
    book.active.append([2, *ROW[1:]])
    book.active["G2"] = "=1+1"
    reading = read(tmp_path, book, change=change)
    assert [problem.choices for problem in reading.problems] == [tuple(FOUR)]
    (drop,) = reading.drops
    assert drop.detail.startswith("the formula in G2 has no stored value; open the file in Excel")


def test_a_formula_that_shows_nothing_is_an_empty_cell(book, tmp_path):
    book.active["G2"] = "=1+1"
    empty = rb'<c r="G2" t="str"><f>1</f><v></v></c>'
    reading = read(
        tmp_path, book, change=lambda xml: re.sub(rb'<c r="G2".*?</c>', empty, xml, flags=re.S)
    )
    assert reading.problems[0].choices == tuple(FOUR[:3])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (zipped({"a": b""}), "an .xlsx or .zip file; name it so"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "an old or encrypted Excel file"),
        (gzip.compress("문제,정답\n".encode(), mtime=0), "packed with gzip; unpack it"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "a PDF; save its table"), (b"PAR1\x15\x04", "a .parquet file"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_called_by_it(data, kind, tmp_path):
    path = tmp_path / "문제.csv"
    path.write_bytes(data)
    with pytest.raises(KoalignError) as error:
        read_source(str(path), "dev")
    assert f"문제.csv: no text; by its content it is {kind}" in str(error.value)


def test_a_workbook_of_another_dialect_is_told_what_to_do(book, tmp_path):
    with pytest.raises(KoalignError, match="not as Strict Open XML"):
        read(
            tmp_path,
            book,
            lambda xml: re.sub(rb"<sheets>.*</sheets>", b"<sheets/>", xml),
            member="xl/workbook.xml",
        )
