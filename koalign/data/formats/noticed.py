"""noticed: the problems of one file -> what people should know of them as a whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from koalign.data.formats.marred import MEANS, MOSTLY, marred
from koalign.data.formats.shared_passages import speaks_of_a_text
from koalign.naming import counted
from koalign.records import Drop, Problem, Ranking
from koalign.text.visible import shown

_SHOWN = re.compile(r"<[iI][mM][gG]\b|!\[[^\]\n]{0,100}\]\(")
_PICTURE = re.compile(
    rf"{_SHOWN.pattern}|\.(?:png|PNG|jpe?g|JPE?G|gif|GIF|bmp|BMP|svg|webp)\b"
    r"|(?:다음|위|아래|오른쪽|왼쪽)의? ?(?:그림|사진|그래프|도표)|[(\[<](?:그림|사진|이미지)[)\]>]"
)
"""In a question also the name of a file, and words; a passage may hold these without a picture."""
_BOX = re.compile(r"[<〈《\[「]\s?보\s?기\s?[>〉》\]」]")
_AMONG = re.compile(" ?(?:중|가운데|에서)")
_MARK = re.compile("[ㄱ-ㅎ㉠-㉭ⓐ-ⓩ]|(?<![가-힣])[가나다라마바](?![가-힣])")
"""Behind `<보기>`: one of these is asked for; in a choice: it names one of a box."""
_LACKING = {
    "passage": (
        "passage",
        "one that belongs to several rows must stand in each, or `columns` say `blank_passage: above`",
    ),
    "choices": ("choices", "these are questions without choices"),
    "neither": (
        "choices and no answer",
        "if such a row is the passage of those below it, move it into a column 지문; if it goes on with "
        "the row above, join them",
    ),
}
"""What only some rows of a table lack -> its name, and what that means."""


FEW = 10
"""Rows are few where there are so many times as many in all."""


class Noticed:
    """Counts of what is true of problems, and the place of the first of each."""

    def __init__(self, *, in_csv: bool) -> None:
        self._in_csv = in_csv
        self._counts = Counter[str]()
        self._first: dict[str, str] = {}

    def see(self, record: Problem | Ranking | Drop, place: str) -> None:
        """One row more."""
        if isinstance(record, Problem):
            for what in _true_of(record):
                self._counts[what] += 1
                self._first.setdefault(what, place)
            found = marred(record, in_csv=self._in_csv)
            for what, example in {what: (what, text) for what, text in found}.values():
                self._counts[what] += 1
                self._first.setdefault(what, f"{place} {shown(example)!r}")

    @property
    def last_choices(self) -> int:
        """Problems whose last choice is right."""
        return self._counts["last"]

    def doubt(self) -> str:
        """Why passages may stand elsewhere, where a table has none; empty where few questions want one."""
        wanting, problems = self._counts["text"], self._counts["problems"]
        if FEW * wanting < problems or not wanting or self._counts["passage"] < problems:
            return ""
        return (
            f"questions that speak of a text, and there is none: {wanting:,} of {problems:,}, the first "
            f"{self._first['text']}"
        )

    def notes(self, *, is_table: bool, in_one_cell: bool) -> Iterator[str]:
        """What to say; of a table also what only some of its rows lack.

        `in_one_cell`: all choices of a row were, so that a line end in one of them makes it two.
        """
        count, all_of_them = self._counts, self._counts["problems"]
        for what, (name, meaning) in _LACKING.items():
            if is_table and 0 < count[what] < all_of_them:
                yield f"no {name} in {count[what]} of {all_of_them} rows: {meaning}"
        if texts := count["text"]:
            first = self._first["text"]
            yield f"questions that speak of a text, and have none: {texts:,}, the first {first}"
        if boxes := count["no_box"]:
            first = self._first["no_box"]
            yield f"questions that speak of <보기>, and have none: {boxes:,}, the first {first}"
        if (moved := count["text for number"]) and 2 * moved < count["number"]:
            first = self._first["text for number"]
            yield f"no number, but a text in its place: {moved} of {all_of_them} rows, the first {first}"
        for what, means in MEANS.items():
            if (marks := count[what]) and (what not in MOSTLY or 2 * marks > all_of_them > 2):
                yield f"{means}: {counted(marks, 'problem')}, the first {self._first[what]}"
        numbers = {name: rows for name, rows in count.items() if name.isdecimal()}
        usual = max(numbers, key=lambda number: numbers[number], default="0")
        fewer = [number for number in numbers if 0 < int(number) < int(usual)]
        if (
            is_table
            and fewer
            and FEW * (rows := sum(map(numbers.__getitem__, fewer))) <= all_of_them
        ):
            first = self._first[fewer[0]]
            yield f"fewer than {usual} choices: {rows:,} of {all_of_them} rows, the first {first}"
        if in_one_cell:
            more = [number for number in numbers if int(number) > int(usual)]
            if more and 2 * (rows := sum(numbers[number] for number in more)) < all_of_them:
                first = self._first[more[0]]
                yield f"more than {usual} choices: {rows:,} of {all_of_them} rows, the first {first}"
        if pictures := count["picture"]:
            several = counted(pictures, "problem")
            yield f"pictures are not read: {several} with one, the first {self._first['picture']}"


def _true_of(problem: Problem) -> Iterator[str]:
    yield "problems"
    yield str(len(problem.choices))
    if not problem.passage:
        yield "passage"
        if not problem.box and speaks_of_a_text(problem.question):
            yield "text"
    _, *below = _BOX.split(problem.question)  # twice: `<보기>에 맞는 것은? <보기> 물은 …`
    in_question = len(below) > 1 or any("\n" in part or "ㄱ" in part for part in below)
    names_parts = not problem.choices or any(map(_MARK.search, problem.choices))
    are_choices = not names_parts and all(map(_AMONG.match, below))
    if below and not (in_question or are_choices or problem.box or "보기" in problem.passage):
        yield "no_box"
    if problem.key.isdecimal():
        yield "number"
    elif " " in problem.key:
        yield "text for number"
    if not problem.choices:
        yield "choices" if problem.answers else "neither"
    if problem.kind == "choice" and str(len(problem.choices)) in problem.answers:
        yield "last"
    asked, given = (problem.question, *problem.choices), (problem.passage, problem.box)
    if any(map(_PICTURE.search, asked)) or any(map(_SHOWN.search, given)):
        yield "picture"
