"""chat: the one door to OpenAI-compatible servers: clients, models served, a reply or its error."""

from __future__ import annotations

import asyncio
import email.utils
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from koalign.config.teacher import Teacher
from koalign.engines.limits import NOTHING, Tokens
from koalign.engines.permission import on_this_machine, require_permission
from koalign.engines.replies import (
    Lenient,
    RequestError,
    invalid_body,
    one_line,
    parse_reply,
    refuse_oversized,
    refused_key,
)
from koalign.engines.transport import ELSEWHERE, HEADERS, async_client, load_openai, sync_client
from koalign.records import KoalignError

NO_KEY = "none"
"""Sent to a server on this machine where there is no key."""
RETRIED = frozenset({408, 409, 429})
"""With those from 500 on: HTTP statuses after which the same request may succeed."""
FATAL = frozenset({401, 402, 403, 404})
"""HTTP statuses that every other request would get: key, money, permission, address or model."""


@dataclass(frozen=True)
class ChatReply:
    """A complete reply."""

    text: str
    finish_reason: Literal["stop", "length"]
    used: Tokens | None
    """None: the server sent no usage."""
    model: str


class _Served(Lenient):
    id: str


class _Models(Lenient):
    data: list[_Served]


def read_key(section: Teacher) -> str:
    """The key from the environment; a server on this machine needs none.

    Raises KoalignError where there is none, and where nobody allows the server to get it.
    """
    key = key_in_environment(section)
    if key:
        require_permission(section.url or "", section.key_env, key)
    return key


def key_in_environment(section: Teacher) -> str:
    """The same, whether or not the server may get it."""
    key = os.environ.get(section.key_env, "").strip()
    if not key:
        if on_this_machine(section.url or ""):
            return ""
        raise KoalignError(
            f"{section.name}.key_env: the environment variable {section.key_env} is not set, and "
            f"{section.url} needs a key; export it there, or name the one that holds it"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KoalignError(
            f"{section.name}.key_env: what {section.key_env} holds cannot be a key (a space, a line end "
            "or a character that is not ASCII is in it); export it again"
        )
    return key


def open_client(url: str, key: str, timeout: float, retries: int) -> Any:
    """openai.OpenAI, which retries by itself; timeout in seconds of silence."""
    return load_openai().OpenAI(
        base_url=url, api_key=key or NO_KEY, timeout=timeout, max_retries=retries,
        http_client=sync_client(timeout), default_headers=HEADERS,
    )  # fmt: skip


def open_async_client(url: str, key: str, timeout: float) -> Any:
    """openai.AsyncOpenAI without retries: each try must pass the budget and the rate limits."""
    return load_openai().AsyncOpenAI(
        base_url=url, api_key=key or NO_KEY, timeout=timeout, max_retries=0,
        http_client=async_client(timeout), default_headers=HEADERS,
    )  # fmt: skip


def served_models(url: str, key: str, timeout: float, retries: int) -> list[str]:
    """The names of the models that the server serves; raises RequestError."""
    with open_client(url, key, timeout, retries) as client:
        try:
            body = client.models.with_raw_response.list().http_response.content
            refuse_oversized(body)
            models = _Models.model_validate_json(body).data
            return sorted(one_line(model.id, key) for model in models)
        except ValidationError as error:
            raise RequestError(invalid_body(error, body, key), "again", status=200) from None
        except load_openai().OpenAIError as error:
            raise request_error(error, timeout, key) from None


async def complete(
    client: Any, request: Mapping[str, Any], section: Teacher, key: str
) -> ChatReply:
    """Send one request for a chat completion; raises RequestError for anything but a whole reply."""
    create = client.chat.completions.with_raw_response.create
    body = await _send(create(**request), section, key)
    parsed = parse_reply(body, key)
    text, reason, used = parsed.text, parsed.finish_reason, parsed.used

    def failed(why: str) -> RequestError:
        return RequestError(one_line(why, key), "next", status=200, used=used)

    if parsed.refusal:
        raise failed(f"the model refused: {parsed.refusal}")
    if reason not in ("stop", "length"):
        raise failed(f"finish_reason {reason!r}, neither stop nor length")
    if not text.strip():
        more = f"; raise {section.name}.max_tokens" if reason == "length" else ""
        raise failed(f"an empty reply (finish_reason {reason}){more}")
    model = parsed.model or request["model"]
    return ChatReply(text, "length" if reason == "length" else "stop", used, one_line(model, key))


async def _send(request: Any, section: Teacher, key: str) -> bytes:
    """The body of a successful response, complete within the timeout; raises RequestError."""
    try:
        # The client's own timeout is one of silence; a server that trickles is never silent.
        response = await asyncio.wait_for(request, section.timeout)
    except (TimeoutError, load_openai().OpenAIError) as error:
        raise request_error(error, section.timeout, key, section.name) from None
    return response.http_response.content


def request_error(
    error: Exception, timeout: float, key: str, section: str = "teacher"
) -> RequestError:
    """An error of the openai client, or of asyncio.wait_for, as a RequestError.

    `section`: whose keys a remedy names.
    """
    openai, cause = load_openai(), error.__cause__
    if isinstance(error, openai.APIStatusError):
        return _status_error(error, key, section)
    # Without a connection nothing can have been paid for.
    reached = type(cause).__name__ not in ("ConnectError", "ConnectTimeout")
    reason = str(cause or error) or type(cause or error).__name__
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        text = f"no {'whole answer' if reached else 'connection'} within {timeout:g} s"
    elif isinstance(error, openai.APIConnectionError):
        text = "the connection broke off" if reached else "no connection; is a server up there?"
        text += f" ({reason})"
    else:
        text = f"{type(error).__name__}: {reason}"
    return RequestError(one_line(text, key), "again", used=None if reached else NOTHING)


def _status_error(error: Any, key: str, section: str) -> RequestError:
    status = error.status_code
    if elsewhere := error.response.headers.get(ELSEWHERE):
        reason = (
            f"HTTP {status}: it sends on to {elsewhere}, another server, which gets nothing; if you trust "
            "that one, name it"
        )
        return RequestError(one_line(reason, key), "stop", status=status)
    # The body of a 401 repeats the key or parts of it.
    body = "" if status == 401 else one_line(error.response.text, key)
    reason = f"HTTP {status}" + (f": {body}" if body else "")
    if status in FATAL or error.code == "insufficient_quota":
        return RequestError(reason, "stop", status=status)
    if status in RETRIED or status >= 500:
        return RequestError(reason, "again", status=status, rest=_rest(error.response.headers))
    refusal = RequestError(reason, "next", status=status)
    if refused := refused_key(refusal):
        value = "max_completion_tokens" if refused == "max_tokens" else "null"
        setting = "max_tokens_key" if refused == "max_tokens" else refused
        remedy = f"; for a {section} set {section}.{setting}: {value}"
        return RequestError(reason + remedy, "next", status=status)
    return refusal


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
