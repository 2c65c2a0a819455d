"""kinds: problems without choices -> short, long or to judge, by their answers, and what to know of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from statistics import median
from typing import Any

from koalign.data.formats.fields import as_text
from koalign.data.formats.nested_choices import text_of
from koalign.grading.grade import alternatives
from koalign.naming import counted
from koalign.records import FreeKind, Problem
from koalign.text.korean import fold
from koalign.text.visible import shown

_HEADING = re.compile(r"\A(?:정답|답)\s?[:：]\s*+(?=\S)")
"""What may stand before a short answer, and is none of it."""
LONG = 40
"""Letters: where the median answer of a file has more, its answers are texts, which no rule verifies.
A rule of thumb: of KorQuAD 1.0 (dev) 99 % of the answers have at most 17, and the longest has 43."""
_SEVERAL = re.compile(r"\s/\s|,\s|(?<=[가-힣]);|;\s|(?<=[가-힣])\||\s(?:또는|혹은|or)\s")
"""What stands between two accepted answers, or between the parts of one."""
_MEANS: dict[FreeKind, str] = {
    "short": "right if equal to the gold",
    "long": "measured by ROUGE-L; pairs need rankings",
}


_OF_TWO = (
    ("O", "X"), ("참", "거짓"), ("맞음", "틀림"), ("맞다", "틀리다"), ("옳다", "그르다"),
    ("그렇다", "아니다"), ("그렇다", "그렇지 않다"), ("예", "아니요"), ("예", "아니오"),
    ("네", "아니요"), ("네", "아니오"), ("true", "false"), ("T", "F"), ("yes", "no"), ("Y", "N"),
)  # fmt: skip
"""The two answers to a statement to judge."""
_KNOWN = frozenset(fold(answer) for pair in _OF_TWO for answer in pair)
_MARKS = str.maketrans("○◯〇⭕ㅇ×✕✖❌", "OOOOOXXXX")
_WHY = re.compile(r"(?s:(?:\s*[(\[,:/\n]|\s[-–→]|\.\s)\s*(?P<why>[^\s].*?)[)\]]?\s*\Z)")
"""What explains an answer beside it: `X (고래는 포유류이다)`."""
LONGEST_JUDGED = 300
"""Letters of a judgement with what explains it."""
FEW = 2
"""Of a file's answers without choices at least one in so many is one of two: then these are choices."""


def open_answers(value: Any) -> tuple[str, ...]:
    """The right texts of a problem without choices: of a list each, of an object its one text.

    `true` of JSON is one too: of a statement to judge. `정답:` before a text is none of it.
    """
    parts = [text_of(part) for part in (value if isinstance(value, list) else [value])]
    return tuple(
        str(p).lower() if isinstance(p, bool) else _HEADING.sub("", as_text(p, "answer"))
        for p in parts
    )


def two_choices(problems: Iterable[Problem]) -> tuple[str, ...]:
    """The two answers to statements to judge, where enough of the problems have them; else none."""
    given, count = Counter[str](), 0
    for problem in problems:
        count += 1
        given[_judged(problem)] += 1
    for first, second in _OF_TWO:
        yes, no = given[fold(first)], given[fold(second)]
        if yes and no and FEW * (yes + no) >= count:
            return first, second
    return ()


def with_choices(problem: Problem, choices: tuple[str, ...]) -> Problem:
    """A statement to judge as a problem with these choices; another one itself."""
    folded = [*map(fold, choices)]
    if _judged(problem) not in folded:
        return problem
    why = _WHY.search(problem.answers[0])
    told = why["why"].strip() if why and fold(why["why"]) not in _KNOWN else ""
    new = {"kind": "choice", "choices": choices, "rationale": problem.rationale or told}
    answers = (str(folded.index(_judged(problem)) + 1),)
    return problem.model_copy(update={**new, "answers": answers})


def _judged(problem: Problem) -> str:
    """The one answer, if it may be to a statement: `O` of `○`, of full width, and of `O (맞음)`."""
    if len(problem.answers) != 1 or len(problem.answers[0]) > LONGEST_JUDGED:
        return ""
    answer = fold(_WHY.sub("", problem.answers[0]).translate(_MARKS)).strip(" .")
    return answer if answer in _KNOWN else ""


def guess_kind(problems: Iterable[Problem]) -> tuple[FreeKind, str] | None:
    """The kind, and what people should know of it; none where no problem has an answer."""
    lengths = [_length(problem) for problem in problems if problem.answers]
    if not lengths:
        return None
    middle = round(median(lengths))
    kind: FreeKind = "long" if middle > LONG else "short"
    texts = 0 if kind == "long" else sum(length > LONG for length in lengths)
    longer = f"; {texts:,} of more than {LONG} are long: {_MEANS['long']}" if texts else ""
    return kind, (
        f"answers without choices have {counted(middle, 'letter')} (median), so they are {kind}: "
        f"{_MEANS[kind]}{longer}. `kind` of the source says otherwise"
    )


def kind_beside(problem: Problem, kind: FreeKind) -> FreeKind:
    """The kind of a problem of a file whose answers are mostly of another: a text is no short answer."""
    return "long" if problem.answers and _length(problem) > LONG else kind


def _length(problem: Problem) -> int:
    """Letters of the longest alternative of the first answer."""
    return max(map(len, alternatives(problem.answers[0])))


def with_kind(problem: Problem, kind: FreeKind) -> Problem:
    """The problem as one of this kind; a short answer `서울#서울특별시` is two, each of them right."""
    answers = problem.answers
    if kind == "short":
        parts = (part for answer in answers for part in alternatives(answer))
        answers = tuple(dict.fromkeys(parts))
    return problem.model_copy(update={"kind": kind, "answers": answers})


def several_in_one(problems: Iterable[Problem]) -> str | None:
    """What people should know of short answers that may hold several; none where no answer does."""
    found = [
        answer
        for problem in problems
        if problem.kind == "short"
        for answer in problem.answers
        if _SEVERAL.search(answer)
    ]
    if not found:
        return None
    both = "#".join(part.strip() for part in _SEVERAL.split(found[0]))
    return (
        f"{counted(len(found), 'short answer')} such as {shown(found[0])!r} may hold several, and each is "
        f"read as one; where any of them is right write {shown(both)!r}"
    )
