"""changes: a run that does not fit a card -> the smallest change of its settings with which it does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

import psutil

from koalign.config.inputs import Section
from koalign.config.sections import Config
from koalign.planning.cards import Card
from koalign.planning.counts import Counts
from koalign.planning.estimate import Estimate, estimate
from koalign.planning.memory import base_bytes
from koalign.planning.shape import Shape
from koalign.records import KoalignError

C = TypeVar("C", bound=Section)


def smallest_change(
    config: Config,
    shape: Shape,
    counts: Counts,
    card: Card,
    done: Mapping[str, float],
) -> list[str] | None:
    """The fewest settings, as `section.key=value`, with which the run fits the card; None: none do."""

    def fits(changes: Iterable[Mapping[str, int | bool | str]]) -> bool:
        changed = config
        for change in changes:
            for key, value in change.items():
                changed = with_key(changed, key, value)
        return estimate(changed, shape, counts, card, done, {}).fits

    known = list(_changes(config, counts, bool(shape.experts)))
    taken = next((known[:n] for n in range(1, len(known) + 1) if fits(known[:n])), None)
    if taken is None:
        return None
    for change in list(taken):
        others = [other for other in taken if other is not change]
        if fits(others):
            taken = others
    return [f"{key}={str(value).lower()}" for change in taken for key, value in change.items()]


def _changes(
    config: Config, counts: Counts, experts: bool
) -> Iterable[dict[str, int | bool | str]]:
    """Least costly first: no result changes by the first four."""
    least = max(256, 2 ** math.ceil(math.log2(max(1, counts.longest))))
    if least < config.training.row_tokens:
        yield {"training.row_tokens": least}
    if config.engine.result.backend != "vllm" and config.engine.batch_size > 8:
        yield {"engine.batch_size": 8}
    if config.probe.batch_size > 8:
        yield {"probe.batch_size": 8}
    if config.training.world > 1 and config.training.shard == "none":
        yield {"training.shard": "fsdp"}
    sections = ["sft", "dpo", "abstraction", "answer"]
    sections += ["reader"] if config.corpus.sources else []
    off = [name for name in sections if not getattr(config, name).gradient_checkpointing]
    if off:
        yield {f"{name}.gradient_checkpointing": True for name in off}
    if not config.model.load_in_4bit and not experts:
        yield {"model.load_in_4bit": True}
    vllm = config.engine.vllm
    if vllm.quantization == "auto" and not vllm.weights:
        yield {"engine.vllm.quantization": "fp8"}
    if config.sft.rank > 8:
        yield {"sft.rank": 8}


def with_key(config: C, key: str, value: int | bool | str) -> C:
    """The config, or a section of it, with another value of a dotted key."""
    name, _, inner = key.partition(".")
    changed = with_key(getattr(config, name), inner, value) if inner else value
    return config.model_copy(update={name: changed})


def refuse_too_large(
    planned: Estimate, config: Config, counts: Counts, done: Mapping[str, float]
) -> None:
    """Raises KoalignError where the expected peak is more than OVER of the card."""
    if planned.fits or planned.peak is None:
        return
    change = smallest_change(config, planned.shape, counts, planned.card, done)
    remedy = (
        " ".join(f"-s {key}" for key in change) if change else "a smaller model, or a larger card"
    )
    raise KoalignError(
        f"{planned.peak.stage} needs {planned.share:.0%} of {planned.card.memory_of}; take "
        f"{remedy}, or --anyway"
    )


def refuse_offload_without_room(config: Config, shape: Shape) -> None:
    """Raises KoalignError where the machine's memory does not take the base that waits in it.

    Processes load one after another: the last has its whole base beside the parts of the others.
    """
    if config.training.shard != "fsdp-offload":
        return
    width = 4 if config.model.dtype == "float32" else 2
    base = base_bytes(shape, width, config.model.load_in_4bit)
    needed = base * (2 - 1 / config.training.processes)
    free = psutil.virtual_memory().available
    if needed > free:
        raise KoalignError(
            f"training.shard: fsdp-offload loads {needed / 1e9:,.1f} GB into the machine's memory, and "
            f"{free / 1e9:,.1f} are free; free some, or take fsdp on more GPUs"
        )
