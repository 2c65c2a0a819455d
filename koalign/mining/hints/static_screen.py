"""static_screen: a problem and a hint -> why its text tells the answer, if it does."""

from __future__ import annotations

import re

import numpy as np

from koalign.grading import patterns as patterns
from koalign.grading.extract import extract_numbers, extract_texts
from koalign.grading.visible import comparable_choice, visible_text
from koalign.mining.hints.statements import SYMBOLS, judges_a_statement
from koalign.records import Problem
from koalign.text.korean import CHOICE_MARKS, fold, strip_josa
from koalign.text.ngrams import character_ngrams

QUOTED = 13
"""Letters in a row that a hint may not share with the explanation of the answer."""
_LOOSE = 6
"""Names of at least so many letters are compared without spaces and punctuation."""

_CHOICE = re.compile(
    rf"[{''.join(CHOICE_MARKS)}]|(?<!\d)[1-9]\s*번(?![째지길])|(?<![A-Za-z])[A-J]\s*번"
    r"|(?:(?<!\d)[1-9]|첫|두|세|네|다섯|마지막)\s*(?:번째\s*)?(?:선택지|선지|문항|항목|보기)"
    r"|(?:선택지|선지|옵션)\s*\(?(?:[1-9]|[A-Ja-j])(?![\dA-Za-z])"
    r"|(?<![\dA-Za-z])(?:[1-9]|[A-J])\s?[을를]\s(?:고르|고른|고릅|골라|선택|택한|택하)"
    r"|정답(?:은|\s?[:=→])|(?<![가-힣])답\s?[:=→]"
)
"""What names a choice by its place, or announces the answer."""

_LIST_MARK = re.compile(r"(?m)^\(?\d{1,2}[.)]\s+(?=\S)")
_AFTER_A_NAME = re.compile(
    r"이(?:다|며|고|므로|라고|라서|에요|야|니까|어야|지만)|입니다|임|인|하고|뿐|처럼|보다|이랑"
    r"|(?:에|에서|에게|으로|로|과|와|만|까지|부터)(?:는|도|만|의)"
)
"""Endings of a name besides one josa: copulas, and two josa."""

_STATEMENTS = re.compile(rf"[{SYMBOLS}](?:[\s,·/와과및]*[{SYMBOLS}])*(?:\s*모두)?")


def static_refusal(
    problem: Problem, text: str, *, min_characters: int, max_characters: int
) -> str | None:
    """Why a hint is refused without asking any model; none if it passes."""
    if len(text.strip()) < min_characters:
        return "too_short"
    if len(text) > max_characters:
        return "too_long"
    if _states_the_answer(problem, text):
        return "states_the_answer"
    if judges_a_statement(problem, visible_text(text) or text):
        return "judges_a_statement"
    if _names_an_option(problem, text):
        return "contains_an_option"
    if _quotes_the_explanation(problem, text):
        return "quotes_the_explanation"
    return None


def _states_the_answer(problem: Problem, text: str) -> bool:
    """Whether it names a choice by number or letter, or says after `답은` what may be the answer."""
    seen = visible_text(text) or text
    if extract_numbers(text, problem.choices) or _CHOICE.search(seen):
        return True
    keyed = extract_texts(text) if patterns.KEY.search(seen) else []
    secrets = [secret for secret in map(_caseless, _secrets(problem)) if secret]
    return any(
        _caseless(phrase).startswith(secret) or _is_named(secret, _caseless(phrase))
        for phrase in keyed
        for secret in secrets
    )


def _names_an_option(problem: Problem, text: str) -> bool:
    """Whether it says an option, or a gold answer, that the question itself does not name, or of the
    options the right one alone."""
    seen = visible_text(text) or text
    if (sets := _statement_sets(problem)) is not None:
        every = frozenset().union(*sets)
        named = frozenset(seen) & every
        gold = [sets[int(answer) - 1] for answer in problem.answers]
        # Naming ㄱ and ㄷ tells nothing, unless exactly these are right.
        return named != every and named in gold
    hint, question = _caseless(_LIST_MARK.sub("", seen)), _caseless(problem.question)
    secrets = [_caseless(secret) for secret in _secrets(problem)]
    numbers = [number for number, secret in enumerate(secrets, 1) if _is_named(secret, hint)]
    if any(not _is_named(secrets[number - 1], question) for number in numbers):
        return True
    return bool(problem.choices and numbers) and {*map(str, numbers)} == {*problem.answers}


def _caseless(text: str) -> str:
    return fold(comparable_choice(text))


def _secrets(problem: Problem) -> list[str]:
    """What a hint may not say: every option, since those left unsaid tell as much, or the gold answers."""
    if problem.choices:
        return list(problem.choices)
    return [part for answer in problem.answers for part in (answer, *answer.split("#"))]


def _statement_sets(problem: Problem) -> list[frozenset[str]] | None:
    """The statements that each choice lists, where all choices are lists such as `ㄱ, ㄷ`; else none."""
    if not problem.choices or not all(
        _STATEMENTS.fullmatch(choice.strip()) for choice in problem.choices
    ):
        return None
    return [frozenset(re.findall(f"[{SYMBOLS}]", choice)) for choice in problem.choices]


def _is_named(secret: str, text: str) -> bool:
    """Whether a folded text says a folded option.

    A longer one anywhere, but no number inside a number; of two letters where a word begins with
    them; a single letter only as a word of its own, with josa or copula: `물은` names 물, `물건` does not.
    """
    if not secret:
        return False
    if len(secret) > 2 or re.search(r"\W", secret):
        before = r"(?<![a-z0-9.])" if secret[0].isascii() and secret[0].isalnum() else ""
        after = r"(?![a-z0-9])" if secret[-1].isascii() and secret[-1].isalnum() else ""
        if re.search(before + re.escape(secret) + after, text):
            return True
        letters = _letters(secret)
        return len(letters) >= _LOOSE and letters in _letters(text)
    words = re.findall(r"\w+", text)
    if len(secret) == 2 and not secret.isascii():
        return any(word.startswith(secret) for word in words)
    return any(_is_name(word, secret) for word in words)


def _is_name(word: str, secret: str) -> bool:
    rest = word.removeprefix(secret)
    return word.startswith(secret) and (
        not rest or strip_josa(word, secret) == secret or bool(_AFTER_A_NAME.fullmatch(rest))
    )


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def _quotes_the_explanation(problem: Problem, text: str) -> bool:
    """Whether it shares QUOTED letters in a row with a rationale, or a long gold answer, that the
    solver does not read anyway."""
    explanations = [problem.rationale, *(rationale.text for rationale in problem.rationales)]
    explanations += problem.answers if problem.kind == "long" else ()
    if not any(explanations):
        return False
    shown = (problem.question, problem.passage, problem.box, *problem.choices)
    grams = character_ngrams([text, "\n".join(explanations), "\n".join(shown)], QUOTED)
    return bool(len(np.setdiff1d(np.intersect1d(grams[0], grams[1]), grams[2])))
