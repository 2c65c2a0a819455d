"""keys: visible text -> what announces answers in it (`정답은`, `Answer:`), where the sentence means it."""

from __future__ import annotations

import re

from koalign.grading import patterns
from koalign.grading.supposed import is_supposed

_ENDS_LINE = re.compile(r"[0-9]{1,2}[.)]?(?:\n|\Z)")


def keys_of(text: str) -> list[re.Match[str]]:
    """What announces answers, where the sentence means it."""
    return [key for key in patterns.KEY.finditer(text) if not is_supposed(text, key.start())]


def has_colon(key: re.Match[str]) -> bool:
    return bool(key["is"] or (key["sep"] or "은")[-1] not in "은는이을")


def is_as_asked(key: re.Match[str]) -> bool:
    """Whether it is one that prompts ask for: `정답:`, `Answer:`; `정답 4` that is a line."""
    if key["opens"] is not None and not (key["sep"] or key["is"]):
        return bool(_ENDS_LINE.match(key.string, key.end()))
    return has_colon(key) and not (key["is"] or ":").strip().isalpha()


def announces_text(key: re.Match[str]) -> bool:
    return bool(
        key["quote"] or key["sep"] or key["is"] or (key["opens"] and key["close"]) or _is_line(key)
    )


def text_start(key: re.Match[str]) -> int:
    ends = (key.end(name) for name in ("quote", "lead", "sep", "is", "close") if key[name])
    return next(ends, key.end("close"))


def _is_line(key: re.Match[str]) -> bool:
    """Whether it is a line of its own, such as a heading."""
    is_opening = key["opens"] is not None and key["close"] is not None
    return is_opening and key.string.startswith("\n", key.end("close"))


def without_key(phrase: str) -> str:
    """A phrase without the `정답:` that it begins with, if it does."""
    key = patterns.KEY.match(phrase)
    return phrase[text_start(key) :].strip() if key and announces_text(key) else phrase
