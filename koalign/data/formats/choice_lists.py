"""choice_lists: the choices that one cell holds -> a list: of a list, its text, marks, lines, labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from koalign.data.formats.fields import LETTERS, Refused, as_list, is_missing, literal, wrong_type

_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩"


def listed(value: Any, name: str) -> Sequence[Any]:
    """The choices that one cell holds: a list, the text of a list, `① … ② …`, one a line, or `… | …`.

    Raises Refused for anything else.
    """
    if is_missing(value):
        return ()
    if isinstance(value, dict):
        return labelled(value, name)
    if not isinstance(value, str):
        return as_list(value, name)
    written = value.strip()
    if written.startswith(("[", "('", '("')):
        return as_list(literal(written, name), name)
    parts = re.split(f"[{_CIRCLED}]", written)
    marks = "".join(re.findall(f"[{_CIRCLED}]", written))
    if len(marks) > 1 and not parts[0] and _CIRCLED.startswith(marks):
        return [part.strip() for part in parts[1:]]
    for between in ("\n", "|"):
        if between in written:
            return [part.strip() for part in written.split(between) if part.strip()]
    raise wrong_type(name, "a list", value)


def labelled(value: dict[str, Any], name: str) -> Sequence[Any]:
    """The choices of `{"text": […], "label": ["A", …]}` or `{"A": …, "B": …}`, if the labels count up."""
    two = {*value} == {"text", "label"}
    names = as_list(value["label"], name) if two else [*value]
    choices = as_list(value["text"], name) if two else [*value.values()]
    in_order = [str(label).upper() for label in names]
    if in_order not in ([*LETTERS[: len(choices)]], [str(n + 1) for n in range(len(choices))]):
        raise Refused("labels_out_of_order", f"{name}: {', '.join(in_order)[:60]}")
    return choices


def is_list(value: Any) -> bool:
    """Whether a cell holds several choices, as `listed` reads them."""
    try:
        return len(listed(value, "")) > 1
    except Refused:
        return False
