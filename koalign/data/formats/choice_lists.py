"""choice_lists: the choices that one cell holds -> a list: of a list, its text, marks, lines, labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from koalign.data.formats.column_names import BOX_OR_CHOICES, holds_choices, word
from koalign.data.formats.fields import LETTERS, Refused, as_list, is_missing, wrong_type
from koalign.data.formats.literals import literal
from koalign.text.choices import out_of_order

_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩"
_FIRST_LABEL = re.compile(r"(\(?)([1Aa가ㄱ])(\)|번[.)]?|\.(?![0-9])|(?<=A):| -(?= ))\s*+(?=\S)")
_FIRST = re.compile(
    r"①|(?:^|(?<=\s))(?:\(?[1Aa]\)|1번|[1A]\.(?![0-9])|^A:|^[1A] -(?= ))(?=\s*+\S)", re.MULTILINE
)
"""Where choices may begin that a question precedes."""
_BREAK = re.compile(r"(?<![①-⑩).\s])\s{0,9}<br\s{0,3}/?>\s{0,9}", re.IGNORECASE)
"""Not what is itself a choice: `① <br> ② <p>`."""
_ANSWER_BELOW = re.compile(
    r"\n[ \t]{0,9}(?:#{2,4}[ \t][^\n]{0,40}"
    r"|[\[(<【*-]?[ \t]{0,3}(?:정\s?답|답|해설|풀이|[Aa]nswer|[Ee]xplanation)"
    rf"[ \t]{{0,3}}(?:[\])>】:：][^\n]{{0,40}}|[{_CIRCLED}0-9]))"
)
"""What is no choice, on a line below them."""
_GAP = re.compile(r"\n[ \t]*+\n\s*")
_PART_BELOW = re.compile(
    r"(?:\n[ \t]{0,9}[\[(<【*-]?[ \t]{0,3}(?P<below>정\s?답|답|해설|풀이)"
    r"|[ \t][\[(<【]?(?P<beside>정답|해설|풀이))"
    rf"[ \t]{{0,3}}(?:[\])>】]?[ \t]{{0,3}}[:：]|[\])>】]|(?=[{_CIRCLED}0-9]))[ \t]{{0,3}}"
)
"""What begins the answer, and what explains it, below a question."""
LONGEST_GOLD = 80
"""Letters of such an answer."""
GOLD, EXPLAINED = "정답 (문제 칸)", "해설 (문제 칸)"
"""Fields that these are put into."""
_WEAK = (":", " -")
SPEAKERS = 3
"""So many of `A: … B: …` may be people who talk, and of `1 - …` a calculation; more are choices."""
MOST_TRIED = 20
"""Places from the end of a cell where they may: each is read to the end of the cell."""
MOST_BELOW = 3
"""Headings from the end of a cell of which one may stand below its choices."""
_SERIES = {
    series[0]: series
    for series in (
        [str(number) for number in range(1, 100)],
        LETTERS,
        LETTERS.lower(),
        "가나다라마바사아자차",
        "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊ",
    )
}


def listed(value: Any, name: str) -> Sequence[Any]:
    """The choices that one cell holds: a list, its text, `① … ② …`, `1) … 2) …`, one a line, between `|`.

    Or three and more between ` / `. A list may be written as numpy does, without commas.

    Raises Refused for anything else.
    """
    if is_missing(value):
        return ()
    if isinstance(value, dict):
        return labelled(value, name)
    if not isinstance(value, str):
        return as_list(value, name)
    written = _BREAK.sub("\n", value).strip()
    _refuse_answer(written, name)
    above, below = _text_above(written, name)
    if "\n" not in above and holds_choices(above):
        return below
    if written.startswith(("[", "('", '("', "array([")):
        return as_list(literal(written, name), name)
    if written.startswith("{") and isinstance(parsed := literal(written, name), dict):
        return labelled(parsed, name)
    if above:
        detail = f"{name}: {above[-40:]!r} stands above them; move it into the question"
        raise Refused("text_above_choices", detail)
    if marked := _marked(written):
        return _without_text_below(marked, name)
    for between, least in (("\n", 1), ("|", 1), (" / ", 3)):
        parts = [part.strip() for part in written.split(between) if part.strip()]
        if between in written and len(parts) >= least:
            return parts
    raise wrong_type(name, "a list", value)


def _text_above(written: str, name: str) -> tuple[str, Sequence[str]]:
    """What stands above the marked choices of a cell, such as `<보기>`, and these; both empty without.

    Nothing does where each line or part is a choice: `역 1번 출구`, `역 2번 출구`.
    """
    try:
        above, choices = apart(written, name)
    except Refused:
        return "", ()
    is_line = re.match(r"\s*\n", written[len(above) :])
    in_parts = not all(re.fullmatch(r"[^\n|]+", choice) for choice in choices)
    if (in_parts and not is_line) or _FIRST.match(above) or out_of_order(written.split("\n")):
        return "", ()
    return above, choices


def apart(value: Any, name: str) -> tuple[str, Sequence[str]]:
    """The question and the choices of a cell that holds both, the choices marked: `물은? ① … ② …`.

    Raises Refused where no choices end it.
    """
    written = _BREAK.sub("\n", value).strip() if isinstance(value, str) else ""
    for first in reversed([*_FIRST.finditer(written)][-MOST_TRIED:]):
        if choices := _marked(written[first.start() :]):
            _refuse_answer(written[first.start() :], name)
            return written[: first.start()].strip(), _without_text_below(choices, name)
    raise Refused("no_choices", f"{name}: no choices such as `① … ② …` end it")


def answer_apart(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A row whose question goes on with its answer, `물은? ① … ② … 정답: ②`, with both apart.

    What explains it may come first where choices stand before it: `다음 풀이: …` is of the question.
    """
    value = fields.get(name)
    written = _BREAK.sub("\n", value).strip() if isinstance(value, str) else ""
    marks = [*_PART_BELOW.finditer(written)]
    explains_first = bool(marks) and not _is_gold(marks[0])
    if explains_first and not ends_in_choices(written[: marks[0].start()].strip()):
        marks = [mark for mark in marks if _is_gold(mark)]
    asked = written[: marks[0].start()].strip() if marks else ""
    if not asked or (explains_first and not ends_in_choices(asked)):
        return {**fields}
    gold, explained = list[str](), list[str]()
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(written)], strict=True):
        text = written[mark.end() : end].strip()
        if not _is_gold(mark):
            explained.append(text)
            continue
        if mark[0].strip()[0] in "[(<【" and mark[0].strip()[-1] not in "])>】":
            text = re.sub(r"[\])>】](?=\n|\Z)", "", text, count=1)
        first, _, more = text.partition("\n")
        gold.append(first.strip())
        explained.append(more.strip())
    if len(gold) != 1 or not 0 < len(gold[0]) <= LONGEST_GOLD:
        return {**fields}
    why = "\n".join(filter(None, explained))
    return {**fields, name: asked, GOLD: gold[0], EXPLAINED: why}


