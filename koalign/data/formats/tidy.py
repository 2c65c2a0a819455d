"""tidy: a problem as its file writes it -> without what a prompt adds itself, and with both right twins.

- Choices that carry their own numbers (`1. CO2`, `(B) 부산`, `③ 대구`, `(가) 나`) lose them, all or none of
  a list: in another order the prompt would show `1. 2. NaCl`.
- A question loses the choices that it repeats: in another order the prompt would show two.
- A box loses its heading `<보기>`.
- A passage, a box or a rationale that only says that there is none (`없음`, `None`) is none.
- A choice that says what a right one says is right too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from koalign.data.formats.choice_lists import apart
from koalign.data.formats.fields import Refused
from koalign.data.formats.shared_passages import says_none
from koalign.records import Problem
from koalign.text.choices import unnumbered, with_twins
from koalign.text.korean import fold_width

_HEADING = re.compile(
    r"\s*(?:[<〈《\[［＜「【(]\s*보\s*기\s*[>〉》\]］＞」】)]\s*[:：]?(?=[\sㄱ-ㅎ㉠-㉻①-⑳ⓐ-ⓩ(●○•◦▪·-]|\Z)"
    r"|보\s*기\s*(?:[:：]|\n))\s*"
)
"""Not of `<보기>에서 …`, which goes on."""


def tidy(problem: Problem) -> Problem:
    """The same problem with these put right; itself where there is nothing to do."""
    shown = f"{problem.passage}\n{problem.box}\n{problem.question}"
    choices = unnumbered(problem.choices, shown)
    passage = "" if says_none(problem.passage) else problem.passage
    box = "" if says_none(problem.box) else problem.box
    if heading := _HEADING.match(box):
        box = box[heading.end() :]
    question = _without_choices(problem.question, choices)
    answers = with_twins(choices, problem.answers) if choices else problem.answers
    rationale = "" if says_none(problem.rationale) else problem.rationale
    new = {
        "question": question, "choices": choices, "passage": passage, "box": box, "answers": answers,
        "rationale": rationale,
    }  # fmt: skip
    return problem if new.items() <= dict(problem).items() else problem.model_copy(update=new)


def _without_choices(question: str, choices: Sequence[str]) -> str:
    """A question without the choices, where marked ones end it and are the same."""
    if len(choices) < 2 or not all(choice in question for choice in choices):
        return question
    try:
        asked, repeated = apart(question, "question")
    except Refused:
        return question
    same = [*map(fold_width, unnumbered(repeated))] == [*map(fold_width, choices)]
    return asked if asked and same else question
