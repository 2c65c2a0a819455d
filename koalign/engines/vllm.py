"""vllm: the fast engine, on GPU and on CPU. One LoRA a request, its id from the adapter's content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from koalign.adapters.base import base_folder, load_tokenizer, precision
from koalign.adapters.cards import ranks
from koalign.adapters.external import refuse_for_vllm
from koalign.config.inputs import Engine as EngineConfig
from koalign.config.inputs import Model, Sampling
from koalign.data.prompting.tokens import stop_ids
from koalign.engines.engine import Engine, Question, Request, before_stop, grouped, sample_seed
from koalign.records import Base, KoalignError, Sample

MAX_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""vllm/config/lora.py; an adapter's own rank only has to be no greater."""
REQUESTS_AT_ONCE = 512

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
if not torch.cuda.is_available():
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB


class VllmEngine(Engine):
    """One vLLM for the base and all adapters that a stage names."""

    name = "vllm"

    def __init__(
        self, engine: EngineConfig, model: Model, base: Base, adapters: Sequence[Path]
    ) -> None:
        from vllm import LLM

        super().__init__(base, load_tokenizer(model))
        for folder in adapters:
            refuse_for_vllm(folder)
        on_cpu = not torch.cuda.is_available()
        lora: dict[str, Any] = {}
        if adapters:
            lora = {
                "enable_lora": True,
                "max_loras": len({self.adapter_id(folder) for folder in adapters}),
                "max_lora_rank": allowed_rank(max(ranks(adapters))),
            }
        memory = {} if on_cpu else {"gpu_memory_utilization": engine.gpu_memory_utilization}
        self._llm = LLM(
            model=str(base_folder(model)),
            dtype=str(precision(model)).removeprefix("torch."),
            max_model_len=base.context,
            enable_prefix_caching=True,
            enforce_eager=on_cpu,  # compiling takes longer than a CPU run gains
            trust_remote_code=model.trust_remote_code,
            **memory,
            **lora,
        )

    def __exit__(self, *_: object) -> None:
        # Ends the engine process, so that the next stage finds the memory free.
        self._llm.llm_engine.engine_core.shutdown()

    def requests_at_once(self, n: int) -> int:
        """Enough to keep the scheduler busy; not more, since samples are written batch by batch."""
        return max(1, REQUESTS_AT_ONCE // n)

    def score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
        """See Engine.score.

        One token is asked for after each stem, with the log-probabilities of those that may follow: so
        the prefix cache serves what questions share, which `prompt_logprobs` would pass by.
        """
        for part in grouped(questions, _on_adapter):
            # In the order of their beginnings, which stand in the cache one after the other.
            part.sort(key=lambda number: questions[number].prompt_ids)
            for start in range(0, len(part), REQUESTS_AT_ONCE):
                numbers = part[start : start + REQUESTS_AT_ONCE]
                yield from zip(numbers, self._score([questions[n] for n in numbers]), strict=True)

    def _score(self, questions: Sequence[Question]) -> list[list[float]]:
        from vllm import SamplingParams

        prefixes: list[tuple[int, tuple[int, ...]]] = []
        params = []
        for number, question in enumerate(questions):
            for prefix, nexts in _steps(question).items():
                prefixes.append((number, prefix))
                params.append(
                    SamplingParams(
                        temperature=0, max_tokens=1, logprob_token_ids=nexts, detokenize=False
                    )
                )
        outputs = self._llm.generate(
            [{"prompt_token_ids": [*questions[n].prompt_ids, *prefix]} for n, prefix in prefixes],
            params,
            lora_request=[self._lora(questions[n].adapter) for n, _ in prefixes],
            use_tqdm=False,
        )
        logprobs = {
            (number, prefix): output.outputs[0].logprobs[0]
            for (number, prefix), output in zip(prefixes, outputs, strict=True)
        }
        return [
            [
                sum(logprobs[n, ids[:i]][token].logprob for i, token in enumerate(ids))
                for ids in question.candidates
            ]
            for n, question in enumerate(questions)
        ]

    def _lora(self, adapter: Path | None) -> Any:
        from vllm.lora.request import LoRARequest

        if adapter is None:
            return None
        name = self.adapter_id(adapter)
        return LoRARequest(name, lora_number(name), str(adapter))

    def _batch_key(self, request: Request) -> bool:
        return _on_adapter(request)

    def _generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> list[Sample]:
        from vllm import SamplingParams

        # What an earlier call cached changes the arithmetic by a rounding, and with it, rarely,
        # a sample; a continued run must not depend on what was sampled before.
        self._llm.reset_prefix_cache()
        draws = [(request, index) for request in requests for index in request.indices]
        outputs = self._llm.generate(
            [{"prompt_token_ids": list(request.prompt_ids)} for request, _ in draws],
            [
                SamplingParams(
                    temperature=sampling.temperature,
                    top_p=sampling.top_p if sampling.temperature else 1.0,
                    max_tokens=sampling.max_tokens,
                    stop_token_ids=stop_ids(self.tokenizer),
                    seed=sample_seed(seed, request, self.adapter_id(request.adapter), index),
                    logprobs=0,
                    stop=list(stop),
                    detokenize=bool(stop),
                )
                for request, index in draws
            ],
            lora_request=[self._lora(request.adapter) for request, _ in draws],
            use_tqdm=False,
        )
        samples = []
        for (request, index), output in zip(draws, outputs, strict=True):
            done, adapter = output.outputs[0], self.adapter_id(request.adapter)
            text = self.tokenizer.decode(done.token_ids, skip_special_tokens=True)
            logprob = round(float(done.cumulative_logprob), 3)
            ended = done.finish_reason == "stop"
            text = before_stop(text, stop)
            samples.append(request.sample(index, adapter, text, done.token_ids, logprob, ended))
        return samples


def _on_adapter(ask: Request | Question) -> bool:
    """Whether it goes to an adapter and not to the bare base.

    Beside LoRA requests, vLLM 0.32 on the CPU answers a request for the bare base with an adapter's
    weights; apart it does not.
    """
    return ask.adapter is not None


def _steps(question: Question) -> dict[tuple[int, ...], list[int]]:
    """Each proper prefix of a candidate, the empty one included -> the tokens that follow it."""
    steps: dict[tuple[int, ...], dict[int, None]] = {}
    for candidate in question.candidates:
        for length, token in enumerate(candidate):
            steps.setdefault(candidate[:length], {})[token] = None
    return {prefix: list(nexts) for prefix, nexts in steps.items()}


def allowed_rank(rank: int) -> int:
    """The least `max_lora_rank` of vLLM that holds an adapter of this rank."""
    for allowed in MAX_LORA_RANKS:
        if rank <= allowed:
            return allowed
    raise KoalignError(f"an adapter has rank {rank}; vLLM serves ranks up to {MAX_LORA_RANKS[-1]}")


def lora_number(name: str) -> int:
    """A positive id of 31 bits from the content hash: vLLM serves the old adapter when one is reused."""
    return int(name, 16) % (2**31 - 1) + 1
