"""tables: values -> the few numbers that a report shows of how they are distributed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Five values that occur, by nearest rank; empty for none."""
    if not values:
        return {}
    ordered = sorted(values)
    ranks = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "max": 1.0}
    return {name: ordered[round(share * (len(ordered) - 1))] for name, share in ranks.items()}


def histogram(values: Sequence[int], bars: int = 20) -> list[dict[str, int]]:
    """Bars of one width that begin at multiples of it: from (inclusive), to (exclusive), count."""
    if not values:
        return []
    width = max(1, -(-(max(values) + 1 - min(values)) // bars))
    counts = Counter(value // width for value in values)
    return [
        {"from": n * width, "to": (n + 1) * width, "count": counts[n]}
        for n in range(min(counts), max(counts) + 1)
    ]
