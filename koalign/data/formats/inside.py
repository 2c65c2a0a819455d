"""inside: problems within other objects of JSON -> a row each, with the passage and the split around it.

    {"exam": "9월", "sections": [{"passage": "…", "questions": [{"question": "…", "choices": […], …}]}]}
    {"q1": {"question": "…", …}, …}
    {"question": ["…", …], "choices": [[…], …], …}   {"columns": […], "data": […]}

An object is a problem if it has a question, and nothing in it is one or it has choices or an answer. Of
what stands around it, passages, boxes, splits and subjects belong to all problems below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from koalign.data.formats.column_names import (
    holds_a_text,
    holds_choices,
    is_prose,
    is_remark,
    meaning,
    word,
)
from koalign.data.formats.nested_choices import question_of
from koalign.data.formats.split_names import split_in_name
from koalign.text.visible import shown

DEPTH = 12
"""Levels that are looked through; of a list the first items tell what it holds."""
LOOKED_AT = 20
_CARRIED = ("split", "subject")
_SENTENCE = re.compile(r"[.?!]\s*\Z|\S\s+\S+\s+\S+\s+\S")
PASSAGE = "passage"
"""The field that a passage is put into."""


@dataclass
class Inside:
    """The problems in a value of JSON."""

    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Place within the value, and fields."""
    paths: dict[str, None] = field(default_factory=dict)
    """Where they are: `sections[].questions[]`."""
    left_out: dict[str, Any] = field(default_factory=dict)
    """Keys around them that are not used, with what they hold."""
    unread: dict[str, Any] = field(default_factory=dict)
    """Those of these that hold a long text, or answers."""

    joined: str = ""
    """The key of passages beside them that were put into them."""

    @property
    def note(self) -> str:
        """Where the problems are, and what is not used."""
        unused = f"; not used: {shown(', '.join(self.left_out))}" if self.left_out else ""
        if self.joined:
            unused += f"; each has the text of {shown(self.joined)!r} whose id it names"
        where = [path or "the file" for path in self.paths]
        if len(where) == 1 and re.fullmatch(r"[^.\[]+\[\]", where[0]):
            return f"the rows are the list {shown(where[0][:-2])!r}{unused}"
        return f"the rows are in {shown(', '.join(where[:5]))}{unused}"

    @property
    def trouble(self) -> str:
        """Why they cannot be read alone; empty where they can."""
        if not self.unread:
            return ""
        where, beside = shown(next(iter(self.paths)) or "the file"), shown(next(iter(self.unread)))
        return (
            f"problems in {where}, and beside them {beside!r}, which belongs to some of them; put into "
            "each problem what is its own"
        )


def problems_inside(value: Any) -> Inside:
    """Every problem in a value, in the order of the file."""
    found = Inside()
    _walk(value, "", "", {}, found, DEPTH)
    _join_passages(found)
    return found


def _join_passages(found: Inside) -> None:
    """Put passages that stand beside the problems into them, where each names one by its id, or none."""
    known = {key: texts for key, part in found.left_out.items() if (texts := _by_id(part))}
    if len(known) != 1 or found.unread.keys() - known:
        return
    ((key, texts),) = known.items()
    joined = []
    for place, fields in found.rows:
        ids = [name for name in fields if meaning(name)[0] in ("passage_id", "passage")]
        named = [str(fields[name]) for name in ids if fields[name] not in (None, "")]
        if len(named) > 1 or not texts.keys() >= {*named}:
            return
        own = {name: part for name, part in fields.items() if name not in ids}
        joined.append((place, own | {PASSAGE: texts[named[0]]} if named else own))
    if any(PASSAGE in fields for _, fields in joined):
        found.joined, found.rows, found.unread = key, joined, {}
        del found.left_out[key]


def _by_id(value: Any) -> dict[str, str]:
    """The texts of an object `{"p1": "…"}` or of a list `[{"id": "p1", "text": "…"}]`; none of another."""
    texts = value if isinstance(value, dict) else {}
    for item in value if isinstance(value, list) else ():
        parts = item if isinstance(item, dict) else {}
        ids = [part for name, part in parts.items() if meaning(name)[0] in ("key", "passage_id")]
        held = [
            part
            for name, part in parts.items()
            if holds_a_text(name) or word(name) in ("text", "content", "내용")
        ]
        if (
            sum(not is_remark(name) for name in parts) != 2
            or len(ids) != 1
            or len(held) != 1
            or str(ids[0]) in texts
        ):
            return {}
        texts[str(ids[0])] = held[0]
    return {str(key): text for key, text in texts.items() if isinstance(text, str)}


def leads_to_problems(value: Any, depth: int = DEPTH) -> bool:
    """Whether a problem is in a value, or it is one."""
    if depth == 0:
        return False
    if isinstance(value, list):
        return any(leads_to_problems(item, depth - 1) for item in value[:LOOKED_AT])
    if not isinstance(value, dict):
        return False
    return (
        bool(_questions(value))
        or _table(value) is not None
        or any(leads_to_problems(part, depth - 1) for part in value.values())
    )


def is_problem(value: Any) -> bool:
    """Whether an object has a question, and nothing in it is a problem."""
    if not isinstance(value, dict):
        return False
    names = _questions(value)
    return bool(names) and not any(
        leads_to_problems(part) for name, part in value.items() if name not in names
    )


