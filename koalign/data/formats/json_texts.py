"""json_texts: the text of a JSON file -> whether it is one value or a value a line, and its objects."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from koalign.data.formats.streams import Text


def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; raises ValueError where a key stands there twice, for one would be lost."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return fields


def begins_with_a_row(text: Text) -> bool:
    """Whether the first line is an object, with others below it."""
    lines = text.lines()
    first = next(lines, "")
    if not first.startswith("{") or not any(map(str.strip, lines)):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def is_one_value(text: Text) -> bool:
    """Whether JSON lines are none: a list of objects, an object of one, or one value over many lines."""
    filled = filter(None, (line.strip("\ufeff \t\r\n") for line in text.lines()))
    first = next(filled, "")
    if not first.startswith("[") and first != "{" and next(filled, ""):
        return False
    try:
        value = json.loads(text.whole().strip("\ufeff \t\r\n"))
    except (ValueError, RecursionError):
        return False
    lists = [value]
    if isinstance(value, dict):
        lists = [rows for rows in value.values() if isinstance(rows, list)]
    return first == "{" or (len(lists) == 1 and bool(lists[0]) and _are_objects(lists[0]))


def _are_objects(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
