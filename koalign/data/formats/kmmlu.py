"""kmmlu: KMMLU, KMMLU-HARD, KMMLU-Redux, KMMLU-Pro, KorMedMCQA, MMMLU and ARC -> Problems.

KMMLU and KMMLU-HARD: `question, answer, A, B, C, D, Category, Human Accuracy` in CSV or Parquet, read by
name: in `math-test.csv` the last two columns are swapped. `answer` is 1 to 4. `Category` ("Criminal Law")
or, without it, the name of the file (`Criminal-Law-test`, `korean-history-dev`, `computer_science`) is
the subject, spelled `Criminal-Law` either way. `Human Accuracy` is ignored (0.0 stands for "missing").
A choice that reads None, NA, nan or null is a text as any other; pandas loses it.

KMMLU-Redux and KMMLU-Pro: `question`, `options` (4 or 5; in CSV the text of a Python list), `solution`
("1" to "5") and `license_name`. Redux has a `category`. Pro has a `subject`, filed here under its licence
(`변호사/민법`), because a licence is passed by the subject.

KorMedMCQA: `subject, year, period, q_number, question, A, B, C, D, E, answer, cot`, the answer 1 to 5.
Empty choices at the end are none; `cot` is the rationale, null but in some examples.

MMMLU, the translation of MMLU by OpenAI (`mmlu_KO-KR.csv`, config `KO_KR`): a column without a name (number
of the row, kept as key), `Question, A, B, C, D, Answer` (a letter) and `Subject`, one of 57.

ARC and its translations: `id, question, choices, answerKey`; `choices` holds `text` and `label`, two lists,
and the labels count up from A or 1.
"""

from __future__ import annotations

import re

from koalign.data.formats.choice_lists import listed
from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import (
    columns,
    gold,
    letter,
    offered,
    optional,
    text,
    texts,
)
from koalign.data.formats.format import Format, having
from koalign.data.formats.literals import literal
from koalign.records import Problem

LETTERS = ("A", "B", "C", "D")
_SPLIT = re.compile(r"(^|[-_])(train|dev|validation|test)([-_]\d.*)?$", re.IGNORECASE)


def kmmlu(row: Row) -> Problem:
    """A row of KMMLU or KMMLU-HARD; raises Refused."""
    choices = columns(row, LETTERS)
    return Problem(
        question=text(row, "question"),
        choices=choices,
        answers=gold(row.fields.get("answer"), choices, first=row.answer_from),
        subject=_title(optional(row, "Category") or _SPLIT.sub("", row.file)),
    )


def redux(row: Row) -> Problem:
    """A row of KMMLU-Redux; raises Refused."""
    return _licensure(row, optional(row, "category") or optional(row, "license_name"))


def pro(row: Row) -> Problem:
    """A row of KMMLU-Pro; raises Refused."""
    parts = (optional(row, "license_name"), optional(row, "subject"))
    return _licensure(row, "/".join(part for part in parts if part))


def _licensure(row: Row, subject: str) -> Problem:
    choices = texts(literal(row.fields.get("options"), "options"), "options")
    return Problem(
        question=text(row, "question"),
        choices=choices,
        answers=gold(row.fields.get("solution"), choices, "solution", row.answer_from),
        key=optional(row, "id"),
        subject=subject,
    )


def _title(name: str) -> str:
    """`Criminal Law`, `criminal_law` -> `Criminal-Law`; `and` stays small."""
    words = re.split(r"[\s_-]+", name.strip().lower())
    return "-".join(word if word == "and" else word.capitalize() for word in words)


def kormed(row: Row) -> Problem:
    """A row of KorMedMCQA; raises Refused."""
    choices = texts(offered([row.fields.get(name) for name in (*LETTERS, "E")]), "A/B/C/D/E")
    parts = (optional(row, name) for name in ("subject", "year", "period", "q_number"))
    return Problem(
        question=text(row, "question"),
        choices=choices,
        answers=gold(row.fields.get("answer"), choices, first=row.answer_from),
        key="-".join(part for part in parts if part),
        subject=optional(row, "subject"),
        rationale=optional(row, "cot"),
    )


def mmmlu(row: Row) -> Problem:
    """A row of MMMLU; raises Refused."""
    choices = columns(row, LETTERS)
    return Problem(
        question=text(row, "Question"),
        choices=choices,
        answers=letter(row.fields.get("Answer"), len(choices), "Answer"),
        key=optional(row, "Unnamed: 0"),
        subject=optional(row, "Subject"),
    )


def arc(row: Row) -> Problem:
    """A row of ARC; raises Refused."""
    choices = texts(listed(literal(row.fields.get("choices"), "choices"), "choices"), "choices")
    return Problem(
        question=text(row, "question"),
        choices=choices,
        answers=gold(row.fields.get("answerKey"), choices, "answerKey", row.answer_from),
        key=optional(row, "id"),
    )


def _is_kormed(document: Document) -> bool:
    named = having("question", "answer", *LETTERS, "E")(document)
    return named and not document.columns.isdisjoint(("year", "q_number", "cot"))


_PRO = ("question", "options", "solution", "license_name", "subject")
FORMATS = (
    # A fifth letter, or a capital `Question`, is another of the many sets that descend from MMLU.
    Format(
        "kmmlu", "KMMLU and KMMLU-HARD, CSV or Parquet",
        having("question", "answer", *LETTERS, without="E"), kmmlu,
    ),
    Format("kmmlu-pro", "KMMLU-Pro: options, solution, license_name, subject", having(*_PRO), pro),
    Format(
        "kmmlu-redux", "KMMLU-Redux: options, solution, category",
        having("question", "options", "solution"), redux,
    ),
    Format(
        "kormedmcqa", "KorMedMCQA: subject, year, question, A to E, answer, cot",
        _is_kormed, kormed,
    ),
    Format(
        "arc", "ARC: question, choices (text and label), answerKey",
        having("question", "choices", "answerKey"), arc,
    ),
    Format(
        "mmmlu", "MMMLU, the Korean file: Question, A to D, Answer, Subject",
        having("Question", "Answer", "Subject", *LETTERS), mmmlu,
    ),
)  # fmt: skip
