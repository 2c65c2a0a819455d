"""intervals: answers and verdicts -> shares and F1 with their intervals, and tests between two systems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import TypeVar

from koalign.evaluation.stats.resampling import RESAMPLES, drawn_clusters, resampled_sums
from koalign.records import KoalignError

T = TypeVar("T")

Z_95 = 1.959963984540054
_ALIKE = 1e-12
"""Draws that differ by less differ by the order of their summands."""


@dataclass(frozen=True)
class Figure:
    """A statistic with its 95 % interval."""

    value: float
    low: float | None
    """None, as is `high`: one cluster alone says nothing of the spread."""
    high: float | None
    n: int
    """Items, not clusters."""


@dataclass(frozen=True)
class PairedDifference:
    """How much the first of two systems is better than the second on the same items."""

    difference: Figure
    p: float
    """Exact McNemar; it counts items, so of clustered items believe the interval."""


def require_same_ids(gold: Iterable[str], predicted: Iterable[str]) -> None:
    """Raise KoalignError unless each gold id stands once and has a prediction, and no other id has."""
    counts, answered = Counter(list(gold)), set(predicted)
    for ids, what in (
        ([i for i, n in counts.items() if n > 1], "stand twice in the gold; keep one of each"),
        (
            counts.keys() - answered,
            "have no prediction; predict them all, an abstention as empty text",
        ),
        (answered - counts.keys(), "were never asked; score against the file they were made for"),
    ):
        if ids:
            raise KoalignError(f"{len(ids)} ids {what}; the first: {min(ids)!r}")


def macro_f1(
    gold: Sequence[str], predicted: Sequence[str | None], classes: Iterable[str] | None = None
) -> float:
    """The plain mean of the F1 of the classes, by default those that occur in `gold`.

    None (no answer) and answers outside the classes cost the gold class recall and enter nobody's
    precision. A class that is neither gold nor predicted has F1 0. Equals scikit-learn's
    `f1_score(gold, predicted, labels=classes, average="macro", zero_division=0)` with None written as
    a label of its own; without `labels` scikit-learn averages over the predicted labels as well.
    """
    pairs = list(zip(gold, predicted, strict=True))
    scores = []
    for name in sorted(set(gold) if classes is None else set(classes)):
        right = sum(g == p == name for g, p in pairs)
        named = sum((g == name) + (p == name) for g, p in pairs)
        scores.append(2 * right / named if named else 0.0)
    return fmean(scores)


def wilson_interval(right: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share (Wilson 1927), 95 % by default; n must be positive.

    `right` may be a fraction, as where clusters stand for items; scipy's takes whole counts only.
    """
    share = right / n
    middle = share + z * z / (2 * n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def difference_interval(right: int, n: int, other_right: int, other_n: int) -> tuple[float, float]:
    """The 95 % interval of the first share minus the second, of items that have nothing in common.

    Newcombe 1998, method 10: the Wilson intervals of both shares, combined. Both n must be positive.
    """
    share, other = right / n, other_right / other_n
    low, high = wilson_interval(right, n)
    other_low, other_high = wilson_interval(other_right, other_n)
    return (
        share - other - sqrt((share - low) ** 2 + (other_high - other) ** 2),
        share - other + sqrt((high - share) ** 2 + (other - other_low) ** 2),
    )


def bootstrap_interval(
    values: Sequence[T],
    statistic: Callable[..., float] = fmean,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic (Efron 1979); the same seed gives the same interval.

    `clusters` names the cluster of each value, such as its passage, and whole clusters are drawn
    (`resampling.py`). Of shares near 0 or 1 of independent items `wilson_interval` says more. Raises
    ValueError if there are fewer than two clusters.
    """
    import numpy as np

    members = _by_cluster(values, clusters)
    if len(members) < 2:
        raise ValueError(f"an interval needs at least 2 clusters, found {len(members)}")
    if statistic is fmean:
        rows = np.array([(value, 1) for value in values], dtype=float)
        names = range(len(values)) if clusters is None else clusters
        sums, sizes = resampled_sums(rows, names, resamples, seed).T
        found = sums / sizes
    else:
        found = [
            statistic([value for number in draw for value in members[number]])
            for drawn in drawn_clusters(len(members), resamples, seed)
            for draw in drawn
        ]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _by_cluster(values: Sequence[T], clusters: Sequence[Hashable] | None) -> list[list[T]]:
    members: dict[Hashable, list[T]] = {}
    names = range(len(values)) if clusters is None else clusters
    for value, name in zip(values, names, strict=True):
        members.setdefault(name, []).append(value)
    return list(members.values())


def figure(
    values: Sequence[T],
    statistic: Callable[..., float] = fmean,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Figure:
    """A statistic of the values with its bootstrap interval; needs a value."""
    low, high = None, None
    if len(_by_cluster(values, clusters)) > 1:
        low, high = bootstrap_interval(values, statistic, clusters, seed=seed)
    return Figure(statistic(values), low, high, len(values))


def share_figure(
    values: Sequence[float], clusters: Sequence[Hashable] | None = None, seed: int = 0
) -> Figure:
    """The mean of values from 0 to 1, with what `honest_interval` leaves of the bootstrap's interval."""
    found = figure(values, clusters=clusters, seed=seed)
    low, high = honest_interval(found.value, found.n, found.low, found.high)
    return Figure(found.value, low, high, found.n)


def honest_interval(
    share: float, n: int, low: float | None, high: float | None
) -> tuple[float | None, float | None]:
    """The ends of the bootstrap's interval of a share of n items, where its draws can differ at all.

    Where all are wrong or all are right no draw differs, and the interval is Wilson's; where all clusters
    are alike in another way, or there is one alone, none is known.
    """
    if share in (0, 1):
        return wilson_interval(round(share * n), n)
    if low is None or high is None or high - low < _ALIKE:
        return None, None
    return low, high


def paired_difference(
    first: Sequence[bool],
    second: Sequence[bool],
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> PairedDifference:
    """First minus second on the same items in the same order.

    Both systems are resampled together, which is resampling the differences of the items.
    """
    differences = [int(a) - int(b) for a, b in zip(first, second, strict=True)]
    return PairedDifference(
        figure(differences, clusters=clusters, seed=seed), mcnemar_p(first, second)
    )


def mcnemar_p(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Two-sided exact McNemar p-value of two systems on the same items."""
    won = sum(a and not b for a, b in zip(first, second, strict=True))
    lost = sum(b and not a for a, b in zip(first, second, strict=True))
    return sign_test_p(won, lost)


def sign_test_p(won: int, lost: int) -> float:
    """Two-sided exact p of so many flips each way, were either way as likely; 1 of no flip."""
    from scipy.stats import binomtest

    return float(binomtest(min(won, lost), won + lost).pvalue) if won + lost else 1.0


def rate_z(right: int, n: int, base_right: int, base_n: int) -> float:
    """How many standard errors one rate lies above another (two-sample z, pooled, add-half).

    Half a success and half a failure are added to each side so that 0 % and 100 % have an error.
    """
    p, q = (right + 0.5) / (n + 1), (base_right + 0.5) / (base_n + 1)
    pooled = (right + base_right + 1) / (n + base_n + 2)
    return (p - q) / sqrt(pooled * (1 - pooled) * (1 / (n + 1) + 1 / (base_n + 1)))
