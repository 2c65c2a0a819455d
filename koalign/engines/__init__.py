"""engines: prompt token ids in, samples out. hf, vllm and scripted behind one door."""

from __future__ import annotations

import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from koalign import progress
from koalign.config import Engine as EngineConfig
from koalign.config import Model, Sampling
from koalign.data.tokens import prompt_ids
from koalign.jsonl import JsonlAppender
from koalign.records import Base, KoalignError, Prompt, Sample, content_hash


@dataclass(frozen=True)
class Request:
    """One prompt, and the adapter that is to answer it."""

    problem_id: str
    prompt_ids: tuple[int, ...]
    adapter: Path | None = None
    """Folder of the adapter; none: the bare base."""
    abstraction_id: str = ""
    permutation: tuple[int, ...] = ()
    """The order in which the prompt shows the choices; empty: as they stand."""
    prompt: Prompt | None = None
    """What the token ids say, for an engine that takes text."""


@dataclass(frozen=True)
class Question:
    """One prompt, and the candidates whose log-probabilities are asked for."""

    prompt_ids: tuple[int, ...]
    candidates: tuple[tuple[int, ...], ...]
    """Token ids of each candidate as it follows the prompt; none is empty."""
    adapter: Path | None = None
    """Folder of the adapter; none: the bare base."""


def stems(question: Question) -> dict[tuple[int, ...], list[int]]:
    """What the candidates are but for their last token -> the last tokens that follow it.

    Candidates of one token share the empty stem: one state tells them all.
    """
    found: dict[tuple[int, ...], list[int]] = {}
    for candidate in dict.fromkeys(question.candidates):
        found.setdefault(candidate[:-1], []).append(candidate[-1])
    return found


class Engine(Protocol):
    """Holds the base once and switches adapters per request."""

    name: str
    """As `engine.backend` has it."""
    tokenizer: Any
    """None where prompts go out as text."""
    base: Base

    def adapter_id(self, adapter: Path | None) -> str:
        """The id that samples of this adapter carry."""

    def requests_at_once(self, n: int) -> int:
        """How many requests of n samples make one well-filled call of `generate`."""

    def generate(
        self,
        requests: Sequence[Request],
        sampling: Sampling,
        *,
        n: int,
        seed: int,
        first: int,
        stop: Sequence[str] = (),
    ) -> list[list[Sample]]:
        """For each request n samples, numbered from `first`.

        The same requests with the same seed give the same samples, whatever was generated before. A
        completion ends before the first of the texts `stop`, or at the end of the turn.
        """

    def score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
        """The number of each question and its candidates' log-probabilities, in any order.

        In nats, summed over the tokens of a candidate, under the untempered model.
        """


def is_endpoint(model: str) -> bool:
    """Whether `model.path` names an OpenAI-compatible server and not weights."""
    return model.startswith(("http://", "https://"))


def open_engine(
    engine: EngineConfig, model: Model, base: Base, adapters: Sequence[Path | None]
) -> AbstractContextManager[Engine]:
    """The engine that the config names, ready for the adapters; says which one `auto` took."""
    folders = [adapter for adapter in adapters if adapter is not None]
    if is_endpoint(base.path):
        from koalign.engines.endpoint import EndpointEngine

        return EndpointEngine(base)
    backend = engine.backend
    if backend == "auto":
        backend = "vllm" if importlib.util.find_spec("vllm") else "hf"
        print(f"engine: {backend}", file=sys.stderr)
    if backend == "vllm" and importlib.util.find_spec("vllm") is None:
        raise KoalignError(
            "engine.backend: vllm is not installed; pip install 'koalign[vllm]', or take hf"
        )
    match backend:
        case "hf":
            from koalign.engines.hf import HfEngine

            return HfEngine(engine, model, base)
        case "vllm":
            from koalign.engines.vllm import VllmEngine

            return VllmEngine(engine, model, base, folders)
        case _:
            from koalign.engines.scripted import ScriptedEngine

            return ScriptedEngine(engine, base)


def describe_base(engine: EngineConfig, model: Model) -> tuple[Base, Any]:
    """The base of a run and its tokenizer, without loading any weights; an endpoint has none."""
    if is_endpoint(model.path):
        from koalign.engines.endpoint import describe_endpoint

        return describe_endpoint(model.path), None
    if engine.backend == "scripted":
        from koalign.engines.scripted import SCRIPTED_BASE, ByteTokenizer

        return SCRIPTED_BASE, ByteTokenizer()
    from koalign.adapters.base import identify, load_tokenizer

    return identify(model), load_tokenizer(model)


