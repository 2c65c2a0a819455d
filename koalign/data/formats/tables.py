"""tables: the lines of a CSV or TSV file -> its header and its records; a broken one costs no other."""

from __future__ import annotations

import copy
import csv
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Self

from koalign.data.formats.column_names import UNNAMED, is_choice, meaning
from koalign.data.formats.streams import Lines
from koalign.naming import counted
from koalign.records import KoalignError
from koalign.text.korean import composed

TITLES = 10
"""Lines in which a header is looked for: above it may stand a title."""

MOST_COLUMNS = 20_000
"""A spreadsheet has 16,384."""
_SEP = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)
"""What Excel may write on the first line."""
_QUOTED = re.compile(r'"[^"]*"')
_LINE_END = re.compile(r"\r\n|\r|\n")
_GUARDED = re.compile(r"'(?:[=+@-].*|[0-9①-⑳][0-9①-⑳.,/~: -]*)", re.DOTALL)
_AS_TEXT = re.compile(r'="(?:[^"]|"")+"')
LONGEST_GUARDED = 1000
SEPARATORS = (",", ";", "\t", "|")
RECORD_LINES = 100
"""Most lines of a record that is taken to end a broken one above it. Each line below that one may begin
such a record, so without a bound a file of open quotation marks takes quadratic time."""
UNCLOSED = "unexpected end of data"
"""What the csv module says of a quoted cell that the file ends in."""


class Grid(ABC):
    """Records below a header; `header` has the names of the columns, no two of them the same."""

    sheet = ""
    """The name of a sheet that is not the only one."""
    other_sheets: tuple[str, ...] = ()
    """Those of its workbook that are not read, the next one first."""
    doubts: Sequence[str] = ()
    """Of the rows that were read: what may not be meant as it was read."""

    def __init__(self, name: str, lines: int) -> None:
        """Raises KoalignError naming the file where it is empty, or its header is no record."""
        self._name, self._size = name, lines
        self._set_header(0)

    @abstractmethod
    def _record(self, place: int) -> tuple[list[str] | str, int]:
        """The record that begins on a line, or what is wrong with it, and the place of the line below."""

    @abstractmethod
    def _below_header(self) -> Iterator[tuple[int, list[str] | str]]:
        """(number of its first line, cells or what is wrong) of each record that is not blank."""

    def records(self) -> Iterator[tuple[int, list[str] | str]]:
        """The same; below a header of another table nothing can be read."""
        other = 0
        for line, cells in self._below_header():
            if other:
                cells = f"below the other header on line {other}"
            elif isinstance(cells, list) and self._is_other_header(cells):
                other, cells = line, "another header; put the table below it into a file of its own"
            yield line, cells

    def headers(self) -> Iterator[Self]:
        """The same with its header on two lines and on one, here and on the next lines."""
        table = self
        for _ in range(TITLES):
            if two_lines := table._with_second_line():
                yield two_lines
            yield table
            below, table = table._below, copy.copy(table)
            try:
                table._set_header(below)
            except KoalignError:
                return

    def _set_header(self, place: int) -> None:
        self._names: list[str] = []
        cells: list[str] | str = []
        while not isinstance(cells, str) and not any(cell.strip() for cell in cells):
            if place >= self._size:
                raise KoalignError(f"{self._name}: the file is empty")
            start = place
            cells, place = self._record(start)
        # A quotation mark that the header opens and a row closes would swallow the rows between.
        if place > start + 1 and not self._same_size(cells, place):
            cells = "no line of CSV (it runs on into the next line)"
        if len(cells) > MOST_COLUMNS and not isinstance(cells, str):
            cells = f"{len(cells):,} columns long, and {MOST_COLUMNS:,} are the most"
        if isinstance(cells, str):
            raise KoalignError(f"{self._name}:{start + 1}: the header is {cells}")
        self._take(cells, start, place)

    def _same_size(self, cells: list[str] | str, place: int) -> bool:
        """Whether the record on a line has as many cells."""
        record = self._record(place)[0] if place < self._size else []
        return isinstance(record, list) and len(record) == len(cells)

    def _take(self, cells: list[str], place: int, below: int) -> None:
        self._names, self.header_line, self._below = cells, place + 1, below
        self.header = _unique(cells)

    def _with_second_line(self) -> Self | None:
        """With the line below in the header, where it numbers the choices and else repeats the first."""
        cells, below = self._record(self._below) if self._below < self._size else ("", 0)
        if isinstance(cells, str) or len(cells) != len(self._names):
            return None
        own = [
            cell
            for cell, above in zip(cells, self._names, strict=True)
            if cell.strip() not in ("", above.strip())
        ]
        if len(own) < 2 or not all(map(is_choice, own)):
            return None
        table = copy.copy(self)
        both = [
            cell if cell.strip() else above for cell, above in zip(cells, self._names, strict=True)
        ]
        table._take(both, self._below, below)
        return table

    def _is_other_header(self, cells: Sequence[str]) -> bool:
        """Whether most cells are names of columns, two of them of this table, and none is a sentence."""
        texts = [cell.strip() for cell in cells if cell.strip()]
        if sum(text in self._names for text in texts) < 2:  # of a name the meaning is slow
            return False
        names = [text for text in texts if meaning(text)[0]]
        return (
            sum(name in self._names for name in names) > 1
            and 2 * (len(names) + sum(map(is_choice, texts))) > len(texts)
            and not any(re.search(r"[.?!]\Z|.{20}", text) for text in texts)
        )

    def _repeats_the_header(self, cells: Sequence[str]) -> bool:
        """As where one file was appended to another, perhaps with its byte order mark."""
        return [cells[0].lstrip("\ufeff"), *cells[1:]] == self._names


