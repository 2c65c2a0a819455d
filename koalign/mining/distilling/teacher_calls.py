"""teacher_calls: what is asked of a teacher, what it replied, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from koalign.records import Message, Record, content_hash

REPLIES = "replies.jsonl"
"""The log of replies in the folder of a stage."""


class Call(Record):
    """One thing asked of the teacher."""

    problem_id: str
    messages: tuple[Message, ...] = Field(min_length=1)
    index: int = Field(default=0, ge=0)
    """Number of this draw among the draws of the same messages."""
    purpose: str
    """What the reply is for, such as `hint` or `rationale`."""


class Reply(Record):
    """What the teacher wrote, unread."""

    id: str
    """Of the call: see `call_id`."""
    problem_id: str
    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    """length: it was cut at the longest allowed reply."""
    prompt_tokens: int | None = Field(ge=0)
    """As the server counted; none: it did not say."""
    completion_tokens: int | None = Field(ge=0)
    model: str
    """As the server called it."""


class Failure(Record):
    """A call that brought no reply, or a try of one that may have been paid for; never data."""

    id: str
    """Of the call: see `call_id`."""
    problem_id: str
    error: str
    """One line, without secrets."""
    status: int | None
    """HTTP status; none: no answer came."""
    tries: int
    """How often it had been sent by then."""
    prompt_tokens: int = 0
    """What the server counted all the same; 0: nothing was done for it."""
    completion_tokens: int = 0
    estimated: bool = False
    """Whether the tokens are the most it can have been, since the answer was lost on its way."""


def failures_beside(log: Path) -> Path:
    """The file of the failures that belongs to a log of replies."""
    return log.with_name(f"{log.stem}-failures{log.suffix}")


PAID = (REPLIES, failures_beside(Path(REPLIES)).name)
"""Files of a stage that `--force` leaves: what is in them is not paid for again."""


def call_id(call: Call, model: str, settings: Mapping[str, Any]) -> str:
    """Sixteen hex digits: the hash of the call, the model it goes to and the settings sent with it."""
    return content_hash("call", call.model_dump(mode="json"), model, dict(settings))


def most_tokens(call: Call) -> int:
    """More tokens than the messages can be.

    A token of a byte-level vocabulary is one byte of UTF-8 or more; a chat template adds a few tokens to
    each turn and at the beginning.
    """
    return 64 + sum(16 + len(message.text.encode("utf-8")) for message in call.messages)
