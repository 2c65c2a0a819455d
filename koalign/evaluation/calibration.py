"""calibration: predictions -> how sure of its answers a model is, and how often it is right when sure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import ceil, exp, fsum, log
from statistics import fmean
from typing import TYPE_CHECKING, Any

from koalign.evaluation.results import Prediction
from koalign.evaluation.stats.intervals import rounded, share_figure
from koalign.evaluation.stats.resampling import resampled_sums

if TYPE_CHECKING:
    import numpy as np

BINS, BIN_SIZE = 10, 20
"""At most 10 bins (10 to 15 are usual; Guo et al. 2017 take 15), with at least 20 items each:
the bias of the ECE grows with the number of bins and falls with the items of a bin (Kumar et al. 2019)."""
COVERAGES = (0.5, 0.8, 1.0)
"""Shares of the items, surest first, whose accuracy is reported."""
RESAMPLES = 1000
"""Draws of an interval and of the bound by chance, which are rounded to four places."""


def confidence(prediction: Prediction) -> float | None:
    """How sure the model is of its answer, from 0 to 1; none without an answer or anything to tell.

    Of scored candidates the softmax over them, at the answer; of several samples the share that
    gives the answer.
    """
    if prediction.answer is None:
        return None
    if prediction.logprobs:
        return exp(log_softmax(prediction.logprobs)[int(prediction.answer) - 1])
    if len(prediction.votes) > 1:
        return prediction.votes.count(prediction.answer) / len(prediction.votes)
    return None


def log_softmax(logprobs: Sequence[float]) -> list[float]:
    """Log-probabilities of candidates among one another, in nats."""
    largest = max(logprobs)
    total = largest + log(fsum(exp(value - largest) for value in logprobs))
    return [value - total for value in logprobs]


def calibrate(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Reliability table, ECE, Brier score, NLL and selective accuracy; empty if no confidence is known.

    All figures are shares of 1 but `nll` (nats) and the counts `n` and `without`.

    - `ece`: expected calibration error over bins of equal mass (Nguyen and O'Connor 2015), with a 95 %
      interval. As a sum of absolute differences it is above 0 for a calibrated model too:
      `ece_by_chance` is what 95 % of calibrated models with these confidences stay below (Bröcker and
      Smith 2007).
    - `brier`: mean of (confidence - right)^2. `nll`: of the gold answers, of scored candidates only.
    - `bins`: confidence from, to, its mean, accuracy and n. `coverage`: accuracy of the surest; items
      without an answer are the least sure.
    """
    every = [(confidence(p), p) for p in predictions]
    known = [(c, p) for c, p in every if c is not None]
    if not known:
        return {}
    sure = [c for c, _ in known]
    correct = [p.correct for _, p in known]
    clusters = [p.cluster for _, p in known]
    bins = equal_mass(sure, max(1, min(BINS, len(known) // BIN_SIZE)))
    surprise = [_surprise(p) for _, p in known if p.logprobs and p.gold]
    return {
        "by": "probability" if any(p.logprobs for _, p in known) else "votes",
        "n": len(known),
        "without": len(predictions) - len(known),
        "confidence": round(fmean(sure), 4),
        "accuracy": round(fmean(correct), 4),
        **_calibration_error(sure, correct, clusters, bins),
        "brier": round(fmean((c - y) ** 2 for c, y in zip(sure, correct, strict=True)), 4),
        "nll": round(fmean(surprise), 4) if surprise else None,
        "bins": [
            {
                "from": round(min(confidences), 4),
                "to": round(max(confidences), 4),
                "n": len(members),
                "confidence": round(fmean(confidences), 4),
                "accuracy": round(fmean(correct[i] for i in members), 4),
            }
            for members in bins
            for confidences in [[sure[i] for i in members]]
        ],
        "coverage": [_selective(every, share) for share in COVERAGES],
    }


def equal_mass(values: Sequence[float], bins: int) -> list[list[int]]:
    """Places of the values in bins of nearly one size, lowest first; equal values are never parted.

    Fewer bins than asked for where many values are equal; none is empty.
    """
    ordered = sorted(range(len(values)), key=lambda i: values[i])
    parts: dict[int, list[int]] = {}
    start = 0
    while start < len(ordered):
        end = start + 1
        while end < len(ordered) and values[ordered[end]] == values[ordered[start]]:
            end += 1
        middle = (start + end) / 2
        parts.setdefault(int(bins * middle / len(ordered)), []).extend(ordered[start:end])
        start = end
    return list(parts.values())


def described(values: Sequence[float], clusters: Sequence[Hashable]) -> dict[str, Any]:
    """n, value, low and high of a mean of numbers from 0 to 1, as `share_figure` has them."""
    return share_figure(values, clusters).rounded()


def distance(
    name: str,
    rows: np.ndarray,
    clusters: Sequence[Hashable],
    statistic: Callable[[np.ndarray], float],
    by_chance: float,
) -> dict[str, float | None]:
    """A distance from 0 with `_low`, `_high` and `_by_chance`: a statistic of sums of `rows`, one an item.

    Whole clusters are drawn; with fewer than two there is no interval.
    """
    value, draws = statistic(rows.sum(axis=0)), []
    if len(set(clusters)) > 1:
        draws = [statistic(sums) for sums in resampled_sums(rows, clusters, RESAMPLES)]
    figures = (value, *distance_interval(value, draws, by_chance), by_chance)
    ends = ("", "_low", "_high", "_by_chance")
    return {name + end: rounded(figure) for end, figure in zip(ends, figures, strict=True)}


def distance_interval(
    value: float, resamples: Sequence[float], by_chance: float
) -> tuple[float | None, float | None]:
    """The 95 % interval of a distance from 0, which every resample enlarges by its own noise.

    The upper end is the percentile of the resamples, on the safe side. The lower is that of the basic
    bootstrap (Davison and Hinkley 1997, 5.2), which takes the noise off again: percentiles would leave
    out the truth of a model without any distance each time. It is 0 where chance gives the value.
    """
    import numpy as np

    if not resamples:
        return None, None
    upper = float(np.quantile(resamples, 0.975))
    low = 0.0 if value <= by_chance else min(value, max(0.0, 2 * value - upper))
    return low, max(value, upper)


def _selective(every: Sequence[tuple[float | None, Prediction]], coverage: float) -> dict[str, Any]:
    """Of at least this share of the items, the surest: how sure at least, n, accuracy, interval.

    Items as sure as the last come along; those without an answer are the least sure.
    """
    sure = [-1.0 if c is None else c for c, _ in every]
    least = sorted(sure, reverse=True)[ceil(coverage * len(sure)) - 1]
    taken = [p for c, (_, p) in zip(sure, every, strict=True) if c >= least]
    return {
        "coverage": coverage,
        "at_least": round(max(0.0, least), 4),
        **described([p.correct for p in taken], [p.cluster for p in taken]),
    }


def _calibration_error(
    sure: Sequence[float],
    correct: Sequence[bool],
    clusters: Sequence[Hashable],
    bins: Sequence[Sequence[int]],
) -> dict[str, float | None]:
    """ECE, its interval in the same bins, and what chance gives."""
    import numpy as np

    confidences = np.array(sure)
    gaps = confidences - np.array(correct, dtype=float)
    rows = np.zeros((len(sure), len(bins) + 1))
    rows[:, -1] = 1
    for number, members in enumerate(bins):
        rows[members, number] = gaps[members]

    def error(sums: np.ndarray) -> float:
        return float(np.abs(sums[:-1]).sum() / sums[-1])

    in_bins = confidences[[i for members in bins for i in members]]
    starts = np.cumsum([0, *(len(members) for members in bins[:-1])])
    rng = np.random.default_rng(0)
    chance = [
        np.abs(np.add.reduceat(in_bins - (rng.random(len(sure)) < in_bins), starts)).sum()
        for _ in range(RESAMPLES)
    ]
    by_chance = float(np.quantile(chance, 0.95)) / len(sure)
    return distance("ece", rows, clusters, error, by_chance)


def _surprise(prediction: Prediction) -> float:
    """Minus the log-probability of the gold answers together."""
    logs = log_softmax(prediction.logprobs)
    gold = [logs[int(number) - 1] for number in prediction.gold]
    return -(max(gold) + log(fsum(exp(value - max(gold)) for value in gold)))
