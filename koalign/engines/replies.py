"""replies: the body of a server's reply -> its text, or what is wrong with it in one line."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from koalign.engines.limits import NOTHING, Tokens
from koalign.engines.transport import MOST_BYTES
from koalign.mining.distilling.teacher_calls import MOST_TOKENS

SHARED = 8
"""A message holds no piece of the key of so many characters."""
OPTIONAL = ("temperature", "top_p", "seed", "max_tokens")
"""Keys of a request that some servers refuse."""
_REFUSAL = re.compile(
    "unsupported|not support|unrecognized|unknown|unexpected|forbidden|not permitted|not allowed",
    re.I,
)


class RequestError(Exception):
    """A request without a usable reply."""

    def __init__(
        self,
        error: str,
        then: Literal["again", "next", "stop"],
        *,
        status: int | None = None,
        rest: float = 0,
        used: Tokens | None = NOTHING,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.then = then
        """again: retry; next: this call failed for good; stop: every other call would fail too."""
        self.status = status
        self.rest = rest
        """Seconds of Retry-After."""
        self.used = used
        """Tokens billed for it; None: unknown."""


@dataclass(frozen=True)
class ParsedReply:
    """What a body under status 200 holds, whatever the reply is worth."""

    text: str
    refusal: str | None
    finish_reason: str | None
    used: Tokens | None
    model: str | None


class Lenient(BaseModel):
    """A part of a body: unknown keys are ignored, types are not converted."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Part(Lenient):
    type: str | None = None
    text: str | None = None

    @property
    def said(self) -> str:
        """Its text, where it is no thought: those of some servers have a text, too."""
        return self.text or "" if self.type in (None, "text", "output_text") else ""


class _Message(Lenient):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(Lenient):
    message: _Message | None = None
    text: str | None = None
    """Of a completion that is no chat, in place of the message."""
    finish_reason: str | None = None
    error: Any = None

    @model_validator(mode="after")
    def _one_of_both(self) -> _Choice:
        if self.message is None and self.text is None:
            raise ValueError("neither message nor text")
        return self

    @property
    def written(self) -> str:
        content = self.message.content if self.message else self.text
        if isinstance(content, list):
            return "".join(part.said for part in content)
        return content or ""


class _Body(Lenient):
    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None
    model: Any = None
    error: Any = None

    @property
    def failure(self) -> str:
        """Why the server broke off, as some say under status 200 with half a text; empty: it did not."""
        first = self.choices[0]
        broke_off = first.finish_reason == "error" and "no reason is given"
        reason = self.error or first.error or broke_off
        return json.dumps(reason, ensure_ascii=False) if reason else ""


class _Usage(Lenient):
    prompt_tokens: int = Field(ge=0, le=MOST_TOKENS)
    completion_tokens: int = Field(ge=0, le=MOST_TOKENS)


def parse_reply(body: bytes, key: str) -> ParsedReply:
    """The first choice of a completion, a chat or not; raises RequestError for any other body."""
    refuse_oversized(body)
    try:
        parsed = _Body.model_validate_json(body.removeprefix(BOM_UTF8))
    except ValidationError as error:
        raise RequestError(invalid_body(error, body, key), "again", status=200, used=None) from None
    if parsed.failure:
        said = one_line(f"the server reports an error: {parsed.failure}", key)
        raise RequestError(said, "again", status=200, used=None)
    choice, used = parsed.choices[0], _used(parsed.usage)
    refusal = choice.message.refusal if choice.message else None
    if len(key) >= SHARED and any(key in text for text in (choice.written, refusal or "")):
        raise RequestError("the reply holds the key", "next", status=200, used=used)
    return ParsedReply(
        text=choice.written,
        refusal=refusal,
        finish_reason=choice.finish_reason,
        used=used,
        model=parsed.model if isinstance(parsed.model, str) else None,
    )


def refuse_oversized(body: bytes) -> None:
    """Raises RequestError for a body that was cut at the limit."""
    if len(body) > MOST_BYTES:
        size = f"the reply is larger than {MOST_BYTES // 2**20} MB"
        raise RequestError(size, "next", status=200, used=None)


def refused_key(error: RequestError) -> str | None:
    """The key of `OPTIONAL` that a server says it does not take."""
    if error.status not in (400, 422) or not _REFUSAL.search(error.error):
        return None
    return next((key for key in OPTIONAL if re.search(rf"\b{key}\b", error.error)), None)


def _used(usage: Any) -> Tokens | None:
    try:
        counts = _Usage.model_validate(usage)
    except ValidationError:
        return None
    return Tokens(counts.prompt_tokens, counts.completion_tokens)


def invalid_body(error: ValidationError, body: bytes, key: str) -> str:
    """What is wrong with a body, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    reason = f"{place + ': ' if place else ''}{first['msg']}"
    return one_line(f"not a completion ({reason}): {body.decode('utf-8', 'replace')}", key)


def one_line(text: str, key: str) -> str:
    """At most 300 characters of a message in one line, without the key or a piece of it."""
    text = text[:4096]
    if key:
        size = min(SHARED, len(key))
        pieces = [key, *(key[start : start + size] for start in range(len(key) - size + 1))]
        text = re.sub("|".join(map(re.escape, pieces)), "***", text)
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:299] + "…"
