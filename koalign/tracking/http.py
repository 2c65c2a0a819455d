"""http: JSON to a tracker and back, with a time limit and one line for whatever goes wrong."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from koalign.records import KoalignError
from koalign.text.visible import shown
from koalign.tracking.events import SHORTEST, without_secrets

PATIENCE = 10.0
"""Seconds that a tracker may be silent."""
LONGEST = 60.0
"""Seconds that a request may take in all; one that sends a byte now and then is never silent."""
LARGEST = 1 << 22
"""Bytes of an answer that are read."""
LATER = (408, 425, 429)
"""Refusals that pass."""
EXISTS = 409
T = TypeVar("T")


class TrackerError(Exception):
    """A tracker that fails now and may work later."""


class Reply(NamedTuple):
    status: int
    """2xx, or 409: it is there already."""
    body: Any
    """Its JSON; None also for a 409 without any."""


class _NoRedirects(HTTPRedirectHandler):
    """A key is not carried to another address."""

    def redirect_request(self, *_: Any) -> None:
        return None


def call(name: str, method: str, url: str, headers: dict[str, str], body: Any = None) -> Reply:
    """One request.

    Raises TrackerError for silence, a cut line, 5xx and 429, and for a page in place of JSON; KoalignError
    for a refusal.
    """
    return within(LONGEST, name, lambda: _exchange(name, method, url, headers, body))


def within(seconds: float, name: str, work: Callable[[], T]) -> T:
    """What `work` returns or raises; raises TrackerError where it is not done in time."""
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # raised in the thread that waits
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TrackerError(f"{name}: no answer within {seconds:g} s")
    return done[0]


def _exchange(name: str, method: str, url: str, headers: dict[str, str], body: Any) -> Reply:
    data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8")
    sent = {**headers, "Content-Type": "application/json", "User-Agent": "koalign"}
    host = host_of(url)
    try:
        request = Request(url, data=data, headers=sent, method=method)
        direct = [ProxyHandler({})] if urlsplit(url).hostname in ("127.0.0.1", "localhost") else []
        with build_opener(_NoRedirects, *direct).open(request, timeout=PATIENCE) as answer:
            said = _json(answer.read(LARGEST))
            if said is None:  # of a proxy or a login: nothing of it has arrived where it should
                raise TrackerError(f"{name}: {host} answers with no JSON; check the address")
            return Reply(answer.status, said)
    except HTTPError as error:
        with error:
            said = _json(_rest(error))
        if error.code == EXISTS and method == "POST":
            return Reply(EXISTS, said)
        if error.code >= 500 or error.code in LATER:
            raise TrackerError(f"{name}: {host} answers {error.code}") from None
        why = said_by(said or error.reason, headers)
        why = "the key is refused" if error.code in (401, 403) else why
        raise KoalignError(f"{name}: {host} answers {error.code}: {why}") from None
    except (URLError, OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise TrackerError(f"{name}: {host} cannot be reached ({shown(str(reason))})") from None
    except ValueError as error:  # an address that is none, a key with a line end
        raise KoalignError(
            f"{name}: {host}: {type(error).__name__}; check address and key"
        ) from None


def said_by(tracker: object, headers: dict[str, str]) -> str:
    """What a tracker says, in a line without the keys that it was sent."""
    text = str(tracker)
    for secret in headers.values():
        text = text.replace(secret, "***") if len(secret) >= SHORTEST else text
    return shown(without_secrets(text))


def host_of(url: str) -> str:
    """Host and port of an address, without user, password and query."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "an address without a host"
    except ValueError:
        return "an address that is none"


def environment(name: str, tracker: str) -> str:
    """The value of a variable; raises KoalignError where it is not set."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise KoalignError(
            f"tracking.{tracker}: {name} is not set; export it, or leave {tracker} off"
        )
    return value


def _rest(error: HTTPError) -> bytes:
    try:
        return error.read(LARGEST)
    except (OSError, http.client.HTTPException):
        return b""


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
