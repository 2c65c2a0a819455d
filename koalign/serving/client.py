"""client: a message or a problem -> the hint and the answer of a server, or of an engine of our own."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from koalign.config.inputs import refuse_secrets
from koalign.engines.opening import open_engine
from koalign.engines.permission import on_this_machine, require_permission
from koalign.records import KoalignError
from koalign.serving.api import Service, make_app
from koalign.serving.event_data import event_data
from koalign.serving.in_process import InProcess
from koalign.serving.queue import EngineQueue
from koalign.serving.served import ServedRun
from koalign.text.visible import shown

SILENCE = 600.0
"""Seconds without a byte after which a server is given up."""
MOST_BYTES = 32 * 2**20
"""Of a reply. 100,000 tokens in events are less than 32 MiB."""


@dataclass(frozen=True)
class Turn:
    """What a model wrote."""

    hint: str
    text: str


@dataclass(frozen=True)
class Solved(Turn):
    """What became of a problem."""

    answer: str | None
    why: str
    """Why there is no answer."""
    probabilities: dict[str, float]
    """Choice -> probability; empty where there are none."""
    votes: dict[str, int]
    """Answer -> votes."""


class Client:
    """The API of koalign, through HTTP or in this process; raises KoalignError for its errors."""

    def __init__(self, http: httpx.AsyncClient, runner: asyncio.Runner, name: str) -> None:
        self._http, self._runner, self._name = http, runner, name

    def models(self) -> list[str]:
        """The names of the models; raises KoalignError where there is none."""
        listed = self._run(self._json("GET", "/v1/models"))
        with self._shaped():
            names = [_text(model["id"]) for model in listed["data"]]
        if not names:
            raise KoalignError(f"{self._name}: serves no model")
        return names

    def solve(self, problem: dict[str, Any], model: str) -> Solved:
        """The answer to a problem."""
        body = {**problem, "model": model}
        reply = self._run(self._json("POST", "/v1/solve", json=body))
        with self._shaped():
            return Solved(
                hint=_text(reply["abstraction"]),
                text=_text(reply["text"]),
                answer=reply["answer"],
                why=str(reply["why"]),
                probabilities={n: 0.0 + p for n, p in (reply["probabilities"] or {}).items()},
                votes={n: 0 + count for n, count in reply["votes"].items()},
            )

    def chat(
        self,
        messages: list[dict[str, str]],
        model: str,
        on_hint: Callable[[str], None],
        on_text: Callable[[str], None],
    ) -> Turn:
        """The answer to the last message; `on_hint` and `on_text` get hint and answer as they come."""
        body = {"model": model, "messages": messages, "stream": True}
        return self._run(self._chat(body, on_hint, on_text))

    def _run(self, work: Any) -> Any:
        try:
            return self._runner.run(work)
        except httpx.HTTPError as error:
            reason, up = shown(str(error)) or type(error).__name__, "is `koalign serve` up there?"
            reached = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            told = f"{reason}; {up}" if reached else f"no connection; {up} ({reason})"
            raise KoalignError(f"{self._name}: {told}") from None

    async def _json(self, method: str, route: str, **more: Any) -> Any:
        reply = await self._http.request(method, route, **more)
        if reply.status_code != 200:
            raise self._error(reply.status_code, reply.content)
        return self._parsed(reply.content)

    async def _chat(
        self, body: dict[str, Any], on_hint: Callable[[str], None], on_text: Callable[[str], None]
    ) -> Turn:
        hint, text, finished = "", "", False
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as reply:
            if reply.status_code != 200:
                raise self._error(reply.status_code, await reply.aread())
            async for data in event_data(reply):
                if data == b"[DONE]":
                    continue
                event = self._parsed(data)
                with self._shaped():
                    if "error" in event:
                        raise self._error(500, data)
                    parts = [_part(choice) for choice in event.get("choices") or ()]
                for of_hint, of_text, last in parts:
                    if of_hint:
                        hint += of_hint
                        on_hint(of_hint)
                    if of_text:
                        text += of_text
                        on_text(of_text)
                    finished = finished or last
        if not finished:
            raise KoalignError(f"{self._name}: no whole answer; is `koalign serve` up there?")
        return Turn(hint, text)

    @contextmanager
    def _shaped(self) -> Iterator[None]:
        """Raises KoalignError where an answer is not read as it should be."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, OverflowError):
            raise KoalignError(f"{self._name}: answers otherwise than `koalign serve`") from None

    def _parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise KoalignError(
                f"{self._name}: answers with no JSON ({shown(repr(body))})"
            ) from None

    def _error(self, status: int, body: bytes) -> KoalignError:
        try:
            reason = json.loads(body)["error"]["message"]
        except (ValueError, LookupError, TypeError, RecursionError):
            reason = f"HTTP {status}"
        return KoalignError(f"{self._name}: {shown(str(reason))}")


def _part(choice: Any) -> tuple[str, str, bool]:
    """Hint and text of a streamed choice, and whether it is the last part."""
    delta = choice.get("delta") or {}
    hint = delta.get("reasoning") or delta.get("reasoning_content") or ""
    text = delta.get("content") or ""
    return _text(hint), _text(text), choice.get("finish_reason") is not None


def _text(value: Any) -> str:
    """A text that can be sent back and saved; raises TypeError for what is none."""
    return ("" + value).encode("utf-8", "replace").decode("utf-8")


@contextmanager
def remote(url: str, token_env: str | None) -> Iterator[Client]:
    """The client of a server; its key is in the environment variable `token_env`."""
    try:
        refuse_secrets(url, "the environment variable that --token-env names")
    except ValueError as error:
        raise KoalignError(f"--url: {error}") from None
    token = os.environ.get(token_env, "").strip() if token_env else ""
    if token_env and not token:
        raise KoalignError(f"--token-env {token_env[:40]}: the variable is not set")
    require_permission(url, token_env or "", token)
    headers = {"Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    base = url.rstrip("/").removesuffix("/v1")
    with asyncio.Runner() as runner:
        http = httpx.AsyncClient(
            base_url=base, headers=headers, timeout=SILENCE,
            trust_env=not on_this_machine(base),  # a proxy of the network does not know this machine
            event_hooks={"response": [_bound]},
        )  # fmt: skip
        try:
            yield Client(http, runner, url)
        finally:
            runner.run(http.aclose())


async def _bound(reply: httpx.Response) -> None:
    """Let a reply have an end, and none be unpacked: some kilobytes may hold gigabytes."""
    reply.headers.pop("content-encoding", None)
    assert isinstance(reply.stream, httpx.AsyncByteStream)
    reply.stream = _Bounded(reply.stream)


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_BYTES
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise httpx.ReadError(f"the reply is larger than {MOST_BYTES:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


@contextmanager
def own_engine(run: ServedRun) -> Iterator[Client]:
    """The client of an engine in this process."""
    service = Service(run)
    config = run.config
    with (
        open_engine(config.engine, config.model, run.base, run.adapters) as engine,
        asyncio.Runner() as runner,
    ):
        queue = EngineQueue(engine)
        runner.run(queue.__aenter__())
        transport = InProcess(make_app(service, queue))
        http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=None)
        try:
            yield Client(http, runner, str(run.run_dir))
        finally:
            runner.run(http.aclose())
            runner.run(queue.__aexit__(None, None, None))
