"""intervals: answers and verdicts -> shares and F1 with their intervals, and tests between two systems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean
from typing import TypeVar

from koalign.evaluation.stats.resampling import RESAMPLES, drawn_clusters, resampled_sums
from koalign.records import KoalignError

T = TypeVar("T")

FEWEST_FLIPS = 6
"""Five that all go one way have p = 0.0625, six have 0.03125."""
Z_95 = 1.959963984540054
ALIKE = 1e-12
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

    def rounded(self) -> dict[str, float | int | None]:
        """n, value, low and high, to four places."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        return {"n": self.n, **{name: rounded(end) for name, end in ends.items()}}


def rounded(value: float | None) -> float | None:
    """To four places, which no test set is too small for."""
    return None if value is None else round(float(value), 4)


def require_same_ids(gold: Iterable[str], predicted: Iterable[str]) -> None:
    """Raise KoalignError unless each gold id stands once and has a prediction, and no other id has."""
    counts, answered = Counter(list(gold)), set(predicted)
    refused = {
        "stand twice in the gold; keep one of each": {i for i, n in counts.items() if n > 1},
        "have no prediction; predict them all, an abstention as empty text": counts.keys()
        - answered,
        "were never asked; score against the file they were made for": answered - counts.keys(),
    }
    for why, ids in refused.items():
        if ids:
            raise KoalignError(f"{len(ids)} ids {why}; the first: {min(ids)!r}")


def macro_f1(gold: Sequence[str], predicted: Sequence[str | None]) -> float:
    """The plain mean of the F1 of the classes that occur in `gold`.

    None (no answer) and answers outside the classes cost the gold class recall and enter nobody's
    precision. Equals scikit-learn's `f1_score(gold, predicted, labels=sorted(set(gold)),
    average="macro", zero_division=0)` with None written as a label of its own; without `labels`
    scikit-learn averages over the predicted labels as well.
    """
    pairs = list(zip(gold, predicted, strict=True))
    scores = []
    for name in sorted(set(gold)):
        right = sum(g == p == name for g, p in pairs)
        named = sum((g == name) + (p == name) for g, p in pairs)
        scores.append(2 * right / named)
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
) -> tuple[float | None, float | None]:
    """The 95 % percentile interval of a statistic (Efron 1979); the same seed gives the same interval.

    `clusters` names the cluster of each value, such as its passage, and whole clusters are drawn
    (`resampling.py`); none is known of fewer than two. Of shares near 0 or 1 of independent items
    `wilson_interval` says more.
    """
    import numpy as np

    names = range(len(values)) if clusters is None else clusters
    members: dict[Hashable, list[T]] = {}
    for value, name in zip(values, names, strict=True):
        members.setdefault(name, []).append(value)
    if len(members) < 2:
        return None, None
    if statistic is fmean:
        rows = np.array([(value, 1) for value in values], dtype=float)
        sums, sizes = resampled_sums(rows, names, resamples, seed).T
        statistics = sums / sizes
    else:
        groups = list(members.values())
        statistics = [
            statistic([value for number in draw for value in groups[number]])
            for drawn in drawn_clusters(len(groups), resamples, seed)
            for draw in drawn
        ]
    low, high = np.quantile(statistics, [0.025, 0.975])
    return float(low), float(high)


