"""squad: reading comprehension in the shape of SQuAD -> span problems.

As published, `{"version", "data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question",
"answers": [{"text", "answer_start"}], "is_impossible"}]}]}]}`; on the hub a row a question with
`answers: {"text": [...], "answer_start": [...]}`. The members of the family:

- KLUE-MRC: `guid` for `id`; `news_category` on the article. What stands beside `is_impossible` is at
  most plausible. `question_type` 3 means unanswerable, so it is no subject.
- KorQuAD 1.0: ids like `6566495-0-0`. One answer to a question.
- KorQuAD 2: zipped JSON, an article is its own paragraph (`data[].qas[]`), one `answer`. `context` is a
  web page, kept with its tags; `raw_html` is left out.
- AI Hub 기계독해: `question_id` for `id`, and `answers` one object. With `options`, beside it or in it, a
  choice problem; an answer that is not in the passage (`Yes`) makes a short one.
- TyDiQA GoldP: ids that begin with the language. Only `korean-` is read.

An unanswerable question has the answer "". A question without answers (a test file) has none at all;
only in a hub row without `is_impossible` do empty lists mean unanswerable, as in SQuAD 2.

`answer_start` counts the characters of the file and is not used: in NFC the lengths are others. An
answer must stand in its passage. The title of an article is no subject: each article has its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import (
    Refused,
    as_list,
    as_text,
    gold,
    is_missing,
    offered,
    optional,
    text,
    texts,
)
from koalign.data.formats.format import Format, mostly
from koalign.data.formats.literals import literal
from koalign.records import Drop, Problem

UNANSWERABLE = ("",)
_KORQUAD_ID = re.compile(r"[0-9]+-[0-9]+-[0-9]+")
_TYDIQA_ID = re.compile(
    "(arabic|bengali|english|finnish|indonesian|japanese|korean|russian|swahili|telugu|thai)-.+"
)


def _rows(document: Document) -> Iterator[Row | Drop]:
    if not isinstance(document.value, dict):
        return document.rows()
    return document.descend(("data", "paragraphs", "qas"), document.value)


def _span(row: Row, *, key: str = "id", subject: str = "") -> Problem:
    passage = text(row, "context")
    answers = _answers(row)
    for answer in answers:
        if answer not in passage:
            raise Refused("answer_not_in_passage", f"{answer[:60]!r}")
    return Problem(
        question=text(row, "question"),
        passage=passage,
        answers=answers,
        kind="span",
        key=optional(row, key),
        subject=optional(row, subject) if subject else "",
    )


def _answers(row: Row) -> tuple[str, ...]:
    impossible = row.fields.get("is_impossible")
    if impossible in ("True", "False"):  # as CSV has it
        impossible = impossible == "True"
    if is_missing(impossible):
        impossible = None
    elif impossible not in (True, False):
        raise Refused("wrong_type", f"is_impossible: true or false expected, found {impossible!r}")
    given = _answer_field(row)
    no_text = isinstance(given, dict) and given.get("text") == []
    if impossible or (no_text and impossible is None):
        return UNANSWERABLE
    answers = tuple(dict.fromkeys(as_text(text, "answers") for text in _given(given)))
    if not all(answer.strip() for answer in answers):
        raise Refused("empty_answer", "an answer without text, and the question is not impossible")
    return answers


def _answer_field(row: Row) -> Any:
    """The answers; of a CSV file that pandas wrote of them, `{'text': array(['…'])}`, the value."""
    given = row.fields.get("answers", row.fields.get("answer"))
    is_written = isinstance(given, str) and re.match(
        r"""\{\s*['"](?:text|answer_start)['"]""", given
    )
    return literal(given, "answers") if is_written else given


def _given(answers: Any) -> list[Any]:
    """The answers, or their texts; a null is none."""
    if is_missing(answers):
        return []
    if isinstance(answers, str):
        return [answers]
    if isinstance(answers, dict):
        listed = answers.get("text")
        items = listed if isinstance(listed, list) else [listed]
    else:
        items = list(as_list(answers, "answers"))
    values = [item.get("text") if isinstance(item, dict) else item for item in items]
    return [value for value in values if value is not None]


def _aihub(row: Row) -> Problem:
    given = _answer_field(row)
    inside = given if isinstance(given, dict) else {}
    options = row.fields.get("options") or inside.get("options")
    key = optional(row, "question_id")
    if is_missing(options):
        answers = _answers(row)
        passage = text(row, "context")
        if all(answer in passage for answer in answers):
            return _span(row, key="question_id")
        return Problem(
            question=text(row, "question"), passage=passage, answers=answers, kind="short", key=key
        )
    choices = texts(offered(as_list(literal(options, "options"), "options")), "options")
    values = _given([given] if isinstance(given, str | int) else given)
    return Problem(
        question=text(row, "question"),
        passage=text(row, "context"),
        choices=choices,
        answers=tuple(
            n for value in values for n in gold(value, choices, "answers", row.answer_from)
        ),
        key=key,
    )


def _klue(row: Row) -> Problem:
    return _span(row, key="guid", subject="news_category")


def _tydiqa(row: Row) -> Problem:
    problem = _span(row)
    if not problem.key.startswith("korean-"):
        raise Refused("not_korean", f"id: {problem.key!r}")
    return problem


def _known_by(known: Callable[[dict[str, Any]], bool]) -> Callable[[Document], bool]:
    """Whether the fields of the first questions, each with its passage, look like it."""
    return mostly(_rows, {"context", "question"}, known)


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _fits(document: Document) -> bool:
    nested = isinstance(document.value, dict)
    return _known_by(
        lambda row: nested or isinstance(row.get("answers"), dict) or "is_impossible" in row
    )(document)


FORMATS = (
    Format(
        "klue-mrc", "KLUE-MRC v1.1, nested or from the hub",
        _known_by(lambda row: "guid" in row), _klue, _rows,
    ),
    Format(
        "aihub-mrc", "AI Hub 기계독해: question_id, with options or without",
        _known_by(lambda row: "question_id" in row), _aihub, _rows,
    ),
    Format(
        "korquad-2", "KorQuAD 2, its zip files too",
        _known_by(lambda row: isinstance(row.get("answer"), dict)), _span, _rows,
    ),
    Format(
        "tydiqa-ko", "the Korean questions of TyDiQA GoldP",
        _known_by(lambda row: _is(_TYDIQA_ID, row.get("id"))), _tydiqa, _rows,
    ),
    Format(
        "korquad", "KorQuAD 1.0", _known_by(lambda row: _is(_KORQUAD_ID, row.get("id"))), _span, _rows
    ),
    Format("squad", "any data in the shape of SQuAD 1 or 2", _fits, _span, _rows),
)  # fmt: skip
