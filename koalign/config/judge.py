"""judge: the settings of a server that compares two long answers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from koalign.config.inputs import Teacher


class Judge(Teacher):
    """A server of the same kind, asked which of two long answers is better, once in each order."""

    name: ClassVar[str] = "judge"

    url: str | None = None
    """Where it is; null: no judge. Its verdicts on samples become pairs, and those on the answers of two
    steps a win rate."""
    temperature: float | None = Field(default=0, ge=0)
    """null: not sent, for a model that takes none."""