def figure(
    values: Sequence[T],
    statistic: Callable[..., float] = fmean,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Figure:
    """A statistic of the values with its bootstrap interval; needs a value."""
    value = statistic(values)
    low, high = bootstrap_interval(values, statistic, clusters, seed=seed)
    return Figure(value, low, high, len(values))


def share_figure(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Figure:
    """The mean of values from 0 to 1, with what `share_interval` makes of the bootstrap's interval."""
    mean = figure(values, clusters=clusters)
    low, high = share_interval(mean.value, _count(values, clusters), mean.low, mean.high)
    return replace(mean, low=low, high=high)


def gap_figure(gaps: Sequence[float], clusters: Sequence[Hashable] | None = None) -> Figure:
    """The mean of differences of such values, with what `gap_interval` makes of the bootstrap."""
    mean = figure(gaps, clusters=clusters)
    low, high = gap_interval(mean.value, _count(gaps, clusters), mean.low, mean.high)
    return replace(mean, low=low, high=high)


def share_interval(
    share: float, clusters: int, low: float | None, high: float | None
) -> tuple[float | None, float | None]:
    """The ends of the bootstrap's interval of a share, where its draws can differ at all.

    Where all are wrong or all are right no draw differs, and the interval is Wilson's, each cluster a case;
    where all clusters are alike in another way, or there is one alone, none is known.
    """
    if clusters < 2 or low is None or high is None:
        return None, None
    if share in (0, 1):
        return wilson_interval(share * clusters, clusters)
    return (None, None) if high - low < ALIKE else (low, high)


def gap_interval(
    gap: float, clusters: int, low: float | None, high: float | None
) -> tuple[float | None, float | None]:
    """The ends of the bootstrap's interval of a mean difference, where its draws can differ at all.

    Where all items differ by the same, Wilson's bound on the share of clusters that could still differ is
    the interval: three problems without a flip decide nothing. Of one cluster alone none is known.
    """
    if low is None or high is None or high - low >= ALIKE:
        return low, high
    _, unseen = wilson_interval(0, clusters)
    return max(-1.0, gap - unseen), min(1.0, gap + unseen)


def _count(values: Sequence[float], clusters: Sequence[Hashable] | None) -> int:
    return len(values if clusters is None else set(clusters))


def paired_difference(
    first: Sequence[float],
    second: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
) -> tuple[Figure, float | None]:
    """First minus second on the same items in the same order, and the p of exact McNemar.

    None for p where an item is right in part, as with ROUGE-L.

    Both systems are resampled together, which is resampling the differences of the items. McNemar
    counts items, so of clustered items believe the interval.
    """
    differences = [float(a) - float(b) for a, b in zip(first, second, strict=True)]
    all_or_nothing = {*first, *second} <= {0, 1}
    p = mcnemar_p(first, second) if all_or_nothing else None
    return gap_figure(differences, clusters), p


def mcnemar_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided exact McNemar p-value of two systems on the same items."""
    won = sum(a > b for a, b in zip(first, second, strict=True))
    lost = sum(b > a for a, b in zip(first, second, strict=True))
    return sign_test_p(won, lost)


def sign_test_p(won: int, lost: int) -> float:
    """Two-sided exact p of so many flips each way, were either way as likely; 1 of no flip."""
    from scipy.stats import binomtest

    return float(binomtest(min(won, lost), won + lost).pvalue) if won + lost else 1.0


def fewest_items_apart(flips: int, level: float = 0.05) -> int:
    """By how many items, net, the systems must differ for p < level when so many items flip.

    Fewer than six flips are taken as six: nothing below them can do it.
    """
    from scipy.stats import binom

    flips = max(flips, FEWEST_FLIPS)
    most_lost = int(binom.ppf(level / 2, flips, 0.5)) - 1
    return flips - 2 * most_lost


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """The p values corrected for being several (Holm 1979); None is no test and stays None."""
    tests = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, place) in enumerate(tests):
        highest = max(highest, min(1.0, (len(tests) - rank) * p))
        corrected[place] = highest
    return corrected


def rate_z(right: int, n: int, base_right: int, base_n: int) -> float:
    """How many standard errors one rate lies above another (two-sample z, pooled, add-half).

    Half a success and half a failure are added to each side so that 0 % and 100 % have an error.
    """
    p, q = (right + 0.5) / (n + 1), (base_right + 0.5) / (base_n + 1)
    pooled = (right + base_right + 1) / (n + base_n + 2)
    return (p - q) / sqrt(pooled * (1 - pooled) * (1 / (n + 1) + 1 / (base_n + 1)))
