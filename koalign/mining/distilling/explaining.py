"""explaining: a problem -> the calls to a teacher for its rationale; a rationale -> whether it was told."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from koalign.data.prompting.choices import permute
from koalign.data.prompting.orders import choice_orders
from koalign.data.prompting.prompts import Renderer, Template, load_template
from koalign.mining.distilling.teacher_calls import Call, calls_of
from koalign.records import Problem
from koalign.text.korean import fold

Language = Literal["korean", "mixed"]

REASONING = "reasoning"
"""The template of the prompts to a teacher, and of the training examples with its rationales."""

_INSTRUCTIONS = {
    "korean": "다음 시험 문제를 푸시오. 풀이는 한국어로 쓰고, 정답은 마지막 줄에 한 번만 쓰시오.",
    "mixed": "Solve the exam problem below. Reason step by step in English, but keep the Korean terms, "
    "names and quotations of the problem in Hangul and do not translate them. State the answer once, on "
    "the last line, exactly in the form that the problem asks for.",
}
_TOLD = {
    "korean": "정답은 {answer}이다. 왜 그런지 문제의 내용만으로 처음부터 풀이하고, 정답을 미리 알았다는 "
    "말은 쓰지 마시오.",
    "mixed": "정답: {answer}. Show why from the problem alone, from the beginning, and never mention "
    "that you knew the answer.",
}

_KEY = r"(?:정답|해답|답(?!변|하|장))"
_GIVEN = re.compile(
    "|".join(
        (
            rf"(?:주어진|제시된|알려진|제공된|밝혀진)(?: 바와 같이)? ?{_KEY}",
            rf"{_KEY}[이은을도]? ?[^.\n]{{0,40}}?(?:라고|으로|로) (?:이미 |미리 )?(?:주어|제시|알려|제공)",
            rf"{_KEY}[이은도] (?:이미 |미리 )?(?:주어|제시되|알려|제공되)",
            rf"{_KEY}[을은]? ?(?:이미|미리) (?:알|받)",
            r"(?:실마리|힌트)(?:에 따르|에 의하|에 나온|에서|대로)|(?:주어진|제시된) ?(?:실마리|힌트)",
            r"\b(?:given|provided|supplied|known) (?:correct )?(?:answer|solution)\b",
            r"\b(?:answer|solution),?(?: \S+){0,4} (?:was|is|has been) (?:already )?(?:given|provided)\b",
            r"\b(?:given|told|know|knew) (?:that )?(?:the )?(?:correct )?answer\b",
            r"\b(?:according to|from|per) the (?:given )?(?:hint|clue)\b",
        )
    )
)
"""Phrases that say that the answer was given; matched against folded text."""


def ask_for_rationale(
    problem: Problem, language: Language, n: int, *, told: bool = False
) -> list[Call]:
    """`n` draws of one prompt that asks for a solution ending in the answer.

    The gold answer stands in it only if `told`.
    """
    hint = _TOLD[language].format(answer=_gold(problem)) if told else ""
    prompt = Renderer(_asking(language)).render(problem, "answer", hint=hint)
    return calls_of(prompt, n, "told_rationale" if told else "rationale")


def ask_by_rationale(problem: Problem, n: int) -> list[Call]:
    """`n` draws of one prompt that shows the problem and its rationale, and asks for the answer alone."""
    prompt = Renderer(load_template("direct")).render(problem, "answer", hint=problem.rationale)
    return calls_of(prompt, n, "judged_rationale")


def says_it_was_told(rationale: str) -> bool:
    """Whether a rationale mentions that its answer was given: `주어진 정답`, `the given answer`."""
    return _GIVEN.search(fold(rationale)) is not None


def in_another_order(problem: Problem, seed: int) -> Problem:
    """The problem and its rationale with the choices in another order.

    Unchanged where there are no choices or their order is fixed. Raises ValueError where the rationale
    names a choice in a way that cannot be renumbered.
    """
    (orders,) = choice_orders([problem], 2, seed)
    return permute(problem, orders[1]) if len(orders) > 1 else problem


@cache
def _asking(language: Language) -> Template:
    """The template behind the instructions: not every model takes a system turn."""
    template = load_template(REASONING)
    text = f"{_INSTRUCTIONS[language]}\n\n{template.prompt}"
    return template.model_copy(update={"prompt": text})


def _gold(problem: Problem) -> str:
    answer = problem.answers[0]
    return f"{answer}번({problem.choices[int(answer) - 1]})" if problem.choices else f"‘{answer}’"
