"""fields: cells of a row -> checked values; whatever is wrong with one is said by `Refused`."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from koalign.data.formats.documents import Row
from koalign.data.text.korean import clean, fold

ZERO = "answer_is_zero"
"""Reason of a row whose answer is 0 where answers count from 1."""
LETTERS = "ABCDEFGHI"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Refused(Exception):
    """A row that cannot be read: a reason of few words, and what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def wrong_type(name: str, wanted: str, value: Any) -> Refused:
    """Refused because a field holds a value of another type."""
    return Refused("wrong_type", f"{name}: {wanted} expected, found {type(value).__name__}")


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: null, NaN, or no text; CSV writes NaN as `nan` or `NaN`."""
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, str):
        return value.strip() in ("", "nan", "NaN")
    return value is None


def as_text(value: Any, name: str) -> str:
    """The text of a value, in the one form of `clean`; whole numbers are written out.

    Raises Refused for anything else, and for half of a surrogate pair, which no file can hold.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        whole = isinstance(value, float) and value.is_integer()
        value = str(int(value) if whole else value)
    if not isinstance(value, str):
        raise wrong_type(name, "text", value)
    if _LONE_SURROGATE.search(value):
        raise Refused("broken_text", f"{name}: half of a surrogate pair")
    return clean(value)


def text(row: Row, name: str) -> str:
    """A field that must hold text; raises Refused if it is missing."""
    value = row.fields.get(name)
    if _is_null(value):
        raise Refused(f"no_{_word(name)}", f"the field {name!r} is empty or not there")
    content = as_text(value, name)
    if not content.strip():
        raise Refused(f"no_{_word(name)}", f"the field {name!r} is empty")
    return content


def optional(row: Row, name: str) -> str:
    """A field that may be missing: its text, or none."""
    value = row.fields.get(name)
    return "" if is_missing(value) else as_text(value, name)


def texts(value: Any, name: str) -> tuple[str, ...]:
    """A list of texts, none of them empty; raises Refused otherwise."""
    choices = tuple("" if _is_null(i) else as_text(i, name) for i in as_list(value, name))
    for place, choice in enumerate(choices, start=1):
        if not choice.strip():
            raise Refused("empty_choice", f"{name}: number {place} is empty")
    return choices


def inner(row: Row, name: str) -> Row:
    """The object in a field, as a row at the same place; raises Refused if it is none."""
    value = row.fields.get(name)
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", value)
    return replace(row, fields=value)


def objects(row: Row, name: str) -> list[Row]:
    """The objects of the list in a field, as rows at the same place; raises Refused if it is none."""
    values = as_list(row.fields.get(name), name)
    return [inner(replace(row, fields={name: value}), name) for value in values]


def as_list(value: Any, name: str) -> Sequence[Any]:
    """The value, if it is a list; raises Refused otherwise."""
    if not isinstance(value, list | tuple):
        raise wrong_type(name, "a list", value)
    return value


def columns(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    """Choices that stand in a column each."""
    return texts([row.fields.get(name) for name in names], "/".join(names))


def number(value: Any, choices: int, name: str = "answer", first: int = 1) -> tuple[str, ...]:
    """The 1-based answer from a whole number or its digits that counts from `first`; none if missing.

    Raises Refused for anything else and for a number outside the choices.
    """
    if is_missing(value):
        return ()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    digits = str(value).strip() if isinstance(value, int | str) else ""  # `True` is no digit
    if not re.fullmatch(r"[0-9]{1,2}(\.0)?", digits):
        raise Refused("answer_is_no_number", f"{name}: {value!r}")
    answer = int(digits.removesuffix(".0")) - first + 1
    if answer == 0 and first == 1:
        raise Refused(ZERO, f"{name}: {value!r}, and the first choice is 1")
    if not 1 <= answer <= choices:
        raise Refused(
            "answer_outside_choices", f"{name}: {value!r}, and there are {choices} choices"
        )
    return (str(answer),)


def letter(value: Any, choices: int, name: str = "answer") -> tuple[str, ...]:
    """The 1-based answer from a letter, `B` or `(B)`; none if missing; raises Refused otherwise."""
    if is_missing(value):
        return ()
    mark = str(value).strip().removeprefix("(").removesuffix(")").upper()
    if len(mark) != 1 or mark not in LETTERS:
        raise Refused("answer_is_no_letter", f"{name}: {value!r}")
    return number(LETTERS.index(mark), choices, name, first=0)


def choice_text(value: Any, choices: Sequence[str], name: str = "answer") -> tuple[str, ...]:
    """The 1-based answer from the text of a choice; none if missing.

    Raises Refused if no choice says that, or two do.
    """
    if is_missing(value):
        return ()
    wanted = as_text(value, name)
    same = [n for n, choice in enumerate(choices, start=1) if choice == wanted]
    same = same or [n for n, choice in enumerate(choices, start=1) if fold(choice) == fold(wanted)]
    if not same:
        raise Refused("answer_is_no_choice", f"{name}: {wanted[:60]!r} is not among the choices")
    if len(same) > 1:
        raise Refused("answer_is_two_choices", f"{name}: {wanted[:60]!r} stands more than once")
    return (str(same[0]),)


def literal(value: Any, name: str) -> Any:
    """The Python value that a cell holds as text; evaluates literals only and nothing else."""
    if not isinstance(value, str):
        return value
    try:
        parsed = ast.literal_eval(value.strip())
        repr(parsed)  # a number of thousands of hexadecimal digits can be read, not written
        return parsed
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise Refused("broken_literal", f"{name}: no Python value ({error})") from None


def _is_null(value: Any) -> bool:
    """Null or NaN; unlike `is_missing` not the text `nan`, which may be what a choice says."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _word(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower()).strip("_") or "field"
