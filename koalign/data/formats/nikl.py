r"""nikl: tasks of 국립국어원 AI말평 2025 -> problems; rows with rejected answers -> rankings.

A JSON list of `{"id", "input": {...}, "output": ...}`; test files have no `output`.

- nikl-culture, 한국문화 질의응답: `input` has `category, domain, question_type, topic_keyword, question`,
  `output` has `answer`. 선다형: the choices stand in the question behind the two characters `\n` as
  `1\t…`, the answer is a number as text. 단답형: right answers joined by `#`, all of them kept.
  서술형: a text.
- nikl-rule, 어문 규범 기반 생성: `input` has `question_type` and `question`. 선택형 and 교정형 (once
  written 선택형형): the answer says `"<문장>"가 옳다. <이유>`. All of it is the answer, 이유 the rationale.
- nikl-inappropriate, 대화 맥락 기반 부적절 발언 탐지: `input.utterance[]` of `id, speaker_id, form`, a
  label for each in `output[]` of `id, label`. One problem an utterance, the dialogue its passage.
- nikl-logic, 문장 간 논리 관계 판별: `input` has `front` and `back`, `output` is 순접, 역접 or 양립.

The official baseline shows category, domain and topic keyword above the question, as [기타 정보]; they
are the box of the problem, in its words. The subject is the domain. `output.rejected`, a text or a
list, is how teams write preferences: the answer before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from koalign.data.formats.completions import ranking
from koalign.data.formats.documents import Document, Row
from koalign.data.formats.drops import broken
from koalign.data.formats.fields import (
    Refused,
    as_text,
    choice_text,
    gold,
    inner,
    is_missing,
    objects,
    optional,
    text,
)
from koalign.data.formats.format import Format, mostly
from koalign.data.prompting.choices import split_choices
from koalign.records import Drop, Problem, Ranking
from koalign.text.korean import unescape_literals

RELATIONS = ("순접", "역접", "양립")
LABELS = ("appropriate", "inappropriate")
_INFORMATION = ("category", "domain", "topic_keyword")
_VERDICT = re.compile(r"[가이] 옳다\.?")
# The closing quote tells the verdict from a sentence that itself says that something is right.
_VERDICT_ON_A_QUOTE = re.compile(r"""["'”’]\s*[가이] 옳다\.?""")


def _question(row: Row) -> Problem | Ranking:
    given = inner(row, "input")
    question = unescape_literals(text(given, "question")).strip()
    value = row.fields.get("output")
    output = replace(row, fields={}) if is_missing(value) else inner(row, "output")
    answer = optional(output, "answer").strip()
    written = (answer,) if answer else ()
    shared: dict[str, Any] = {
        "box": _information(given),
        "key": optional(row, "id"),
        "subject": optional(given, "domain"),
    }
    match re.sub("(?<!형)형++$", "형", text(given, "question_type").strip()):
        case "선다형":
            split = split_choices(question)
            if split is None:
                raise Refused("no_choices", f"no choices in the question {question[-60:]!r}")
            stem, choices = split
            answers = gold(answer, choices)
            problem = Problem(question=stem, choices=choices, answers=answers, **shared)
        case "단답형":
            answers = tuple(filter(None, dict.fromkeys(map(str.strip, answer.split("#")))))
            problem = Problem(question=question, answers=answers, kind="short", **shared)
        case "서술형":
            problem = Problem(question=question, answers=written, kind="long", **shared)
        case "선택형" | "교정형" as kind:
            shared |= {"subject": kind, "rationale": _reason(answer)}
            problem = Problem(question=question, answers=written, kind="long", **shared)
        case other:
            raise Refused("unknown_question_type", repr(other))
    return _with_rejected(problem, output)


def _information(given: Row) -> str:
    values = {name: optional(given, name).strip() for name in _INFORMATION}
    values["category"] = re.sub(r"^문화\s*(지식|관점|실행)$", r"문화 \1", values["category"])
    lines = [f"- {name}: {value}" for name, value in values.items() if value]
    return "\n".join(["[기타 정보]", *lines]) if lines else ""


