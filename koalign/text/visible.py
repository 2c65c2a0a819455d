"""visible: text of data -> text to show, with marks for characters that act on a screen or hide."""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters but tab and line end, marks of direction, and characters without width."""


def visible(text: str) -> str:
    """ESC becomes `␛`, U+202E `⟨U+202E⟩`; tab and line end stay."""
    return _HIDDEN.sub(lambda match: _mark(ord(match[0])), text.replace("\r\n", "\n"))


def _mark(code: int) -> str:
    return chr(0x2400 + code) if code < 0x20 else f"⟨U+{code:04X}⟩"
