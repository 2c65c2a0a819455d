"""measures: what items earned -> metrics with standard error and interval, as functions of sums.

Every metric here is a function of sums over items. So one draw of clusters serves all metrics of a row,
and the sums of what was drawn are a product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import variance
from typing import NamedTuple

import numpy as np

from koalign.evaluation.stats.intervals import ALIKE, Figure, gap_interval, share_interval
from koalign.evaluation.stats.resampling import resampled_sums


@dataclass(frozen=True)
class Measure:
    """A metric of some items, a share of what is possible."""

    tallies: np.ndarray
    """(items, sums): what each item adds to each sum."""
    value: Callable[[np.ndarray], np.ndarray]
    """(..., sums) -> (...): the share of 1; NaN where a draw holds nothing to measure."""
    stderr: float | None = None
    """Standard error of the share; none where it is not known."""
    possible: float = 1.0
    """What all right gives."""
    is_mean: bool = False
    """Whether it is the plain mean of what the items earned."""


class Measured(NamedTuple):
    """A metric as results.json has it, in the units of the metric."""

    value: float
    stderr: float | None
    low: float | None
    """95 %, as is `high`."""
    high: float | None


def mean_score(
    scores: Sequence[float | None], subjects: Sequence[str], *, macro: bool
) -> Measure | None:
    """The mean of the scores that there are, over items or over subjects; none where there is none.

    The standard error is of items within subjects: `pooled_sample_stderr` of lm-eval-harness, or of the
    mean of means. None where a subject has too few items to tell.
    """
    strata: dict[str, list[float]] = {}
    for score, subject in zip(scores, subjects, strict=True):
        if score is not None:
            strata.setdefault(subject, []).append(score)
    if not strata:
        return None
    place = {subject: number if macro else 0 for number, subject in enumerate(strata)}
    tallies = np.zeros((len(scores), 2, len(strata) if macro else 1))
    for number, (score, subject) in enumerate(zip(scores, subjects, strict=True)):
        if score is not None:
            tallies[number, :, place[subject]] = score, 1
    stderr = _stderr(list(strata.values()), macro)
    is_mean = tallies.shape[-1] == 1
    return Measure(tallies.reshape(len(scores), -1), _mean_of_shares, stderr, is_mean=is_mean)


def macro_f1_measure(gold: Sequence[str], predicted: Sequence[str | None]) -> Measure:
    """`intervals.macro_f1`: over the classes that are gold."""

    def value(sums: np.ndarray) -> np.ndarray:
        both, is_gold, is_predicted = np.split(sums, 3, axis=-1)
        return _f1(both, is_gold, is_predicted, is_gold > 0)

    return Measure(_f1_tallies(gold, predicted, sorted({*gold})), value)


def task_f1_measure(
    gold: Sequence[str], predicted: Sequence[str | None], subjects: Sequence[str], *, macro: bool
) -> Measure:
    """`f1` of lm-eval-harness: of each task scikit-learn's macro F1, over the labels that are gold or
    predicted, and of several tasks the mean of these, by their sizes unless `macro`."""
    blocks = []
    for subject in dict.fromkeys(subjects):
        own = np.array([name == subject for name in subjects])
        pairs = (
            pair
            for pair, is_own in zip(zip(gold, predicted, strict=True), own, strict=True)
            if is_own
        )
        labels = sorted({label for pair in pairs for label in pair if label is not None})
        tallies = np.hstack([_f1_tallies(gold, predicted, labels), np.ones((len(gold), 1))])
        blocks.append(tallies * own[:, None])
    ends = np.cumsum([block.shape[1] for block in blocks])[:-1]

    def value(sums: np.ndarray) -> np.ndarray:
        scores, sizes = [], []
        for block in np.split(sums, ends, axis=-1):
            both, is_gold, is_predicted = np.split(block[..., :-1], 3, axis=-1)
            scores.append(_f1(both, is_gold, is_predicted, is_gold + is_predicted > 0))
            sizes.append(np.minimum(block[..., -1], 1) if macro else block[..., -1])
        return np.nansum(np.array(scores) * sizes, axis=0) / np.sum(sizes, axis=0)

    return Measure(np.concatenate(blocks, axis=1), value)


def points_measure(points: Sequence[float | None], correct: Sequence[bool]) -> Measure | None:
    """Of 100, the points earned of those possible (a whole 수능 paper has 100); none where one has none."""
    if not all(points):
        return None
    worth = np.array(points, float)
    return Measure(np.stack([worth * correct, worth], axis=1), _mean_of_shares, possible=100.0)


def measured(measures: Sequence[Measure], clusters: Sequence[Hashable]) -> list[Measured]:
    """The measures of the same items with their intervals.

    The 95 % percentiles of draws of whole clusters (`resampling.py`), as far as they say something
    (`share_interval`).
    """
    rows = []
    for measure, (low, high) in zip(measures, _intervals(measures, clusters), strict=True):
        share = float(measure.value(measure.tallies.sum(axis=0)))
        # An item without a score adds nothing to any sum.
        own = {c for c, row in zip(clusters, measure.tallies, strict=True) if row.any()}
        ends = (measure.stderr, *share_interval(share, len(own), low, high))
        scaled = [None if end is None else end * measure.possible for end in ends]
        rows.append(Measured(share * measure.possible, *scaled))
    return rows


def difference(
    first: Measure, second: Measure, passages: Sequence[Hashable]
) -> tuple[float, float, Figure]:
    """Both measures of the same items, and first minus second with its 95 % interval (Efron 1979).

    Whole passages are drawn, with what both systems earned on them. Exchanging the systems changes
    the signs and nothing else. Where all differ alike, resampling says nothing of the spread: of two means
    the interval is that of `gap_interval`, of other metrics there is none. Needs an item.
    """
    tallies = np.concatenate([first.tallies, second.tallies], axis=1)
    sums = np.concatenate([tallies.sum(axis=0)[None], resampled_sums(tallies, passages)])
    own, other = np.split(sums, [first.tallies.shape[1]], axis=1)
    values, others = first.value(own), second.value(other)
    gaps = values - others
    low, high = _percentiles(gaps[1:], passages)
    if first.is_mean:
        low, high = gap_interval(float(gaps[0]), len(set(passages)), low, high)
    elif np.nanmax(gaps) - np.nanmin(gaps) < ALIKE:
        low = high = None
    return float(values[0]), float(others[0]), Figure(float(gaps[0]), low, high, len(passages))


def _percentiles(
    draws: np.ndarray, clusters: Sequence[Hashable]
) -> tuple[float | None, float | None]:
    """The ends of the 95 % interval; one cluster alone has none."""
    if len(set(clusters)) < 2:
        return None, None
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _intervals(
    measures: Sequence[Measure], clusters: Sequence[Hashable]
) -> list[tuple[float | None, float | None]]:
    if not measures:
        return []
    tallies = np.concatenate([measure.tallies for measure in measures], axis=1)
    edges = np.cumsum([measure.tallies.shape[1] for measure in measures])[:-1]
    parts = np.split(resampled_sums(tallies, clusters), edges, axis=1)
    return [
        _percentiles(measure.value(part), clusters)
        for measure, part in zip(measures, parts, strict=True)
    ]


def _stderr(strata: Sequence[Sequence[float]], macro: bool) -> float | None:
    n = sum(map(len, strata))
    if n == len(strata) or (macro and min(map(len, strata)) < 2):
        return None
    if macro:
        return sqrt(sum(variance(scores) / len(scores) for scores in strata)) / len(strata)
    within = sum((len(scores) - 1) * variance(scores) for scores in strata if len(scores) > 1)
    return sqrt(within / (n - len(strata)) / n)


def _mean_of_shares(sums: np.ndarray) -> np.ndarray:
    earned, possible = np.split(sums, 2, axis=-1)
    with np.errstate(invalid="ignore"):
        return _mean_of_those_there(earned / possible)


def _mean_of_those_there(values: np.ndarray) -> np.ndarray:
    """Over the last axis: a subject that a draw does not hold is left out of the draw's mean."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0).sum(axis=-1) / there.sum(axis=-1)


def _f1_tallies(
    gold: Sequence[str], predicted: Sequence[str | None], classes: Sequence[str]
) -> np.ndarray:
    """(items, 3 * classes) of 0 and 1: right, is gold, is predicted; no answer is no class."""
    is_gold, is_predicted = (
        np.array([[label == name for name in classes] for label in labels], float)
        for labels in (gold, predicted)
    )
    return np.concatenate([is_gold * is_predicted, is_gold, is_predicted], axis=1)


def _f1(
    both: np.ndarray, gold: np.ndarray, predicted: np.ndarray, counted: np.ndarray
) -> np.ndarray:
    """(..., classes) counts -> (...): the mean F1 of the classes that are counted."""
    with np.errstate(invalid="ignore"):
        scores = np.where(both > 0, 2 * both / (gold + predicted), 0.0)
    return _mean_of_those_there(np.where(counted, scores, np.nan))