def _is_gold(mark: re.Match[str]) -> bool:
    """Whether a part begins with `정답` or `답`, and not with what explains it."""
    return (mark["below"] or mark["beside"]).endswith("답")


def _refuse_answer(choices: str, name: str) -> None:
    """Raises Refused where the answer goes on below choices, as a part of the last one."""
    if answer := _ANSWER_BELOW.search(choices):
        detail = (
            f"{name}: {answer[0].strip()!r} stands below them; move it into a column of its own"
        )
        raise Refused("answer_in_choices", detail)


def ends_in_choices(value: Any) -> bool:
    """Whether a cell holds a question and its choices."""
    try:
        return bool(apart(value, "")[0])
    except Refused:
        return False


def _marked(text: str) -> list[str]:
    parts = re.split(f"[{_CIRCLED}]", text)
    marks = "".join(re.findall(f"[{_CIRCLED}]", text))
    if len(marks) > 1 and not parts[0] and _CIRCLED.startswith(marks):
        return _without_commas([part.strip() for part in parts[1:]])
    return _without_commas(_behind_labels(text))


def _without_commas(choices: list[str]) -> list[str]:
    """Choices without the comma, or another sign, that stands behind each of them but the last."""
    ends = {choice[-1:] for choice in choices[:-1]}
    if len(ends) != 1 or not ends <= {",", ";", "/", "|"} or choices[-1].endswith((*ends,)):
        return choices
    return [*(choice[:-1].rstrip() for choice in choices[:-1]), choices[-1]]


