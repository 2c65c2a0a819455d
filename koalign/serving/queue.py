"""queue: requests that came within some milliseconds -> one call of the engine, on its one thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from koalign.config.inputs import Sampling
from koalign.engines.engine import Engine, Question, Request
from koalign.records import Sample
from koalign.serving.pieces import Pieces

WINDOW = 0.010
"""Seconds that the first request waits for others, at least."""
SHARE = 0.1
"""Of the time of the last call: so long it waits after a long one. A user who has an answer sends the next
problem, and the users of one call then share the next."""


class Backend(Protocol):
    """What answers the requests of a server."""

    engine: Engine
    """Its tokenizer and its base, to make prompts for."""

    @property
    def failure(self) -> str:
        """Why it computes no more; empty while it does."""

    async def generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str] = ()
    ) -> list[list[Sample]]:
        """As Engine.generate; cancelled, what has not begun is not computed."""

    def write(
        self, request: Request, sampling: Sampling, seed: int, stop: Sequence[str] = ()
    ) -> AsyncIterator[str | Sample]:
        """The text of a request for one sample in pieces as they come, where it can; then the sample."""

    async def score(self, questions: Sequence[Question]) -> list[list[float]]:
        """As Engine.score, in the order of the questions."""


@dataclass(frozen=True)
class _Job:
    """What one request of a user asks of the engine."""

    asks: Sequence[Any]
    key: Hashable
    """Jobs with the same key go in one call."""
    call: Callable[[Sequence[Any]], list[Any]]
    done: asyncio.Future[list[Any]]
    size: int
    """Completions of its largest request."""

    @property
    def unheard(self) -> _Job:
        """To be computed again: who has heard some tokens is not told them twice."""
        asks = [replace(a, heard=None) if isinstance(a, Request) else a for a in self.asks]
        return replace(self, asks=asks)


class EngineQueue(AbstractAsyncContextManager["EngineQueue"]):
    """An engine in this process as a Backend: one thread calls it, with what waits in one call.

    Jobs with the same adapter, sampling, seed and stop texts share a call. A job alone goes at once;
    one that others are on the way beside waits for them, the longer of WINDOW and SHARE at most. The key
    of the oldest job goes first, and what follows from its call may join the next.
    """

    failure = ""

    def __init__(
        self,
        engine: Engine,
        active: Callable[[], int] = lambda: 0,
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        """`active`: requests of users under way; `observe`: is told the size of each call."""
        self.engine = engine
        self._active, self._observe = active, observe
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, "engine")

    async def __aenter__(self) -> Self:
        self._pump = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pump.cancel()
        with suppress(asyncio.CancelledError):
            await self._pump
        self._thread.shutdown()

    async def generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str] = ()
    ) -> list[list[Sample]]:
        """See Backend."""

        def call(asks: Sequence[Request]) -> list[list[Sample]]:
            return self.engine.generate(asks, sampling, seed=seed, stop=stop)

        key = ("generate", requests[0].adapter, sampling, seed, tuple(stop))
        return await self._put(requests, key, call, max(request.n for request in requests))

    async def write(
        self, request: Request, sampling: Sampling, seed: int, stop: Sequence[str] = ()
    ) -> AsyncIterator[str | Sample]:
        """See Backend; an engine that does not tell its tokens gives the sample when it is whole."""
        loop = asyncio.get_running_loop()
        tokens: asyncio.Queue[int | None] = asyncio.Queue()

        def hear(token: int | None) -> None:
            loop.call_soon_threadsafe(tokens.put_nowait, token)

        heard = hear if self.engine.tells else None
        job = asyncio.ensure_future(
            self.generate([replace(request, heard=heard)], sampling, seed, stop)
        )
        job.add_done_callback(lambda _: hear(None))
        pieces = Pieces(self.engine.tokenizer, stop)
        try:
            while (token := await tokens.get()) is not None:
                if piece := pieces.add(token):
                    yield piece
            ((sample,),) = await job
        finally:
            job.cancel()
        if rest := sample.text[pieces.length :]:
            yield rest
        yield sample

    async def score(self, questions: Sequence[Question]) -> list[list[float]]:
        """See Backend."""

        def call(asks: Sequence[Question]) -> list[list[float]]:
            scores = dict(self.engine.score(asks))
            return [scores[number] for number in range(len(asks))]

        return await self._put(questions, ("score", questions[0].adapter), call, 1)

    async def _put(self, asks: Sequence[Any], key: Hashable, call: Any, size: int) -> list[Any]:
        job = _Job(asks, key, call, asyncio.get_running_loop().create_future(), size)
        self._jobs.put_nowait(job)
        return await job.done

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        jobs: list[_Job] = []
        window = WINDOW
        while True:
            jobs = jobs or [await self._jobs.get()]
            await self._collect(jobs, window)
            jobs = [job for job in jobs if not job.done.done()]
            if batch := self._first_batch(jobs):
                jobs = [job for job in jobs if job not in batch]
                started = clock()
                await self._compute(batch)
                window = max(WINDOW, SHARE * (clock() - started))

    async def _collect(self, jobs: list[_Job], window: float) -> None:
        """Add what waits, and what comes within the window while requests of users are on the way."""
        clock = asyncio.get_running_loop().time
        end = clock() + window
        while True:
            while not self._jobs.empty():
                jobs.append(self._jobs.get_nowait())
            if len(jobs) >= self._active() or clock() >= end:
                return
            with suppress(TimeoutError):
                jobs.append(await asyncio.wait_for(self._jobs.get(), end - clock()))

    def _first_batch(self, jobs: Sequence[_Job]) -> list[_Job]:
        """The oldest job and those with its key, as many as fill one call of the engine."""
        batch: list[_Job] = []
        for job in jobs:
            if job.key != jobs[0].key:
                continue
            asked = sum(len(one.asks) for one in batch) + len(job.asks)
            largest = max(one.size for one in [*batch, job])
            if batch and asked > self.engine.requests_at_once(largest):
                break
            batch.append(job)
        return batch

    async def _compute(self, batch: Sequence[_Job]) -> None:
        """One call for a batch; where it fails each of its jobs has a call of its own."""
        asks = [ask for job in batch for ask in job.asks]
        self._observe(len(asks))
        loop = asyncio.get_running_loop()
        called = loop.run_in_executor(self._thread, batch[0].call, asks)
        await asyncio.wait([called])
        error = called.exception()
        if error and len(batch) > 1:
            for job in batch:
                await self._compute([job.unheard])
            return
        results = iter([] if error else called.result())
        for job in batch:
            own = [] if error else [next(results) for _ in job.asks]
            if job.done.done():  # its user has gone
                continue
            if error:
                job.done.set_exception(error)
            else:
                job.done.set_result(own)
