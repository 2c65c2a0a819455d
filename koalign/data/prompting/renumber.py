"""renumber: a rationale and new numbers of the choices -> the same words about the same choices."""

from __future__ import annotations

import re

from koalign.grading.extract import extract_numbers
from koalign.records import Problem
from koalign.text.korean import CHOICE_MARKS, FULL_WIDTH

_DIGITS, _LETTERS = "123456789", "ABCDEFGHI"
_MARKS = "".join(CHOICE_MARKS)
_NAMED = r"(?:[정오해]답|(?<![가-힣])답안?|번호|선택지|선지|보기|[Aa]nswer)(?:은|는| is)?[ *:]*"
_ALONE = r"(?<![0-9A-Za-z.,])"
_LABEL = "(?P<label>[1-9A-I])"
_END = r"\s*(?:$|[.,:](?!\d)|[;()\]*\"'”’。]|입니다|이다)"
_REFERENCE = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        f"(?P<label>[{_MARKS}])",
        rf"{_NAMED}{_LABEL}(?={_END}|번(?!째)|이|가(?!지)|은|는|을|를|과|와|임)",
        rf"(?<!총 )(?<!약 )(?<!모두 ){_ALONE}{_LABEL}\s*번"
        rf"(?={_END}|이(?!나(?!\s*[1-9]\s*번))|은|을|과|와|도|\s*(?:선택지|선지|보기|정답|또는|및))",
        rf"(?:(?<![\w)])|(?<=[은는답지기]))\({_LABEL}\)",
        rf"{_ALONE}{_LABEL}(?=[이가은는]\s*(?:정답|답|옳|맞|틀|적절))",
    )
]
"""What surely names a choice: `③`, `정답은 3`, `선택지 2`, `3번`, `(2)`, `3이 정답`; or with letters."""
_LOOKS_LIKE_REFERENCE = [
    re.compile(pattern)
    for pattern in (
        rf"{_NAMED}{_LABEL}(?![0-9A-Za-z]|[.,:·]\d|[년월일개명회세차대호배조항위]|가지|번째|번씩)",
        rf"(?<!총 ){_ALONE}{_LABEL}\s*번"
        r"(?!째|씩|\s*만에|에 걸|\s*(?:이상|이하|넘게|반복)|이나(?!\s*[1-9]\s*번))",
        rf"(?<![A-Za-z0-9])\({_LABEL}\)",
        rf"(?:[Oo]ption|[Cc]hoice)\s{_LABEL}\b",
    )
]
_LISTED = r"\s*(?:[,·/]|과|와|및|또는|이나)\s*"
_RANGE = r"\s*[-~∼〜–—]\s*"
_CANNOT_BE_MOVED = re.compile(
    rf"[{_MARKS}]{_RANGE}[{_MARKS}]|\([1-9A-I]\){_RANGE}\([1-9A-I]\)"
    rf"|(?<![\d.])[1-9A-I](?:(?:\s*번)?{_RANGE}|{_LISTED})[1-9A-I]\s*번(?!째)"
    rf"|{_NAMED}[1-9A-I]번?{_LISTED}[1-9A-I](?![\dA-Za-z.]|\s*번)"
    r"|(?:번째|마지막)\s*(?:선택지|선지|보기)|(?:첫|둘|셋|넷|다섯)째|(?:첫|두|세|네|다섯)\s*번째"
)
"""Ranges, numbers that share one 번 or one `정답`, and places."""
_LONE_LABEL = re.compile(
    r"(?<![0-9A-Za-z.,·])(?P<label>[1-9A-I])"
    r"(?=[\"'’”)\]]?\s?(?:이다|입니다|임|(?:이|가|은|는|을|를|에서|으로|로|과|와)\s))"
)
"""A digit or letter that stands like a noun: `옳은 것은 3이다`, `A와 B는 오답`."""


def renumbered(problem: Problem, new_number: dict[int, int]) -> str:
    """The problem's rationale with all references to choices replaced at once.

    Raises ValueError where it may name a choice in a way that cannot be told or moved.
    """
    if problem.rationale and len(new_number) > 9:
        raise ValueError("a rationale of more than 9 choices may name numbers of two digits")
    plain = problem.rationale.translate(FULL_WIDTH)
    own = (problem.passage, problem.box, problem.question, *problem.choices)
    shown = "\n".join(own).translate(FULL_WIDTH)
    if found := _CANNOT_BE_MOVED.search(plain):
        raise ValueError(f"the rationale names choices in a way that cannot be moved: {found[0]!r}")
    places = {match.start("label") for form in _REFERENCE for match in form.finditer(plain)}
    for form in _LOOKS_LIKE_REFERENCE:
        for match in form.finditer(plain):
            if match.start("label") not in places:
                raise ValueError(f"the rationale may name a choice or not: {match[0]!r}")
    moves: dict[str, int] = {}
    for label in sorted({plain[place] for place in places}):
        old = CHOICE_MARKS.get(label) or _DIGITS.find(label) + 1 or _LETTERS.find(label) + 1
        if old not in new_number:
            raise ValueError(f"the rationale names {label}, and that is no choice")
        in_question = (
            rf"\({label}\)|{label}번" if label in _DIGITS else rf"(?<![A-Z]){label}(?![A-Z])"
        )
        if re.search(in_question, shown):
            raise ValueError(f"the rationale and the question name {label}: which is meant?")
        moves[label] = new_number[old] - old
    characters = list(problem.rationale)
    for place in places:  # the marks of a family follow each other in Unicode
        characters[place] = chr(ord(characters[place]) + moves[plain[place]])
    moved = "".join(characters)
    for match in _LONE_LABEL.finditer(plain):
        label = match["label"]
        old = _DIGITS.find(label) + 1 or _LETTERS.find(label) + 1
        if match.start("label") not in places and old in new_number:
            raise ValueError(f"the rationale may name a choice or not: {match[0]!r}")
    before = [
        {new_number.get(n) for n in numbers} for numbers in extract_numbers(problem.rationale)
    ]
    if before != [set(numbers) for numbers in extract_numbers(moved)]:
        raise ValueError("the rationale states its answer in a way that cannot be moved")
    return moved
