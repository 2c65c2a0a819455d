"""tidy: a problem as its file writes it -> without what a prompt adds itself, and with both right twins.

- Choices that carry their own numbers (`1. CO2`, `(B) 부산`, `③ 대구`, `(가) 나`) lose them, all or none of
  a list: in another order the prompt would show `1. 2. NaCl`.
- A box loses its heading `<보기>`.
- A choice that says what a right one says is right too.
"""

from __future__ import annotations

import re

from koalign.records import Problem
from koalign.text.choices import unnumbered, with_twins

_HEADING = re.compile(
    r"\s*(?:[<〈《\[［＜「【(]\s*보\s*기\s*[>〉》\]］＞」】)]\s*[:：]?(?=[\sㄱ-ㅎ㉠-㉻①-⑳ⓐ-ⓩ(●○•◦▪·-]|\Z)"
    r"|보\s*기\s*(?:[:：]|\n))\s*"
)
"""Not of `<보기>에서 …`, which goes on."""


def tidy(problem: Problem) -> Problem:
    """The same problem with these three put right; itself where there is nothing to do."""
    shown = f"{problem.passage}\n{problem.box}\n{problem.question}"
    choices = unnumbered(problem.choices, shown)
    box = problem.box
    if heading := _HEADING.match(box):
        box = box[heading.end() :]
    answers = with_twins(choices, problem.answers) if choices else problem.answers
    if (choices, box, answers) == (problem.choices, problem.box, problem.answers):
        return problem
    return problem.model_copy(update={"choices": choices, "box": box, "answers": answers})