def _behind_labels(text: str) -> list[str]:
    """The choices behind labels that count up, with these; none where a label is there twice.

    They may be on one line, and a choice on several: `1) … 2) …`. Hangul labels begin a line, for a box
    has such on one, and so do `A:` and `1 -`, which lose their labels: `- 2` is a number, too.
    """
    first = _FIRST_LABEL.match(text)
    if first is None:
        return []
    before, series, after = first[1], _SERIES[first[2]], first[3]
    starts: list[int] = []
    for symbol in series:
        ahead = "^" if symbol >= "ㄱ" or after in _WEAK else r"(?:^|(?<=\s))"
        label = re.escape(f"{before}{symbol}{after}") + (r"(?![0-9])" if after == "." else "")
        found = [match.start() for match in re.finditer(f"{ahead}{label}", text, re.MULTILINE)]
        if not found:
            break
        if len(found) > 1 or found < starts[-1:]:
            return []
        starts += found
    if len(starts) <= (SPEAKERS if after in _WEAK else 1):
        return []
    ends = [*starts[1:], len(text)]
    parts = [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    rests = [part.partition(after)[2].strip() for part in parts]
    if after not in _WEAK or len({*rests}) < len(rests):
        return [] if after == " -" else parts
    are_numbers = after == " -" and all(rest.isdecimal() for rest in rests)  # `1 - 10`, `2 - 20`
    return [] if are_numbers else rests


def labelled(value: dict[str, Any], name: str) -> Sequence[Any]:
    """The choices of `{"text": […], "label": ["A", …]}` or `{"A": …, "B": …}`, if the labels count up."""
    two = {*value} == {"text", "label"}
    names = as_list(value["label"], name) if two else [*value]
    choices = as_list(value["text"], name) if two else [*value.values()]
    in_order = [str(label).upper() for label in names]
    if in_order not in ([*LETTERS[: len(choices)]], [str(n + 1) for n in range(len(choices))]):
        raise Refused("labels_out_of_order", f"{name}: {', '.join(in_order)[:60]}")
    return choices


def _without_text_below(choices: Sequence[str], name: str) -> Sequence[str]:
    """The choices; raises Refused where a blank line is in the last one alone, and so a text below it."""
    if _GAP.search(choices[-1]) and not any(map(_GAP.search, choices[:-1])):
        below = _GAP.split(choices[-1])[1]
        raise Refused(
            "text_below_choices", f"{name}: {below[:40]!r} stands below them; take it out"
        )
    return choices


def below_choices(value: Any) -> str:
    """The answer, or what asks for it, below the choices that end a cell; empty without."""
    written = _BREAK.sub("\n", value) if isinstance(value, str) else ""
    for below in [*_ANSWER_BELOW.finditer(written)][-MOST_BELOW:]:
        if ends_in_choices(written[: below.start()]):
            return below[0].strip()
    return ""


def no_boxes(
    lists: Sequence[str], questions: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> list[str]:
    """The columns that may hold the choices: not 보기 beside another, or where questions end in others."""
    boxes = [name for name in lists if word(name) == BOX_OR_CHOICES]
    if len(boxes) < len(lists):
        return [name for name in lists if name not in boxes]
    others = Counter[str]()
    for row in rows:
        ends = [apart(row[q], q)[1] for q in questions if ends_in_choices(row.get(q))]
        others.update(
            n for n in boxes if is_list(row.get(n)) and ends not in ([], [listed(row[n], n)])
        )
    return [name for name in boxes if 2 * others[name] <= len(rows)]


def is_list(value: Any) -> bool:
    """Whether a cell holds several choices, as `listed` reads them."""
    try:
        return len(listed(value, "")) > 1
    except Refused:
        return False
