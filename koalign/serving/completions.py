"""completions: token ids -> samples and log-probabilities, by /v1/completions of a child vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import stop_ids
from koalign.engines.engine import (
    Engine,
    Question,
    Request,
    before_stop,
    sample_seed,
    steps_of,
)
from koalign.records import Sample
from koalign.serving.child import ChildServer


class Completions:
    """A Backend: vLLM batches by itself, and a request that is cancelled is aborted there."""

    def __init__(self, engine: Engine, server: ChildServer) -> None:
        """`engine` makes prompts and settings, and computes nothing."""
        self.engine, self.server = engine, server

    @property
    def failure(self) -> str:
        """See Backend."""
        return self.server.failure

    async def generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str] = ()
    ) -> list[list[Sample]]:
        """See Backend; one request of vLLM for each sample, with the seed of that sample."""
        draws = [(request, index) for request in requests for index in request.indices]
        drawn = iter(await _together([self._sample(*draw, sampling, seed, stop) for draw in draws]))
        return [[next(drawn) for _ in request.indices] for request in requests]

    async def _sample(
        self, request: Request, index: int, sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> Sample:
        body = self._body(request, index, sampling, seed, stop)
        choice = await self.server.post(body)
        ids = choice["token_ids"]
        text = before_stop(self.engine.tokenizer.decode(ids, skip_special_tokens=True), stop)
        logprob = round(sum(choice["logprobs"]["token_logprobs"]), 3)
        ended = choice["finish_reason"] == "stop"
        return request.sample(index, body["model"], text, ids, logprob, ended)

    async def write(
        self, request: Request, sampling: Sampling, seed: int, stop: Sequence[str] = ()
    ) -> AsyncIterator[str | Sample]:
        """See Backend; vLLM holds back what may be the beginning of a stop text."""
        (index,) = request.indices
        body = self._body(request, index, sampling, seed, stop)
        pieces: list[str] = []
        ids: list[int] = []
        logprob, finish = 0.0, None
        async for choice in self.server.stream(body):
            ids += choice["token_ids"]
            logprob += sum(choice["logprobs"]["token_logprobs"]) if choice["logprobs"] else 0.0
            finish = choice["finish_reason"] or finish
            if choice["text"]:
                pieces.append(choice["text"])
                yield choice["text"]
        text, ended = "".join(pieces), finish == "stop"
        yield request.sample(index, body["model"], text, ids, round(logprob, 3), ended)

    def _body(
        self, request: Request, index: int, sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> dict[str, Any]:
        """What vLLM is asked for one sample."""
        assert request.adapter is not None  # the base is not served
        adapter = self.engine.adapter_id(request.adapter)
        return {
            "model": adapter,
            "prompt": list(request.prompt_ids),
            "max_tokens": self.engine.room(request, sampling),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p if sampling.temperature else 1.0,
            "seed": sample_seed(seed, request, adapter, index),
            "stop_token_ids": stop_ids(self.engine.tokenizer),
            "stop": list(stop),
            "logprobs": 0,
            "return_token_ids": True,
        }

    async def score(self, questions: Sequence[Question]) -> list[list[float]]:
        """See Backend; one token is asked for after each beginning of a candidate, as VllmEngine does.

        `prompt_logprobs` beside an adapter ends vLLM 0.32 on a CPU.
        """
        return await _together([self._score(question) for question in questions])

    async def _score(self, question: Question) -> list[float]:
        steps = steps_of(question)
        read = await _together(
            [self._nexts(question, prefix, ids) for prefix, ids in steps.items()]
        )
        logprobs = dict(zip(steps, read, strict=True))
        return [
            sum(logprobs[ids[:place]][token] for place, token in enumerate(ids))
            for ids in question.candidates
        ]

    async def _nexts(
        self, question: Question, prefix: Sequence[int], tokens: Sequence[int]
    ) -> dict[int, float]:
        """Token -> its log-probability after the prompt and the beginning of a candidate."""
        assert question.adapter is not None  # the base is not served
        choice = await self.server.post(
            {
                "model": self.engine.adapter_id(question.adapter),
                "prompt": [*question.prompt_ids, *prefix],
                "max_tokens": 1,
                "temperature": 0,
                "logprobs": 0,
                "logprob_token_ids": list(tokens),
                "return_tokens_as_token_ids": True,
            }
        )
        (read,) = choice["logprobs"]["top_logprobs"]
        return {token: read[f"token_id:{token}"] for token in tokens}


async def _together(work: Sequence[Any]) -> list[Any]:
    """The results in order; where one fails or all are cancelled, none goes on."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return [task.result() for task in tasks]