class Table(Grid):
    """The lines of a CSV or TSV file."""

    def __init__(self, name: str, lines: Lines, delimiter: str) -> None:
        csv.field_size_limit(sys.maxsize)
        self._delimiter, self._lines = delimiter, lines
        if _SEP.fullmatch(lines[0].strip() if len(lines) else ""):
            lines.empty_first()
        while len(lines) and _is_blank(lines[len(lines) - 1], delimiter):  # as Excel ends a file
            lines.drop_last()
        super().__init__(name, len(lines))

    def _below_header(self) -> Iterator[tuple[int, list[str] | str]]:
        """See Grid.

        A record has as many cells as the header. A quotation mark that is never closed takes in the
        lines below it: the first of them that begins a record of its own ends the broken one.
        Raises KoalignError where none does: it might be one row cut off, or all rows to the file's end.
        """
        place, doubtful = self._below, list[tuple[int, int]]()
        self.doubts = ()
        while place < len(self._lines):
            cells, end = self._record(place)
            if not isinstance(cells, str) and not any(map(str.strip, cells)):  # `,,,` is no row
                place = end
                continue
            if end > place + 1 and self._is_whole(cells) and self._may_be_rows(place, end):
                doubtful.append((place, end))
                self.doubts = [_in_doubt(doubtful)]
            if not self._is_whole(cells):
                own = next((n for n in range(place + 1, end) if self._begins_a_record(n)), None)
                if own is None and end > place + 1:
                    self._refuse_unclosed(place)
                end = own or end
            yield place + 1, self._checked(cells, end - place)
            place = end

    def _record(self, place: int, most: int = sys.maxsize) -> tuple[list[str] | str, int]:
        """See Grid. A record of more lines than `most` is none.

        Files with tabs are often written without quoting: there a line that is no record, but has as
        many cells between its tabs, is taken as it stands: `"국제시장"은 영화이다`.
        """
        below = self._lines.between(place, min(len(self._lines), place + most))
        reader = csv.reader(below, delimiter=self._delimiter, strict=True)
        cells: list[str] | str
        try:
            cells = next(reader)
        except csv.Error as error:
            cells = f"no line of CSV ({error})"
        if self._delimiter == "\t" and not self._is_whole(cells):
            plain = self._lines[place].rstrip("\r\n").split("\t")
            if self._is_whole(plain):
                return plain, place + 1
        return cells, place + reader.line_num

    def _begins_a_record(self, place: int) -> bool:
        """Whether a line does, and is not the rest of a quoted cell: `…”고 하였다.",2`."""
        cells, end = self._record(place, RECORD_LINES)
        marks = sum(line.count('"') for line in self._lines.between(place, end))
        return self._is_whole(cells) and (marks % 2 == 0 or self._delimiter == "\t")

    def _may_be_rows(self, place: int, end: int) -> bool:
        """Whether each line of a record has as many cells as the header, for all its quotation marks.

        Of one or two columns lines of a text have that too.
        """
        counts = {line.count(self._delimiter) for line in self._lines.between(place, end)}
        return len(self._names) > 2 and counts == {len(self._names) - 1}

    def _refuse_unclosed(self, place: int) -> None:
        """Raises KoalignError where the record that begins on a line never closes a quotation mark."""
        lines = self._lines.between(place, len(self._lines))
        try:
            next(csv.reader(lines, delimiter=self._delimiter, strict=True))
            return
        except csv.Error as error:
            if str(error) != UNCLOSED:
                return
        lines = self._lines.between(place, len(self._lines))
        quoted = next(csv.reader(lines, delimiter=self._delimiter))[-1]
        last = len(self._lines)
        opened = last - len(_LINE_END.findall(quoted.removesuffix("\n").removesuffix("\r")))
        raise KoalignError(
            f"{self._name}:{opened}: a quotation mark opens here and none closes it, so the rows down to "
            f'line {last} would be one cell; close it, write "" for a mark in a text, or copy the file '
            "again if it is cut"
        )

    def _is_whole(self, cells: list[str] | str) -> bool:
        """Whether cells are as many as the header names; empty ones behind them count for nothing."""
        return isinstance(cells, list) and len(self._without_empty(cells)) == len(self._names)

    def _without_empty(self, cells: list[str]) -> list[str]:
        """Cells without those that no column has, where these are empty."""
        more = cells[len(self._names) :]
        return cells if any(cell.strip() for cell in more) else cells[: len(self._names)]

    def _checked(self, cells: list[str] | str, lines: int) -> list[str] | str:
        over = f", over {lines} lines" if lines > 1 else ""
        if isinstance(cells, str):
            return f"{cells}{over}"
        cells = self._without_empty(cells)
        if len(cells) != len(self._names):
            return f"{len(cells)} fields, and the header names {len(self._names)}{over}"
        return "the header again" if self._repeats_the_header(cells) else _unguarded(cells)


