"""grading: completion -> Verdict, by rule. An answer that cannot be read is wrong, never a guess."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from koalign.data.prompts import TARGET_CHOICE
from koalign.records import Problem, Verdict

CIRCLED = {c: str(n) for marks in ("①②③④⑤", "➀➁➂➃➄", "❶❷❸❹❺") for n, c in enumerate(marks, start=1)}

_NUMBER = r"[(\[*\s]*([1-9](?!\d|[.,]\d|\s*[년월일개명회세차])|[①-⑤➀-➄❶-❺])[)\]*]*\s*번?"
_STATED = re.compile(rf"(?:정답|답)\s*(?:은|:)?\s*{_NUMBER}")
_SUBJECT = re.compile(rf"{_NUMBER}\s*(?:이|가)\s*(?:정답|옳)")
_DENIED = re.compile(r"\s*(?:이|가)?\s*아니")
_CORRECTED = re.compile(rf"\s*(?:이|가)?\s*아니(?:라|고),?\s*{_NUMBER}")
_OR = re.compile(rf"\s*(?:또는|이나|혹은|,)\s*{_NUMBER}")
_QUOTED = re.compile(re.escape(TARGET_CHOICE.partition("{choice}")[0]) + r"([^\n]*)")
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


def grade(
    problem: Problem, text: str, finish_reason: Literal["stop", "length"] = "stop"
) -> Verdict:
    """What the completion answers, and whether that is right; the last stated answer counts."""
    stated = stated_numbers(text) if problem.choices else stated_text(text)
    answer = stated[-1] if stated else None
    if len(set(stated)) > 1 and _says_or(text):
        return Verdict(answer=None, correct=False, why="ambiguous")
    if answer is None or (problem.choices and int(answer) > len(problem.choices)):
        why: Literal["truncated", "no_answer"] = (
            "truncated" if finish_reason == "length" else "no_answer"
        )
        return Verdict(answer=None, correct=False, why=why)
    if not problem.answers:
        return Verdict(answer=answer, correct=False, why="no_gold")
    right = {comparable(gold) for gold in problem.answers}
    correct = comparable(answer) in right
    return Verdict(answer=answer, correct=correct, why="match" if correct else "mismatch")


def stated_numbers(text: str) -> list[str]:
    """The choice numbers that a completion states as its answer, in order, as "1" to "9"."""
    text = _readable(text)
    found = []
    for match in sorted(
        [*_STATED.finditer(text), *_SUBJECT.finditer(text)], key=lambda m: m.start()
    ):
        if corrected := _CORRECTED.match(text, match.end()):
            found.append(corrected[1])
        elif not _DENIED.match(text, match.end()):
            found.append(match[1])
            if other := _OR.match(text, match.end()):
                found.append(other[1])
    return [CIRCLED.get(mark, mark) for mark in found]


def stated_text(text: str) -> list[str]:
    """The free-text answers that a completion states: what follows `정답:` on its line."""
    text = _readable(text)
    return [m[1].strip() for m in re.finditer(r"정답\s*:\s*(\S[^\n]*)", text)]


def comparable(answer: str) -> str:
    """An answer folded for comparison only: NFC, lower case, single spaces, no final full stop."""
    return " ".join(unicodedata.normalize("NFC", answer).lower().split()).rstrip(".")


def quotes_its_choice(problem: Problem, text: str) -> bool:
    """Whether the choice that the completion writes out, if it does, is the one that it numbers.

    A right number under another choice's text is luck: no example to learn from.
    """
    quoted = _QUOTED.findall(text)
    numbers = stated_numbers(text)
    if not quoted or not numbers:
        return True
    number = int(numbers[-1])
    return number <= len(problem.choices) and (
        comparable(quoted[-1]) == comparable(problem.choices[number - 1])
    )


def _readable(text: str) -> str:
    """Without the thoughts, full-width digits and colons folded."""
    folded = _THOUGHT.sub("", text)
    return "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else c for c in folded)


def _says_or(text: str) -> bool:
    text = _readable(text)
    matches = [*_STATED.finditer(text)]
    return bool(matches) and _OR.match(text, matches[-1].end()) is not None
