"""json_texts: the text of a JSON file -> whether it is one value or a value a line, and its objects."""

from __future__ import annotations

import json
import re
from typing import Any

from koalign.data.formats.streams import Text
from koalign.yaml_text import as_object

_FENCED = re.compile(r"^[ \t]*```[\w-]*[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
"""A block of Markdown, as a chat model writes JSON."""
_BETWEEN = re.compile(r"[\s,\ufeff]*")


def values_in_a_row(written: str) -> list[dict[str, Any]]:
    """The objects of JSON, or of lists of them, that follow each other with commas or nothing between.

    Of a text with blocks in ``` those in the blocks. Raises ValueError where there is anything else.
    """
    decoder, values = json.JSONDecoder(object_pairs_hook=as_object), list[Any]()
    for block in _FENCED.findall(written) or [written]:
        place = _after_commas(block, 0)
        while place < len(block):
            value, place = decoder.raw_decode(block, place)
            values += value if isinstance(value, list) else [value]
            place = _after_commas(block, place)
    if not values or not all(isinstance(value, dict) for value in values):
        raise ValueError("objects expected")
    return values


def _after_commas(text: str, place: int) -> int:
    match = _BETWEEN.match(text, place)
    return match.end() if match else place


def _follow_each_other(text: Text) -> bool:
    """Whether the first line is no object, and the text is objects over several lines each, or lists."""
    first = next(filter(str.strip, text.lines()), "").strip("\ufeff \t\r\n")
    try:
        if isinstance(json.loads(first), dict):
            return False
    except (ValueError, RecursionError):
        pass
    try:
        return bool(values_in_a_row(text.whole()))
    except (ValueError, RecursionError):
        return False


def is_a_value_a_line(text: Text) -> bool:
    """Whether JSON lines are what their name says, and not one value or several over many lines."""
    return not (_is_one_value(text) or _follow_each_other(text))


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


def _is_one_value(text: Text) -> bool:
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
