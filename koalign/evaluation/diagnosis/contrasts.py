"""contrasts: columns of values from 0 to 1 -> sums and differences of their means, with intervals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING

from koalign.evaluation.stats.intervals import Figure, wilson_interval
from koalign.evaluation.stats.resampling import resampled_sums

if TYPE_CHECKING:
    import numpy as np

Column = Sequence[float | None]
"""One value an item, from 0 to 1; none where it was not measured."""
Term = tuple[int, Column]
"""A column, and 1 or -1: whether its mean is added or taken away."""

RARE = 5
"""With fewer cases of yes, or of no, the bootstrap interval of a share is too short: np >= 5 is the usual
rule for approximations of a binomial."""


def contrast(terms: Sequence[Term], clusters: Sequence[Hashable], seed: int = 0) -> Figure | None:
    """The signed sum of the means of the terms, with a 95 % interval; none where a column is empty.

    Columns have one entry an item, and `clusters` the cluster of each. Rows are resampled together,
    whole clusters at a time (percentile bootstrap). Where a yes or no has fewer than RARE cases, or
    nothing varies, the Wilson intervals of the terms are combined instead, each with as many cases as
    clusters: Newcombe 1998, method 10; for several correlated terms Zou and Donner 2008.
    """
    if not fewest(terms):
        return None
    means = [fmean(v for v in column if v is not None) for _, column in terms]
    value = sum(sign * mean for (sign, _), mean in zip(terms, means, strict=True))
    n = sum(any(v is not None for v in row) for row in zip(*(c for _, c in terms), strict=True))
    cases = [
        len({name for v, name in zip(column, clusters, strict=True) if v is not None})
        for _, column in terms
    ]
    if min(cases) < 2:
        return Figure(value, None, None, n)
    if not _are_rare(means, terms, cases):
        low, high = _resampled(terms, clusters, seed)
        if high - low > 1e-9:
            return Figure(value, low, high, n)
    below, above = _combined(terms, means, cases)
    return Figure(value, value - below, value + above, n)


def _resampled(
    terms: Sequence[Term], clusters: Sequence[Hashable], seed: int
) -> tuple[float, float]:
    import numpy as np

    columns = [column for _, column in terms]
    given = np.array([[v is not None for v in column] for column in columns])
    values = np.array([[v or 0.0 for v in column] for column in columns])
    sums, sizes = np.split(
        resampled_sums(np.concatenate([values, given]).T, clusters, seed=seed).T, 2
    )
    with np.errstate(invalid="ignore"):  # a resample without a row that a column speaks of
        values = np.array([sign for sign, _ in terms]) @ (sums / sizes)
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def _combined(
    terms: Sequence[Term], means: Sequence[float], cases: Sequence[int]
) -> tuple[float, float]:
    """How far the ends of the interval lie below and above the value."""
    import numpy as np

    to_low, to_high = [], []
    for (sign, _), mean, k in zip(terms, means, cases, strict=True):
        low, high = wilson_interval(mean * k, k)
        down, up = sign * (mean - low), sign * (high - mean)
        to_low.append(down if sign > 0 else up)
        to_high.append(up if sign > 0 else down)
    together = _correlations([column for _, column in terms])
    below, above = (float(np.array(far) @ together @ np.array(far)) for far in (to_low, to_high))
    return sqrt(max(below, 0.0)), sqrt(max(above, 0.0))


def _correlations(columns: Sequence[Column]) -> np.ndarray:
    """(terms, terms): Pearson's r over the items of both columns; 0 where one of them does not vary."""
    import numpy as np

    matrix = np.eye(len(columns))
    for a, column in enumerate(columns):
        for b, other in enumerate(columns[:a]):
            rows = zip(column, other, strict=True)
            both = np.array([(x, y) for x, y in rows if x is not None and y is not None])
            # Rounding gives equal values a deviation, and values near 1e-200 none.
            if len(both) and np.ptp(both, axis=0).all() and both.std(axis=0).all():
                matrix[a, b] = matrix[b, a] = np.corrcoef(both.T)[0, 1]
    return matrix


def fewest(terms: Sequence[Term]) -> int:
    """The number of items in the shortest column."""
    return min(sum(value is not None for value in column) for _, column in terms)


def against(terms: Sequence[Term], others: Sequence[Term]) -> list[Term]:
    """The terms minus others of the same shape; by gains and losses where both have the same items.

    Gains and losses have the same difference of means as the two columns, and show how few items
    two models that hardly differ flip, which two shares do not.
    """
    difference: list[Term] = []
    for (sign, column), (_, other) in zip(terms, others, strict=True):
        if [v is None for v in column] == [v is None for v in other]:
            pairs = list(zip(column, other, strict=True))
            difference += [(sign, [_excess(a, b) for a, b in pairs])]
            difference += [(-sign, [_excess(b, a) for a, b in pairs])]
        else:
            difference += [(sign, column), (-sign, other)]
    return difference


def _excess(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else max(value - other, 0.0)


def _are_rare(means: Sequence[float], terms: Sequence[Term], cases: Sequence[int]) -> bool:
    """Whether yes and no is all that the columns say, and one of them is seldom said."""
    if any({*column} - {0, 1, None} for _, column in terms):
        return False
    return any(min(p, 1 - p) * k < RARE for p, k in zip(means, cases, strict=True))