def _unguarded(cells: list[str]) -> list[str]:
    """Cells without what keeps Excel from reading a text as a number or a formula: `="003"`, `'3-1`.

    Other texts lose such a mark where three of a row have one and no second: `'82년생` may be a title.
    """
    marked = [cell for cell in cells if cell.startswith("'") and cell.count("'") == 1]
    guarded = {cell for cell in marked if _GUARDED.fullmatch(cell[:LONGEST_GUARDED])}
    if len({*marked} - guarded) > 2:
        guarded = {*marked}
    return [
        cell[2:-1].replace('""', '"')
        if _AS_TEXT.fullmatch(cell)
        else cell[1:]
        if cell in guarded
        else cell
        for cell in cells
    ]


def _in_doubt(records: Sequence[tuple[int, int]]) -> str:
    """A note on records of several lines that may be rows: on the first of them, and how many more."""
    place, end = records[0]
    more = f"; so with {counted(len(records) - 1, 'more row')}" if len(records) > 1 else ""
    return (
        f"line {place + 1}: one row of {end - place} lines, each with as many cells as the header; "
        f"if they are rows, a quotation mark is left open{more}"
    )


def delimiter(lines: Lines, usual: str) -> str:
    """What separates the columns of a file: what its first line says (`sep=;`), else a comma or a tab.

    Unless that line has more of another, outside of quotation marks, or the only one between two names.
    """
    first = next((line.lstrip() for line in lines.between(0, len(lines)) if line.strip()), "")
    if said := _SEP.fullmatch(first.strip()):
        return said[1]
    first = _QUOTED.sub("", first)
    others = [mark for mark in SEPARATORS if first.count(mark) > 1 + first.count(usual)]
    if not others and usual not in first:
        pairs = {mark: first.split(mark) for mark in SEPARATORS if first.count(mark) == 1}
        others = [mark for mark, names in pairs.items() if all(meaning(name)[0] for name in names)]
    return others[0] if len(others) == 1 else usual


def _is_blank(line: str, delimiter: str) -> bool:
    """Whether no cell of a line holds anything; a lone quotation mark ends a cell above."""
    return not line.strip(f' \t\r\n"{delimiter}') and line.count('"') % 2 == 0


def _unique(header: list[str]) -> list[str]:
    """Column names as pandas has them: one without a name by its place, a second one with `.1`."""
    names: dict[str, int] = {}
    for place, cell in enumerate(header):
        lines = composed(cell.lstrip("\ufeff")).split("\n")
        name = " ".join(filter(None, map(str.strip, lines))) or f"{UNNAMED}{place}"
        once = name
        while name in names:
            names[once] += 1
            name = f"{once}.{names[once]}"
        names[name] = 0
    return [*names]
