"""aihub: AI Hub 71748, questions with answers or five ranked answers -> open problems and rankings.

- aihub-sft, `SFTlabel.json`: `data_info[]` of `data_id, data_category{main, middle}, question,
  question_type, answer{contents, answer_count}`.
- aihub-rm, `RMlabel.json`: the same with `answer01` to `answer05`, each `{contents, answer_count,
  ranking}`, 1 the best.
- aihub-qa, `Other.zip`: each member a list of documents, `contents[].QA[]` of `question, answer`.

About one row in twenty has the question for its answer and is refused. `<NAME>` stands where a name was
taken out, and stays. A quality score, which some copies carry, is not needed and not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from koalign.data.formats.completions import open_problem, ranking
from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import Refused, inner, is_missing, optional, text
from koalign.data.formats.format import Format, mostly
from koalign.records import Drop, Problem, Ranking


def _labels(document: Document) -> Iterator[Row | Drop]:
    return document.descend(("data_info",), document.value)


def _documents(document: Document) -> Iterator[Row | Drop]:
    return document.descend(("documents", "contents", "QA"), {"documents": document.value})


def _answered(row: Row) -> Problem:
    if is_missing(row.fields.get("answer")):
        raise Refused("no_answer", "the field 'answer' is empty or not there")
    answer = text(inner(row, "answer"), "contents")
    key, subject = optional(row, "data_id"), _category(row)
    return open_problem(text(row, "question"), answer, key=key, subject=subject)


def _question(row: Row) -> Problem:
    problem = open_problem(text(row, "question"), text(row, "answer"), subject=_category(row))
    return problem.model_copy(update={"group": optional(row, "data_id")})


def _ranked(row: Row) -> Ranking:
    names = sorted(name for name in row.fields if re.fullmatch("answer[0-9]+", name))
    answers = [inner(row, name) for name in names if not is_missing(row.fields[name])]
    ranks = [_rank(answer) for answer in answers]
    if len(set(ranks)) < len(ranks):
        raise Refused("two_of_one_rank", f"the ranks are {ranks}")
    if sorted(ranks) != [*range(1, len(ranks) + 1)]:
        raise Refused("rank_missing", f"the ranks are {ranks}")
    by_rank = dict(zip(ranks, answers, strict=True))
    key, subject = optional(row, "data_id"), _category(row)
    problem = Problem(question=text(row, "question"), kind="long", key=key, subject=subject)
    return ranking(problem, [text(by_rank[rank], "contents") for rank in sorted(ranks)])


def _rank(answer: Row) -> int:
    rank = optional(answer, "ranking").strip()
    if not re.fullmatch("[1-9][0-9]?", rank):
        raise Refused("rank_missing", f"ranking: {rank!r}")
    return int(rank)


def _category(row: Row) -> str:
    category = row.fields.get("data_category")
    return "" if category is None else optional(inner(row, "data_category"), "middle")


FORMATS = (
    Format(
        "aihub-sft", "AI Hub 71748, SFTlabel.json",
        mostly(_labels, {"question"}, lambda fields: isinstance(fields.get("answer"), dict)),
        _answered, _labels,
    ),
    Format(
        "aihub-rm", "AI Hub 71748, RMlabel.json: five ranked answers",
        mostly(_labels, {"question", "answer01"}), _ranked, _labels,
    ),
    Format(
        "aihub-qa", "AI Hub 71748, Other.zip",
        mostly(_documents, {"question", "answer"}), _question, _documents,
    ),
)  # fmt: skip
