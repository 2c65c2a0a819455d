"""queue: requests that came within some milliseconds -> one call of the engine, on its one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, Self

from koalign.config.inputs import Sampling
from koalign.engines.engine import Engine, Question, Request
from koalign.records import Sample

WINDOW = 0.010
"""Seconds that the first request waits for others."""


class Backend(Protocol):
    """What answers the requests of a server."""

    engine: Engine
    """Its tokenizer and its base, to make prompts for."""

    async def generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str] = ()
    ) -> list[list[Sample]]:
        """As Engine.generate; cancelled, what has not begun is not computed."""

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


class EngineQueue(AbstractAsyncContextManager["EngineQueue"]):
    """An engine in this process as a Backend: one thread calls it, with what waits in one call.

    Jobs with the same adapter, sampling, seed and stop texts share a call. A job alone goes at once;
    one that others are on the way beside waits for them, WINDOW at most.
    """

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
        while True:
            jobs = [await self._jobs.get()]
            await self._collect(jobs)
            for batch in self._batches([job for job in jobs if not job.done.done()]):
                await self._compute([job for job in batch if not job.done.done()])

    async def _collect(self, jobs: list[_Job]) -> None:
        """Add what waits, and what comes within the WINDOW while requests of users are on the way."""
        clock = asyncio.get_running_loop().time
        end = clock() + WINDOW
        while True:
            while not self._jobs.empty():
                jobs.append(self._jobs.get_nowait())
            if len(jobs) >= self._active() or clock() >= end:
                return
            with suppress(TimeoutError):
                jobs.append(await asyncio.wait_for(self._jobs.get(), end - clock()))

    def _batches(self, jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
        """The jobs of one key together, as many as fill one call of the engine."""
        by_key: dict[Hashable, list[_Job]] = {}
        for job in jobs:
            by_key.setdefault(job.key, []).append(job)
        for group in by_key.values():
            batch: list[_Job] = []
            for job in group:
                asked = sum(len(one.asks) for one in batch) + len(job.asks)
                largest = max(one.size for one in [*batch, job])
                if batch and asked > self.engine.requests_at_once(largest):
                    yield batch
                    batch = []
                batch.append(job)
            yield batch

    async def _compute(self, batch: Sequence[_Job]) -> None:
        """One call for a batch; where it fails each of its jobs has a call of its own."""
        if not batch:
            return
        asks = [ask for job in batch for ask in job.asks]
        self._observe(len(asks))
        loop = asyncio.get_running_loop()
        called = loop.run_in_executor(self._thread, batch[0].call, asks)
        await asyncio.wait([called])
        error = called.exception()
        if error and len(batch) > 1:
            for job in batch:
                await self._compute([job])
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
