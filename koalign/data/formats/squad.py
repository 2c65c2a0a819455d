"""squad: reading comprehension in the shape of SQuAD -> span problems.

As published, `{"version", "data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question",
"answers": [{"text", "answer_start"}], "is_impossible"}]}]}]}`; on the hub a row a question with
`answers: {"text": [...], "answer_start": [...]}`. The members of the family:

- KLUE-MRC: `guid` for `id`; `news_category` on the article. What stands beside `is_impossible` is at
  most plausible. `question_type` 3 means unanswerable, so it is no subject.
- KorQuAD 1.0: ids like `6566495-0-0`. One answer to a question.
- KorQuAD 2: zipped JSON, an article is its own paragraph (`data[].qas[]`), one `answer`. `context` is a
  web page, kept with its tags; `raw_html` is left out.
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
from koalign.data.formats.fields import Refused, as_text, is_missing, optional, text
from koalign.data.formats.format import Format
from koalign.data.formats.nested import descend, mostly
from koalign.records import Drop, Problem

UNANSWERABLE = ("",)
_KORQUAD_ID = re.compile(r"[0-9]+-[0-9]+-[0-9]+")
_TYDIQA_ID = re.compile(
    "(arabic|bengali|english|finnish|indonesian|japanese|korean|russian|swahili|telugu|thai)-.+"
)


def _rows(document: Document) -> Iterator[Row | Drop]:
    if not isinstance(document.value, dict):
        return document.rows()
    return _rows_of(document, document.value.get("data"))


def _rows_of(document: Document, articles: Any) -> Iterator[Row | Drop]:
    if not isinstance(articles, list):
        yield document.broken("data", articles, "a list")
        return
    for number, article in enumerate(articles):
        place = f"data[{number}]"
        if not isinstance(article, dict):
            yield document.broken(place, article, "an object")
        else:
            names = ("qas",) if "qas" in article else ("paragraphs", "qas")
            yield from descend(document, names, article, place, article)


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
    if impossible not in (None, True, False):
        raise Refused("wrong_type", f"is_impossible: true or false expected, found {impossible!r}")
    if impossible:
        return UNANSWERABLE
    found = row.fields.get("answers", row.fields.get("answer"))
    if is_missing(found):
        return ()
    if isinstance(found, dict):
        listed = found.get("text")
        if listed == [] and impossible is None:
            return UNANSWERABLE
        texts = listed if isinstance(listed, list) else [listed]
    elif isinstance(found, list):
        texts = [one.get("text") if isinstance(one, dict) else one for one in found]
    else:
        raise Refused("wrong_type", f"answers: a list expected, found {type(found).__name__}")
    answers = tuple(dict.fromkeys(as_text(one, "answers") for one in texts))
    if not all(answer.strip() for answer in answers):
        raise Refused("empty_answer", "an answer without text, and the question is not impossible")
    return answers


def _klue(row: Row) -> Problem:
    return _span(row, key="guid", subject="news_category")


def _tydiqa(row: Row) -> Problem:
    problem = _span(row)
    if not problem.key.startswith("korean-"):
        raise Refused("not_korean", f"id: {problem.key!r}")
    return problem


_Known = Callable[[dict[str, Any], bool], bool]
"""Whether the fields of a question and its passage look like it; `nested` says how they were filed."""


def _known_by(known: _Known) -> Callable[[Document], bool]:

    def fits(document: Document) -> bool:
        nested = isinstance(document.value, dict)
        return mostly(
            _rows(document),
            lambda fields: {"context", "question"} <= set(fields) and known(fields, nested),
        )

    return fits


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _format(
    name: str, about: str, known: _Known, problem: Callable[[Row], Problem] = _span
) -> Format:
    return Format(name, about, _known_by(known), problem, _rows)


FORMATS = (
    _format(
        "klue-mrc", "KLUE-MRC v1.1, nested or from the hub", lambda first, nested: "guid" in first, _klue
    ),
    _format(
        "korquad-2", "KorQuAD 2, its zip files too",
        lambda first, nested: isinstance(first.get("answer"), dict),
    ),
    _format(
        "tydiqa-ko", "the Korean questions of TyDiQA GoldP",
        lambda first, nested: _is(_TYDIQA_ID, first.get("id")), _tydiqa,
    ),
    _format("korquad", "KorQuAD 1.0", lambda first, nested: _is(_KORQUAD_ID, first.get("id"))),
    _format(
        "squad", "any data in the shape of SQuAD 1 or 2",
        lambda first, nested: nested or isinstance(first.get("answers"), dict),
    ),
)  # fmt: skip
