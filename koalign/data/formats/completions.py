"""completions: a question and texts written for it -> a problem, or a ranking of the texts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Any

from koalign.data.formats.choice_lists import apart
from koalign.data.formats.fields import Refused, gold, texts
from koalign.records import Problem, Ranking

NAMES_ONE = 100
"""Letters of an answer that may only name a choice: of longer ones nothing is looked for."""
_ASKS_AGAIN = re.compile(
    r"(?:\n(?!(?:[-*] )?(?:[①-⑩]|\(?\w{1,2}(?:번|[).:]| -)))[^\n]{0,120}"
    r"(?:(?:고르|골라|선택하|답하|답변하|출력하|쓰|적)[^\n]{0,60}(?:시오|세요|라)[.!)\]]{0,2}"
    r"|(?:[Cc]hoose |[Ss]elect |[Aa]nswer with )[^\n]{0,60}))?"
    r"(?:\s{0,9}(?P<heading>#{1,4} ?)?(?:정답|답변?|[Aa]nswer) ?(?(heading)[:：]?|[:：]))?\s{0,9}\Z"
)
"""What stands below the choices of a prompt: `1, 2, 3, 4, 5 중에 하나를 고르세요.`, `정답:`."""
_PASSAGE, _QUESTION, _CHOICES = (
    re.compile(
        rf"{begin}(?:(?:#{{1,4}} ?)?(?:{words}) ?[:：]|#{{1,4}} ?(?:{words})(?=\s*$)"
        rf"|[\[<【](?:{words})[\]>】](?: ?[:：])?){end}",
        re.MULTILINE,
    )
    for begin, words, end in (
        ("^", "지문|제시문|본문|[Pp]assage", ""),
        ("^", "질문|문제|[Qq]uestion", ""),
        (r"\s{0,9}\n", "선택지|선지|보기|[Cc]hoices|[Oo]ptions", r"\Z"),
    )
)
"""Headings of the parts of a prompt: `지문:`, `### 지문`, `[지문]`."""


def open_problem(
    question: str, answer: str, *, below: str = "", key: str = "", subject: str = ""
) -> Problem:
    """A problem that is answered with a text; raises Refused where the answer repeats the question.

    Where choices end the question, and the answer only names one of them (`3`, `정답은 3번입니다.`), they
    are its choices, and what stands between `지문:` and `질문:` is its passage. `below`: what stands below
    the question and is a part of it, unless choices end the question: then it is the passage.
    """
    whole = "\n\n".join(part for part in (question, below) if part.strip())
    _say_something(whole, [answer])
    own = {"question": whole, "answers": (answer,), "kind": "long"}
    if len(answer) <= NAMES_ONE:
        for asked, passage in ((whole, ""), (question, below)):
            with contextlib.suppress(Refused):
                own = _with_choices(asked, answer, passage)
                break
    return Problem(**own, key=key, subject=subject)


def _with_choices(question: str, answer: str, passage: str) -> dict[str, Any]:
    """The fields of a problem whose question choices end, of which the answer names one; raises Refused."""
    asked, listed = apart(_ASKS_AGAIN.sub("", question), "question")
    choices = texts(listed, "question")
    named = gold(answer, choices)
    own, asked = _passage_apart(_CHOICES.sub("", asked))
    passage = "\n\n".join(filter(None, (own, passage.strip())))
    return {
        "question": asked, "passage": passage, "choices": choices, "answers": named, "kind": "choice",
    }  # fmt: skip


def _passage_apart(asked: str) -> tuple[str, str]:
    """The passage and the question of a prompt with a heading for each; else no passage."""
    passage = _PASSAGE.search(asked)
    questions = [*_QUESTION.finditer(asked, passage.end())] if passage else []
    if not passage or len(questions) != 1:
        return "", asked
    (question,) = questions
    parts = asked[: passage.start()].strip(), asked[question.end() :].strip()
    return asked[passage.end() : question.start()].strip(), "\n\n".join(filter(None, parts))


def ranking(problem: Problem, texts: Sequence[str]) -> Ranking:
    """The texts, the best first; raises Refused where one is empty, twice there, or the question.

    Somebody's preference makes no gold answer: the problem keeps the answers that it has.
    """
    if len(texts) < 2:
        raise Refused("nothing_to_rank", f"{len(texts)} texts, and a ranking needs 2")
    _say_something(problem.question, texts)
    for text in texts:
        if texts.count(text) > 1:
            raise Refused("same_text_twice", f"{text[:60]!r} has two ranks")
    return Ranking(problem=problem, texts=tuple(texts))


def _say_something(question: str, texts: Sequence[str]) -> None:
    for text in texts:
        if not text.strip():
            raise Refused("empty_completion", "a completion without text")
        if text.strip() == question.strip():
            raise Refused("answer_is_the_question", f"{text[:60]!r}")
