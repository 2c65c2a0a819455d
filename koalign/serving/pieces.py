"""pieces: the tokens of a completion, one by one -> its text, in pieces that no later token changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koalign.data.prompting.tokens import stop_ids

UNFINISHED = "\ufffd"
"""What a tokenizer decodes the first bytes of a letter to."""


class Pieces:
    """Holds back half a letter, and what may be the beginning of a stop text."""

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self._tokenizer, self._stop = tokenizer, stop
        self._ends = frozenset(stop_ids(tokenizer))
        self._ids: list[int] = []
        self._ended = False
        self.length = 0
        """Characters given out."""

    def add(self, token: int) -> str:
        """The text that is certain with this token and was not before it; nothing after the end.

        What is held back at the end is missing: the sample has it.
        """
        self._ended = self._ended or token in self._ends
        if self._ended:
            return ""
        self._ids.append(token)
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        self._ended = any(end in text for end in self._stop)
        text = text.rstrip(UNFINISHED)
        text = text[: len(text) - self._held_back(text)]
        if self._ended or len(text) <= self.length:
            return ""
        piece = text[self.length :]
        self.length = len(text)
        return piece

    def _held_back(self, text: str) -> int:
        """Characters at the end that a stop text begins with."""
        sizes = (
            n for end in self._stop for n in range(len(end) - 1, 0, -1) if text.endswith(end[:n])
        )
        return max(sizes, default=0)
