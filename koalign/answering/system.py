"""system: a base with adapters, and its answers to a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from koalign.adapters.card import AdapterCard
from koalign.data.prompting.orders import Order
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import ItemScore
from koalign.evaluation.items import subject_of
from koalign.evaluation.results import Prediction
from koalign.records import Base


@dataclass(frozen=True)
class System:
    """A base with the adapters of each step."""

    base: Base
    adapters: str
    """As the user names them."""
    steps: Sequence[Path | None]
    """The adapters; of two the first generates a hint."""
    cards: Sequence[AdapterCard]


@dataclass(frozen=True)
class Answers:
    """A prediction for each item, in their order."""

    predictions: Sequence[Prediction]
    orders: Mapping[str, Mapping[Order, Sequence[float]]] = field(default_factory=dict)
    """Item id -> order of the choices -> log-probabilities of its candidates; of scored items only."""


def prediction_of(benchmark: Benchmark, number: int, score: ItemScore, **others: Any) -> Prediction:
    """The prediction of an item with its score; `others` are its further fields."""
    problem = benchmark.problems[number]
    return Prediction(
        id=benchmark.ids[number],
        key="" if benchmark.protocol.whole_query else problem.key,
        question=problem.question,
        gold=problem.answers,
        subject=subject_of(benchmark.protocol, problem),
        passage=benchmark.clusters[number],
        **asdict(score),
        **others,
    )
