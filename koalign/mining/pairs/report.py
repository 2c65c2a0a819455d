"""report: items, pairs and drops -> the figures to read before DPO."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from koalign.evaluation.stats.tables import frequencies, histogram, quantiles
from koalign.mining.pairs.mining import Item
from koalign.mining.pairs.pairing import PlacedPair
from koalign.records import Drop, count_reasons


def describe_pairs(
    items: Sequence[Item],
    pairs: Sequence[PlacedPair],
    drops: Sequence[Drop],
    ches: Sequence[float],
) -> dict[str, Any]:
    """Yield, pass rates, lengths, places and reasons, as one JSON value; lengths in tokens.

    pass@1 is the mean share of right samples, pass@n the share of problems with a right one among
    their n (Chen et al., arXiv 2107.03374, at k = 1 and k = n). `ches` are the length-normalised
    CHES that were computed. `balancing_cost` is the share of the pairs that was dropped to balance lengths
    and places.
    """
    reasons = Counter(placed.pair.reason for placed in pairs)
    lengths = [placed.lengths for placed in pairs]
    differences = [chosen - rejected for chosen, rejected in lengths]
    unbalanced = sum(drop.reason in ("length_bias", "position_excess") for drop in drops)
    return {
        "problems": len(items),
        "samples": sum(item.n for item in items),
        "n": max((item.n for item in items), default=0),
        "pairs": len(pairs),
        "problems_with_pairs": len({placed.pair.problem_id for placed in pairs}),
        "reasons": dict(sorted(reasons.items())),
        "unverified": reasons["native"],
        "balancing_cost": round(unbalanced / max(1, len(pairs) + unbalanced), 4),
        "yield": _share(item.use == "pairs" for item in items),
        "pass@1": _share(item.right / item.n for item in items),
        "pass@n": _share(item.right > 0 for item in items),
        "pass_rates": _pass_rates(items),
        "uses": frequencies(item.use for item in items),
        "verdicts": frequencies(
            why for item in items for why, n in item.why.items() for _ in range(n)
        ),
        "in_one_order": sum(len(item.orders) == 1 for item in items),
        "lengths": {
            "chosen": quantiles([chosen for chosen, _ in lengths]),
            "rejected": quantiles([rejected for _, rejected in lengths]),
            "difference": quantiles(differences),
        },
        "longer": {
            "chosen": sum(difference > 0 for difference in differences),
            "rejected": sum(difference < 0 for difference in differences),
        },
        "histograms": {
            "chosen": histogram([chosen for chosen, _ in lengths]),
            "rejected": histogram([rejected for _, rejected in lengths]),
            "difference": histogram(differences),
        },
        "positions": _positions(pairs),
        "ches": quantiles([round(value, 4) for value in ches]),
        "dropped": count_reasons(drops),
    }


def _pass_rates(items: Sequence[Item]) -> dict[str, int]:
    """How many problems are never right, always right, and in each tenth between."""
    counts = Counter(
        0 if not item.right else 11 if item.right == item.n else 1 + item.right * 10 // item.n
        for item in items
    )
    names = ["never", *(f"{10 * n} to {10 * n + 10} %" for n in range(10)), "always"]
    return {name: counts[number] for number, name in enumerate(names)}


def _positions(pairs: Sequence[PlacedPair]) -> dict[str, dict[str, dict[str, int]]]:
    """Number of choices -> side -> place of its answer -> pairs."""
    counts = Counter(
        (pair.choices, side, place)
        for pair in pairs
        for side, place in zip(("chosen", "rejected"), pair.places, strict=True)
    )
    return {
        str(size): {
            side: {str(place): counts[size, side, place] for place in range(1, size + 1)}
            for side in ("chosen", "rejected")
        }
        for size in sorted({pair.choices for pair in pairs} - {0})
    }


def _share(marks: Iterable[float]) -> float:
    values = list(marks)
    return round(statistics.fmean(values), 4) if values else 0.0
