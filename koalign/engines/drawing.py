"""engines: prompt token ids in, samples out. hf, vllm and scripted behind one door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from koalign import progress
from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.engine import Engine, Request
from koalign.jsonl import JsonlAppender
from koalign.records import KoalignError, Prompt, Sample


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
