"""nested_choices: a row whose choices or answer are objects -> the same with texts and a letter.

    {"choices": [{"label": "A", "text": "…", "is_correct": true}, …]}
    {"choices": {"label": ["A", …], "text": ["…", …]}, "answer": {"label": "A"}}
    {"choices": {"가": "…", "나": "…"}, "answer": "나"}
    {"answers": [{"text": "…", "fraction": 100}, {"text": "…", "fraction": 0}]}
    {"correct_answer": "…", "distractors": ["…", …]}

Only rows with choices are changed. An answer that is the label of a choice becomes its letter, whatever the
labels are and in whatever order they stand. What fits no such shape stays, and its format refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koalign.data.formats.column_names import (
    BOX_OR_CHOICES,
    choice,
    holds_a_text,
    holds_choices,
    is_remark,
    is_wrong,
    meaning,
    word,
)
from koalign.text.korean import fold

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# fmt: off
_TEXT = {
    "text", "content", "contents", "value", "body", "option", "choice", "answer", "sentence", "stem",
    "optiontext", "choicetext", "answertext", "내용", "텍스트", "본문", "보기", "선지", "선택지", "답지",
    "답", "문장",
}
_LABEL = {
    "label", "labels", "id", "key", "no", "number", "num", "index", "idx", "letter", "symbol", "order",
    "번호", "기호", "순번", "식별자",
}
_FLAG = {
    "correct", "iscorrect", "isanswer", "answer", "right", "isright", "istrue", "true", "gold", "isgold",
    "정답", "정답여부", "맞음",
}
_SHARE = {"fraction", "weight", "answerweight", "score", "grade", "점수"}
# fmt: on
_POINTS = re.compile(r"-?[0-9]{1,4}(?:\.[0-9]{1,9})?")
_OF_CHOICE = re.compile("^(?:correct|right|answer|option|choice|정답|선택지|선지|보기)+")
"""What may precede the word for a label: `correct_option_id`."""


class Contradiction(ValueError):
    """Why two parts of a row cannot both be read."""


@dataclass(frozen=True)
class _Choices:
    texts: list[Any]
    labels: list[str]
    """Of each choice; none where they have none."""
    right: list[int] | None = None
    """Places of those that are marked as right; none where nothing is marked."""


def with_plain_choices(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a row with choices as texts; itself where nothing in it is nested.

    Raises Contradiction where the choice that is marked as right is not the one that the row names.
    """
    if not any(isinstance(value, dict | list) for value in fields.values()):
        return fields
    fields = _with_texts(_with_question(fields))
    others = [name for name in fields if holds_choices(name)]
    for name, value in fields.items():
        read = _parsed(value)
        if read and (holds_choices(name) or (read.right is not None and not others)):
            return _with_choices(fields, name, read)
    nested = [name for name, value in fields.items() if isinstance(value, dict | list)]
    choices = [name for name in nested if holds_choices(name) and isinstance(fields[name], list)]
    if len(choices) == 1 and any(meaning(name)[0] == "answer" for name in nested):
        return _with_choices(fields, choices[0], _Choices(fields[choices[0]], []))
    return _with_wrong_columns(fields)


def text_of(value: Any) -> Any:
    """The one text of an object, such as `{"text": "…", "evidence": "…"}`; any other value itself."""
    texts = (
        [part for name, part in value.items() if word(name) in _TEXT]
        if isinstance(value, dict)
        else []
    )
    return texts[0] if len(texts) == 1 else value


def question_of(value: Any) -> str:
    """The text of a question that is a text, or an object that holds one; empty without."""
    if isinstance(value, dict):
        names = [name for name in value if _is_question(name) and isinstance(value[name], str)]
        value = value[names[0]] if len(names) == 1 else ""
    return value if isinstance(value, str) else ""


def _is_question(name: str) -> bool:
    return word(name) in ("text", "stem", "content", "내용", "텍스트") or (
        meaning(name)[0] == "question"
    )


def _with_question(fields: dict[str, Any]) -> dict[str, Any]:
    """With the parts of a question that is an object beside it: `{"stem": …, "choices": […]}`."""
    for name, value in fields.items():
        if meaning(name)[0] == "question" and isinstance(value, dict) and question_of(value):
            parts = {key: part for key, part in value.items() if part != question_of(value)}
            return {**parts, **fields, name: question_of(value)}
    return fields


