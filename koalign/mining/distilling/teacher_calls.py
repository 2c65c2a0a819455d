"""teacher_calls: calls to a teacher, its replies and its failures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from koalign.records import Message, Prompt, Record, content_hash

REPLIES = "replies.jsonl"
"""The log of replies in the folder of a stage."""
MOST_TOKENS = 10**9
"""Of one call; a server that counts more does not count."""


class Call(Record):
    """One request to the teacher."""

    problem_id: str
    messages: tuple[Message, ...] = Field(min_length=1)
    index: int = Field(default=0, ge=0)
    """Number of this draw among the draws of the same messages."""
    purpose: str
    """What the reply is for, such as `hint` or `rationale`."""


def calls_of(prompt: Prompt, n: int, purpose: str) -> list[Call]:
    """`n` draws of one prompt."""
    return [
        Call(problem_id=prompt.problem_id, messages=prompt.messages, index=index, purpose=purpose)
        for index in range(n)
    ]


class Reply(Record):
    """A completion by the teacher, ungraded."""

    id: str
    """Of the call: see `call_id`."""
    problem_id: str
    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    """length: it was cut at the longest allowed reply."""
    prompt_tokens: int | None = Field(ge=0, le=MOST_TOKENS)
    """As the server counted; None: not reported."""
    completion_tokens: int | None = Field(ge=0, le=MOST_TOKENS)
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
    """How often it had been sent so far."""
    prompt_tokens: int = Field(default=0, ge=0, le=MOST_TOKENS)
    """As the server counted all the same; 0: nothing was computed."""
    completion_tokens: int = Field(default=0, ge=0, le=MOST_TOKENS)
    estimated: bool = False
    """Whether the tokens are an upper bound, since the reply was lost on its way."""


def failures_beside(log: Path) -> Path:
    """The file of failures beside a log of replies."""
    return log.with_name(f"{log.stem}-failures{log.suffix}")


PAID = (REPLIES, failures_beside(Path(REPLIES)).name)
"""Files of a stage that `--force` keeps, so that no reply is paid for twice."""


def call_id(call: Call, model: str, settings: Mapping[str, Any]) -> str:
    """Sixteen hex digits: the hash of the call, the model it goes to and the settings sent with it."""
    return content_hash("call", call.model_dump(mode="json"), model, dict(settings))


def most_tokens(call: Call) -> int:
    """More tokens than the messages can be.

    A token of a byte-level vocabulary is one byte of UTF-8 or more; a chat template adds a few tokens to
    each turn and at the beginning.
    """
    return 64 + sum(16 + len(message.text.encode("utf-8")) for message in call.messages)
