"""importance: samples, and log-probabilities of them in training -> importance ratios of the two models.

The engine may hold the base in another precision than the training (fp8, AWQ, 4 bits). Both sides are
log-probabilities of the model itself, at temperature 1 and without top_p, however the samples were drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from koalign.evaluation.stats.wording import percent
from koalign.naming import counted
from koalign.records import Completion, Logps, Pair, Record, Sample

FAR = 0.1
"""Nats a token above which rounding is no explanation: what packing allows in half precision or 4 bits
(`ROUGH_TOLERANCE`)."""
MOST = 50.0
"""Largest exponent: a ratio beyond e^50 tells nothing more, and a manifest holds no infinity."""


class Importance(Record):
    """How far the model in training is from the engine that drew the completions of the pairs."""

    completions: int = Field(ge=1)
    """Distinct ones that are samples; those of rankings are not."""
    difference: float
    """Mean absolute difference of a token, in nats. Samples hold sums, in which the differences of T
    tokens cancel: taken as independent they grow with the root of T, and by that the sums are divided."""
    ratio: float
    """Mean over the completions of the ratio of a token, training to engine: the geometric mean of a
    completion's tokens."""
    largest_ratio: float
    """The one farthest from 1, in either direction, as a number above 1."""
    effective_share: float
    """Effective sample size by the ratios of whole completions (Kish: (sum w)^2 / sum w^2), as a share."""

    @property
    def far(self) -> bool:
        return self.difference > FAR

    @property
    def lines(self) -> list[str]:
        """The figures; and what to change where the two are far apart."""
        figures = (
            f"engine and training differ by {self.difference:.4f} nats a token over "
            f"{counted(self.completions, 'completion')} (ratio of a token {self.ratio:.3f}, largest "
            f"{self.largest_ratio:.3f}; effective samples {percent(self.effective_share)})"
        )
        remedy = (
            f"more than {FAR} nats a token: the samples are those of another model; sample in the "
            "precision of training (engine.vllm.quantization, engine.vllm.weights, "
            "engine.vllm.kv_cache_dtype), or train in that of the engine (model.load_in_4bit, model.dtype)"
        )
        return [figures, remedy] if self.far else [figures]


def importance(
    pairs: Sequence[Pair], trained: Sequence[Logps], samples: Iterable[Sample]
) -> Importance | None:
    """The ratios over the completions that `samples` holds; none where it holds none of them.

    `trained`: for each pair the log-probabilities of the tokens of its two sides in training.
    """
    drawn = {(s.problem_id, s.permutation, s.token_ids): s.logprob for s in samples}
    sums: dict[Any, tuple[float, int]] = {}
    for pair, logps in zip(pairs, trained, strict=True):
        for side, own in zip((pair.chosen, pair.rejected), logps, strict=True):
            name = _name(pair, side)
            if name in drawn:
                sums[name] = sum(own) - drawn[name], len(own)
    return importance_of(sums) if sums else None


def _name(pair: Pair, side: Completion) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    return pair.problem_id, pair.permutation, side.token_ids


def importance_of(sums: Mapping[Any, tuple[float, int]]) -> Importance:
    """Of completions: the differences of their sums, training less engine, and their lengths in tokens."""
    differences = [difference for difference, _ in sums.values()]
    a_token = [difference / length for difference, length in sums.values()]
    top = max(differences)
    weights = [math.exp(difference - top) for difference in differences]
    n = len(differences)
    return Importance(
        completions=n,
        difference=sum(map(abs, differences))
        / sum(math.sqrt(length) for _, length in sums.values()),
        ratio=sum(_exp(value) for value in a_token) / n,
        largest_ratio=_exp(max(map(abs, a_token))),
        effective_share=sum(weights) ** 2 / sum(w * w for w in weights) / n,
    )


def _exp(value: float) -> float:
    return math.exp(min(value, MOST))
