"""call_queue: calls that the log lacks -> lines of the log, concurrently and within the limits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from typing import Any

from koalign import progress
from koalign.config.teacher import Teacher
from koalign.engines import chat
from koalign.engines.chat import ChatReply, served_models
from koalign.engines.limits import NOTHING, Budget, RateLimiter, Tokens
from koalign.engines.replies import RequestError
from koalign.jsonl import JsonlAppender
from koalign.mining.distilling.teacher_calls import Call, Failure, Reply, most_tokens
from koalign.records import KoalignError

FIRST_WAIT = 0.5
"""Seconds before the second try; each further wait is twice as long, less a random part."""
LONGEST_WAIT = 30.0
LONGEST_REST = 600.0
"""Seconds; after a longer Retry-After the run ends; a later run goes on."""


class CallQueue:
    """Sends many calls; the outcome is in the logs, in `failures` and in `ended`."""

    def __init__(
        self, section: Teacher, replies: JsonlAppender[Reply], failures: JsonlAppender[Failure]
    ) -> None:
        self.section = section
        self._reply_log, self._failure_log = replies, failures
        self._limiter = RateLimiter(section)
        self._in_a_row = 0
        self.lines: list[Reply | Failure] = [*replies.done, *failures.done]
        """All lines of both logs."""
        self.budget = Budget(section)
        for line in self.lines:
            self.budget.spent += Tokens(line.prompt_tokens or 0, line.completion_tokens or 0)
        self.failures: dict[str, Failure] = {}
        """Calls that failed for good, by id."""
        self.ended = ""
        """Why no more calls are sent; empty: all were."""

    async def run(self, calls: Mapping[str, Call], model: str, key: str, title: str) -> None:
        """Send the calls, by id. Where it ends early, calls under way are still logged."""
        section, self._model, self._key = self.section, model, key
        self._stopped, self._settled = asyncio.Event(), asyncio.Event()
        queue = iter(calls.items())
        async with chat.open_async_client(section.url or "", key, section.timeout) as self._client:
            with progress.bar(title, len(calls)) as self._advance:
                workers = range(min(self.section.concurrency, len(calls)))
                await asyncio.gather(*(self._work(queue) for _ in workers))

    async def _work(self, queue: Iterator[tuple[str, Call]]) -> None:
        for name, call in queue:
            await self._ask(name, call)
            if self.ended:
                return
            self._advance()

    async def _ask(self, name: str, call: Call) -> None:
        most = Tokens(most_tokens(call), self.section.max_tokens)
        for tries in range(1, self.section.tries + 1):
            if not await self._may_send(most):
                return
            try:
                reply = await chat.complete(
                    self._client, self._request(name, call), self.section, self._key
                )
            except RequestError as error:
                last = error.then != "again" or tries == self.section.tries
                self._failed(name, call, error, tries, most, last)
                if last or self.ended:
                    return
                await self._pause(wait_after(tries))
            else:
                self._replied(name, call, reply, most)
                return

    def _request(self, name: str, call: Call) -> dict[str, Any]:
        section = self.section
        optional = {
            "temperature": section.temperature,
            "top_p": section.top_p,
            "seed": None if section.seed is None else int(name[:8], 16) >> 1,
            "extra_body": section.extra or None,
        }
        return {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.text} for m in call.messages],
            section.max_tokens_key: section.max_tokens,
            **{key: value for key, value in optional.items() if value is not None},
        }

    async def _may_send(self, most: Tokens) -> bool:
        """Wait for the budget and for the request's turn; False: send nothing more."""
        while not self.ended and not self.budget.reserve(most):
            if self.budget.reserved == NOTHING:
                self._end(
                    f"the next call can cost up to {self.budget.cost(most):.4f} and may pass "
                    f"{self.section.name}.max_cost {self.section.max_cost:g}; raise that"
                )
            else:  # what is under way may cost less than was set aside for it
                self._settled.clear()
                await self._settled.wait()
        if self.ended:
            return False
        rests = -1
        while rests != self._limiter.rests and not self.ended:
            rests = self._limiter.rests
            await self._pause(self._limiter.wait(most.prompt + most.completion))
        if self.ended:
            self._settle(most, NOTHING)
        return not self.ended

    def _replied(self, name: str, call: Call, reply: ChatReply, most: Tokens) -> None:
        used = reply.used
        line = Reply(
            id=name,
            problem_id=call.problem_id,
            index=call.index,
            text=reply.text,
            finish_reason=reply.finish_reason,
            prompt_tokens=used.prompt if used else None,
            completion_tokens=used.completion if used else None,
            model=reply.model,
        )
        self._reply_log.append([line])
        self.lines.append(line)
        self._settle(most, used or NOTHING)
        self._in_a_row = 0
        if used is None and self.section.max_cost is not None:
            self._end(
                "the server does not say how many tokens a reply has (no usage), so that "
                f"{self.section.name}.max_cost cannot be kept; set it to null or ask another server"
            )

    def _failed(
        self, name: str, call: Call, error: RequestError, tries: int, most: Tokens, last: bool
    ) -> None:
        used = most if error.used is None else error.used
        self._settle(most, used)
        if last or used != NOTHING:
            failure = Failure(
                id=name,
                problem_id=call.problem_id,
                error=error.error,
                status=error.status,
                tries=tries,
                prompt_tokens=used.prompt,
                completion_tokens=used.completion,
                estimated=error.used is None,
            )
            self._failure_log.append([failure])
            self.lines.append(failure)
            if last:
                self.failures[name] = failure
                self._in_a_row += 1
        if error.then == "stop":
            self._end(remedy(error, self.section))
        elif self._in_a_row >= self.section.max_failures:
            self._end(f"{self._in_a_row} calls failed one after the other, the last: {error.error}")
        elif error.rest > LONGEST_REST:
            self._end(f"the server asks to be left alone for {error.rest:.0f} s ({error.error})")
        elif error.rest:
            self._limiter.rest(error.rest)

    def _settle(self, most: Tokens, used: Tokens) -> None:
        self.budget.settle(most, used)
        self._settled.set()

    def _end(self, why: str) -> None:
        self.ended = self.ended or why
        self._stopped.set()
        self._settled.set()

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not beyond the end."""
        if seconds > 0:
            try:
                await asyncio.wait_for(self._stopped.wait(), seconds)
            except TimeoutError:
                return


def only_model(section: Teacher, key: str) -> str:
    """The name of the one model that the server serves; raises KoalignError."""
    try:
        names = served_models(section.url or "", key, section.timeout, section.tries - 1)
    except RequestError as error:
        raise KoalignError(
            f"{section.name}.model: not set, and {section.url} does not say what it serves: "
            f"{remedy(error, section)}"
        ) from None
    if len(names) != 1:
        raise KoalignError(
            f"{section.name}.model: {section.url} serves {len(names)} models; name one: "
            f"{', '.join(names[:10]) or 'none is named'}"
        )
    return names[0]


def remedy(error: RequestError, section: Teacher) -> str:
    """What went wrong and what a person can do about it."""
    advice = {
        401: f"the server does not take the key in {section.key_env}; export one that it knows",
        402: "the account of the key has nothing left to spend",
        403: f"the server forbids it; look at {section.name}.model and at the key in {section.key_env}",
        404: f"look at {section.name}.url, which mostly ends in /v1, and at {section.name}.model",
    }.get(error.status or 0)
    return f"{error.error}; {advice}" if advice else error.error


def wait_after(tries: int) -> float:
    """Seconds: exponential, bounded, with jitter: calls that failed together do not retry together."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries - 1, 20)) * random.uniform(0.5, 1)
