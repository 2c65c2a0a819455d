"""tables: the text of a CSV or TSV file -> its header and its records; a broken one costs no other."""

from __future__ import annotations

import csv
import io
import sys
import unicodedata
from collections.abc import Iterator

from koalign.records import KoalignError


class Table:
    """The lines of a table; `header` has the names of its columns, no two of them the same."""

    def __init__(self, name: str, text: str, delimiter: str) -> None:
        """Raises KoalignError naming the file where it is empty, or its header is no line of CSV."""
        csv.field_size_limit(sys.maxsize)
        self._delimiter = delimiter
        self._lines = list(io.StringIO(text, newline=""))
        first = next((place for place, line in enumerate(self._lines) if line.strip()), None)
        if first is None:
            raise KoalignError(f"{name}: the file is empty")
        self._names: list[str] = []
        cells, self._below = self._record(first)
        # A quotation mark that the header opens and a row closes would swallow the rows between.
        if isinstance(cells, csv.Error) or self._below > first + 1:
            why = cells if isinstance(cells, csv.Error) else "it runs on into the next line"
            raise KoalignError(f"{name}:{first + 1}: the header is no line of CSV ({why})")
        self._names = cells
        self.header = _unique(cells)

    def records(self) -> Iterator[tuple[int, list[str] | str]]:
        """(number of its first line, cells or what is wrong) of each record that is not blank.

        A record has as many cells as the header. A quotation mark that is never closed takes in the
        lines below it: the first of them that begins a record of its own ends the broken one.
        """
        place = self._below
        while place < len(self._lines):
            cells, end = self._record(place)
            if cells and not self._is_whole(cells):
                end = next((n for n in range(place + 1, end) if self._begins_a_record(n)), end)
            if cells:
                yield place + 1, self._checked(cells, end - place)
            place = end

    def _record(self, place: int) -> tuple[list[str] | csv.Error, int]:
        """The record that begins on a line, and the place of the line below it.

        Files with tabs are often written without quoting: there a line that is no record, but has as
        many cells between its tabs, is taken as it stands: `"국제시장"은 영화이다`.
        """
        below = (self._lines[n] for n in range(place, len(self._lines)))
        reader = csv.reader(below, delimiter=self._delimiter, strict=True)
        cells: list[str] | csv.Error
        try:
            cells = next(reader)
        except csv.Error as error:
            cells = error
        if self._delimiter == "\t" and not self._is_whole(cells):
            plain = self._lines[place].rstrip("\r\n").split("\t")
            if self._is_whole(plain):
                return plain, place + 1
        return cells, place + reader.line_num

    def _begins_a_record(self, place: int) -> bool:
        """Whether a line does, and is not the rest of a quoted cell: `…”고 하였다.",2`."""
        cells, end = self._record(place)
        marks = sum(line.count('"') for line in self._lines[place:end])
        return self._is_whole(cells) and (marks % 2 == 0 or self._delimiter == "\t")

    def _is_whole(self, cells: list[str] | csv.Error) -> bool:
        return isinstance(cells, list) and len(cells) == len(self._names)

    def _checked(self, cells: list[str] | csv.Error, lines: int) -> list[str] | str:
        over = f", over {lines} lines" if lines > 1 else ""
        if isinstance(cells, csv.Error):
            return f"no line of CSV ({cells}){over}"
        if len(cells) != len(self._names):
            return f"{len(cells)} fields, and the header names {len(self._names)}{over}"
        # As where one file was appended to another, perhaps with its byte order mark.
        again = [cells[0].lstrip("\ufeff"), *cells[1:]] == self._names
        return "the header again" if again else cells


def _unique(header: list[str]) -> list[str]:
    """Column names as pandas has them: one without a name by its place, a second one with `.1`."""
    names: list[str] = []
    for place, cell in enumerate(header):
        name = unicodedata.normalize("NFC", cell.lstrip("\ufeff")).strip() or f"Unnamed: {place}"
        again = sum(other == name or other.startswith(f"{name}.") for other in names)
        names.append(f"{name}.{again}" if name in names else name)
    return names
