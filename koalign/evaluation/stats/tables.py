"""tables: values -> the few numbers that a report shows of how they are distributed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

RANKS = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "max": 1.0}


def quantiles(values: Sequence[float], ranks: Mapping[str, float] = RANKS) -> dict[str, float]:
    """A value that occurs for each rank from 0 to 1, the nearest; empty for no values."""
    if not values:
        return {}
    ordered = np.sort(values)
    return {
        name: ordered[round(share * (len(ordered) - 1))].item() for name, share in ranks.items()
    }


def frequencies(values: Iterable[str]) -> dict[str, int]:
    """How often each value occurs, the most frequent first."""
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def histogram(values: Sequence[int], bars: int = 20, start: int = 0) -> list[dict[str, int]]:
    """Bars of one width from `start` on: from (inclusive), to (exclusive), count."""
    if not values:
        return []
    width = max(1, -(-(max(values) + 1 - min(values)) // bars))
    counts = Counter((value - start) // width for value in values)
    return [
        {"from": start + n * width, "to": start + (n + 1) * width, "count": counts[n]}
        for n in range(min(counts), max(counts) + 1)
    ]
