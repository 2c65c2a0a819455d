"""hub_tasks: benchmarks of the hub whose rows ask nothing, or mark the right one -> choice Problems.

- hellaswag, HellaSwag and its translations: `ctx, endings, label`, the label from 0.
- nli: KorNLI and KLUE-NLI, from the hub (`premise, hypothesis, label`, 0 to 2) or GitHub (`sentence1,
  sentence2, gold_label`, words).
- ynat: KLUE-YNAT, `guid, title, label`, from 0 or as words.
- ko-commongen: KoCommonGEN v2, `concept_set` (`강#물#흐르다`), `1` to `4`, `gold` from 1.
- truthfulqa: `question, mc1_targets` of `choices, labels`, 1 at the right one. Since that
  comes first in every row, choices stand in the order of their texts.

What a task asks is not in its rows, so these questions and labels are ours.
"""

from __future__ import annotations

from typing import Any

from koalign.data.formats.documents import Document, Row, first_rows
from koalign.data.formats.fields import (
    Refused,
    as_list,
    columns,
    gold,
    optional,
    text,
    texts,
    wrong_type,
)
from koalign.data.formats.format import Format, having, mostly
from koalign.data.formats.generic import LOOKED_AT
from koalign.data.formats.literals import literal
from koalign.records import Problem

_RELATIONS = {"entailment": "함의", "neutral": "중립", "contradiction": "모순"}
_TOPICS = ("IT과학", "경제", "사회", "생활문화", "세계", "스포츠", "정치")
FEW = 8
"""Labels of four endings, none of which may be the first by chance."""
_NUMBERS = ("1", "2", "3", "4")


def _hellaswag(row: Row) -> Problem:
    choices = texts(literal(row.fields.get("endings"), "endings"), "endings")
    return Problem(
        question="이어질 문장으로 알맞은 것은?",
        passage=text(row, "ctx"),
        choices=choices,
        answers=gold(row.fields.get("label"), choices, "label", 0),
        subject=optional(row, "activity_label"),
    )


def _nli(row: Row) -> Problem:
    names = ("premise", "hypothesis") if "premise" in row.fields else ("sentence1", "sentence2")
    given = row.fields.get("gold_label", row.fields.get("label"))
    choices = tuple(_RELATIONS.values())
    return Problem(
        question="전제에 대한 가설의 관계는?",
        passage=f"전제: {text(row, names[0])}\n가설: {text(row, names[1])}",
        choices=choices,
        answers=gold(
            _RELATIONS.get(given, given) if isinstance(given, str) else given, choices, "label", 0
        ),
        key=optional(row, "guid"),
    )


def _ynat(row: Row) -> Problem:
    return Problem(
        question="이 기사 제목의 분야는?",
        passage=text(row, "title"),
        choices=_TOPICS,
        answers=gold(row.fields.get("label"), _TOPICS, "label", 0),
        key=optional(row, "guid"),
    )


def _commongen(row: Row) -> Problem:
    choices = columns(row, _NUMBERS)
    return Problem(
        question="다음 낱말로 만든 문장 가운데 상식에 맞는 것은?",
        passage=", ".join(text(row, "concept_set").split("#")),
        choices=choices,
        answers=gold(row.fields.get("gold"), choices, "gold", row.answer_from),
    )


def _truthfulqa(row: Row) -> Problem:
    targets = literal(row.fields.get("mc1_targets"), "mc1_targets")
    if not isinstance(targets, dict):
        raise wrong_type("mc1_targets", "an object", targets)
    choices = texts(targets.get("choices"), "choices")
    labels = as_list(targets.get("labels"), "labels")
    right = [choice for choice, label in zip(choices, labels, strict=False) if label == 1]
    if len(labels) != len(choices) or len(right) != 1:
        raise Refused("not_one_right", f"labels: {labels}")
    ordered = tuple(sorted(choices))
    return Problem(
        question=text(row, "question"), choices=ordered, answers=(str(ordered.index(right[0]) + 1),)
    )


def _is_nli(document: Document) -> bool:
    pairs = (("premise", "hypothesis", "label"), ("sentence1", "sentence2", "gold_label"))
    named = any(having(*names)(document) for names in (*pairs, (*pairs[0][:2], "gold_label")))
    return named and "question" not in document.columns


def _counts_from_zero(document: Document) -> bool:
    """Whether a label is 0, unless there are too few to tell."""
    labels = [str(row.get("label")) for row in first_rows(document.rows(), LOOKED_AT)]
    return "0" in labels or len(labels) < FEW


def _has_three_labels(document: Document) -> bool:
    """Whether labels are words, or count to 2."""
    rows = first_rows(document.rows(), LOOKED_AT)
    return any(str(row.get("gold_label", row.get("label"))) in ("2", *_RELATIONS) for row in rows)


def _is_topic(fields: dict[str, Any]) -> bool:
    return str(fields["guid"]).startswith("ynat")


FORMATS = (
    Format(
        "hellaswag", "HellaSwag and its translations: ctx, endings, label",
        having("ctx", "endings"), _hellaswag, is_certain=_counts_from_zero,
    ),
    Format(
        "nli", "KorNLI and KLUE-NLI, of the hub or of GitHub", _is_nli, _nli,
        is_certain=_has_three_labels,
        note="labels 0, 1 and 2 are read as 함의, 중립 and 모순, as KLUE and KorNLI have them",
    ),
    Format(
        "ynat", "KLUE-YNAT: guid, title, label",
        mostly(Document.rows, {"guid", "title", "label"}, _is_topic), _ynat,
    ),
    Format(
        "ko-commongen", "KoCommonGEN v2: concept_set, 1 to 4, gold",
        having("concept_set", *_NUMBERS), _commongen,
    ),
    Format(
        "truthfulqa", "TruthfulQA: question, mc1_targets", having("question", "mc1_targets"), _truthfulqa
    ),
)  # fmt: skip
