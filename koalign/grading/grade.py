"""grade: completion -> Verdict, by rule. An answer that cannot be read is no answer, never a guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic import field_validator

from koalign.grading.extract import extract_texts
from koalign.grading.keys import without_key
from koalign.grading.next_problem import stated
from koalign.grading.patterns import REMARK
from koalign.grading.visible import canonical, comparable, forms, unquoted, visible_text
from koalign.records import Problem, Record, Verdict, Why
from koalign.text.choices import with_twins
from koalign.text.korean import fold_width, strip_josa

FinishReason = Literal["stop", "length"]
NotAsked = Literal["unreadable", "not_asked"]
"""unreadable: the row is no problem; not_asked: the template or the context has no place for it."""

# How the default template writes a choice out before it numbers it (`정답: 3`).
_QUOTE, _NUMBER = "고른 답:", "\n정답:"

_NO_ANSWER = re.compile(
    "(?:(?:주어진)?(?:지문|본문|글)(?:에는|에서는?|에|으로는?)?)?"
    "(?:없음|(?:정?답이?없|(?:(?:정?답을)?(?:알|찾을)|(?:대?답|답변|확인)할)수없)(?:음|다|습니다)"
    "|(?:언급|제시)되지않았(?:음|다|습니다))|unanswerable|noanswer"
)
"""How a completion says that the passage holds no answer; compared without spaces."""

_OR = re.compile(r"\s(?:또는|혹은|or)\s")
_COMMA = re.compile(r",(?!\d)")
_TOPIC = re.compile("[은는] ")
_VALUE = re.compile(r"(?:[^,;=<>!≠\n]{1,100}=){1,9} ?([^,;=\n]{1,100})")


class GradeLine(Record):
    """A completion to grade, with its problem; `answer` may stand for its `answers`."""

    problem: Problem | None
    """None: a row that could not be read."""
    text: str
    finish_reason: FinishReason = "stop"
    key: str = ""
    """What the source of such a row calls it."""
    asked: bool = True
    """False: `koalign solve` did not ask the model."""
    detail: str = ""
    """Of a row that cannot be graded: the place, and what was found there."""

    @field_validator("problem", mode="before")
    @classmethod
    def _one_answer(cls, problem: Any) -> Any:
        if isinstance(problem, dict) and "answer" in problem and "answers" not in problem:
            rest = {name: value for name, value in problem.items() if name != "answer"}
            return {**rest, "answers": [problem["answer"]]}
        return problem


class Graded(Record):
    """One graded completion."""

    id: str
    """Id of the problem; empty: the row is none."""
    key: str = ""
    """What its source calls it."""
    answer: str | None
    correct: bool
    why: Why | NotAsked
    detail: str = ""
    """As in the line: of a row that cannot be graded, the place and what was found there."""


class Tally(Record):
    """How many of the lines that can be graded are right."""

    right: int
    n: int
    reasons: dict[str, int]
    """`why` -> lines, of those that count."""
    not_graded: dict[str, int]
    """Reason -> lines that do not count: unreadable, not_asked, no_gold; long: no rule verifies a text."""


def grade(problem: Problem, text: str, finish_reason: FinishReason = "stop") -> Verdict:
    """What the completion answers, and whether that is right. The last statement counts.

    A choice is a number from 1 to the number of choices; two offered together are ambiguous. A
    short answer is right when it equals an alternative of the gold (`만 6세#6세` holds two) folded,
    without final full stop and enclosing quotes; a span also with one josa more, and where the gold
    is the empty text, when it says that there is no answer. A long answer is right only when it
    equals the gold folded: no rule can verify it, and a mismatch says little.
    """
    golds = [part for gold in _golds(problem) for part in alternatives(gold)]
    seen = visible_text(text)
    if seen is None:
        offered: list[str] = []
    elif problem.kind == "choice":
        offered = _offered_numbers(problem, text, ended=finish_reason == "stop")
    elif not seen and "" in golds and finish_reason == "stop":
        offered = [""]
    else:
        offered = _offered_texts(problem, text, golds)
    if not offered:
        why = "truncated" if finish_reason == "length" else "no_answer"
        return Verdict(answer=None, correct=False, why=why)
    if len(offered) > 1:
        return Verdict(answer=None, correct=False, why="ambiguous")
    answer = offered[0]
    if not golds:
        return Verdict(answer=answer, correct=False, why="no_gold")
    correct = _is_gold(answer, golds, lenient=problem.kind == "span")
    return Verdict(answer=answer, correct=correct, why="match" if correct else "mismatch")


def regrade(lines: Iterable[GradeLine]) -> Iterator[Graded]:
    """The verdict on each line, in order."""
    for line in lines:
        problem, answer, correct = line.problem, None, False
        why: Why | NotAsked
        if problem is None or not line.asked:
            why = "not_asked" if problem else "unreadable"
        else:
            verdict = grade(problem, line.text, line.finish_reason)
            answer, correct = verdict.answer, verdict.correct
            why = verdict.why if problem.answers else "no_gold"
        yield Graded(
            id=problem.id if problem else "",
            key=problem.key if problem else line.key,
            answer=answer,
            correct=correct,
            why=why,
            detail=line.detail,
        )


def tally(lines: Sequence[GradeLine], graded: Sequence[Graded]) -> Tally:
    """The sum of the verdicts on lines."""
    reasons, not_graded = Counter[str](), Counter[str]()
    for line, verdict in zip(lines, graded, strict=True):
        if verdict.why in ("unreadable", "not_asked", "no_gold"):
            not_graded[verdict.why] += 1
        elif line.problem and line.problem.kind == "long":
            not_graded["long"] += 1
        else:
            reasons[verdict.why] += 1
    return Tally(
        right=reasons["match"],
        n=reasons.total(),
        reasons=dict(sorted(reasons.items())),
        not_graded=dict(sorted(not_graded.items())),
    )


def quotes_its_choice(problem: Problem, text: str) -> bool:
    """Whether the choice that the completion writes out, if it does, is the one that it numbers.

    A right number under another choice's text is no example to learn from.
    """
    seen = visible_text(text) or ""
    offered = _offered_numbers(problem, text) if problem.choices else []
    _, quote, rest = seen.rpartition(_QUOTE)
    if not quote or len(offered) != 1:
        return True
    quoted = rest.partition(_NUMBER)[0] if _NUMBER in rest else rest.partition("\n")[0]
    return comparable(quoted) == comparable(problem.choices[int(offered[0]) - 1])


def _offered_numbers(problem: Problem, text: str, *, ended: bool = True) -> list[str]:
    statements = stated(text, problem.choices, question=problem.question, concluding=ended)
    numbers = sorted(set(statements[-1])) if statements else []
    if len(numbers) == 1 and not 1 <= numbers[0] <= len(problem.choices):
        return []
    size = len(problem.choices)
    texts = {fold_width(problem.choices[n - 1]) if 1 <= n <= size else n for n in numbers}
    if len(texts) == 1:  # two choices that say the same
        numbers = numbers[:1]
    return [str(number) for number in numbers]


def _offered_texts(problem: Problem, text: str, golds: Sequence[str]) -> list[str]:
    """The distinct answers of the last statement; the one that is right, if it is.

    A long answer is the whole text. `또는` joins alternatives, and so does a comma where no gold
    holds one; all of them right is one right answer.
    """
    seen = visible_text(text) or ""
    if problem.kind == "long":
        return [without_key(seen)] if seen else []
    lenient = problem.kind == "span"
    statements = extract_texts(text)
    if not statements:
        return []
    readings = _readings(statements[-1], problem.question)
    for reading in readings:
        if _is_gold(reading, golds, lenient=lenient):
            return [reading]
    parts = [unquoted(part) for part in _OR.split(readings[-1])]
    if golds and not any("," in gold for gold in golds):
        parts = [unquoted(piece) for part in parts for piece in _COMMA.split(part)]
    distinct = list({comparable(part): part for part in parts if part}.values())
    if len(distinct) > 1 and all(_is_gold(part, golds, lenient=lenient) for part in distinct):
        return distinct[:1]
    return distinct


def _readings(phrase: str, question: str) -> list[str]:
    """A phrase, and what it comes to: without `입니다`, a topic of the question, `x =` and a remark."""
    found = [*forms(phrase)]
    phrase, asks = found[-1], canonical(comparable(question))
    for topic in _TOPIC.finditer(phrase, 1, 103):  # 불리는 물질은 …
        said = re.escape(canonical(comparable(phrase[: topic.start()])))
        if re.search(f"{said}(?:[을를은는이가]|\\Z)", asks):
            found.append(unquoted(phrase[topic.end() :]))
    if (value := _VALUE.fullmatch(found[-1])) and not _OR.search(found[-1]):
        found.append(unquoted(value[1]))
    start = found[-1].rfind("(")
    name = found[-1][:start].rstrip() if start > 0 else ""
    remark = REMARK.fullmatch(found[-1], start) if name else None
    is_name = re.search(r"[^\W\d_]", name)  # 경주(慶州), ATP(아데노신 삼인산); not 3(만)
    if is_name and remark and re.search("[가-힣]", name[-1] + remark[0]):
        found.append(unquoted(name))
    return found


def _golds(problem: Problem) -> tuple[str, ...]:
    """The gold answers; of a choice problem also what says the same as a right choice."""
    return with_twins(problem.choices, problem.answers) if problem.choices else problem.answers


def alternatives(gold: str) -> list[str]:
    """`만 6세#여섯 살` -> both; `C#` is one."""
    parts = [part.strip() for part in gold.split("#")]
    return parts if all(parts) else [gold]


def _is_gold(answer: str, golds: Sequence[str], *, lenient: bool) -> bool:
    compared = comparable(answer)
    for gold in map(comparable, golds):
        if compared == gold or (lenient and gold and strip_josa(compared, gold) == gold):
            return True
        if not gold and _NO_ANSWER.fullmatch(compared.replace(" ", "")):
            return True
    return False