def tokenizer_of(model: Model, base: Base) -> Any:
    """The tokenizer that a base is read with."""
    if base.scripted:
        from koalign.engines.scripted import ByteTokenizer

        return ByteTokenizer()
    from koalign.adapters.base import load_tokenizer

    return load_tokenizer(model)


def precision_of(engine: EngineConfig, model: Model) -> str:
    """The dtype that the base is held in; `unknown` where there are no weights here."""
    if is_endpoint(model.path) or engine.backend == "scripted":
        return "unknown"
    from koalign.adapters.base import precision

    return str(precision(model)).removeprefix("torch.")


def requests_for(
    engine: Engine,
    asked: Sequence[Prompt],
    adapter: Path | None,
    abstraction_ids: Sequence[str] | None = None,
) -> list[Request]:
    """One request a prompt, all to one adapter, each under the id of the hint that it shows."""
    known = engine.tokenizer is not None
    ids = prompt_ids(engine.tokenizer, asked) if known else [[] for _ in asked]
    hints = abstraction_ids or [""] * len(asked)
    return [
        Request(prompt.problem_id, tuple(tokens), adapter, hint, prompt=prompt)
        for prompt, tokens, hint in zip(asked, ids, hints, strict=True)
    ]


def draw(
    engine: Engine,
    requests: Sequence[Request],
    sampling: Sampling,
    path: Path,
    *,
    title: str,
    n: int = 1,
    seed: int = 0,
    first: int = 0,
    stop: Sequence[str] = (),
) -> list[list[Sample]]:
    """For each request its n samples, appended to a JSONL file as they come.

    Samples already in the file are not drawn again. The requests go to the engine in the same
    batches on every call, and a batch that is not whole in the file is computed whole again, so that
    a killed and continued run ends in the same bytes as an uninterrupted one.
    """
    keys = [
        (r.problem_id, r.abstraction_id, engine.adapter_id(r.adapter), r.permutation)
        for r in requests
    ]
    if len(set(keys)) != len(keys):
        raise ValueError("two requests would have the same name in the file of samples")
    refuse_no_room(engine, requests, sampling, title)
    drawn: dict[tuple[str, str, str, tuple[int, ...]], dict[int, Sample]] = defaultdict(dict)
    with JsonlAppender(path, Sample) as file:
        for sample in file.done:
            key = (sample.problem_id, sample.abstraction_id, sample.adapter, sample.permutation)
            drawn[key][sample.index] = sample
        indices = range(first, first + n)
        size = engine.requests_at_once(n)
        with progress.bar(title, len(requests)) as advance:
            for start in range(0, len(requests), size):
                batch, batch_keys = requests[start : start + size], keys[start : start + size]
                if not all(index in drawn[key] for key in batch_keys for index in indices):
                    answers = engine.generate(
                        batch, sampling, n=n, seed=seed, first=first, stop=stop
                    )
                    new = []
                    for key, samples in zip(batch_keys, answers, strict=True):
                        new += [s for s in samples if s.index not in drawn[key]]
                        drawn[key].update({s.index: s for s in samples})
                    file.append(new)
                advance(len(batch))
    return [[drawn[key][index] for index in indices] for key in keys]


def refuse_no_room(
    engine: Engine, requests: Sequence[Request], sampling: Sampling, title: str
) -> None:
    """Raises KoalignError if the longest prompt leaves no room for `max_tokens` in the context."""
    longest = max((len(r.prompt_ids) for r in requests), default=0)
    if longest + sampling.max_tokens > engine.base.context:
        raise KoalignError(
            f"{title}: a prompt of {longest} tokens and max_tokens {sampling.max_tokens} do not fit "
            f"the context of {engine.base.context}; lower max_tokens in the config, show fewer "
            "shots, or raise model.max_length"
        )


def before_stop(text: str, stop: Sequence[str]) -> str:
    """The text up to the first of the stop texts in it."""
    return text[: min([text.find(one) for one in stop if one in text], default=len(text))]


def sample_seed(seed: int, request: Request, adapter: str, index: int) -> int:
    """A seed of 31 bits for one sample, from its name only."""
    order = [request.permutation] if request.permutation else []
    name = content_hash(seed, request.problem_id, request.abstraction_id, adapter, index, *order)
    return int(name, 16) % 2**31
