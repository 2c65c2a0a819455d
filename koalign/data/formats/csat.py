"""csat: 수능형 rows of the course competition and of CSAT-QA -> Problems.

The course competition has `problems`, a written dict, or is flattened:

    id, paragraph, problems, question_plus         problems: "{'question': …, 'choices': […], 'answer': 2}"
    id, paragraph, question, choices, answer, …    choices: "['…', '…']"; the flattened variant

`problems` is the text of a Python dict or of a list that holds one, or already a dict (Parquet, JSON);
4 or 5 choices; the answer counts from 1 and is absent or empty in a test file. The <보기> is
`question_plus`, a column (NaN nearly always) or a key inside `problems`, which is taken first. In the
released training file <보기> items are often glued to the end of `paragraph`: they stay there, because
nothing marks where they begin. `cot_text` or `reasoning` is the rationale. All other columns are somebody's
annotations (`Unnamed: 0`, `support`, `keyword_1`, `summarization`, `claude-solving`, …) and are ignored.

CSAT-QA of HAERAE-HUB, 수능 국어 with five choices: columns `question`, `context` (null where there is none:
then no passage, never the word None), `option#1` to `option#5`, `gold` (1 to 5), `category` (WR, GR, RCS,
RCSS, RCH, LI) and `human_performance`, ignored.
"""

from __future__ import annotations

from dataclasses import replace

from koalign.data.formats import click, kice
from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import (
    Refused,
    columns,
    gold,
    optional,
    text,
    texts,
    wrong_type,
)
from koalign.data.formats.format import Format, having
from koalign.data.formats.literals import literal
from koalign.records import Problem

OPTIONS = tuple(f"option#{n}" for n in range(1, 6))


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    inside = _question(row)
    choices = texts(literal(inside.fields.get("choices"), "choices"), "choices")
    return Problem(
        question=text(inside, "question"),
        passage=optional(row, "paragraph"),
        box=optional(inside, "question_plus") or optional(row, "question_plus"),
        choices=choices,
        answers=gold(inside.fields.get("answer"), choices, first=row.answer_from),
        key=optional(row, "id"),
        rationale=optional(row, "cot_text") or optional(row, "reasoning"),
    )


def _question(row: Row) -> Row:
    """The row whose fields are question, choices and answer."""
    if "problems" not in row.fields:
        return row
    question = literal(row.fields["problems"], "problems")
    if isinstance(question, list) and len(question) == 1:
        question = question[0]
    if isinstance(question, list):
        raise Refused("not_one_question", f"problems: one dict expected, found {len(question)}")
    if not isinstance(question, dict):
        raise wrong_type("problems", "a dict", question)
    return replace(row, fields=question)


def _csatqa(row: Row) -> Problem:
    choices = columns(row, OPTIONS)
    return Problem(
        question=text(row, "question"),
        passage=optional(row, "context"),
        choices=choices,
        answers=gold(row.fields.get("gold"), choices, "gold", row.answer_from),
        subject=optional(row, "category"),
    )


def _fits(document: Document) -> bool:
    if {"paragraph", "problems"} <= document.columns:
        return not kice.fits(document)
    return {"paragraph", "question", "choices"} <= document.columns and not click.fits(document)


FORMATS = (
    Format("csat", "수능형 CSV: id, paragraph, problems, question_plus", _fits, problem),
    Format(
        "csat-qa", "CSAT-QA: context, question, option#1 to option#5, gold",
        having("question", "gold", *OPTIONS), _csatqa,
    ),
)  # fmt: skip
