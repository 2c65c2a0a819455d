"""choices: choices written inside a question -> a list; and choices in another order, with the key."""

from __future__ import annotations

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from koalign.data.prompting.renumber import renumbered
from koalign.records import Problem
from koalign.text.korean import CHOICE_MARKS, FULL_WIDTH, fold


class _Style(NamedTuple):
    pattern: re.Pattern[str]
    """A mark; its first group is the symbol."""
    symbols: str
    """The symbols in order."""


class _Mark(NamedTuple):
    number: int
    start: int
    end: int
    opens_line: bool
    in_date: bool
    """Whether it may be the month or day of `2019. 1. 1`."""


class _Run(NamedTuple):
    marks: list[_Mark]
    others: list[_Mark]
    """All marks of the same style, those of the run too."""
    certain: bool
    """Whether no other marks could be meant."""


_FREE = r"(?<![^\s?])"  # nothing glued before the mark but the end of the question
_DIGITS, _LETTERS, _JAMO = "123456789", "ABCDEFGHI", "ㄱㄴㄷㄹㅁㅂㅅㅇㅈ"
_ONE_CHARACTER = ["".join(chr(ord(first) + n) for n in range(9)) for first in "①➀❶➊⑴⒈⓵"]
_PLAIN_STYLES = [
    _Style(re.compile(_FREE + r"([1-9])\.(?!\d)"), _DIGITS),  # none in `3.1 운동`
    _Style(re.compile(_FREE + r"([1-9])\)"), _DIGITS),
    _Style(re.compile(r"(?<![\d.,·])([1-9]) *\t"), _DIGITS),
    _Style(re.compile(_FREE + r"([A-I])\.(?![A-Za-z])"), _LETTERS),
    _Style(re.compile(_FREE + r"([A-I])\)"), _LETTERS),
    _Style(re.compile(_FREE + r"([A-I]):"), _LETTERS),
]
_STYLES = [
    *(_Style(re.compile(f"([{symbols}])"), symbols) for symbols in _ONE_CHARACTER),
    *_PLAIN_STYLES,
    _Style(re.compile(_FREE + r"\(([1-9])\)"), _DIGITS),
    _Style(re.compile(_FREE + r"\(([A-I])\)"), _LETTERS),
]
_TEXT = re.compile(r"\S")
_DATE_BEFORE = re.compile(r"\d{4}\. ?(?:\d{1,2}\. ?)?$")
_JAMO_STYLE = _Style(re.compile(_FREE + rf"([{_JAMO}])[.)]"), _JAMO)


def split_choices(text: str) -> tuple[str, tuple[str, ...]] | None:
    r"""The stem and the choices of a question that holds both; none where that cannot be told.

    Choices are marked ①, ➀, ❶, `1.`, `1)`, `(1)`, `1` and a tab, `A.`, `A)`, `(A)`, `A:` or `ㄱ.`, one a
    line or several; 2 to 9 marks in sequence from the first. The last such list is taken; marks that
    stand inside the choices of another list are content, and ㄱ. marks a <보기> where there is any
    other list. Nothing is lost: what follows the last mark is the last choice. Two ways to read the
    same marks are none.
    """
    plain = text.translate(FULL_WIDTH)
    runs = [run for style in _STYLES if (run := _find_run(plain, style))]
    if not runs and (jamo := _find_run(plain, _JAMO_STYLE)):
        runs = [jamo]
    chosen: _Run | None = None
    for run in sorted(runs, key=lambda run: run.marks[0].start):
        if chosen is None or not _stands_inside(run, chosen):
            chosen = run
    if chosen is None or not chosen.certain:
        return None
    ends = [*(mark.start for mark in chosen.marks[1:]), len(text)]
    choices = [text[m.end : end].strip() for m, end in zip(chosen.marks, ends, strict=True)]
    return text[: chosen.marks[0].start].strip(), tuple(choices)