def _with_texts(fields: dict[str, Any]) -> dict[str, Any]:
    """With passages and boxes that are lists of texts, or objects of one, as one text."""
    choices = [
        n for n in fields if choice(n) or (holds_choices(n) and isinstance(fields[n], list | dict))
    ]
    several = len(choices) > 1
    changed = {}
    for name, value in fields.items():
        is_passage = holds_a_text(name) and (several or word(name) != BOX_OR_CHOICES)
        is_texts = isinstance(value, list) and all(isinstance(part, str) for part in value)
        if is_passage and is_texts and value:
            changed[name] = "\n".join(value)
        if (
            is_passage and isinstance(value, dict) and all(map(choice, value))
        ):  # `{"ㄱ": "…", "ㄴ": "…"}`
            changed[name] = "\n".join(f"{label}. {text}" for label, text in value.items())
        elif is_passage and isinstance(value, dict):  # `{"title": "…", "text": "…"}`
            texts = [
                part for key, part in value.items() if isinstance(part, str) and not is_remark(key)
            ]
            changed |= {name: texts[0]} if len(texts) == 1 else {}
    return {**fields, **changed} if changed else fields


def _parsed(value: Any) -> _Choices | None:
    """The choices of a value that holds them as objects, pairs or under labels."""
    if isinstance(value, dict):
        lists = {name: part for name, part in value.items() if isinstance(part, list)}
        texts = [part for name, part in lists.items() if word(name) in _TEXT | {"texts", "choices"}]
        labels = [part for name, part in lists.items() if word(name) in _LABEL]
        if len(lists) == len(value) and len(texts) == len(labels) == 1:
            return _Choices(texts[0], [*map(str, labels[0])])
        names = [*map(str, value)]
        if len(value) > 1 and not lists and all(choice(name) for name in names):
            return _Choices([*value.values()], names)
        return None
    if not isinstance(value, list) or len(value) < 2:
        return None
    if all(isinstance(item, dict) and item for item in value):
        return _of_objects(value)
    if all(isinstance(item, list | tuple) and len(item) == 2 for item in value):
        names = [str(item[0]) for item in value]
        if _in_order(names) is not None:
            return _Choices([item[1] for item in value], names)
    return None


def _of_objects(items: Sequence[dict[str, Any]]) -> _Choices | None:
    names = [*dict.fromkeys(name for item in items for name in item)]
    if all(len(item) == 1 for item in items) and len(names) == len(items):
        return _Choices([*(item[name] for item, name in zip(items, names, strict=True))], names)
    values = {name: [item.get(name) for item in items] for name in names}
    marked = {
        name: right for name in names if (right := _marked_right(name, values[name])) is not None
    }
    flags = [name for name in marked if word(name) in _FLAG] or [*marked]
    rest = [name for name in names if name not in flags]
    texts = [name for name in rest if word(name) in _TEXT]
    if len(texts) > 1:  # `{"option": "A", "text": "…"}`
        texts = [name for name in texts if _in_order([*map(str, values[name])]) is None]
    labels = [
        name for name in rest if (_is_label(name) or word(name) in _TEXT) and name not in texts
    ]
    if len(texts) != 1 or len(flags) > 1:
        return None
    right = marked[flags[0]] if flags else None
    given = [str(value) for value in values[labels[0]]] if labels else []
    return _Choices(values[texts[0]], given, right)


def _is_label(name: str) -> bool:
    return _OF_CHOICE.sub("", word(name)) in _LABEL


def _marked_right(name: str, values: Sequence[Any]) -> list[int] | None:
    """The places that a field of each choice marks as right: `is_correct`, the most points; else none."""
    said = ["" if value is None else str(value).strip().lower() for value in values]
    is_yes = [one in ("true", "1", "o", "y", "yes") for one in said]
    if word(name) in _SHARE and all(_POINTS.fullmatch(one) for one in said):
        points = [*map(float, said)]
        is_yes = [one == max(points) for one in points]
        is_mark = max(points) > 0 >= min(points)
    else:
        no = ("", "false", "0", "x", "n", "no")
        is_mark = (
            word(name) in _FLAG and any(said) and all(map(lambda y, s: y or s in no, is_yes, said))
        )
    return [place for place, yes in enumerate(is_yes) if yes] if is_mark else None


