"""vllm: the fast engine, on GPU and on CPU. One LoRA a request, its id from the adapter's content."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

from koalign.adapters.base import base_folder, load_tokenizer, precision_here
from koalign.adapters.cards import ranks
from koalign.adapters.external import refuse_for_vllm
from koalign.config.engine import Engine as EngineConfig
from koalign.config.inputs import Model, Sampling
from koalign.data.prompting.tokens import stop_ids
from koalign.engines.engine import Engine, Question, Request, before_stop, sample_seed, steps_of
from koalign.engines.vllm_start import (
    CPU_CACHE,
    REQUESTS_AT_ONCE,
    Situation,
    allowed_rank,
    arguments,
    cpu_cache,
    explained,
    model_len,
)
from koalign.jsonl import read_json
from koalign.records import Base, KoalignError, Sample
from koalign.text.visible import say, warn

SHUTDOWN_SECONDS = 30
FREED = 0.05
"""Share of a GPU that may be missing after vLLM has ended: a context of CUDA takes about 2 %."""

os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
if not torch.cuda.is_available():
    os.environ[CPU_CACHE] = str(cpu_cache())


class VllmEngine(Engine):
    """One vLLM for the base and all adapters that a stage names."""

    name = "vllm"

    def __init__(
        self, engine: EngineConfig, model: Model, base: Base, adapters: Sequence[Path]
    ) -> None:
        super().__init__(base, load_tokenizer(model))
        for folder in adapters:
            refuse_for_vllm(folder)
        self._settings, self._model = engine, model
        self._folder = self._weights()
        self._lora_settings: dict[str, Any] = {}
        if adapters:
            self._lora_settings = {
                "enable_lora": True,
                "max_loras": len({self.adapter_id(folder) for folder in adapters}),
                "max_lora_rank": allowed_rank(max(ranks(adapters))),
            }
        self._llm: Any = None
        self._tokens = 0
        self._loaded: set[Path] = set()
        """Adapters that vLLM has taken; it reads one with the first request to it, and keeps all."""

    def __exit__(self, *_: object) -> None:
        self._stop()

    def expect(self, tokens: int) -> None:
        """Start vLLM for requests of so many tokens, again where it was started for fewer."""
        if tokens <= self._tokens:
            return
        wanted = model_len(self._settings.vllm, self.base.context, tokens, self._tokens)
        started = time.monotonic()
        if self._llm is not None:
            say(f"engine: vllm starts again, for up to {wanted:,} tokens", err=True)
            self._stop()
        self._start(wanted)
        self.start_seconds += time.monotonic() - started

    def arguments(self, tokens: int) -> dict[str, Any]:
        """Of `vllm.LLM`, for requests of up to so many tokens."""
        from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS
        from vllm.plugins import load_general_plugins

        load_general_plugins()  # one of them may add bitsandbytes
        situation = Situation(
            gpus=torch.cuda.device_count(),
            dtype=precision_here(self._model).base,
            stored_quantised="quantization_config" in read_json(self._folder / "config.json"),
            methods=QUANTIZATION_METHODS,
        )
        settings = arguments(self._settings, self._model, situation, tokens)
        return {"model": str(self._folder), **settings, **self._lora_settings}

    def _start(self, tokens: int) -> None:
        from vllm import LLM

        settings = self.arguments(tokens)
        self._free = _free_memory()
        self._others = set(_processes())
        with explained():
            self._llm = LLM(**settings)
        self._tokens = tokens

    def _stop(self) -> None:
        """End vLLM's processes, so that what follows finds the memory free; says where it does not."""
        if self._llm is None:
            return
        self._llm.llm_engine.engine_core.shutdown()
        self._llm, self._tokens = None, 0
        self._loaded.clear()
        own = [process for process in _processes() if process not in self._others]
        _, alive = psutil.wait_procs(own, SHUTDOWN_SECONDS)
        for process in alive:
            process.kill()
        free, everything = _free_memory()
        missing = self._free[0] - free
        if missing > FREED * everything:
            warn(
                f"engine: vllm has ended, and {missing / 2**30:.1f} GiB of the GPU are not free again; "
                "nvidia-smi names the process that holds them"
            )

    def _weights(self) -> Path:
        """The folder that vLLM reads; of a quantised copy the tokenizer must be the base's."""
        path = self._settings.vllm.weights
        if path is None:
            return base_folder(self._model)
        copy = self._model.model_copy(update={"path": path})
        if load_tokenizer(copy).get_vocab() != self.tokenizer.get_vocab():
            raise KoalignError(
                f"engine.vllm.weights: {path} has another vocabulary than {self._model.path}; take a "
                "quantised copy of the same model"
            )
        return base_folder(copy)

    def requests_at_once(self, n: int) -> int:
        """Enough to keep the scheduler busy; not more, since samples are written batch by batch."""
        return max(1, REQUESTS_AT_ONCE // n)

    def score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
        """See Engine.score.

        One token is asked for after each stem, with the log-probabilities of those that may follow: so
        the prefix cache serves what questions share, which `prompt_logprobs` would pass by.
        """
        self.expect(max((_longest(question) for question in questions), default=0))
        yield from super().score(questions)

    def _score(self, questions: Sequence[Question]) -> list[tuple[int, list[float]]]:
        # In the order of their beginnings, which stand in the cache one after the other.
        order = sorted(range(len(questions)), key=lambda number: questions[number].prompt_ids)
        scores = self._in_order([questions[number] for number in order])
        return list(zip(order, scores, strict=True))

    def _in_order(self, questions: Sequence[Question]) -> list[list[float]]:
        from vllm import SamplingParams

        prefixes: list[tuple[int, tuple[int, ...]]] = []
        params = []
        for number, question in enumerate(questions):
            for prefix, nexts in steps_of(question).items():
                prefixes.append((number, prefix))
                params.append(
                    SamplingParams(
                        temperature=0, max_tokens=1, logprob_token_ids=nexts, detokenize=False
                    )
                )
        outputs = self._outputs(
            [[*questions[n].prompt_ids, *prefix] for n, prefix in prefixes],
            params,
            [questions[n].adapter for n, _ in prefixes],
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

    def _forget(self) -> None:
        if self._llm is not None:
            self._llm.reset_prefix_cache()

    def _outputs(
        self, prompts: Sequence[list[int]], params: list[Any], adapters: Sequence[Path | None]
    ) -> list[Any]:
        """What vLLM makes of each prompt. Raises KoalignError where it may have read another adapter."""
        new = {adapter for adapter in adapters if adapter is not None} - self._loaded
        for adapter in new:
            self.refuse_replaced(adapter)
        outputs: list[Any] = self._llm.generate(
            [{"prompt_token_ids": ids} for ids in prompts],
            params,
            lora_request=[self._lora(adapter) for adapter in adapters],
            use_tqdm=False,
        )
        try:
            for adapter in new:
                self.refuse_replaced(adapter)
        except KoalignError:
            self._stop()  # it holds other weights under this name
            raise
        self._loaded |= new
        return outputs

    def _lora(self, adapter: Path | None) -> Any:
        from vllm.lora.request import LoRARequest

        if adapter is None:
            return None
        name = self.adapter_id(adapter)
        return LoRARequest(name, lora_number(name), str(self.folder(adapter)))

    def _batch_key(self, request: Request) -> bool:
        """Whether it goes to an adapter and not to the bare base.

        Beside LoRA requests, vLLM 0.32 on the CPU answers a request for the bare base with an adapter's
        weights; apart it does not.
        """
        return request.adapter is not None

    def _generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> list[Sample]:
        from vllm import SamplingParams

        self.expect(max(len(request.prompt_ids) for request in requests) + sampling.most_tokens)
        # One request a sample: of one with `n` vLLM seeds the samples seed, seed + 1, ... (v1/engine/
        # parallel_sampling.py), and a sample's seed is made of its own name. It costs nothing: vLLM takes
        # such a request apart in the same way, and the prompt is shared by the prefix cache.
        draws = [(request, index) for request in requests for index in request.indices]
        outputs = self._outputs(
            [list(request.prompt_ids) for request, _ in draws],
            [
                SamplingParams(
                    temperature=sampling.temperature,
                    top_p=sampling.top_p if sampling.temperature else 1.0,
                    max_tokens=sampling.most_tokens,
                    stop_token_ids=stop_ids(self.tokenizer),
                    seed=sample_seed(seed, request, self.adapter_id(request.adapter), index),
                    logprobs=0,
                    stop=list(stop),
                    detokenize=bool(stop),
                )
                for request, index in draws
            ],
            [request.adapter for request, _ in draws],
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


def _longest(question: Question) -> int:
    return len(question.prompt_ids) + max(map(len, question.candidates))


def _processes() -> list[psutil.Process]:
    """Those that this one has started and that run."""
    return [child for child in psutil.Process().children(recursive=True) if _runs(child)]


def _runs(process: psutil.Process) -> bool:
    try:
        # Python's resource tracker stays until the end.
        return "resource_tracker" not in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # of a zombie too: it holds no memory
        return False


def _free_memory() -> tuple[int, int]:
    """Free and all bytes of the first GPU."""
    return torch.cuda.mem_get_info(0) if torch.cuda.is_available() else (0, 0)


def lora_number(name: str) -> int:
    """A positive id of 31 bits from the content hash: vLLM serves the old adapter when one is reused."""
    return int(name, 16) % (2**31 - 1) + 1