def _reason(answer: str) -> str:
    """What follows the verdict; nothing where there is no verdict."""
    verdict = _VERDICT_ON_A_QUOTE.search(answer) or _VERDICT.search(answer)
    return answer[verdict.end() :].strip() if verdict else ""


def _with_rejected(problem: Problem, output: Row) -> Problem | Ranking:
    if "reject" in output.fields:
        raise Refused("no_order", "`reject` holds alternatives to `cot_answer`, without an order")
    rejected = output.fields.get("rejected")
    if is_missing(rejected):
        return problem
    texts = rejected if isinstance(rejected, list) else [rejected]
    worse = [as_text(text, "rejected").strip() for text in texts]
    return ranking(problem, [*problem.answers[:1], *worse])


def _relation(row: Row) -> Problem:
    given = inner(row, "input")
    return Problem(
        question="앞 문장과 뒤 문장의 논리 관계로 알맞은 것은?",
        passage=f"앞 문장: {text(given, 'front')}\n뒤 문장: {text(given, 'back')}",
        choices=RELATIONS,
        answers=choice_text(row.fields.get("output"), RELATIONS, "output"),
        key=optional(row, "id"),
    )


def _utterances(document: Document) -> Iterator[Row | Drop]:
    """One row an utterance: the fields of its dialogue, and which of its utterances is meant."""
    for row in document.rows():
        if isinstance(row, Drop):
            yield row
            continue
        given = row.fields.get("input")
        turns = given.get("utterance") if isinstance(given, dict) else None
        if not isinstance(turns, list) or not turns:
            yield broken(row.place, "input.utterance: a list of utterances expected")
            continue
        for which in range(1, len(turns) + 1):
            place = f"{row.place}: utterance {which}"
            yield replace(row, place=place, fields={**row.fields, "number": which})


def _utterance(row: Row) -> Problem:
    which = row.fields["number"]
    turns = objects(inner(row, "input"), "utterance")
    lines = [f"{text(turn, 'speaker_id')}: {text(turn, 'form')}" for turn in turns]
    key = optional(turns[which - 1], "id")
    return Problem(
        question=f"대화의 {which}번째 발화는 어느 것에 해당하는가?\n{lines[which - 1]}",
        passage="\n".join(lines),
        choices=LABELS,
        answers=choice_text(_label(row, key, which, len(turns)), LABELS, "label"),
        key=key or f"{optional(row, 'id')}-{which}",
    )


def _label(row: Row, key: str, which: int, utterances: int) -> Any:
    """The label at the place of the utterance; ids that say otherwise are refused."""
    if is_missing(row.fields.get("output")):
        return None
    labels = objects(row, "output")
    if len(labels) != utterances:
        raise Refused("labels_do_not_match", f"{len(labels)} labels, {utterances} utterances")
    name = optional(labels[which - 1], "id")
    if key and name and name != key:
        raise Refused("labels_do_not_match", f"the label of {name!r} stands at {key!r}")
    return labels[which - 1].fields.get("label")


def _known_by(known: Callable[[set[str]], bool]) -> Callable[[Document], bool]:
    """Whether the fields of the first `input`s look like it."""
    return mostly(
        Document.rows,
        {"input"},
        lambda fields: isinstance(fields["input"], dict) and known(set(fields["input"])),
    )


_QUESTION = {"question_type", "question"}
FORMATS = (
    Format(
        "nikl-culture", "국립국어원 한국문화 질의응답 2025",
        _known_by(lambda given: given >= _QUESTION and not given.isdisjoint(_INFORMATION)), _question,
    ),
    Format(
        "nikl-rule", "국립국어원 어문 규범 기반 생성 2025",
        _known_by(lambda given: given >= _QUESTION and given.isdisjoint(_INFORMATION)), _question,
    ),
    Format(
        "nikl-inappropriate", "국립국어원 대화 맥락 기반 부적절 발언 탐지 2025",
        _known_by(lambda given: "utterance" in given), _utterance, _utterances,
    ),
    Format(
        "nikl-logic", "국립국어원 문장 간 논리 관계 판별 2025",
        _known_by(lambda given: {"front", "back"} <= given), _relation,
    ),
)  # fmt: skip
