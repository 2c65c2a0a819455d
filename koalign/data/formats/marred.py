"""marred: texts of problems -> what a program may have made of them: dates, errors, lost letters, HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from koalign.data.formats.choice_lists import ends_in_choices
from koalign.records import Problem

_ALONE = re.compile(
    r"(?P<dates>(?:0[1-9]|1[0-2])월 (?:0[1-9]|[12][0-9]|3[01])일"
    r"|[0-3]?[0-9]-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-[0-9]{2})"
    r"|(?P<powers>[0-9](?:\.[0-9]{1,5})?E\+[0-9]{2})"
    r"|(?P<errors>#(?:NAME\?|REF!|VALUE!|DIV/0!|N/A|NUM!|NULL!|SPILL!|CALC!|\#{4,30}))"
)
"""What Excel leaves of `1-2`, of a long number, and of a text that begins with a sign."""
_DAY = re.compile("[1-9][0-9]월 [1-9][0-9]일")
"""What people write, too."""
_HTML = re.compile(
    r"<(?:/|(?![A-Z]\s*>))(?i:p|br|div|span|b|i|u|strong|em|sup|sub|table|tr|td|li|ul|ol|font)"
    r"(?:\s+[\w-]{1,40}\s*=[^<>]{0,200}|\s{0,9}/?)>"
    r"|(?i:&(?:[lg]t|amp|nbsp|quot|#[0-9]{1,6});)"
)
"""Not `<I can do it>`, nor `<B>`, as people call a thing."""
_LOST = "\ufffd"
MEANS = {
    "dates": "cells that Excel may have made a date of, as of `1-2`",
    "powers": "cells that Excel may have shortened, as a long number",
    "errors": "cells that hold an error of Excel",
    "thousands": "choices that may be one number, as of `1,000` without quotation marks",
    "lost": "texts in which � stands for a lost letter",
    "html": "HTML is read as written",
    "answer": "the answer or its explanation stands in the question or in a choice",
    "nothing": "a last choice that may stand for none, as a program writes an empty cell",
    "no_answer": "answers that may stand for none, as a program writes an empty cell",
    "below": "of the choices only the last has a second line, which may be a text below them",
    "float": "whole numbers end in .0, as a program writes them, and a reply without it is another",
    "names_choice": "answers name choices of their question, and are read as texts",
    "order": "choices carry other numbers than those of their places",
    "box": "the choices read may be a box, for the question ends in others",
    "twice": "two choices say the same",
    "bare": "the question is a number alone",
    "shown": "the question ends with its answer, as `( ② )` does",
    "marked": "a sign marks the right choice, and no other",
}
MOSTLY = ("below", "float", "names_choice", "shown", "marked")
"""What may be chance where not most problems have it."""
_ANSWER = re.compile(r"(?<![가-힣])정\s?답\s?[\])>】]?\s?[:：]?\s?(?:[①-⑩]|[1-9A-E](?![\w.]))")
_EXPLAINED = re.compile(r"\n\s{0,9}[\[(<【*-]?\s?(?:정\s?답|해설|풀이)\s?[\])>】:：]")
_NOTHING = ("None", "null", "NULL", "N/A", "<NA>", "NA", r"\N")
_LISTED = re.compile(
    r"①[^②]{1,300}②[^③]{1,300}③|^\(?1[.)] ?\S.{0,300}\n\(?2[.)] ?\S.{0,300}\n\(?3[.)] ?\S",
    re.MULTILINE,
)
_NAMES = re.compile(r"\A[①-⑩1-9]|정답|답은")
"""Choices in a question, and an answer that may name one of them."""
_OF_BOX = re.compile(r"[ㄱ-ㅎ]\s?[.)]\s")
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩"
_SHOWN_ANSWER = re.compile(r"[(\[（]\s*([①-⑩1-9])\s*번?\s*[)\]）]\s*\Z")
_MARK = re.compile(
    r"\A[^\w\s'\"‘“(\[{<「『《〈$\\+.~=√∠△−-]{1,3}|\s?[(\[](?:정답|답|[oO○◯✓]|correct)[)\]]\Z"
    r"|(?:</\w{1,9}>|[✓✔√★☆◎●○*※←])\Z"
)


def marred(problem: Problem, *, in_csv: bool = True) -> Iterator[tuple[str, str]]:
    """What may be wrong with the texts of a problem, and an example of each; names of `MEANS`."""
    cells = [*problem.choices, *(() if problem.choices else problem.answers)]
    for match in filter(None, (_ALONE.fullmatch(cell.strip()) for cell in cells)):
        if in_csv or not _DAY.fullmatch(match[0]):
            yield str(match.lastgroup), match[0]
    for one, other in zip(problem.choices, problem.choices[1:], strict=False):
        if re.fullmatch("[0-9]{1,3}", one) and re.match("0[0-9]{2}(?![0-9])", other):
            yield "thousands", f"{one},{other}"
    texts = (problem.question, *cells, problem.passage, problem.box)
    if any(_LOST in text for text in texts):
        yield "lost", _LOST
    with_signs = (text for text in texts if "<" in text or "&" in text)  # the pattern is slow
    if html := next(filter(None, map(_HTML.search, with_signs)), None):
        yield "html", html[0]
    explained = filter(None, map(_EXPLAINED.search, problem.choices))
    if found := next(explained, None) or _ANSWER.search(problem.question):
        yield "answer", found[0].strip()
    signs = "".join(choice[:1] for choice in problem.choices)
    if len(signs) > 1 and {*signs} <= {*_CIRCLED} and not _CIRCLED.startswith(signs):
        yield "order", signs
    is_last_right = str(len(problem.choices)) in problem.answers
    if problem.choices[2:] and problem.choices[-1] in _NOTHING and not is_last_right:
        yield "nothing", problem.choices[-1]
    if problem.answers and not problem.choices:
        if problem.answers[0] in _NOTHING:
            yield "no_answer", problem.answers[0]
        if re.fullmatch(r"[0-9]{1,15}\.0", problem.answers[0]):
            yield "float", problem.answers[0]
        if _NAMES.search(problem.answers[0]) and _LISTED.search(problem.question):
            yield "names_choice", problem.answers[0][:40]
    if (
        problem.choices[2:]
        and "\n" in problem.choices[-1]
        and "\n" not in "".join(problem.choices[:-1])
    ):
        yield "below", problem.choices[-1].partition("\n")[2]
    of_box = bool(problem.choices) and all(map(_OF_BOX.match, problem.choices))
    if of_box and ends_in_choices(problem.question):
        yield "box", problem.choices[0]
    if len({*problem.choices}) < len(problem.choices):
        yield "twice", next(text for text in problem.choices if problem.choices.count(text) > 1)
    if not problem.passage and re.fullmatch(r"[0-9]{1,4}\s?[.번]?", problem.question.strip()):
        yield "bare", problem.question.strip()
    if len(problem.choices) > 1 and len(problem.answers) == 1:
        right = int(problem.answers[0])
        shown = _SHOWN_ANSWER.search(problem.question[-20:])
        if shown and (_CIRCLED.find(shown[1]) + 1 or int(shown[1])) == right:
            yield "shown", shown[0]
        marks = ["".join(_MARK.findall(text)[:1]) for text in problem.choices]
        if (mark := marks.pop(right - 1)) and not any(marks):
            yield "marked", mark.strip()
