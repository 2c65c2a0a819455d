"""literals: the text of a Python value in a cell, also as numpy prints a list -> the value."""

from __future__ import annotations

import ast
import re
from typing import Any

from koalign.data.formats.fields import Refused

_STRING = re.compile(r"""'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+\"""")
_PRINTED = re.compile(rf"\[\s*(?:{_STRING.pattern})(?:\s+(?:{_STRING.pattern}))+\s*\]")
"""A list as numpy prints it, without commas: Python would join its texts."""
_ARRAY = re.compile(r"array\((\[.*?\])(?:,\s*dtype=[^,()]{1,20})?\)", re.DOTALL)


def literal(value: Any, name: str) -> Any:
    """The Python value that a cell holds as text; evaluates literals only and nothing else.

    A list may be written as numpy does: `['가' '나']`, `array(['가', '나'], dtype=object)`. Raises Refused.
    """
    if not isinstance(value, str):
        return value
    written = value.strip()
    if _PRINTED.fullmatch(written):
        written = f"[{','.join(part[0] for part in _STRING.finditer(written))}]"
    try:
        try:
            parsed = ast.literal_eval(written)
        except (ValueError, SyntaxError):  # no literal, but perhaps of arrays
            if not _ARRAY.search(written):
                raise
            parsed = ast.literal_eval(_ARRAY.sub(r"\1", written))
        repr(parsed)  # a number of thousands of hexadecimal digits can be read, not written
        return parsed
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise Refused("broken_literal", f"{name}: no Python value ({error})") from None
