"""set_passages: `[1~3] 다음 글을 읽고 물음에 답하시오.` above its problems -> a passage in each of them.

    번호,문제,보기1,…,정답
    ,[1~3] 다음 글을 읽고 물음에 답하시오. 세종은 …,,…,
    1,윗글의 내용과 같은 것은?,가,…,2

The range says which rows the text belongs to: those of these numbers, and where rows have none the next
ones, as many. Rows of text alone below such a row go on with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from koalign.data.formats.choice_lists import ends_in_choices
from koalign.data.formats.documents import Row
from koalign.data.formats.drops import drop
from koalign.data.formats.fields import is_missing
from koalign.data.formats.format import Columns, choice_columns
from koalign.naming import counted
from koalign.records import Drop

MOST = 20
"""Problems of one passage."""
LOOKED_AT = 200
"""Letters at the beginning of a text in which a range is looked for."""
_NUMBERS = r"0?([0-9]{1,3})\s*번?\s*(?:[~∼～〜\-–—]|부터)\s*0?([0-9]{1,3})\s*번?\s*(?:까지)?"
_BRACKETED = rf"[\[［〔【(<〈]\s*(?:문제?|문항)?\s*{_NUMBERS}\s*[\])］〕】)>〉]"
_RANGE = re.compile(rf"{_BRACKETED}|(?<![0-9.]){_NUMBERS}(?<=[번지])")
_DASH = re.compile("[~∼～〜\\-–—]|부터")
_KEY = re.compile(rf"\s*(?:{_BRACKETED}|{_NUMBERS})\s*")
_ASKS = re.compile(
    r"[^\n]{0,100}?(?:답하|대답하|푸|풀)(?:시오|십시오|세요|라|여라|어라)[.\s)]*+|"
    r"[^\n]{0,100}?answer the (?:following )?questions?[.:\s]*+",
    re.IGNORECASE,
)
"""The sentence that such a text begins with."""
_SIGNS = " \n\t※*#◆■▶○●□:"


@dataclass(frozen=True)
class Set:
    """What a text says of the problems that it is of."""

    first: int
    last: int
    text: str
    """Without the range and the sentence that asks."""
    asks: bool

    @property
    def size(self) -> int:
        """How many problems."""
        return self.last - self.first + 1


def set_of(text: object, key: object = "") -> Set | None:
    """The range that a text begins with, or that its key is: `[1~3] 다음 글을 읽고 물음에 답하시오.`"""
    written = text if isinstance(text, str) else ""
    if not _DASH.search(f"{str(key)[:LOOKED_AT]} {written[:LOOKED_AT]}"):  # the pattern is slow
        return None
    by_key = _KEY.fullmatch(str(key)[:LOOKED_AT])
    found = by_key or _RANGE.search(written[:LOOKED_AT])
    if not found:
        return None
    before = "" if by_key else written[: found.start()].strip(_SIGNS)
    rest = f"{before} {written if by_key else written[found.end() :]}".strip(_SIGNS)
    asks = _ASKS.match(rest)
    first, last = (int(number) for number in found.groups() if number)
    if not first < last < first + MOST or (before and not asks):
        return None
    return Set(first, last, rest[asks.end() if asks else 0 :].strip(_SIGNS), asks is not None)


class SetPassages:
    """The rows of one table, in order; afterwards what was read from a row above."""

    def __init__(self, columns: Columns) -> None:
        self._question, self._passage, self._key, self._answer = (
            str(columns.get(name, "")) for name in ("question", "passage", "key", "answer")
        )
        choices = choice_columns(columns)
        self._own = [name for name in (*choices, self._answer) if name not in ("", self._question)]
        self._in_question = self._question in choices
        self._filled = 0

    def in_each(self, rows: Iterator[Row | Drop]) -> Iterator[Row | Drop]:
        """The rows, each with the passage that a row above says is its; that row is no problem."""
        if not self._own and not self._in_question:
            yield from rows
            return
        heads: list[Row] = []
        """Above the next problem: a row with a range, and those that go on with it."""
        of: Set | None = None
        left, passage, elsewhere = 0, "", ""
        for row in rows:
            if isinstance(row, Drop):
                yield row
                continue
            cell = set_of(row.fields.get(self._passage))
            text = self._only_text(row)
            found = set_of(text or row.fields.get(self._question), row.fields.get(self._key))
            if found and text:
                yield from heads
                heads, of, left, passage, elsewhere = [row], found, found.size, found.text, ""
            elif heads and text:
                heads.append(row)
                passage = f"{passage}\n{text}".strip()
            elif cell and cell.asks and cell.text:  # beside the first of them
                yield from heads
                heads, of, left, passage, elsewhere = [], cell, cell.size - 1, cell.text, ""
                yield self._with(replace(row, fields={**row.fields, self._passage: ""}), passage)
            elif of and left and self._is_of(of, row):
                heads, left = [], left - 1
                yield self._refused(row, elsewhere) if elsewhere else self._with(row, passage)
            else:
                yield from heads
                heads, left = [], 0
                if found and found.asks:  # a problem that begins with the text of those below it
                    of, left, elsewhere = found, found.size - 1, row.place
                yield row
            if heads and text and not is_missing(row.fields.get(self._passage)):
                passage = f"{passage}\n{row.fields[self._passage]}".strip()
        yield from heads

    def _only_text(self, row: Row) -> str:
        """The text of a row without a number, choices and an answer: its question, or its one cell."""
        filled = [name for name, cell in row.fields.items() if not is_missing(cell)]
        name = filled[0] if len(filled) == 1 else self._question
        text = row.fields.get(name)
        is_problem = self._number(row) and (not self._answer or name == self._key)
        if is_problem or not isinstance(text, str) or any(own in filled for own in self._own):
            return ""
        return "" if self._in_question and ends_in_choices(text) else text

    def _number(self, row: Row) -> int:
        """What a row calls itself; 0 without a number."""
        key = re.fullmatch(
            r"\D{0,5}([0-9]{1,3})(?:\.0)?\D{0,2}", str(row.fields.get(self._key, ""))
        )
        return int(key[1]) if key else 0

    def _is_of(self, one: Set, row: Row) -> bool:
        return one.first <= (self._number(row) or one.first) <= one.last

    def _with(self, row: Row, passage: str) -> Row:
        if not passage or not is_missing(row.fields.get(self._passage)):
            return row
        self._filled += 1
        fields = {**row.fields, self._passage: passage} if self._passage else row.fields
        return replace(row, fields=fields, passage=passage)

    def _refused(self, row: Row, place: str) -> Row | Drop:
        if not is_missing(row.fields.get(self._passage)):
            return row
        return drop(
            row.place,
            "passage_elsewhere",
            f"the question at {place} begins with the text of several; move it into a column 지문",
            str(row.fields.get(self._key, "")),
        )

    @property
    def note(self) -> str:
        """What was read from a row above."""
        if not self._filled:
            return ""
        problems = counted(self._filled, "problem")
        return f"passages of rows such as `[1~3] …` are read in the problems that they name: {problems}"
