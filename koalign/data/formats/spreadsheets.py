"""spreadsheets: a sheet of an .xlsx file, named or the first with text -> rows of text as Excel shows."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from koalign.data.formats.number_formats import shown_number
from koalign.data.formats.split_names import split_in_name
from koalign.data.formats.tables import Grid
from koalign.naming import counted
from koalign.records import KoalignError
from koalign.text.visible import shown
from koalign.yaml_text import in_yaml

MOST_BYTES = 100 << 20
"""Unpacked XML of a workbook; two million cells. More is for CSV, or a zip bomb."""
MOST_CELLS = 20_000_000
MOST_MERGED = 1_000_000
"""Cells below merged ones."""
MOST_ROWS = 1_048_576
"""Of Excel itself."""
_TAG = rb"<(?:[A-Za-z0-9]{1,20}:)?"
"""A tag of a sheet's XML begins; other writers than Excel give it a prefix: `<x:row`."""
_MERGED = re.compile(
    _TAG
    + rb"""mergeCell\s[^<>]{0,200}?ref=["']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})["']"""
)
_FORMULA = re.compile(_TAG + rb"f[\s/>]")
_HIDDEN = re.compile(
    _TAG + rb"""(row|col)\s([^<>]{0,400}?hidden=["'](?:1|true)["'][^<>]{0,400})>"""
)
_PLACE = re.compile(rb"""(?:\A|\s)(?:r|min)=["']([0-9]{1,7})["']""")
_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_BROKEN = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, SyntaxError, LookupError, ValueError, TypeError,
    AttributeError, ArithmeticError, RuntimeError, AssertionError,
)  # fmt: skip
"""What zipfile, the XML parser (SyntaxError) and openpyxl, which checks nothing, raise for damage."""


class Sheet(Grid):
    """The rows of a sheet, a line each; those without any text are none."""

    def __init__(
        self, name: str, rows: Sequence[list[str] | str], title: str, others: Sequence[str]
    ) -> None:
        self._rows = rows
        self.sheet, self.other_sheets = title if others else "", tuple(others)
        self._width = max((len(row) for row in rows if isinstance(row, list)), default=0)
        super().__init__(name, len(rows))

    def _below_header(self) -> Iterator[tuple[int, list[str] | str]]:
        """See Grid."""
        for place in range(self._below, self._size):
            if any(cell.strip() for cell in self._rows[place]):
                cells, _ = self._record(place)
                again = isinstance(cells, list) and self._repeats_the_header(cells)
                yield place + 1, "the header again" if again else cells

    def _record(self, place: int) -> tuple[list[str] | str, int]:
        cells = self._rows[place]
        if cells and isinstance(cells, list):  # empty ones may be a million
            cells = cells + [""] * (self._width - len(cells))
        return cells, place + 1


def read_sheet(
    name: str, data: bytes, sheet: str | None, want: str
) -> tuple[Sheet, tuple[str, ...]]:
    """A sheet, and what people should know of it. Formulas count by the values that are stored with them.

    Without a name it is the first visible one with text, of the split that is wanted if there is one.

    Raises KoalignError without openpyxl, for a file that is no workbook or a large one, and where no sheet
    is called so.
    """
    try:
        import openpyxl
    except ImportError:
        raise KoalignError(
            f"{name}: .xlsx files need openpyxl: pip install 'koalign[xlsx]', or save the sheet as CSV"
        ) from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of openpyxl, on styles and extensions
            pictures = sum(m.filename.startswith("xl/media/") for m in archive.infolist())
            size = sum(member.file_size for member in archive.infolist())
            xml = sum(m.file_size for m in archive.infolist() if m.filename.endswith(".xml"))
            if xml > MOST_BYTES or size > 10 * MOST_BYTES:
                raise KoalignError(
                    f"{name}: unpacked it has {size >> 20} MiB, {xml >> 20} of them XML, and koalign reads "
                    f"up to {MOST_BYTES >> 20}; save the sheet as CSV"
                )
            values = openpyxl.load_workbook(
                io.BytesIO(data), read_only=True, data_only=True, rich_text=True
            )
            sheets = sorted(
                values.worksheets,
                key=lambda one: (
                    one.sheet_state != "visible",
                    (split_in_name(one.title) or "train") != want,
                ),
            )
            titles = [one.title for one in sheets]
            hidden = {one.title for one in sheets if one.sheet_state != "visible"}
            for title in _candidates(name, titles, sheet):
                source = archive.read(values[title]._worksheet_path)
                formulas = None
                if _FORMULA.search(source):
                    written = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
                    formulas = written[title]
                rows, notes = _rows(name, values[title], formulas)
                if rows:
                    break
    except _BROKEN as error:
        raise KoalignError(
            f"{name}: not an .xlsx file that can be read ({shown(str(error))}); one with a password "
            "cannot, nor another kind of file under this name"
        ) from None
    notes += [_fill_merged(name, rows, source), _hidden(rows, source)]
    if pictures:
        notes.append(f"pictures are not read: {pictures} in the workbook")
    place = titles.index(title)
    others = [*titles[place + 1 :], *titles[:place]]
    if sheet is not None and not rows:
        raise KoalignError(f"{name}: sheet {title!r} is empty; there are {', '.join(titles)}")
    if sheet is None and others:
        named = (f"{other} (hidden)" if other in hidden else other for other in others)
        which = f"{title!r} (hidden)" if title in hidden else repr(title)
        of_split: dict[str, list[dict[str, str]]] = {}
        for one in (one for one in titles if one not in hidden):
            of_split.setdefault(split_in_name(one) or "train", []).append(
                {"path": name, "sheet": one}
            )
        all_of_them = ", ".join(f"{split}: {in_yaml(sheets)}" for split, sheets in of_split.items())
        notes.insert(
            0, f"sheet {which} is read, {', '.join(named)} not; to read all: {all_of_them}"
        )
    return Sheet(name, rows, title, others), tuple(note for note in notes if note)


