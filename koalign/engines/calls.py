"""calls: one request to an OpenAI-compatible server -> its reply, or what went wrong."""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from koalign.config.inputs import Teacher
from koalign.engines.limits import NOTHING, Tokens
from koalign.records import KoalignError

NO_KEY = "none"
"""What a server on this machine gets where there is no key."""
MAY_PASS = frozenset({408, 409, 429})
STOPS = frozenset({401, 402, 403, 404})
"""No other call would fare better: key, money, permission, address or model is wrong."""
SHARED = 8
"""Characters in a row that a message may not share with the key."""


class Trouble(Exception):
    """A try that brought no reply."""

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
        """again: it may pass; next: this call failed; stop: so would every other."""
        self.status = status
        self.rest = rest
        """Seconds that the server asks for."""
        self.used = used
        """What it was paid for; none: nobody knows."""


@dataclass(frozen=True)
class Written:
    """What a whole reply says."""

    text: str
    finish_reason: Literal["stop", "length"]
    used: Tokens | None
    """None: the server did not say."""
    model: str


class _Lenient(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Message(_Lenient):
    content: str | None = None
    refusal: str | None = None


class _Choice(_Lenient):
    message: _Message
    finish_reason: str | None = None


class _Body(_Lenient):
    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None
    model: Any = None


class _Usage(_Lenient):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Served(_Lenient):
    id: str


class _Models(_Lenient):
    data: list[_Served]


def read_key(section: Teacher) -> str:
    """The key from the environment; a server on this machine needs none. Raises KoalignError."""
    key = os.environ.get(section.key_env, "").strip()
    if not key:
        if _on_this_machine(section.url or ""):
            return ""
        raise KoalignError(
            f"teacher.key_env: the environment variable {section.key_env} is not set, and "
            f"{section.url} needs a key; export it there, or name the one that holds it"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KoalignError(
            f"teacher.key_env: what {section.key_env} holds cannot be a key (a space, a line end or a "
            "character that is not ASCII is in it); export it again"
        )
    return key


def open_client(section: Teacher, key: str) -> Any:
    """The official client, which is not to try anything twice of itself."""
    try:
        from openai import AsyncOpenAI
    except ImportError:
        raise KoalignError(
            "a teacher needs the openai client; pip install 'koalign[endpoint]'"
        ) from None
    return AsyncOpenAI(
        base_url=section.url, api_key=key or NO_KEY, timeout=section.timeout, max_retries=0
    )


async def write(client: Any, request: Mapping[str, Any], timeout: float, key: str) -> Written:
    """Send one request for a chat completion; raises Trouble for all but a whole reply."""
    create = client.chat.completions.with_raw_response.create
    body = await _sent(create(**request), timeout, key)
    try:
        said = _Body.model_validate_json(body)
    except ValidationError as error:
        raise Trouble(_no_completion(error, body, key), "again", status=200, used=None) from None
    used = _used(said.usage)
    choice = said.choices[0]
    text, reason = choice.message.content or "", choice.finish_reason

    def failed(why: str) -> Trouble:
        return Trouble(one_line(why, key), "next", status=200, used=used)

    if choice.message.refusal:
        raise failed(f"the model refused: {choice.message.refusal}")
    if reason not in ("stop", "length"):
        raise failed(f"finish_reason {reason!r}, neither stop nor length")
    if not text.strip():
        more = "; raise teacher.max_tokens" if reason == "length" else ""
        raise failed(f"an empty reply (finish_reason {reason}){more}")
    if key and key in text:
        raise failed("the reply holds the key")
    model = said.model if isinstance(said.model, str) and said.model else request["model"]
    return Written(text, reason, used, one_line(model, key))


async def served(client: Any, timeout: float, key: str) -> list[str]:
    """The names of the models that the server serves; raises Trouble."""
    body = await _sent(client.models.with_raw_response.list(), timeout, key)
    try:
        return sorted(model.id for model in _Models.model_validate_json(body).data)
    except ValidationError as error:
        raise Trouble(_no_completion(error, body, key), "again", status=200) from None


async def _sent(request: Any, timeout: float, key: str) -> bytes:
    """The body of a good answer, there whole in time; raises Trouble."""
    from openai import APIConnectionError, APIStatusError, APITimeoutError

    try:
        # The client's own timeout is one of silence; a server that trickles is never silent.
        answer = await asyncio.wait_for(request, timeout)
    except (TimeoutError, APIConnectionError) as error:
        reached = not _never_reached(error)
        if isinstance(error, TimeoutError | APITimeoutError):
            what = f"no {'whole answer' if reached else 'connection'} within {timeout:g} s"
        elif reached:
            what = f"the connection broke off ({_innermost(error)})"
        else:
            what = f"no connection; is a server up there? ({_innermost(error)})"
        used = None if reached else NOTHING
        raise Trouble(one_line(what, key), "again", used=used) from None
    except APIStatusError as error:
        raise _refused(error, key) from None
    return answer.http_response.content


def _refused(error: Any, key: str) -> Trouble:
    status = error.status_code
    # What a server says of a key repeats the key or parts of it.
    said = "" if status == 401 else one_line(error.response.text, key)
    reason = f"HTTP {status}" + (f": {said}" if said else "")
    if status in STOPS or error.code == "insufficient_quota":
        return Trouble(reason, "stop", status=status)
    if status in MAY_PASS or status >= 500:
        return Trouble(reason, "again", status=status, rest=_rest(error.response.headers))
    return Trouble(reason, "next", status=status)


def _rest(headers: Mapping[str, str]) -> float:
    """Seconds of a Retry-After header, a number or an HTTP date (RFC 9110, 10.2.3); 0: none to be read."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0
    return 0 if math.isnan(seconds) else max(0, seconds)


def _used(usage: Any) -> Tokens | None:
    try:
        counted = _Usage.model_validate(usage)
    except ValidationError:
        return None
    return Tokens(counted.prompt_tokens, counted.completion_tokens)


def _no_completion(error: ValidationError, body: bytes, key: str) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    found = f"{place + ': ' if place else ''}{first['msg']}"
    return one_line(f"an answer that is none ({found}): {body.decode('utf-8', 'replace')}", key)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _never_reached(error: BaseException) -> bool:
    """Whether there was no connection, so that nobody can have been paid."""
    return any(
        isinstance(cause, ConnectionRefusedError)
        or type(cause).__name__ in ("ConnectError", "ConnectTimeout", "gaierror")
        for cause in _causes(error)
    )


def _innermost(error: BaseException) -> str:
    return next((str(e) or type(e).__name__ for e in reversed(_causes(error))), "")


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def one_line(text: str, key: str) -> str:
    """At most 300 characters of a message in one line, without the key or a piece of it."""
    text = text[:4096]
    if key:
        size = min(SHARED, len(key))
        pieces = [key, *(key[start : start + size] for start in range(len(key) - size + 1))]
        text = re.sub("|".join(map(re.escape, pieces)), "***", text)
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:299] + "…"