def _find_run(text: str, style: _Style) -> _Run | None:
    """The list of choices in one style; marks that begin a line count more than those within one."""
    marks: list[_Mark] = []
    line = 0
    for found in style.pattern.finditer(text):
        start, end = found.span()
        before = marks[-1].start if marks else 0
        line = max(line, text.rfind("\n", before, start) + 1)
        is_first = not marks or before < line
        marks.append(
            _Mark(
                style.symbols.index(found[1]) + 1,
                start,
                end,
                opens_line=is_first and not _has_text(text, line, start),
                in_date=_DATE_BEFORE.search(text[max(line, start - 12) : start]) is not None,
            )
        )
    line_marks = [mark for mark in marks if mark.opens_line]
    on_lines, anywhere = _last_run(text, line_marks), _last_run(text, marks)
    run, pool = (on_lines, line_marks) if len(on_lines) >= len(anywhere) else (anywhere, marks)
    return _Run(run, marks, _is_only_reading(text, run, pool)) if run else None


def _last_run(text: str, marks: list[_Mark]) -> list[_Mark]:
    """The last run 1, 2, 3, …; a shorter one after a longer counts only if it begins a line.

    `⑤ ①과 ②` ends in two marks that are no choices of their own.
    """
    by_number: dict[int, list[_Mark]] = defaultdict(list)
    for mark in marks:
        if not mark.in_date:
            by_number[mark.number].append(mark)
    end = len(text.rstrip())
    last: list[_Mark] = []
    for mark in by_number[1]:
        run = _run_from(text, mark, by_number)
        if run[-1].end >= end:  # an empty choice
            run.pop()
        if len(run) >= max(2, len(last)) or (len(run) >= 2 and mark.opens_line):
            last = run
    return last


def _run_from(text: str, first: _Mark, by_number: Mapping[int, Sequence[_Mark]]) -> list[_Mark]:
    """The first mark, then the next number each time, never leaving a choice empty."""
    run = [first]
    while marks := by_number.get(len(run) + 1):
        at = bisect(marks, run[-1].start, key=lambda mark: mark.start)
        # Of two of one number the second has the first before it, so the choice is not empty.
        near = marks[at : at + 2]
        mark = next((mark for mark in near if _has_text(text, run[-1].end, mark.start)), None)
        if mark is None:
            break
        run.append(mark)
    return run


def _has_text(text: str, start: int, end: int) -> bool:
    """Whether there is more than white space between two places."""
    return _TEXT.search(text, start, end) is not None


def _is_only_reading(text: str, run: list[_Mark], pool: list[_Mark]) -> bool:
    """Whether the run read from its end is the same, and no higher number follows it."""
    if any(mark.start > run[-1].start and mark.number > len(run) for mark in pool):
        return False
    backward: list[_Mark] = []
    end = len(text)
    for mark in reversed([m for m in pool if m.start > run[0].start and not m.in_date]):
        if mark.number == len(run) - len(backward) > 1 and _has_text(text, mark.end, end):
            backward.append(mark)
            end = mark.start
    return backward[::-1] == run[1:]


def _stands_inside(run: _Run, other: _Run) -> bool:
    first, last = other.marks[0].start, other.marks[-1].start
    return any(first < mark.start < last for mark in run.others)


_MARKS = "".join(CHOICE_MARKS)
_ALL_OR_NONE = re.compile(
    r"(?:위|이상|상기)(?:의|에)?\s*(?:보기\S*|(?:(?:보기|항|것|내용|설명|사항)\S*\s*)?(?:중\S*\s*)?"
    r"(?:모두|전부|다|정답|답|해당|없)\S*(?:\s*\S+)?)"
    r"|(?:보기\s*)?(?:모두|전부)(?:\s*다)?(?:\s*(?:정답|옳|맞|틀|해당|아니)\S*)*"
    r"|(?:정답|답|해당|옳은|맞는|보기)\S*(?:\s*\S+)?\s*없\S*"
    r"|(?:all|none) of the above"
)
_LONGEST = 100
"""Characters of a choice that speaks of all others; of a longer one it takes quadratic time to tell."""
_MENTION = re.compile(
    rf"[{_MARKS}]|(?<![\d.,])[1-9]\s*번(?=\s*(?:$|[,.~·)]|모두|또는|및|과|와|은|이|을|만))|\([1-9A-I]\)"
)
_BY_POSITION = re.compile(
    r"[1-9]\s*번\s*(?:선택지|선지|보기)|(?:선택지|선지|보기)\s*(?:\([1-9]\)|[1-9]번)"
    r"|(?:번째|마지막)\s*(?:선택지|선지|보기)"
)
_AMOUNT = re.compile(r"^-?\d[\d,]*(?:\.\d+)?|\d[\d,]*(?:\.\d+)?")
_DATE = re.compile(r"[#년월일세기.\s]+")


