"""system: what answers a benchmark, and what it answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """What answers."""

    base: Base
    adapters: str
    """As the user names them."""
    steps: Sequence[Path | None]
    """The adapters; of two the first writes a hint."""
    cards: Sequence[AdapterCard]


@dataclass(frozen=True)
class Answers:
    """What a system answered to every item, in their order."""

    predictions: Sequence[Prediction]
    orders: Mapping[str, Mapping[Order, Sequence[float]]] = field(default_factory=dict)
    """Of scored items, by id, the log-probabilities in each order asked."""


def prediction_of(benchmark: Benchmark, number: int, score: ItemScore, **others: Any) -> Prediction:
    """The prediction of an item that earned this; `others` are its further fields."""
    problem = benchmark.problems[number]
    return Prediction(
        id=benchmark.ids[number],
        answer=score.answer,
        gold=problem.answers,
        correct=score.correct,
        why=score.why,
        scores=score.scores,
        subject=subject_of(benchmark.protocol, problem),
        passage=problem.cluster,
        **others,
    )
