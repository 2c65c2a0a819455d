"""child: a command that serves completions -> its answers; where it has ended, an error that says so."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import IO, Any, Self

import httpx

from koalign.engines.vllm_start import no_room
from koalign.jsonl import removed
from koalign.locking import is_named, try_lock
from koalign.records import KoalignError
from koalign.serving.errors import ApiError
from koalign.serving.event_data import event_data
from koalign.text.visible import say, shown

START_SECONDS = 3600
"""In which the weights are loaded."""
HEALTH_SECONDS = 10
"""For an answer of /health while it starts; then it is asked again."""
STOP_SECONDS = 30
"""After SIGTERM, before SIGKILL."""
STARTING_STOP_SECONDS = 5
"""The same while it starts: nothing is under way, and vLLM may not hear a signal while it loads."""
NOTICED_SECONDS = 5
"""From a broken connection until the end of the process is known, at most."""
ENVIRONMENT = {
    "VLLM_API_KEY": "",
    "VLLM_LOGGING_LEVEL": "INFO",  # from where a failed start is read
    "VLLM_MAX_STOP_STRINGS": "1000",  # 4 without it; bodies.py says how many a request may have
}
"""Of the child, beside our own."""


class ChildServer(AbstractAsyncContextManager["ChildServer"]):
    """A vLLM server as a process of ours: started, asked, watched, and ended with us.

    It listens on a socket in a folder that only this user can open: a port could be taken by another
    process before it is bound. One that ends by itself is not started again: its requests get 503, and so
    do all that follow.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """`command` is told `--uds SOCKET`, and ends where its stdin does: with us, however we end.

        `log`: where its output goes; see `_open_log` for where it does not.
        """
        self._command, self._log = command, log
        self.failure = ""
        """Why it answers no more; empty while it runs."""

    async def __aenter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="koalign-serve-")
        path = f"{self._folder.name}/vllm.sock"
        with _open_log(self._log) as log:
            self._log = Path(log.name)
            say(f"serve: vllm starts, its log is {self._log}", err=True)
            # A session of its own: Ctrl-C goes to this process, which drains before it ends the child.
            self.process = subprocess.Popen(
                [*self._command, "--uds", path],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **ENVIRONMENT},
            )  # fmt: skip
        # A connection is for one request: vLLM closes an idle one when the next may just be on its way.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=path, limits=limits),
            base_url="http://vllm",
            timeout=None,
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
        try:
            await self._http.aclose()
        finally:
            if not self.failure:  # after which another process may have its number
                # In a thread: vLLM waits for connections, which are closed by this one.
                seconds = STOP_SECONDS if self._watch else STARTING_STOP_SECONDS
                await asyncio.to_thread(end_group, self.process, seconds)
            self._folder.cleanup()

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
                async for data in event_data(reply):
                    if data == b"[DONE]":
                        continue
                    event = json.loads(data)
                    if "error" in event:
                        raise ApiError(500, f"vllm: {shown(str(event['error']))}")
                    choice = event["choices"][0]
                    finished = finished or choice["finish_reason"] is not None
                    yield choice
        except httpx.TransportError as error:
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
        while self.process.poll() is None:
            with suppress(httpx.TransportError):
                asked = self._http.get("/health", timeout=HEALTH_SECONDS)
                if (await asked).status_code == 200:
                    return
            if _is_full(self._log):
                raise KoalignError(
                    f"{self._log}: the disk is full, and vLLM may wait for it; make room"
                )
            if time.monotonic() > end:
                raise KoalignError(
                    f"vLLM has not answered {START_SECONDS} s after its start; its log is {self._log}"
                )
            await asyncio.sleep(0.5)
        raise KoalignError(_start_failure(self._log))

    async def _until_ended(self) -> None:
        code = await asyncio.to_thread(self.process.wait)
        names = {number.value: number.name for number in signal.Signals}
        how = names.get(-code, f"signal {-code}") if code < 0 else f"exit status {code}"
        self.failure = f"vllm has ended ({how}); `koalign serve` must be started again"
        await asyncio.to_thread(end_group, self.process)  # its engine, which may hold a GPU
        say(f"serve: {self.failure}; its log is {self._log}", err=True)


def end_group(child: subprocess.Popen[bytes], seconds: float = STOP_SECONDS) -> None:
    """End a child and those that it has started: SIGTERM, and SIGKILL for what stays after `seconds`."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
    assert child.stdin
    child.stdin.close()


def end_with_stdin() -> None:
    """In the child: wait until the process at the other end of stdin ends, then end the own group."""
    os.read(0, 1)
    os.killpg(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os.killpg(os.getpid(), signal.SIGKILL)


def _is_full(file: Path) -> bool:
    """Whether nothing more can be written to a file; a file system that knows no sizes is not full."""
    total, _, free = shutil.disk_usage(file)
    return total > 0 and free == 0


def _start_failure(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    if line := no_room(text):
        return line
    reasons = re.findall(r"\b(\w*(?:Error|Exception): .+)$", text, re.MULTILINE)
    reason = shown(reasons[-1]) if reasons else "it ended"
    return f"vLLM cannot start: {reason}; its log is {log}"


def _open_log(path: Path) -> IO[bytes]:
    """A new file of that name, held as long as a process writes to it, in place of an earlier one.

    Where another server writes that one, and where it cannot be written, a temporary file: a run is served
    twice, and from a disk that is only read. No link is followed.
    """
    with suppress(OSError):
        if removed(path):
            log = path.open("xb")
            if try_lock(log.fileno()) and is_named(log.fileno(), path):
                return log
            log.close()
    return NamedTemporaryFile(prefix="koalign-vllm-", suffix=".log", delete=False)
