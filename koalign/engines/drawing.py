"""drawing: requests -> samples, appended to a file as they come and not drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from koalign import progress
from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.engine import Engine, Request, batches
from koalign.parts import PartedFile
from koalign.records import KoalignError, Prompt, Sample
from koalign.text.visible import warn


def requests_for(
    engine: Engine,
    prompts: Sequence[Prompt],
    adapter: Path | None,
    abstraction_ids: Sequence[str] | None = None,
    *,
    n: int = 1,
    first: int = 0,
) -> list[Request]:
    """One request a prompt, all to one adapter, each with the id of the hint that it shows."""
    known = engine.tokenizer is not None
    ids = prompt_ids(engine.tokenizer, prompts) if known else [[] for _ in prompts]
    hints = abstraction_ids or [""] * len(prompts)
    return [
        Request(prompt.problem_id, tuple(tokens), adapter, hint, prompt=prompt, n=n, first=first)
        for prompt, tokens, hint in zip(prompts, ids, hints, strict=True)
    ]


def draw(
    engine: Engine,
    requests: Sequence[Request],
    sampling: Sampling,
    path: Path,
    *,
    title: str,
    seed: int = 0,
    stop: Sequence[str] = (),
) -> list[list[Sample]]:
    """For each request its samples, appended to a JSONL file as they come; without requests no file.

    Samples already in the file are not drawn again. The requests go to the engine in the same
    batches on every call, and a batch that is not whole in the file is computed whole again, so that
    a killed and continued run ends in the same bytes as an uninterrupted one. In the folder of a shard
    only its batches are drawn; raises PartDrawn where the other parts are not whole.
    """
    if not requests:
        return []
    keys = {
        id(r): (r.problem_id, r.abstraction_id, engine.adapter_id(r.adapter), r.permutation)
        for r in requests
    }
    if len(set(keys.values())) != len(requests):
        raise ValueError("two requests would have the same name in the file of samples")
    refuse_no_room(engine, requests, sampling, title)
    say_limited(engine, requests, sampling)
    longest = min(engine.base.context, longest_of(requests) + sampling.most_tokens)
    job = partial(_generate, sampling=sampling, longest=longest, seed=seed, stop=tuple(stop))
    cut = list(batches(engine, requests))
    names = [[(*keys[id(r)], i) for r in batch for i in r.indices] for batch in cut]
    with PartedFile(path, Sample, _name) as file:
        with progress.bar(title, sum(len(cut[n]) for n in file.own(cut))) as advance:
            for number in file.fill(names, lambda left: engine.each(job, [cut[n] for n in left])):
                advance(len(cut[number]))
        file.refuse_unfinished(names)
        return [[file.known[*keys[id(r)], i] for i in r.indices] for r in requests]


def _generate(
    engine: Engine,
    batch: Sequence[Request],
    *,
    sampling: Sampling,
    longest: int,
    seed: int,
    stop: Sequence[str],
) -> list[Sample]:
    """The samples of a batch, request after request."""
    engine.expect(longest)
    drawn = engine.generate(batch, sampling, seed=seed, stop=stop)
    return [sample for samples in drawn for sample in samples]


def _name(sample: Sample) -> tuple[str, str, str, tuple[int, ...], int]:
    return (
        sample.problem_id,
        sample.abstraction_id,
        sample.adapter,
        sample.permutation,
        sample.index,
    )


def longest_of(requests: Sequence[Request]) -> int:
    """Tokens of the longest prompt."""
    return max((len(request.prompt_ids) for request in requests), default=0)


def refuse_no_room(
    engine: Engine, requests: Sequence[Request], sampling: Sampling, title: str
) -> None:
    """Raises KoalignError if the longest prompt leaves no room for a completion in the context."""
    longest, context = longest_of(requests), engine.base.context
    left = context - longest
    if left < sampling.least_room:
        lower = f"lower {_setting(sampling)} to {left} or less, " if left > 0 else ""
        raise KoalignError(
            f"{title}: a prompt of {longest} tokens and max_tokens {sampling.most_tokens} do not fit the "
            f"context of {context}; {lower}show fewer shots, or raise model.max_length"
        )


def say_limited(engine: Engine, requests: Sequence[Request], sampling: Sampling) -> None:
    """Say once of a section where a prompt leaves less than a `max_tokens` of null takes."""
    context = engine.base.context
    if longest_of(requests) + sampling.most_tokens > context:
        warn(
            f"{_key(sampling)}: {sampling.most_tokens}, the default, is more than some prompts leave of "
            f"the context of {context}; there a completion takes what is left",
            once=True,
        )


def fits(engine: Engine, request: Request, sampling: Sampling) -> bool:
    """Whether the prompt leaves room for a completion in the context."""
    return len(request.prompt_ids) + sampling.least_room <= engine.base.context


def _setting(sampling: Sampling) -> str:
    """`sample.max_tokens`: each section that samples has its own."""
    own = type(sampling) is not Sampling
    return _key(sampling) if own else "solve.max_tokens (a published protocol has its own)"


def _key(sampling: Sampling) -> str:
    section = type(sampling).__name__.lower()
    return "max_tokens" if type(sampling) is Sampling else f"{section}.max_tokens"