def _candidates(name: str, titles: list[str], sheet: str | None) -> list[str]:
    if not titles:
        raise KoalignError(
            f"{name}: there is no sheet in it; if Excel shows one, save the file as an ordinary workbook, "
            "not as Strict Open XML"
        )
    if sheet is not None and sheet not in titles:
        raise KoalignError(f"{name}: no sheet {sheet!r}; there are {', '.join(titles)}")
    return titles if sheet is None else [sheet]


def _rows(name: str, sheet: Any, formulas: Any) -> tuple[list[list[str] | str], list[str]]:
    """Each row as texts, without the empty ones at its end, or as what is wrong with it."""
    sheet.reset_dimensions()
    if formulas is not None:
        formulas.reset_dimensions()
    written = formulas.iter_rows() if formulas is not None else None
    rows: list[list[str] | str] = []
    dates: list[str] = []
    cells = 0
    for row in sheet.iter_rows():
        cells += len(row) + 1
        if cells > MOST_CELLS or len(rows) >= MOST_ROWS:
            raise KoalignError(f"{name}: more cells than koalign reads; save the sheet as CSV")
        wrong = [
            f"the error {cell.value} in {cell.coordinate}" for cell in row if cell.data_type == "e"
        ]
        for cell, formula in zip(
            row, next(written, ()) if written is not None else (), strict=False
        ):
            # A formula whose value is the empty text has the type of texts.
            if formula.data_type == "f" and cell.value is None and cell.data_type != "str":
                wrong.append(
                    f"the formula in {formula.coordinate} has no stored value; open the file in Excel and "
                    "save it"
                )
        dates += [f"{cell.coordinate} {_text(cell)}" for cell in row if _is_date(cell)]
        texts = [_text(cell) for cell in row]
        while texts and not texts[-1].strip():
            texts.pop()
        rows.append(wrong[0] if wrong else texts)
    while rows and not rows[-1]:
        rows.pop()
    notes = []
    if dates:
        notes.append(
            f"dates: {len(dates)}, the first {dates[0]}; Excel makes them of text such as 3-1, and cells "
            "formatted as text stay as written"
        )
    return rows, notes


def _fill_merged(name: str, rows: list[list[str] | str], source: bytes) -> str:
    """Write what is merged over several rows into each of them, as a passage beside its questions."""
    from openpyxl.utils import column_index_from_string

    merged = sorted(_MERGED.findall(source), key=lambda part: (int(part[1]), part[0]))
    area = 0
    for left, top, _, bottom in merged:
        place, first = column_index_from_string(left.decode()) - 1, int(top) - 1
        below = range(first + 1, min(int(bottom), len(rows)))
        area += len(below)
        if area > MOST_MERGED:
            raise KoalignError(f"{name}: too many merged cells; save the sheet as CSV")
        above = rows[first] if 0 <= first < len(rows) else []
        if isinstance(above, str) or len(above) <= place:
            continue
        for row in (rows[number] for number in below):
            if isinstance(row, list):
                row += [""] * (place + 1 - len(row))
                row[place] = row[place] or above[place]
    if not merged:
        return ""
    ref = "{}{}:{}{}".format(*(part.decode() for part in merged[0]))
    return f"merged cells: {len(merged)}, the first {ref}; one over several rows is read in each of them"


def _hidden(rows: Sequence[list[str] | str], source: bytes) -> str:
    """What is said of hidden rows and columns: they are read, and nobody sees them in Excel."""
    from openpyxl.utils import get_column_letter

    found: dict[bytes, list[int]] = {b"row": [], b"col": []}
    for kind, attributes in _HIDDEN.findall(source):
        if place := _PLACE.search(attributes):
            found[kind].append(int(place[1]))
    width = max((len(row) for row in rows if isinstance(row, list)), default=0)
    lines = [number for number in found[b"row"] if 0 < number <= len(rows) and rows[number - 1]]
    columns = [number for number in found[b"col"] if 0 < number <= width]
    told = [f"{counted(len(lines), 'row')}, the first {lines[0]}"] if lines else []
    told += [f"columns from {get_column_letter(columns[0])}"] if columns else []
    return f"hidden in Excel, and read: {'; '.join(told)}" if told else ""


def _is_date(cell: Any) -> bool:
    return isinstance(cell.value, date | time | timedelta)


def _text(cell: Any) -> str:
    """What a cell shows."""
    from openpyxl.utils.escape import unescape

    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, datetime | date | time):
        return value.isoformat(*([" "] if isinstance(value, datetime) else []))
    if isinstance(value, int | float):
        return shown_number(value, cell.number_format)
    if isinstance(value, list):  # of runs, each with a font of its own
        value = "".join(part if isinstance(part, str) else _run(part) for part in value)
    return unescape(str(value))


def _run(part: Any) -> str:
    """A run of letters; raised ones stay so, since 10² is not 102 and log₂8 is not log28."""
    for place, letters, sign in (("superscript", _RAISED, "^"), ("subscript", _LOWERED, "_")):
        if part.font.vertAlign == place and part.text.strip():
            if all(ord(letter) in letters for letter in part.text):
                return str(part.text).translate(letters)
            return f"{sign}{{{part.text}}}" if len(part.text) > 1 else f"{sign}{part.text}"
    return str(part.text)