def order_dependent(problem: Problem) -> str | None:
    """Why the choices of a problem must stay in their order; none if they are free.

    They stay where the question, passage or box holds marks such as ① (they number its parts as the
    choices are numbered), where the question names a choice by its place, where a choice means all
    or none of the others (`위의 모두`, `정답 없음`) or names others (`①과 ②`, `1번과 3번`, `(A)와 (B)`
    unless the problem itself has an (A)), and where all choices are amounts or dates that rise or
    fall. Lists such as `ㄱ`, `ㄱ, ㄴ`, `ㄴ, ㄷ` are free: they name statements of the box, which stays.
    """
    shown = "\n".join((problem.passage, problem.box, problem.question))
    if found := re.search(f"[{_MARKS}]", shown):
        return f"the question holds {found[0]}, a mark like those of the choices"
    if found := _BY_POSITION.search(problem.question):
        return f"the question names a choice by its place: {found[0]!r}"
    choices = [fold(choice) for choice in problem.choices]
    plain = shown.translate(FULL_WIDTH).upper()
    for number, choice in enumerate(choices, start=1):
        if len(choice) <= _LONGEST and _ALL_OR_NONE.fullmatch(choice.rstrip(".")):
            return f"choice {number} speaks of all others: {choice!r}"
        mentions = (m[0] for m in _MENTION.finditer(choice.upper()))
        if missing := [mention for mention in mentions if mention not in plain]:
            return f"choice {number} names another choice: {missing[0]!r}"
    if _rise_or_fall(choices):
        return "the choices are amounts or dates in order"
    return None


def _rise_or_fall(choices: Sequence[str]) -> bool:
    amounts = [
        tuple(float(found.replace(",", "")) for found in _AMOUNT.findall(choice))
        for choice in choices
    ]
    frames = [_AMOUNT.sub("#", choice) for choice in choices]
    if not all(amounts) or (
        len(set(frames)) > 1 and not all(_DATE.fullmatch(frame) for frame in frames)
    ):
        return False
    steps = list(pairwise(amounts))
    return all(a < b for a, b in steps) or all(a > b for a, b in steps)


def permute(problem: Problem, order: Sequence[int]) -> Problem:
    """The problem with its choices in another order, its key and its rationale brought along.

    `order[i]` is the place, from 0, that the new choice i had. In the rationale every reference to a
    choice (`정답은 3번`, `③은`, `선택지 2`, `(2)`) gets its new number; years, counts and `2번째` stay.
    The identity is always allowed. Raises ValueError where there are no choices, `order` is no
    permutation of them, `order_dependent` gives a reason, or the rationale may name a choice in a way
    that cannot be told or moved (`1~3번`, `3번 이겼다`, a list `1. … 2. …`).
    """
    if problem.kind != "choice":
        raise ValueError(
            f"a problem of kind {problem.kind!r} has no choices to put in another order"
        )
    if sorted(order) != list(range(len(problem.choices))):
        raise ValueError(f"{list(order)} is no permutation of {len(problem.choices)} choices")
    if list(order) == sorted(order):
        return problem
    if reason := order_dependent(problem):
        raise ValueError(f"the choices must stay in their order: {reason}")
    if problem.rationales:
        raise ValueError("rationales by models stay with the order that they were written for")
    if any(_find_run(problem.rationale.translate(FULL_WIDTH), style) for style in _PLAIN_STYLES):
        raise ValueError("the rationale is a numbered list, whether of choices it does not say")
    new_number = {old + 1: new for new, old in enumerate(order, start=1)}
    return problem.model_copy(
        update={
            "choices": tuple(problem.choices[old] for old in order),
            "answers": tuple(str(new_number[int(answer)]) for answer in problem.answers),
            "rationale": renumbered(problem, new_number),
        }
    )


def gold_positions(problems: Iterable[Problem]) -> dict[int, dict[int, int]]:
    """Number of choices -> place of the gold answer, from 1 -> how often; every place is there.

    A problem with several right answers counts for each of them, one without any for none.
    """
    counts: dict[int, dict[int, int]] = {}
    for problem in problems:
        if problem.kind == "choice":
            places = range(1, len(problem.choices) + 1)
            counted = counts.setdefault(len(problem.choices), dict.fromkeys(places, 0))
            for answer in problem.answers:
                counted[int(answer)] += 1
    return dict(sorted(counts.items()))
