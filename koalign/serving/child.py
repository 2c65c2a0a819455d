"""child: a command that serves completions -> its answers; where it has ended, an error that says so."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any, Self

import httpx

from koalign.engines.vllm_start import no_room
from koalign.records import KoalignError
from koalign.serving.errors import ApiError
from koalign.text.visible import say, shown

START_SECONDS = 3600
"""In which the weights are loaded."""
STOP_SECONDS = 30
"""After SIGTERM, before SIGKILL."""
NOTICED_SECONDS = 5
"""From a broken connection until the end of the process is known, at most."""


class ChildServer(AbstractAsyncContextManager["ChildServer"]):
    """A vLLM server as a process of ours: started, asked, watched, and ended with us.

    It listens on 127.0.0.1, for who has a key that only this process knows. One that ends by itself is not
    started again: its requests get 503, and so do all that follow.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """`command` is told `--host` and `--port`, and gets the key in VLLM_API_KEY."""
        self._command, self._log = command, log
        self._key = secrets.token_hex(16)
        self.failure = ""
        """Why it answers no more; empty while it runs."""

    async def __aenter__(self) -> Self:
        port = _free_port()
        say(f"serve: vllm starts, its log is {self._log}", err=True)
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C goes to this process, which drains before it ends the child.
            self.process = subprocess.Popen(
                [*self._command, "--host", "127.0.0.1", "--port", str(port)],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "VLLM_API_KEY": self._key, "VLLM_LOGGING_LEVEL": "INFO"},
            )  # fmt: skip
        self._http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=None,
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )
        self._watch: asyncio.Task[None] | None = None
        try:
            await self._until_healthy()
        except BaseException:
            await self.__aexit__()
            raise
        self._watch = asyncio.create_task(self._until_ended())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watch:
            self._watch.cancel()
        await self._http.aclose()
        end_group(self.process)

    async def post(self, body: Mapping[str, Any]) -> Any:
        """The one choice of a completion."""
        self._refuse_ended()
        try:
            reply = await self._http.post("/v1/completions", json=body)
        except httpx.TransportError as error:
            raise await self._gone(error) from None
        if reply.status_code != 200:
            raise ApiError(500, f"vllm: HTTP {reply.status_code}: {shown(reply.text)}")
        return reply.json()["choices"][0]

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[Any]:
        """What `post` gives, in parts as vLLM writes them; raises ApiError where the end is missing."""
        self._refuse_ended()
        asked = self._http.stream("POST", "/v1/completions", json={**body, "stream": True})
        finished = False
        try:
            async with asked as reply:
                if reply.status_code != 200:
                    text = (await reply.aread()).decode("utf-8", "replace")
                    raise ApiError(500, f"vllm: HTTP {reply.status_code}: {shown(text)}")
                async for line in reply.aiter_lines():
                    if not line.startswith("data: {"):
                        continue
                    event = json.loads(line.removeprefix("data: "))
                    if "error" in event:
                        raise ApiError(500, f"vllm: {shown(str(event['error']))}")
                    choice = event["choices"][0]
                    finished = finished or choice["finish_reason"] is not None
                    yield choice
        except (httpx.TransportError, json.JSONDecodeError) as error:  # the latter: cut in a line
            raise await self._gone(error) from None
        if not finished:
            raise await self._gone(EOFError())

    def _refuse_ended(self) -> None:
        if self.failure:
            raise ApiError(503, self.failure)

    async def _gone(self, error: Exception) -> ApiError:
        """The error for a connection that broke; the end of the process is known a little later."""
        assert self._watch
        await asyncio.wait([self._watch], timeout=NOTICED_SECONDS)
        return ApiError(503, self.failure or f"vllm does not answer ({type(error).__name__})")

    async def _until_healthy(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with suppress(httpx.TransportError):
                if (await self._http.get("/health")).status_code == 200:
                    return
            await asyncio.sleep(0.5)
        raise KoalignError(_start_failure(self._log))

    async def _until_ended(self) -> None:
        code = await asyncio.to_thread(self.process.wait)
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        self.failure = f"vllm has ended ({how}); `koalign serve` must be started again"
        say(f"serve: {self.failure}; its log is {self._log}", err=True)


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a child and those that it has started: SIGTERM, and SIGKILL for what stays."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_SECONDS)


def _start_failure(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    if line := no_room(text):
        return line
    reasons = re.findall(r"\b(\w*(?:Error|Exception): .+)$", text, re.MULTILINE)
    reason = shown(reasons[-1]) if reasons else "it ended"
    return f"vLLM cannot start: {reason}; its log is {log}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
