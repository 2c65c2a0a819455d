"""start: a run, an engine and an address -> a server that answers until a signal ends it, and drains."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvicorn

from koalign.engines.opening import backend_of, open_engine
from koalign.records import KoalignError
from koalign.serving import check
from koalign.serving.api import Service, make_app
from koalign.serving.errors import ApiError
from koalign.serving.heads import Heads
from koalign.serving.queue import Backend, EngineQueue
from koalign.serving.served import ServedRun
from koalign.text.visible import say

DRAIN = 300
"""Seconds in which requests under way may end after a signal."""
KEEP_ALIVE = 75
"""Seconds that a connection may be idle: longer than clients keep one (5 s in httpx, and in OpenAI's). With
uvicorn's 5 s a request now and then met a connection that was being closed."""


def bind(host: str, port: int) -> socket.socket:
    """The socket of the server, taken before a model is loaded; port 0 takes a free one.

    Raises KoalignError for a port in use and for an address that is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it a reply takes 40 ms more.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise KoalignError(
            f"--host {host} --port {port}: {reason}; take another --port (0: a free one)"
        ) from None
    return bound


def serve(service: Service, bound: socket.socket, token: str | None, *, checked: bool) -> None:
    """Serve until SIGTERM, SIGHUP or Ctrl-C: then no new request is taken, and those under way end."""
    signal.signal(signal.SIGTERM, close_and_end)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # and not under nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    run = service.run
    if backend_of(run.config.engine) == "vllm":
        from koalign.serving.vllm_child import vllm_child  # loads torch

        asyncio.run(_serve(service, vllm_child(run), bound, token, checked))
        return
    with open_engine(run.config.engine, run.config.model, run.base, run.adapters) as engine:
        engine.expect(engine.base.context)
        for adapter in run.adapters:  # what replaces one later is not served
            engine.load(adapter)
        queue = EngineQueue(engine, lambda: service.load.active, service.metrics.batch)
        asyncio.run(_serve(service, queue, bound, token, checked))


def close_and_end(*_: Any) -> None:
    """For SIGTERM: what is open here is closed, and a second signal does not break that off."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


async def _serve(
    service: Service,
    backend: AbstractAsyncContextManager[Any],
    bound: socket.socket,
    token: str | None,
    checked: bool,
) -> None:
    async with backend as answering:
        if checked:
            await _check(service.run, answering)
        await run_app(make_app(service, answering, token), bound, lambda: _announce(service, bound))


async def _check(run: ServedRun, backend: Backend) -> None:
    try:
        count = await check.check_stored(run, backend)
    except ApiError as error:
        raise KoalignError(error.message) from None
    say(
        f"serve: {count} stored completions of the run came out as stored"
        if count
        else "serve: not checked, the run has stored no greedy answers; `koalign evaluate` makes them",
        err=True,
    )


def _announce(service: Service, bound: socket.socket) -> None:
    host, port, *_ = bound.getsockname()
    name = f"[{host}]" if ":" in host else host
    say(f"serve: {', '.join(service.run.models)} at http://{name}:{port}/v1")


async def run_app(app: Any, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Run an ASGI app on a bound socket until a signal; `ready` is called once it listens."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="off",
        timeout_graceful_shutdown=DRAIN, timeout_keep_alive=KEEP_ALIVE, ws="none", http=Heads,
    )  # fmt: skip
    logging.getLogger("uvicorn.error").addFilter(_no_cancellation)
    await _Server(config, ready).serve(sockets=[bound])


def _no_cancellation(record: logging.LogRecord) -> bool:
    """A request that a second Ctrl-C cuts off is no fault to log."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets=sockets)
        self._ready()