def _questions(value: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, part in value.items()
        if meaning(name)[0] == "question" and question_of(part).strip()
    ]


def _walk(
    value: Any, path: str, place: str, around: dict[str, Any], found: Inside, depth: int
) -> None:
    if depth == 0:
        return
    if isinstance(value, list):
        for number, item in enumerate(value):
            _walk(item, f"{path}[]", f"{place}[{number}]", around, found, depth - 1)
    elif isinstance(value, dict):
        if is_problem(value):
            found.paths[path] = None
            found.rows.append((place, {**around, **value}))
            return
        if _questions(value) and any(holds_choices(k) or meaning(k)[0] == "answer" for k in value):
            own = {key: part for key, part in value.items() if not leads_to_problems(part)}
            found.paths[path] = None
            found.rows.append((place, {**around, **own}))
            value = {
                key: part for key, part in value.items() if key not in own or holds_a_text(key)
            }
        table = _table(value)
        below = [*table[1]] if table else [key for key in value if leads_to_problems(value[key])]
        around = {**around, **_carried(value, place, below, found)} if below else around
        if table:
            found.paths[path] = None
            for number, row in enumerate(table[0]):
                found.rows.append((f"{place}[{number}]", {**around, **row}))
            return
        for key in below:
            are_ids = len(below) > LOOKED_AT
            more = _said_by_key(
                key, value[key], are_ids or len(below) > 1, may_be_split=not are_ids
            )
            inner = f"{path}[]" if are_ids else f"{path}.{key}" if path else key
            here = f"{place}.{key}" if place else key
            _walk(value[key], inner, here, {**around, **more}, found, depth - 1)


def _carried(
    value: Mapping[str, Any], place: str, below: Sequence[str], found: Inside
) -> dict[str, Any]:
    """What of an object belongs to all problems in it; the rest is told, or cannot be left out."""
    carried = {}
    inner = {*below}
    for key, part in value.items():
        if key in inner or part in (None, "", [], {}):
            continue
        are_passages = isinstance(part, list) and bool(_by_id(part))
        if (holds_a_text(key) and not are_passages) or (
            meaning(key)[0] in _CARRIED and isinstance(part, str)
        ):
            carried[key] = part
            continue
        name = key if found.left_out.get(key, part) == part else f"{place}.{key}"
        found.left_out[name] = part
        holds_answers = meaning(key)[0] == "answer" and isinstance(part, list | dict)
        if holds_answers or (not is_remark(key) and _holds_long_text(part)):
            found.unread[name] = part
    return carried


def _said_by_key(key: str, value: Any, may_be_id: bool, *, may_be_split: bool) -> dict[str, Any]:
    """What the key of a part says of its problems: their split, or of one problem its id."""
    if may_be_split and split_in_name(key):
        return {"split": key}
    is_id = may_be_id and is_problem(value) and not any(meaning(n)[0] == "key" for n in value)
    return {"id": key} if is_id else {}


def _holds_long_text(value: Any, depth: int = DEPTH) -> bool:
    if isinstance(value, str):
        return is_prose(value)
    if depth == 0 or not isinstance(value, dict | list):
        return False
    parts = [*value.values()] if isinstance(value, dict) else value
    sentences = [part for part in parts if isinstance(part, str) and _SENTENCE.search(part)]
    if 2 * len(sentences) > len(parts) and is_prose(" ".join(sentences)):
        return True
    return any(_holds_long_text(part, depth - 1) for part in parts)


def _table(value: Mapping[str, Any]) -> tuple[Iterator[dict[str, Any]], Sequence[str]] | None:
    """The rows of a table that an object is, as pandas writes one, and the keys that hold it."""
    names, data = value.get("columns"), value.get("data")
    if (
        isinstance(names, list)
        and isinstance(data, list)
        and all(isinstance(n, str) for n in names)
    ):
        whole = all(isinstance(row, list) and len(row) == len(names) for row in data)
        if whole and any(meaning(name)[0] == "question" for name in names):
            rows = (dict(zip(names, row, strict=True)) for row in data)
            return rows, ("columns", "data", "index")
    question = next((value[name] for name in value if meaning(name)[0] == "question"), None)
    if isinstance(question, list) and question and all(isinstance(part, str) for part in question):
        lists = [key for key, part in value.items() if isinstance(part, list)]
        if len(lists) > 1 and all(_may_be_column(key, value[key], len(question)) for key in lists):
            count = range(len(question))
            return ({key: value[key][n] for key in lists} for n in count), lists
    if (
        isinstance(question, dict)
        and question
        and all(isinstance(q, str) for q in question.values())
    ):
        alike = [
            key for key, part in value.items() if isinstance(part, dict) and {*part} == {*question}
        ]
        if len(alike) == len(value) > 1:
            return ({key: value[key][row] for key in alike} for row in question), alike
    return None


def _may_be_column(key: str, column: Sequence[Any], length: int) -> bool:
    """Whether a list holds one value a problem, of choices a list each."""
    fits = len(column) == length
    return fits and (
        not holds_choices(key) or all(isinstance(part, list | dict) for part in column)
    )
