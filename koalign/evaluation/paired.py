"""paired: measures of two systems on the same items -> the difference, its interval, and exact tests."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from koalign.evaluation.measures import Measure
from koalign.evaluation.stats.intervals import Figure
from koalign.evaluation.stats.resampling import resampled_sums

FEWEST_FLIPS = 6
"""Five that all go one way have p = 0.0625, six have 0.03125."""


def difference(
    first: Measure, second: Measure, passages: Sequence[Hashable]
) -> tuple[float, float, Figure]:
    """Both measures of the same items, and first minus second with its 95 % interval (Efron 1979).

    Whole passages are drawn, with what both systems earned on them. Exchanging the systems changes
    the signs and nothing else. Where there is one passage alone, or all differ alike, resampling says
    nothing of the spread, and there is no interval. Needs an item.
    """
    tallies = np.concatenate([first.tallies, second.tallies], axis=1)
    sums = np.concatenate([tallies.sum(axis=0)[None], resampled_sums(tallies, passages)])
    own, other = np.split(sums, [first.tallies.shape[1]], axis=1)
    values, others = first.value(own), second.value(other)
    gaps = values - others
    low, high = (float(end) for end in np.nanquantile(gaps[1:], [0.025, 0.975]))
    gap = Figure(float(gaps[0]), low, high, len(passages))
    if np.nanmax(gaps) - np.nanmin(gaps) < 1e-12:
        gap = replace(gap, low=None, high=None)
    return float(values[0]), float(others[0]), gap


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
