"""drops: what stands at a place and is no row -> its Drop."""

from __future__ import annotations

from typing import Any

from koalign.records import Drop
from koalign.text.visible import shown


def wrong_type(place: str, value: Any, wanted: str) -> Drop:
    """The Drop of a value of another type."""
    names = {
        dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null",
    }  # fmt: skip
    return broken(place, f"{wanted} expected, found {names.get(type(value), 'a number')}")


def broken(place: str, detail: str) -> Drop:
    """The Drop of something that is no row at all."""
    return drop(place, "broken_row", detail)


def drop(place: str, reason: str, detail: str, key: str = "") -> Drop:
    """The Drop of what a place holds."""
    return Drop(stage="read", reason=reason, key=key, place=place, detail=shown(detail))
