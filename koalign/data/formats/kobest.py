"""kobest: KoBEST (boolq, copa, hellaswag, sentineg, wic) -> choice Problems, their subject the task.

The hub has JSON lines, GitHub (v1.0) tab-separated files with CRLF and other names of columns; a file is
known by its columns, in any order, for SentiNeg has three orders of them. Labels: `True`, `TRUE`, `False`
and `FALSE` stand mixed in one file on GitHub; COPA counts from 1 on GitHub and from 0 on the hub, HellaSwag
from 0 in both. Of SentiNeg's test the negated sentence is asked (`Text`), not the original (`Text_origin`).

What a task asks is not in its rows, so the question is ours, but for BoolQ. The choices of the tasks with
two labels are those of lm-eval-harness in its order: 아니오, 예 and 부정, 긍정.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import Refused, gold, optional, text
from koalign.data.formats.format import Format
from koalign.records import Problem
from koalign.text.korean import with_josa

_HUB = {
    "boolq": ("paragraph", "question", "label"),
    "copa": ("premise", "question", "alternative_1", "alternative_2", "label"),
    "hellaswag": ("context", "ending_1", "ending_2", "ending_3", "ending_4", "label"),
    "sentineg": ("sentence", "label"),
    "wic": ("word", "context_1", "context_2", "label"),
}
"""Task -> its columns, the label last."""
_GITHUB = {
    "boolq": ("Text", "Question", "Answer"),
    "copa": ("sentence", "question", "1", "2", "Answer"),
    "hellaswag": ("context", "choice1", "choice2", "choice3", "choice4", "label"),
    "sentineg": ("Text", "Label"),
    "wic": ("Target", "SENTENCE1", "SENTENCE2", "ANSWER"),
}
"""The same, in the same order."""
_UNUSED = {
    "ID", "Label_origin", "Text_origin", "Category_neg", "Dictionary 1", "Link 1", "Dictionary 2", "Link2",
}  # fmt: skip
_NO_YES = ("아니오", "예")


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    shape = _task(row.fields)
    if shape is None:
        raise Refused("other_fields", f"{', '.join(row.fields)}: the fields of no task of KoBEST")
    task, names = shape
    label, words = row.fields[names[-1]], [text(row, name) for name in names[:-1]]
    first = 1 if task == "copa" and names == _GITHUB[task] else 0
    choices: tuple[str, ...]
    match task:
        case "boolq":
            passage, question, choices = words[0], words[1], _NO_YES
        case "copa":
            passage, choices = words[0], tuple(words[2:])
            question = f"이 문장의 {_cause_or_result(words[1])} 알맞은 것은?"
        case "hellaswag":
            passage, question, choices = words[0], "이어질 문장으로 알맞은 것은?", tuple(words[1:])
        case "sentineg":
            passage, question, choices = words[0], "이 문장은 부정인가, 긍정인가?", ("부정", "긍정")
        case _:
            passage = f"문장1: {words[1]}\n문장2: {words[2]}"
            question, choices = f"두 문장에서 '{words[0]}'의 뜻이 같은가?", _NO_YES
    return Problem(
        question=question,
        passage=passage,
        choices=choices,
        answers=gold(_as_number(label), choices, names[-1], first),
        key=optional(row, "ID"),
        subject=task,
    )


def _task(fields: Collection[str]) -> tuple[str, tuple[str, ...]] | None:
    present = set(fields) - _UNUSED
    shapes = (shape for shapes in (_HUB, _GITHUB) for shape in shapes.items())
    return next((shape for shape in shapes if _has(present, shape[1])), None)


def _has(present: set[str], names: tuple[str, ...]) -> bool:
    """Whether these are the columns of a task; beside more than three of them others may stand (`idx`)."""
    return present == {*names} or (len(names) > 3 and present >= {*names})


def _cause_or_result(word: str) -> str:
    if word.strip() not in ("원인", "결과"):
        raise Refused("neither_cause_nor_result", f"question: {word!r}")
    return with_josa(word.strip(), "으로/로")


def _as_number(label: Any) -> Any:
    if isinstance(label, bool | str):
        return {"true": 1, "false": 0}.get(str(label).strip().lower(), label)
    return label


def _fits(document: Document) -> bool:
    return _task(document.columns) is not None


FORMATS = (Format("kobest", "KoBEST: the five tasks, of the hub or of GitHub", _fits, problem),)
