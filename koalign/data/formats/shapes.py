"""shapes: a table of another shape than a row for each problem -> what it is, and what to do with the file.

- Two tables beside each other: `번호,문제,보기1,…,,번호,정답` holds the answers of others.
- A row for each choice: `문제,보기,정답여부`.
- A column for each problem: 문제, 보기1, … stand below each other.
- A cell for the question, its choices and what a prompt has below them: `### Answer:`.
- Prompts without gold answers, whose replies a program or a judge rates: IFEval, LogicKor, MT-Bench.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from koalign.data.formats.choice_lists import below_choices
from koalign.data.formats.column_names import choice, is_choice, is_wrong, meaning, word
from koalign.data.formats.fields import is_label, is_missing

TAKE_OUT = "Take that out, and the answer into a column of its own"
MOVE = "Put the second table below the first, or into a file of its own"
ONE_ROW = "Write one row for each problem: 번호,문제,보기1,보기2,보기3,보기4,정답"
EXCHANGE = "Exchange rows and columns: in Excel copy all, then paste special with `transpose`"
_NO = ("", "x", "n", "no", "f", "false", "0", "오답", "아니오", "×")
_JUDGED = "a judge rates the replies, over several turns"
_WITHOUT_GOLD = {
    "IFEval": ("prompt instruction_id_list", "programs check the replies"),
    "LogicKor": ("questions references", _JUDGED),
    "MT-Bench": ("turns category", _JUDGED),
    "MT-Bench prompts": ("prompt reference category", _JUDGED),
}
"""Benchmark -> fields that its rows have, and what rates them."""
SORT = "Put each answer into the row of its problem, sorted alike"


def other_shape(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]
) -> tuple[str, str]:
    """What is wrong, and what to do; empty where a row is a problem. `columns` are those guessed."""
    question = str(columns.get("question", ""))
    if columns.get("choices", ["?"]) != ["?"] or not question:
        return _second_table(names, rows, columns)
    below = [*filter(None, (below_choices(row.get(question)) for row in rows))]
    if 2 * len(below) > len(rows):
        return f"choices end {question!r}, and {below[0]!r} stands below them", TAKE_OUT
    if marks := _marks_of_choices(question, names, rows):
        return f"each choice has a row of its own, and {marks!r} marks the right one", ONE_ROW
    return _second_table(names, rows, columns)


def without_gold(columns: Collection[str]) -> str:
    """That rows are of a benchmark without right answers, and what rates its replies; empty for others."""
    for name, (fields, why) in _WITHOUT_GOLD.items():
        if {*fields.split()} <= {*columns} and not {"question", "answer", "choices"} & {*columns}:
            return (
                f"looks like {name}, which has no right answers to train on or to grade by: {why}. "
                "Convert what has one into `question` and `answer`"
            )
    return ""


def _is_form(name: str) -> bool:
    """Whether a column is one of those that a form adds to the replies of people."""
    return word(name) in ("타임스탬프", "timestamp", "이메일주소", "emailaddress")


def without_question(names: Sequence[str]) -> tuple[str, str]:
    """That no column looks like the question, and what to do where the header is a row."""
    doubt = "no column looks like the question"
    if sum(name.rstrip().endswith("?") for name in names) > 1 and any(map(_is_form, names)):
        return f"{doubt}, and each problem has a column of its own", ONE_ROW
    if any(meaning(name)[0] or is_wrong(name) for name in names):
        return doubt, ""
    numbered = len(names) > 2 and is_label(names[0])
    choices = [f"보기{n}" for n in range(1, len(names) - numbered - 1)]
    if len(choices) > 10:  # no exam has such rows
        return doubt, ""
    header = ",".join([*["번호"] * numbered, "문제", *choices, "정답"])
    above = f"rite names above it, separated as its rows are: {header}"
    if any(name.rstrip().endswith((".", "?")) for name in names):
        return f"{doubt}, and the header is a row", f"W{above}"
    return f"{doubt}; if the first line is a row, w{above}", ""


def is_transposed(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the names of columns stand below each other, in the first column."""
    if not names or len(names) < 3:
        return False
    first = [names[0], *(str(row.get(names[0]) or "") for row in rows[:20])]
    fields = {meaning(name)[0] for name in first}
    rest = [name for name in names[1:] if meaning(name)[0]]
    return "question" in fields and sum(map(is_choice, first)) > 1 and not rest


def _marks_of_choices(
    question: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> str:
    """The column that marks one row of each run of rows with one question; empty without such runs."""
    runs: list[list[Mapping[str, Any]]] = []
    for row in rows:
        text = row.get(question)
        if runs and (is_missing(text) or text == runs[-1][0].get(question)):
            runs[-1].append(row)
        else:
            runs.append([row])
    if len(runs) < 2 or 2 * sum(len(run) > 1 for run in runs) <= len(runs):
        return ""
    for name in names:
        said = [
            [str(row.get(name) or "").strip().lower() not in _NO for row in run] for run in runs
        ]
        ones = sum(sum(run) == 1 < len(run) for run in said)
        if name != question and 2 * ones > len(runs) and meaning(name)[0] not in ("key", "passage"):
            return name
    return ""


def _second_table(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]
) -> tuple[str, str]:
    for name in names:
        twin = re.sub(r"\.1\Z", "", name)
        if twin != name and twin in names and (meaning(twin)[0] == "question" or choice(twin)):
            return f"{twin!r} stands there twice, as in two tables side by side", MOVE
    question, answer = columns.get("question"), columns.get("answer")
    if question not in names or answer not in names:
        return "", ""
    place, end = names.index(question), names.index(answer)
    numbers = [name for name in names if meaning(name.removesuffix(".1"))[0] == "key"]
    own = next((name for name in numbers if names.index(name) < place), "")
    for name in numbers:
        if own and place < names.index(name) < end:
            for row in rows:
                both = row.get(own), row.get(name)
                if not any(map(is_missing, both)) and all(map(is_label, both)) and _differ(*both):
                    return (
                        f"{own!r} is {both[0]} where {name!r}, left of {answer!r}, is {both[1]}, so the "
                        "answers are those of other rows"
                    ), SORT
    return "", ""


def _differ(one: Any, other: Any) -> bool:
    """Whether two numbers of problems do: `3.` and `3번` are the same."""
    return re.findall(r"\w+", str(one).rstrip("번.")) != re.findall(
        r"\w+", str(other).rstrip("번.")
    )


def lists_the_answer(box: str, answer: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a column lists the answer among others, as choices that nothing marks."""
    parts = [re.split(r"\s*[,/;]\s*|\s{2,}", str(row.get(box)).strip()) for row in rows]
    held = [
        len(listed) > 1 and str(row.get(answer)).strip() in listed
        for listed, row in zip(parts, rows, strict=True)
    ]
    return 2 * sum(held) > len(held)
