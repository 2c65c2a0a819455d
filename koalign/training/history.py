"""history: the log of a training, as its checkpoints keep it -> the results of the probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

Entry = Mapping[str, float]
"""A line of `TrainerState.log_history`: `step`, and what was logged."""
PREFIX = "probe/"


def evaluations(history: Sequence[Entry]) -> list[Entry]:
    """The probe's results in order, the first from before training."""
    return [entry for entry in history if PREFIX + "held_out" in entry]


def measured(history: Sequence[Entry]) -> str:
    """What the probe measures: accuracy, of gold texts the likelihood of a token, of queries the ranks."""
    known = {name.removeprefix(PREFIX) for entry in history for name in entry}
    if "finds_gold" in known:
        return "mean reciprocal rank"
    return "likelihood per token" if "held_out_error" in known else "accuracy"


def fell_each_time(shares: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` shares were each below the one before."""
    return len(shares) > patience and all(
        after < before for before, after in pairwise(shares[-patience - 1 :])
    )
