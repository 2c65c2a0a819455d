"""generalisation: a diagnosis as a table in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from koalign.evaluation.stats.wording import interval, percent, points
from koalign.naming import counted
from koalign.reports.views import console, plain, print_lines

_COLOURS = {"worse": "bold red", "better": "green"}
_HEAD = ("sign", "base", "system", "difference (95 %)", "reading")


def print_diagnosis(report: Mapping[str, Any]) -> None:
    """Each sign of base and system, their difference and what it means; then what stands out."""
    table = Table(*_HEAD, title=plain(_title(report)))
    for column in table.columns[1:4]:
        column.no_wrap, column.justify = True, "right"
    for sign in report["signs"]:
        style = _COLOURS.get(sign["verdict"], "")
        *cells, reading = _row(sign)
        table.add_row(
            *map(plain, cells), f"[{style}]{plain(reading)}[/]" if style else plain(reading)
        )
    console().print(table)
    print_lines(f"- {line}" for line in report["summary"])
    print_lines([_rules(report)], "dim")


def _title(report: Mapping[str, Any]) -> str:
    sides = report["problems"]
    return (
        f"{report['adapter']} against its base; {counted(sides['train'], 'problem')} trained on, "
        f"{sides['held_out']:,} held out"
    )


def _rules(report: Mapping[str, Any]) -> str:
    rules = report["rules"]
    return (
        f"Worse or better: the 95 % interval leaves out 0 and the difference is at least "
        f"{100 * rules['points']:g} points (of lengths: {rules['times']:g} times). "
        f"Nothing is said of fewer than {rules['minimum_items']} items. "
        f"Of {len(report['signs'])} signs one now and then differs by chance."
    )


def _row(sign: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    base, system, difference = (
        _shown(sign[name], sign["unit"], signed=name == "difference")
        for name in ("base", "system", "difference")
    )
    return sign["title"], base, system, difference, sign["reading"]


def _shown(figure: Mapping[str, Any] | None, unit: str, *, signed: bool) -> str:
    """`75.0 %`, and of a difference `+12.0 (+3.1 to +20.9)` in points; lengths in tokens."""
    if figure is None:
        return ""
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if not signed:
        return percent(value) if unit == "share" else f"{value:.0f}"
    show = points if unit == "share" else "{:+.0f}".format
    return show(value) + (f" ({interval(low, high, show)})" if low is not None else "")
