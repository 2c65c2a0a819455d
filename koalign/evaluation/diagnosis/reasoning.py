"""reasoning: completion -> its reasoning, whose phrases it uses, whether it contradicts itself."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from koalign.grading.extract import extract_numbers
from koalign.grading.grade import FinishReason, grade
from koalign.grading.patterns import KEY
from koalign.grading.visible import visible_text
from koalign.records import Problem
from koalign.text.korean import CHOICE_MARKS, fold

if TYPE_CHECKING:
    import numpy as np

LETTERS = 13
"""Letters of a phrase, without spaces and punctuation: the unit of the leak guard. Words would not do:
josa and endings make of one Korean phrase many, and spacing varies."""
OPENING = 3
"""Words of an opening phrase."""

_THOUGHT_TAG = re.compile(r"</?(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)
_QUOTE = re.compile(r"고른 답: ?(.{1,300})\n정답:")
_HENCE = re.compile(r"(?:따라서|그러므로|그래서|결국|즉),? ")
_SENTENCE_ENDS = re.compile(r"(?:(?<=[다요]\.)|(?<=[?!])) |\n")
_DENIES = re.compile(r"않|아니|아닌|아님|없|틀[리린렸]|잘못|제외|오답|거리가 먼")
_ANSWER_FIELD = re.compile(r"(?i:.*(?:답|답변|답안|answer))")


def rationale_of(text: str) -> str:
    """What a completion says besides the answer: thoughts too, without the lines that state it.

    Of a JSON object the texts of its other fields. Empty where there is only an answer.
    """
    return _apart(text)[0]


def contradiction(problem: Problem, text: str, finish_reason: FinishReason) -> bool | None:
    """Whether reasoning and answer name different choices; none where either cannot be told.

    The reasoning names a choice by number or mark (`따라서 ③이 정답이다`), by quoting it as the default
    template does, or by a last `따라서 …` that holds the text of one choice and no denial. Precision over
    recall: where the problem has marks such as ① of its own, or no line of its own states the answer,
    nothing is said.
    """
    answer = grade(problem, text, finish_reason).answer
    if not problem.choices or answer is None:
        return None
    quoted = _quoted(problem, text)
    if quoted not in (None, answer):
        return True
    rationale, stands_apart = _apart(text)
    shown = problem.question + problem.passage + problem.box
    named = None
    if stands_apart and not any(mark in shown for mark in CHOICE_MARKS):
        named = grade(problem, rationale).answer or _concluded(problem, rationale)
    named = named or quoted
    return None if named is None else named != answer


def opening_of(rationale: str) -> str | None:
    """The first words, folded; none of a text with fewer."""
    words = fold(rationale).split()
    return " ".join(words[:OPENING]) if len(words) >= OPENING else None


def phrases_in(texts: Sequence[str]) -> np.ndarray:
    """The phrases of all texts together, as sorted hashes."""
    import numpy as np

    from koalign.text.ngrams import character_ngrams

    return np.sort(character_ngrams(texts, LETTERS).hashes)


def copied(text: str, prompt: str, phrases: np.ndarray) -> tuple[float | None, list[str]]:
    """The share of a text's phrases that are known and not in its prompt; and where they stand in it.

    Phrases that overlap are listed as one. The share of a text too short for a phrase is none.
    """
    import numpy as np

    from koalign.text.ngrams import character_ngrams

    folded = fold(text)
    places = [place for place, letter in enumerate(folded) if _is_letter(letter)]
    windows = list(_windows("".join(folded[place] for place in places)))
    if not windows:
        return None, []
    in_prompt = set(_windows("".join(filter(_is_letter, fold(prompt)))))
    hashes = character_ngrams(windows, LETTERS).hashes
    at = np.minimum(np.searchsorted(phrases, hashes), len(phrases) - 1)
    known = (phrases[at] == hashes) if len(phrases) else np.zeros(len(hashes), bool)
    marks = [bool(k) and w not in in_prompt for k, w in zip(known, windows, strict=True)]
    runs = []
    for is_copied, run in groupby(range(len(marks)), key=marks.__getitem__):
        if is_copied:
            numbers = list(run)
            runs.append(folded[places[numbers[0]] : places[numbers[-1] + LETTERS - 1] + 1])
    return sum(marks) / len(marks), runs


def _apart(text: str) -> tuple[str, bool]:
    """The reasoning, and whether an answer stood apart from it."""
    fields = _fields(text)
    if fields is not None:
        others = [v for k, v in fields.items() if not _ANSWER_FIELD.fullmatch(k)]
        return "\n".join(v for v in others if isinstance(v, str)), len(others) < len(fields)
    kept, stands_apart = [], False
    for line in (visible_text(_THOUGHT_TAG.sub("\n", text)) or "").split("\n"):
        if _states_answer(line):
            stands_apart = True
            line = " ".join(_SENTENCE_ENDS.split(line, maxsplit=1)[1:])
        kept.append(line)
    return "\n".join(filter(None, kept)), stands_apart


def _quoted(problem: Problem, text: str) -> str | None:
    """The number of the choice that is written out before it is numbered; none where it is no choice's."""
    quotes = _QUOTE.findall(visible_text(text) or "")
    return grade(problem, f"정답: {quotes[-1]}").answer if quotes else None


def _fields(text: str) -> dict[str, object] | None:
    """The JSON object that a completion is, in a code block or not."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or text[:start].strip("`json \n"):
        return None
    try:
        value = json.loads(text[start : end + 1], strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _states_answer(line: str) -> bool:
    hence = _HENCE.match(line)
    key = KEY.match(line[hence.end() :] if hence else line)
    if key is None:
        return False
    return bool(key["quote"] or key["sep"] or key["is"] or extract_numbers(line))


def _concluded(problem: Problem, rationale: str) -> str | None:
    """The number of the only choice whose text the last sentence, a `따라서 …`, holds."""
    sentences = [s for s in _SENTENCE_ENDS.split(rationale) if s.strip()]
    if not sentences or not _HENCE.match(sentences[-1]):
        return None
    if _DENIES.search(sentences[-1]) or _DENIES.search(problem.question):
        return None
    last = fold(sentences[-1])
    held = [
        number
        for number, choice in enumerate(map(fold, problem.choices), start=1)
        if len(choice) > 1
        and not choice.isdigit()
        and re.search(rf"(?<![0-9A-Za-z가-힣]){re.escape(choice)}", last)
    ]
    return str(held[0]) if len(held) == 1 else None


def _windows(letters: str) -> Iterator[str]:
    return (letters[start : start + LETTERS] for start in range(len(letters) - LETTERS + 1))


def _is_letter(character: str) -> bool:
    """As `character_ngrams` counts letters."""
    return unicodedata.category(character)[0] not in "PZC"
