"""vllm_child: a run's adapters -> a `vllm serve` of our own, asked with token ids, ended with us."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any, Self

import httpx

from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import stop_ids
from koalign.engines.engine import Question, Request, before_stop, sample_seed
from koalign.engines.vllm import VllmEngine, steps_of
from koalign.engines.vllm_start import no_room
from koalign.records import KoalignError, Sample
from koalign.serving.errors import ApiError
from koalign.serving.served import ServedRun
from koalign.text.visible import say, shown

LOG = "vllm.log"
"""In the run folder."""
START_SECONDS = 3600
"""In which the weights are loaded."""
STOP_SECONDS = 30
"""After SIGTERM, before SIGKILL."""
BASE_NAME = "base-not-to-be-asked"
"""Beside adapters vLLM 0.32 on a CPU answers requests for the base with an adapter's weights."""


class VllmChild(AbstractAsyncContextManager["VllmChild"]):
    """A Backend: vLLM batches by itself, and a request that is cancelled is aborted there.

    `engine` makes prompts and settings and is never started. The child listens on 127.0.0.1, for who has
    a key that only this process knows.
    """

    def __init__(self, run: ServedRun) -> None:
        engine, model = run.config.engine, run.config.model
        context = min(run.base.context, engine.vllm.max_model_len or run.base.context)
        base = run.base.model_copy(update={"context": context})
        self.engine = VllmEngine(engine, model, base, run.adapters)
        self._run, self._log = run, run.run_dir / LOG
        self._key = secrets.token_hex(16)

    async def __aenter__(self) -> Self:
        port = _free_port()
        settings = await asyncio.to_thread(self.engine.arguments, self.engine.base.context)
        names = {self.engine.adapter_id(folder): folder for folder in self._run.adapters}
        command = [
            *(sys.executable, "-m", "koalign.serving.vllm_main", "serve"),
            *(settings.pop("model"), "--host", "127.0.0.1", "--port", str(port)),
            *("--served-model-name", BASE_NAME, "--generation-config", "vllm"),
            "--disable-uvicorn-access-log",
            *flags(settings),
            *("--lora-modules", *(f"{name}={folder.resolve()}" for name, folder in names.items())),
        ]
        say(f"serve: vllm starts, its log is {self._log}", err=True)
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C goes to this process, which drains before it ends the child.
            self._child = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
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
        try:
            await self._until_healthy()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        end_group(self._child)

    async def _until_healthy(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._child.poll() is not None:
                break
            with suppress(httpx.TransportError):
                if (await self._http.get("/health")).status_code == 200:
                    return
            await asyncio.sleep(0.5)
        raise KoalignError(_failure(self._log))

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
        choice = await self._post(body)
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
        async for choice in self._streamed(body):
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
        choice = await self._post(
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

    async def _post(self, body: Mapping[str, Any]) -> Any:
        try:
            reply = await self._http.post("/v1/completions", json=body)
        except httpx.TransportError as error:
            raise _gone(error) from None
        if reply.status_code != 200:
            raise ApiError(500, f"vllm: HTTP {reply.status_code}: {shown(reply.text)}")
        return reply.json()["choices"][0]

    async def _streamed(self, body: Mapping[str, Any]) -> AsyncIterator[Any]:
        """What `_post` gives, in the parts in which vLLM writes it."""
        asked = self._http.stream("POST", "/v1/completions", json={**body, "stream": True})
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
                    yield event["choices"][0]
        except httpx.TransportError as error:
            raise _gone(error) from None


def _gone(error: httpx.TransportError) -> ApiError:
    return ApiError(503, f"vllm does not answer ({type(error).__name__})")


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Arguments of `vllm.LLM` as options of `vllm serve`."""
    options = []
    for name, value in settings.items():
        option = name.replace("_", "-")
        match value:
            case True:
                options.append(f"--{option}")
            case False:
                options.append(f"--no-{option}")
            case dict() | list():
                options += [f"--{option}", json.dumps(value)]
            case _:
                options += [f"--{option}", str(value)]
    return options


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End a child and those that it has started: SIGTERM, and SIGKILL for what stays."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_SECONDS)


async def _together(work: Sequence[Any]) -> list[Any]:
    """The results in order; where one fails or all are cancelled, none goes on."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return [task.result() for task in tasks]


def _failure(log: Path) -> str:
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