def _in_order(labels: Sequence[str]) -> int | None:
    """The number of the first of labels that count up, 0 or 1; none of others."""
    numbers = [known[1] if (known := choice(label)) else -1 for label in labels]
    first = numbers[0] if numbers else -1
    counted = [*range(first, first + len(numbers))]
    return first if first in (0, 1) and numbers == counted and len(numbers) > 1 else None


def _with_choices(fields: dict[str, Any], name: str, read: _Choices) -> dict[str, Any]:
    """The fields with these choices, and with the answers as their letters."""
    answers = [key for key in fields if meaning(key)[0] == "answer" and key != name]
    changed = {key: _answer(fields[key], read) for key in answers}
    indices = {key for key in answers if not read.labels and _is_index(fields[key], changed[key])}
    plain = {**fields, name: read.texts, **changed}
    plain = {"answerIndex" if key in indices else key: value for key, value in plain.items()}
    if not holds_choices(name):  # `answers` that hold the wrong ones too
        plain = {"choices" if key == name else key: value for key, value in plain.items()}
    if read.right is None:
        return plain
    marked = ",".join(LETTERS[place] for place in read.right)
    for key in answers:
        if changed[key] not in (None, "", []) and not _same(changed[key], read):
            raise Contradiction(
                f"{key}: {changed[key]!r}, and {marked or 'no choice'} is marked right"
            )
    if not any(changed[key] not in (None, "", []) for key in answers) and marked:
        plain[answers[0] if answers else "answer"] = marked
    return plain


def _is_index(value: Any, said: Any) -> bool:
    """Whether an answer is an object that says a number and calls it an index, which may count from 0."""
    return isinstance(value, Mapping) and any(
        part == said and isinstance(part, int) and re.search("(?:index|idx)$", word(name))
        for name, part in value.items()
    )


def _same(answer: Any, read: _Choices) -> bool:
    """Whether an answer names the choices that are marked as right."""
    right = read.right or []
    named = {fold(part) for part in re.split(r"\s*,\s*", str(answer))}
    return named in (
        {fold(LETTERS[place]) for place in right},
        {str(place + 1) for place in right},
    ) or fold(str(answer)) in [fold(str(read.texts[place])) for place in right]


def _answer(value: Any, read: _Choices) -> Any:
    """An answer as the letter of the choice that it is the label of; a nested one as what it says."""
    if isinstance(value, list):
        parts = [part if isinstance(part, list) else _answer(part, read) for part in value]
        if parts == value:  # plain already: koalign's own `answers` are a list, of one too
            return value
        return parts[0] if len(parts) == 1 else parts
    if isinstance(value, Mapping):
        value = _said(value, read.texts)
    labels, texts = [fold(label) for label in read.labels], [fold(str(text)) for text in read.texts]
    said = fold(str(value))
    is_label = labels.count(said) == 1 and (said not in texts or not isinstance(value, str))
    return LETTERS[labels.index(said)] if is_label and len(texts) <= len(LETTERS) else value


def _said(value: Mapping[str, Any], texts: Sequence[Any]) -> Any:
    """What an answer that is an object says: the text of a choice, else its label; itself for neither."""
    wanted = [fold(str(text)) for text in texts]
    for part in value.values():
        if isinstance(part, str) and fold(part) in wanted:
            return part
    named = [part for name, part in value.items() if _is_label(name)]
    return named[0] if len(named) == 1 else value


def _with_wrong_columns(fields: dict[str, Any]) -> dict[str, Any]:
    """With each wrong answer of a list in a field of its own: `distractors1`, `distractors2`, …"""
    plain: dict[str, Any] = {}
    for name, value in fields.items():
        if is_wrong(name) and isinstance(value, list):
            plain |= {f"{name}{number}": part for number, part in enumerate(value, start=1)}
        else:
            plain[name] = value
    return plain
