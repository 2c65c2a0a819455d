"""shared_passages: a passage that a table writes once -> in each row that it belongs to, or it is asked.

    지문,문제,…
    세종은 …,훈민정음이 반포된 해는?,…
    ,윗글의 내용과 같은 것은?,…

A mark such as 〃 is the passage above, and where a column `passage_id` is the same in rows of one
passage, an empty one is theirs. An empty cell may be that or none: where a question speaks of a
text, or a row holds a passage alone, `blank_passage` of `columns` has to say which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from koalign.data.formats.documents import Row
from koalign.data.formats.drops import drop
from koalign.data.formats.fields import is_missing
from koalign.data.formats.format import Columns, choice_columns
from koalign.naming import counted
from koalign.records import Drop
from koalign.text.korean import fold

BLANK = ("above", "none")
"""What an empty passage may mean: the one above it, or none."""
_NONE = (
    "-", "없음", "해당 없음", "해당없음", "지문 없음", "지문없음", "해설 없음",
    "n/a", "na", "none", "null", r"\n",
)  # fmt: skip
LONGEST = 100
"""Letters of a question that holds no passage itself, and of what is no passage."""
_DITTO = re.compile(
    r"[〃″\"'‘’“”]{1,2}|(?:위|앞|바로 ?위)(?:와|의)? ?(?:지문|글)?(?:과|와)? ?(?:같음|동일|동일함)"
    r"|상동|동상|동일|위 ?지문|위 ?글|윗 ?글|같은 ?(?:지문|글)|same(?: as above)?|ditto"
)
_ELSEWHERE = re.compile(
    r"(?:제 ?)?[0-9]{1,3} ?번?(?: ?문제| ?문항)?(?:의|과)? ?(?:지문|글|자료)(?:과|와)?"
    r"(?: ?(?:같음|동일|참조|참고))?"
    r"|(?:지문|글|본문|자료)? ?생략|[^\n]{1,60}\.(?:txt|hwpx?|docx?|pdf|png|jpe?g|mp3)"
    r"|(?:지문|글|자료) ?[0-9]{1,3}(?: ?번)?(?: ?(?:참조|참고))?|(?:별지|첨부|뒷면) ?(?:참조|참고)"
)
_SPEAKS_OF_ONE = re.compile(
    r"윗 ?글|위의? ?(?:글|지문|시)[은는이가을를의에과와 ]|앞의? ?글|제시문|이 ?글[은을의에]"
)


_MARK = re.compile(r"[㉠-㉭ⓐ-ⓩ]|\([가-라]\)|\[[A-E]\]")


def speaks_of_a_text(question: Any) -> bool:
    """Whether a question asks of a text that stands elsewhere: `윗글의 내용과 …`, not on lines above it."""
    return (
        isinstance(question, str)
        and len(question) <= LONGEST
        and _SPEAKS_OF_ONE.search(question.strip().partition("\n")[0]) is not None
    )


def _asks_of_a_mark(question: Any, passage: str) -> bool:
    """Whether a question names a mark once that a passage shows: `㉠의 뜻은?`, `(가)에 들어갈 말은?`."""
    marks = _MARK.findall(question[: LONGEST + 1]) if isinstance(question, str) else []
    return len(marks) == len({*marks}) > 0 and all(mark in passage for mark in marks)


def says_none(text: str) -> bool:
    """Whether a passage or a box says that there is none: `-`, `없음`."""
    return len(text) <= LONGEST and fold(text).strip("()[]<>. ") in _NONE


def has_one_passage(passage: str, group: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the rows of each group have one passage, which the first has and others leave out."""
    of_group: dict[Any, set[str]] = {}
    if not any(is_missing(row.get(passage)) for row in rows):
        return False
    for row in rows:
        cell = row.get(passage)
        if is_missing(row.get(group)) or (is_missing(cell) and row[group] not in of_group):
            return False
        of_group.setdefault(row[group], set()).update([] if is_missing(cell) else [str(cell)])
    return bool(passage) and all(len(texts) == 1 for texts in of_group.values())


class SharedPassages:
    """The rows of one table, in order; afterwards what was read from above and what is in doubt."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._name = str(columns.get("passage", ""))
        self._question = str(columns.get("question", ""))
        self._group = str(columns.get("passage_id", ""))
        self._others = (self._question, *choice_columns(columns), str(columns.get("answer", "")))
        self._from_above = self._skipped = 0
        self._alone: list[str] = []
        self._wanting: list[str] = []

    def in_each(self, rows: Iterator[Row | Drop]) -> Iterator[Row | Drop]:
        """The rows, each with its passage; one that holds only a passage is none where that is said."""
        if not self._name:
            yield from rows
            return
        above = alone = ""
        of_group: dict[Any, str] = {}
        for row in rows:
            if isinstance(row, Drop):
                yield row
                continue
            group = row.fields.get(self._group)
            cell = row.fields.get(self._name)
            is_short = isinstance(cell, str) and len(cell) <= LONGEST
            written = fold(str(cell)).strip("()[]<>. ") if is_short else ""
            is_ditto = _DITTO.fullmatch(written) is not None
            if _ELSEWHERE.fullmatch(written) or (is_ditto and not above):
                yield self._refused(row, str(cell))
            elif is_missing(cell) and group in of_group and self._means != "none":
                self._from_above += 1
                yield replace(row, fields={**row.fields, self._name: of_group[group]})
            elif is_ditto or (is_missing(cell) and self._means == "above" and above):
                self._from_above += 1
                yield replace(row, fields={**row.fields, self._name: above})
            elif says_none(str(cell)):
                above = alone = ""
                yield replace(row, fields={**row.fields, self._name: ""})
            elif is_missing(cell):
                if alone:
                    self._alone.append(alone)
                question = row.fields.get(self._question)
                if above and (speaks_of_a_text(question) or _asks_of_a_mark(question, above)):
                    self._wanting.append(row.place)
                alone = ""
                yield row
            else:
                above = str(cell)
                if not is_missing(group):
                    of_group[group] = above
                is_alone = all(is_missing(row.fields.get(other)) for other in self._others)
                alone = row.place if is_alone else ""
                if is_alone and self._means == "above":
                    self._skipped += 1
                else:
                    yield row

    @property
    def _means(self) -> Any:
        return self._columns.get("blank_passage")

    def _refused(self, row: Row, cell: str) -> Drop:
        key = str(row.fields.get(str(self._columns.get("key", "")), ""))
        detail = f"{self._name}: {cell!r} stands for a text elsewhere; write the text"
        return drop(row.place, "passage_elsewhere", detail, key)

    @property
    def note(self) -> str:
        """What was read from a row above."""
        if not self._from_above:
            return ""
        alone = f", of {counted(self._skipped, 'row')} that hold it alone" * bool(self._skipped)
        return f"passages read from a row above: {self._from_above:,}{alone}"

    @property
    def doubt(self) -> str:
        """Why `blank_passage` has to be said; empty where it is, or where nothing is in doubt."""
        if self._means:
            return ""
        if self._alone:
            return (
                f"rows that hold a passage alone: {len(self._alone):,}, the first {self._alone[0]}"
            )
        if self._wanting:
            return (
                f"questions that speak of a text, and whose passage is empty: {len(self._wanting):,}, "
                f"the first {self._wanting[0]}"
            )
        return ""
