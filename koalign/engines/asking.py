"""asking: calls that the log lacks -> lines of the log, side by side and within the limits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from typing import Any

from koalign import progress
from koalign.config.inputs import Teacher
from koalign.engines.calls import Trouble, Written, open_client, served, write
from koalign.engines.limits import NOTHING, Pace, Purse, Tokens
from koalign.jsonl import JsonlAppender
from koalign.mining.distilling.teacher_calls import Call, Failure, Reply, most_tokens
from koalign.records import KoalignError

FIRST_WAIT = 0.5
"""Seconds before the second try; each further wait is twice as long, less a random part."""
LONGEST_WAIT = 30.0
LONGEST_REST = 600.0
"""Seconds; a server that asks for a longer rest is asked again by a later run."""


class Asking:
    """One asking of many calls; what it learns is in the logs, in `failures`, and in `ended`."""

    def __init__(self, section: Teacher, replies: JsonlAppender, failures: JsonlAppender) -> None:
        self.section = section
        self._reply_log, self._failure_log = replies, failures
        self._pace = Pace(section)
        self._in_a_row = 0
        self.lines: list[Reply | Failure] = [*replies.done, *failures.done]
        """What the logs hold."""
        self.purse = Purse(section)
        for line in self.lines:
            self.purse.spent += Tokens(line.prompt_tokens or 0, line.completion_tokens or 0)
        self.failures: dict[str, Failure] = {}
        """Calls that failed for good, by id."""
        self.ended = ""
        """Why no more calls went out; empty: all did."""

    async def run(self, calls: Mapping[str, Call], model: str, key: str, title: str) -> None:
        """Ask the calls, named by id; at an end before the last, what is under way is still logged."""
        self._model, self._key = model, key
        self._stopped, self._settled = asyncio.Event(), asyncio.Event()
        queue = iter(calls.items())
        async with open_client(self.section, self._key) as self._client:
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
                written = await write(
                    self._client, self._request(name, call), self.section.timeout, self._key
                )
            except Trouble as trouble:
                last = trouble.then != "again" or tries == self.section.tries
                self._failed(name, call, trouble, tries, most, last)
                if last or self.ended:
                    return
                await self._pause(_wait_after(tries))
            else:
                self._replied(name, call, written, most)
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
        """Wait for room in the purse and for the request's turn; False: nothing more is to be sent."""
        while not self.ended and not self.purse.promise(most):
            if self.purse.promised == NOTHING:
                self._end(
                    f"the next call can cost up to {self.purse.cost(most):.4f} and may pass "
                    f"teacher.max_cost {self.section.max_cost:g}; raise that"
                )
            else:  # what is under way may cost less than was set aside for it
                self._settled.clear()
                await self._settled.wait()
        if self.ended:
            return False
        rests = -1
        while rests != self._pace.rests and not self.ended:
            rests = self._pace.rests
            await self._pause(self._pace.wait(most.prompt + most.completion))
        if self.ended:
            self._settle(most, NOTHING)
        return not self.ended

    def _replied(self, name: str, call: Call, written: Written, most: Tokens) -> None:
        used = written.used
        reply = Reply(
            id=name,
            problem_id=call.problem_id,
            index=call.index,
            text=written.text,
            finish_reason=written.finish_reason,
            prompt_tokens=used.prompt if used else None,
            completion_tokens=used.completion if used else None,
            model=written.model,
        )
        self._reply_log.append([reply])
        self.lines.append(reply)
        self._settle(most, used or NOTHING)
        self._in_a_row = 0
        if used is None and self.section.max_cost is not None:
            self._end(
                "the server does not say how many tokens a reply has (no usage), so that "
                "teacher.max_cost cannot be kept; set it to null or ask another server"
            )

    def _failed(
        self, name: str, call: Call, trouble: Trouble, tries: int, most: Tokens, last: bool
    ) -> None:
        used = most if trouble.used is None else trouble.used
        self._settle(most, used)
        if last or used != NOTHING:
            failure = Failure(
                id=name,
                problem_id=call.problem_id,
                error=trouble.error,
                status=trouble.status,
                tries=tries,
                prompt_tokens=used.prompt,
                completion_tokens=used.completion,
                estimated=trouble.used is None,
            )
            self._failure_log.append([failure])
            self.lines.append(failure)
            if last:
                self.failures[name] = failure
                self._in_a_row += 1
        if trouble.then == "stop":
            self._end(remedy(trouble, self.section))
        elif self._in_a_row >= self.section.max_failures:
            self._end(
                f"{self._in_a_row} calls failed one after the other, the last: {trouble.error}"
            )
        elif trouble.rest > LONGEST_REST:
            self._end(
                f"the server asks to be left alone for {trouble.rest:.0f} s ({trouble.error})"
            )
        elif trouble.rest:
            self._pace.rest(trouble.rest)

    def _settle(self, most: Tokens, used: Tokens) -> None:
        self.purse.settle(most, used)
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


async def only_model(section: Teacher, key: str) -> str:
    """The name of the one model that the server serves; raises KoalignError."""
    async with open_client(section, key) as client:
        for tries in range(1, section.tries + 1):
            try:
                names = await served(client, section.timeout, key)
                break
            except Trouble as trouble:
                if trouble.then != "again" or tries == section.tries or trouble.rest > LONGEST_REST:
                    raise KoalignError(
                        f"teacher.model: not set, and {section.url} does not say what it serves: "
                        f"{remedy(trouble, section)}"
                    ) from None
                await asyncio.sleep(max(trouble.rest, _wait_after(tries)))
    if len(names) != 1:
        raise KoalignError(
            f"teacher.model: {section.url} serves {len(names)} models; name one: "
            f"{', '.join(names[:10]) or 'none is named'}"
        )
    return names[0]


def remedy(trouble: Trouble, section: Teacher) -> str:
    """What went wrong and what a person can do about it."""
    advice = {
        401: f"the server does not take the key in {section.key_env}; export one that it knows",
        402: "the account of the key has nothing left to spend",
        403: f"the server forbids it; look at teacher.model and at the key in {section.key_env}",
        404: "look at teacher.url, which mostly ends in /v1, and at teacher.model",
    }.get(trouble.status or 0)
    return f"{trouble.error}; {advice}" if advice else trouble.error


def _wait_after(tries: int) -> float:
    """Seconds: exponential, bounded, and with jitter, so that calls that failed together part."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries - 1, 20)) * random.uniform(0.5, 1)
