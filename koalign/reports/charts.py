"""charts: numbers -> bars, histograms and self-contained SVG pictures for a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor
from typing import NamedTuple

import jinja2
from markupsafe import Markup

from koalign.mining.mistakes.mistakes import Spot
from koalign.reports.page import Part, shown

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00",
    "#56b4e9", "#7a3b00", "#5f4b8b", "#5a9a1f", "#555555",
)  # fmt: skip
"""Told apart by the colour-blind too (after Okabe and Ito); the eleventh cluster begins again."""
WIDTH, HEIGHT, MARGIN = 760, 480, 28
"""Of a map, in SVG units."""

_JINJA = jinja2.Environment(autoescape=True, finalize=shown, trim_blocks=True, lstrip_blocks=True)
_CURVE = _JINJA.from_string(
    """<svg class="curve" viewBox="-45 -10 265 250" role="img">
<rect width="200" height="200"/><path d="M0 200L200 0"/>
{% for share in (0, 50, 100) %}
<text x="-6" y="{{ 204 - 2 * share }}" text-anchor="end">{{ share }}</text>
<text x="{{ 2 * share }}" y="214" text-anchor="middle">{{ share }}</text>
{% endfor %}
<text x="100" y="232" text-anchor="middle">{{ axes[0] }}, %</text>
<text transform="translate(-32 100) rotate(-90)" text-anchor="middle">{{ axes[1] }}, %</text>
<polyline points="
{%- for x, y in shares %}{{ (200 * x) | round(1) }},{{ (200 - 200 * y) | round(1) }} {% endfor %}"/>
{% for x, y in shares %}
<circle cx="{{ (200 * x) | round(1) }}" cy="{{ (200 - 200 * y) | round(1) }}" r="4"/>
{% endfor %}
</svg>"""
)
_DIFFERENCES = _JINJA.from_string(
    """<svg width="860" height="{{ 22 * marks | length + 26 }}" font-size="13" role="img">
{% for x, tick in ticks %}
<line x1="{{ x }}" x2="{{ x }}" y1="0" y2="{{ 22 * marks | length + 4 }}"
 stroke="{{ '#888' if tick == 0 else '#e4e4e4' }}"/>
<text x="{{ x }}" y="{{ 22 * marks | length + 20 }}" text-anchor="middle" fill="#555">
{{- "%+g" | format(tick) if tick else 0 }}</text>
{% endfor %}
{% for mark in marks %}
{% set y = 22 * loop.index0 + 12 %}
<text x="250" y="{{ y + 4 }}" text-anchor="end">{{ mark.name }}<title>{{ mark.title }}</title></text>
{% if mark.low is not none %}
<line x1="{{ place(mark.low) }}" x2="{{ place(mark.high) }}" y1="{{ y }}" y2="{{ y }}" stroke="#4472a8"
 stroke-width="2"/>
{% endif %}
<circle cx="{{ place(mark.value) }}" cy="{{ y }}" r="4" stroke="#4472a8" stroke-width="2"
 fill="{{ '#4472a8' if mark.low is not none and mark.low * mark.high > 0 else '#fff' }}"/>
{% endfor %}
</svg>"""
)
_MAP = _JINJA.from_string(
    """<svg viewBox="0 0 {{ width }} {{ height }}" role="img"
 style="max-width: {{ width }}px; display: block; border: 1px solid #ddd; margin: .6em 0">
{% for spot, x, y in spots %}
{% set problem = spot.answered.problem %}
<g><title>{{ spot.cluster }}: {{ problem.key }} {{ problem.question[:200] }} ({{ problem.id }})</title>
<circle cx="{{ x }}" cy="{{ y }}" r="{{ 4 if spot.picked else 3 }}" stroke="{{ colour(spot.cluster) }}"
 fill="{{ colour(spot.cluster) if spot.picked else 'none' }}" opacity="{{ 0.9 if spot.picked else 0.5 }}"/>
{% if spot.medoid %}
<circle cx="{{ x }}" cy="{{ y }}" r="9" fill="none" stroke="#222" stroke-width="2"/>
<text x="{{ x + 11 }}" y="{{ y + 5 }}" font-size="15" font-weight="bold" fill="#222" stroke="#fff"
 stroke-width="3" paint-order="stroke">{{ spot.cluster }}</text>
{% endif %}
</g>
{% endfor %}
</svg>"""
)


class Mark(NamedTuple):
    """A difference of shares with its 95 % interval."""

    name: str
    title: str
    """What a pointer on the name shows."""
    value: float
    low: float | None
    high: float | None


def bars(title: str, counts: Mapping[str, float], note: str = "") -> Part:
    """A bar for each name."""
    return Part(title, list(counts.items()), note=note, bars=True)


def histogram(title: str, counted: Sequence[Mapping[str, int]], note: str = "") -> Part:
    """A bar for each range of whole numbers: from (inclusive), to (exclusive), count."""
    ranges = [(bar["from"], bar["to"] - 1, bar["count"]) for bar in counted]
    return bars(title, {f"{a:,} to {b:,}" if a < b else f"{a:,}": n for a, b, n in ranges}, note)


def curve(shares: Sequence[tuple[float, float]], axes: tuple[str, str]) -> Markup:
    """Shares against shares, with the diagonal where both are equal; `axes` name across and upwards."""
    return Markup(_CURVE.render(shares=shares, axes=axes))


def differences(marks: Sequence[Mark]) -> Markup:
    """Each difference in points on its interval, beside its name; filled where that leaves out 0."""
    ends = [x for mark in marks for x in (mark.value, mark.low, mark.high) if x is not None]
    left, right = 100 * min(0, *ends), 100 * max(0, *ends)
    step = next((s for s in (1, 2, 5, 10, 20) if right - left <= 10 * s), 50)
    first, last = floor(left / step), max(ceil(right / step), floor(left / step) + 1)

    def place(share: float) -> float:
        return round(270 + 570 * (100 * share / step - first) / (last - first), 1)

    ticks = [(place(n * step / 100), n * step) for n in range(first, last + 1)]
    return Markup(_DIFFERENCES.render(marks=marks, ticks=ticks, place=place))


def scatter(spots: Sequence[Spot]) -> Markup:
    """A map of mistakes, in the order given from the lowest layer to the top."""
    across = _scale([spot.x for spot in spots], WIDTH)
    up = _scale([-spot.y for spot in spots], HEIGHT)
    placed = [(spot, across(spot.x), up(-spot.y)) for spot in spots]
    return Markup(_MAP.render(spots=placed, width=WIDTH, height=HEIGHT, colour=colour))


def colour(cluster: int) -> str:
    """The colour of a cluster, numbered from 1."""
    return COLOURS[(cluster - 1) % len(COLOURS)]


def _scale(values: Sequence[float], size: int) -> Callable[[float], float]:
    """Values to places in the picture; to its middle where all values are one."""
    low, width = min(values), max(values) - min(values)

    def place(value: float) -> float:
        share = (value - low) / width if width > 1e-9 else 0.5
        return round(MARGIN + share * (size - 2 * MARGIN), 1)

    return place
