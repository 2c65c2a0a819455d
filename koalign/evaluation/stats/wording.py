"""wording: shares, differences of shares, intervals, p values and counts -> text for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def percent(share: float | None) -> str:
    """`75.0 %` of 0.75; empty for none."""
    return "" if share is None else f"{hundredths(share)} %"


def hundredths(share: float) -> str:
    """`75.0` of 0.75, where a heading says per cent."""
    return f"{100 * share:.1f}"


def points(difference: float) -> str:
    """A difference of shares in percentage points: `+1.2`, and never `-0.0`."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}"


def interval(
    low: float | None,
    high: float | None,
    show: Callable[[float], str] = percent,
    unknown: str = "unknown",
) -> str:
    """`22.4 % to 27.7 %`."""
    return unknown if low is None or high is None else f"{show(low)} to {show(high)}"


def p_value(p: float | None) -> str:
    """`0.012` or `< 0.001`; empty for none."""
    return "" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def in_words(counts: Mapping[str, int]) -> str:
    """`all right 12, never read 3` of reasons; `none` where there is no reason."""
    return listed({reason.replace("_", " "): n for reason, n in counts.items()}) or "none"


def listed(counts: Mapping[str, int]) -> str:
    """`right 1,200, wrong 3`."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
