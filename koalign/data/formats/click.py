"""click: CLIcK, questions on Korean culture and language -> Problems.

    [{"id": "KIIP_society_84", "paragraph": "", "question": "…", "choices": ["…", …], "answer": "…"}]

JSON lists below `Dataset/Culture/Korean X` and `Dataset/Language/Y`, one file a source, or all rows in the
single split of the hub. 4 choices, 5 where CSAT is the source. The answer is the text of a choice, of
all that say it (`KIIP_society_84` has a wrong choice twice).
Eight ids stand for two questions each: a key need not be unique here.

The subject is one of eleven: the first word of the file's name (`History_PSE.json`), else what the id says,
as lm-eval-harness sorts them (lm_eval/tasks/click); the folders agree with that but for one question.
"""

from __future__ import annotations

import re
from itertools import islice

from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import (
    choice_text,
    is_missing,
    labels,
    optional,
    text,
    texts,
)
from koalign.data.formats.format import Format
from koalign.data.formats.literals import literal
from koalign.records import Problem

_SUBJECT_BY_ID = {
    "Economy": "economy",
    "Geography": "geography",
    "History": "history|KHB",
    "Law": "law|PSAT",
    "Politics": "politics",
    "Popular": "popular",
    "Society": "society",
    "Tradition": "tradition",
    "Textual": r"CSAT_korean_22_|CSAT_korean_23_([1-9]|[12]\d|3[0-4])$|TK_\d+_([5-9]|\d\d)$",
    "Functional": r"PSE_korean|CSAT_korean_23_|CSAT_korean_\d\d_([1-9]|10)$",
    "Grammar": "CSAT_korean|Kedu_1|TK_",
}
"""Subject -> pattern in the ids of its questions; the first that is found counts."""


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    choices = texts(literal(row.fields.get("choices"), "choices"), "choices")
    question = text(row, "question")
    return Problem(
        question=question,
        passage=optional(row, "paragraph"),
        choices=choices,
        answers=choice_text(row.fields.get("answer"), choices),
        key=optional(row, "id"),
        subject=_subject(row.file, optional(row, "id"), question),
    )


def fits(document: Document) -> bool:
    """Whether the columns are those of CLIcK and half of the first answers are texts, not numbers."""
    if "question_plus" in document.columns:
        return False
    if not {"id", "paragraph", "question", "choices", "answer"} <= document.columns:
        return False
    rows = (row for row in islice(document.rows(), 20) if isinstance(row, Row))
    answers = [row.fields.get("answer") for row in rows]
    given = [answer for answer in answers if not is_missing(answer)]
    return 2 * sum(map(_is_words, given)) >= max(1, len(given))


def _is_words(answer: object) -> bool:
    return isinstance(answer, str) and not (
        re.fullmatch(r"\d+(\.0)?", answer.strip()) or labels(answer)
    )


def _subject(file: str, name: str, question: str) -> str:
    word = file.split("_")[0]
    return word if word in _SUBJECT_BY_ID else subject_by_id(name, question)


def subject_by_id(name: str, question: str) -> str:
    """The subject that lm-eval-harness files a question under by its id; none for an id of no kind."""
    if "Kedu_16" in name and re.search("대화|발화|질의", question):
        return "Functional"
    known = _SUBJECT_BY_ID.items()
    return next((subject for subject, ids in known if re.search(ids, name, re.IGNORECASE)), "")


FORMATS = (Format("click", "CLIcK: choices, and the answer as the text of one", fits, problem),)
