"""metrics: verdicts -> accuracy with its interval, and paired tests between two systems."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt

Z_95 = 1.959963984540054


def wilson_interval(right: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share (Wilson 1927), 95 % by default; n must be positive."""
    share = right / n
    middle = share + z * z / (2 * n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def mcnemar_p(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Two-sided exact McNemar p-value of two systems on the same items (a sign test on the flips)."""
    lost = sum(a and not b for a, b in zip(first, second, strict=True))
    won = sum(b and not a for a, b in zip(first, second, strict=True))
    flips = lost + won
    tail = sum(comb(flips, k) for k in range(min(lost, won) + 1))
    return min(1.0, 2 * tail / 2**flips)


def rate_z(right: int, n: int, base_right: int, base_n: int) -> float:
    """How many standard errors one rate lies above another (two-sample z, pooled, add-half).

    Half a success and half a failure are added to each side so that 0 % and 100 % have an error.
    """
    p, q = (right + 0.5) / (n + 1), (base_right + 0.5) / (base_n + 1)
    pooled = (right + base_right + 1) / (n + base_n + 2)
    return (p - q) / sqrt(pooled * (1 - pooled) * (1 / (n + 1) + 1 / (base_n + 1)))
