"""charts: rows -> SVG by Altair, in the colours of the page, each mark with its words.

A chart is drawn once: the SVG is kept by the hash of what it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from koalign.jsonl import write_atomically
from koalign.records import content_hash
from koalign.text.visible import visible

WIDTH = 400
ROW = 26
"""Height of a row with a name, in pixels."""
STEP, CONTROL = "#0072b2", "#c25a00"
"""Told apart by the colour-blind (after Okabe and Ito), and at 3:1 on white and on the dark page."""
SERIES = ("#2a8fd0", "#c25a00", "#1a9a76", "#b5679a")
SPOTS = (*SERIES, "#8a7a00", "#7f7fd0", "#a0643c", "#6d8f9b")
"""Of clusters; the ninth begins again, and the shape tells them apart."""
LONGEST = 40
"""Letters of a name beside a chart."""
VERSION = 5
"""Raised when the same rows are to be drawn otherwise."""
_MARK = re.compile(
    r'<(path|line|rect|circle)( aria-label="([^"]*)" role="graphics-symbol"[^>]*?)/>'
)

Rows = Sequence[Mapping[str, Any]]


class Chart(NamedTuple):
    """A picture and what it says to those who do not see it."""

    svg: Markup
    title: str
    text: str
    """What it shows, in words; the figures stand in a table beside it."""


class Charts:
    """Draws, and keeps what was drawn in a folder."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def intervals(
        self, title: str, rows: Rows, axis: str, *, zero: bool = False, text: str = ""
    ) -> Chart:
        """A point on its interval for each row: name, value, low, high, words; `control` colours it.

        `zero`: the rows are differences, and a line marks none.
        """
        return self._drawn("intervals", title, text, _short(rows), axis=axis, zero=zero)

    def bars(self, title: str, rows: Rows, axis: str, text: str = "") -> Chart:
        """A bar for each row: name, value, words."""
        return self._drawn("bars", title, text, _short(rows), axis=axis)

    def histogram(
        self,
        title: str,
        rows: Rows,
        axes: tuple[str, str],
        line: float | None = None,
        text: str = "",
    ) -> Chart:
        """A bar from `start` to `end` as high as `value`, and a line such as a limit."""
        return self._drawn("histogram", title, text, rows, axes=axes, line=line)

    def curves(self, title: str, rows: Rows, axes: tuple[str, str], text: str = "") -> Chart:
        """A line for each `series` through step and value."""
        return self._drawn("curves", title, text, rows, axes=axes)

    def reliability(self, title: str, rows: Rows, axes: tuple[str, str], text: str = "") -> Chart:
        """Shares x and y in per cent, and the diagonal where both are equal."""
        return self._drawn("reliability", title, text, rows, axes=axes)

    def scatter(self, title: str, rows: Rows, text: str = "") -> Chart:
        """Places x and y, coloured by `series`, filled where `picked`."""
        return self._drawn("scatter", title, text, rows)

    def warm_up(self) -> None:
        """Load what draws, which takes seconds, so that the first page with a chart need not wait."""
        _draw("bars", [{"name": "", "value": 1, "words": ""}], {"axis": ""})

    def _drawn(self, kind: str, title: str, text: str, rows: Rows, **options: Any) -> Chart:
        rows = [
            {key: visible(value) if isinstance(value, str) else value for key, value in row.items()}
            for row in rows
        ]
        path = self._cache / f"{content_hash(VERSION, kind, title, text, rows, options)}.svg"
        try:
            svg = path.read_text("utf-8")
        except OSError:
            svg = _accessible(_draw(kind, rows, options), title, text)
            with suppress(OSError):  # drawn again the next time
                write_atomically(path, svg)
        return Chart(Markup(svg), title, text)


def _short(rows: Rows) -> list[dict[str, Any]]:
    def short(name: str) -> str:
        return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"

    return [{**row, "name": short(str(row["name"]))} for row in rows]


def _accessible(svg: str, title: str, text: str) -> str:
    """Named as a picture, with a tooltip on each mark, and as wide as there is room."""
    svg = _MARK.sub(r"<\1\2><title>\3</title></\1>", svg)
    named = f'<svg role="img" aria-label="{escape(f"{title}. {text}")}" '
    return svg.replace("<svg ", named, 1)


def _draw(kind: str, rows: Rows, options: Mapping[str, Any]) -> str:
    import vl_convert

    chart = _KINDS[kind](rows, **options)
    configured = _configured(chart, kind)
    return str(vl_convert.vegalite_to_svg(configured.to_dict()))


@lru_cache(1)
def _altair() -> Any:
    import altair

    altair.data_transformers.disable_max_rows()
    return altair


def _configured(chart: Any, kind: str) -> Any:
    ink = {"labelColor": "currentColor", "titleColor": "currentColor"}
    return (
        chart.properties(background="transparent")
        .configure(font="system-ui, sans-serif")
        .configure_axis(
            **ink, gridColor="#8885", domainColor="#888", tickColor="#888", labelFontSize=13,
            titleFontSize=13, titleFontWeight="normal", labelLimit=300, labelSeparation=8,
        )
        .configure_axisLeft(titlePadding=16)
        .configure_legend(**ink, labelFontSize=13, titleFontSize=13, symbolOpacity=1, columnPadding=24)
        .configure_view(stroke="#8885" if kind == "scatter" else None)
    )  # fmt: skip


def _data(rows: Rows) -> Any:
    return _altair().Data(values=[dict(row) for row in rows])


def _intervals(rows: Rows, axis: str, zero: bool) -> Any:
    alt = _altair()
    colour = alt.condition("datum.control", alt.value(CONTROL), alt.value(STEP))
    order = [row["name"] for row in rows]
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("name:N", sort=order, title=None, scale=alt.Scale(paddingInner=0.4)),
        color=colour,
        description="words:N",
    )
    scale = alt.Scale(zero=zero, nice=True)
    layers = [
        base.mark_rule(strokeWidth=3).encode(
            x=alt.X("low:Q", title=axis, scale=scale, axis=alt.Axis(tickCount=6)), x2="high:Q"
        ),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            x="value:Q",
            shape=alt.condition("datum.control", alt.value("diamond"), alt.value("circle")),
        ),
    ]
    if zero:
        line = alt.Chart(_data([{"x": 0}])).mark_rule(color="#888", strokeDash=[4, 3])
        layers.insert(0, line.encode(x="x:Q"))
    return _in_rows(alt.layer(*layers), rows)


def _in_rows(chart: Any, rows: Rows) -> Any:
    """As high as its rows, with room for names that the reader's font makes wider than the drawer's."""
    widest = max((sum(2 if ord(c) > 0x1100 else 1 for c in row["name"]) for row in rows), default=0)
    room = {"left": 6 + round(1.6 * widest), "right": 30, "top": 5, "bottom": 5}
    return chart.properties(width=WIDTH, height=ROW * max(1, len(rows)), padding=room)


def _bars(rows: Rows, axis: str) -> Any:
    alt = _altair()
    order = [row["name"] for row in rows]
    names = list(dict.fromkeys(row.get("series", "") for row in rows))
    colours = alt.Scale(domain=names, range=[STEP] if names == [""] else list(SERIES))
    legend = alt.Legend(orient="top") if len(names) > 1 else None
    base = alt.Chart(_data([{"series": "", **row} for row in rows])).encode(
        y=alt.Y("name:N", sort=order, title=None),
        x=alt.X("value:Q", title=axis, axis=alt.Axis(tickMinStep=1)),
        description="words:N",
    )
    drawn = base.mark_bar(height={"band": 0.7}).encode(
        color=alt.Color("series:N", title=None, scale=colours, legend=legend)
    )
    label = base.mark_text(align="left", dx=4, color="currentColor", fontSize=13)
    return _in_rows(drawn + label.encode(text=alt.Text("value:Q", format=",.4~g")), rows)


def _histogram(rows: Rows, axes: tuple[str, str], line: float | None) -> Any:
    alt = _altair()
    drawn = (
        alt.Chart(_data(rows))
        .mark_bar(color=STEP, binSpacing=0)
        .encode(
            x=alt.X("start:Q", bin="binned", title=axes[0]), x2="end:Q",
            y=alt.Y("value:Q", title=axes[1], axis=alt.Axis(tickMinStep=1)),
            description="words:N",
        )
    )  # fmt: skip
    if line is not None:
        mark = alt.Chart(_data([{"x": line}])).mark_rule(
            color=CONTROL, strokeWidth=2, strokeDash=[6, 3]
        )
        drawn = drawn + mark.encode(x="x:Q")
    return drawn.properties(width=WIDTH, height=200)


def _curves(rows: Rows, axes: tuple[str, str]) -> Any:
    alt = _altair()
    names = list(dict.fromkeys(row["series"] for row in rows))
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("step:Q", title=axes[0], axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("value:Q", title=axes[1], scale=alt.Scale(zero=False)),
        color=alt.Color(
            "series:N",
            title=None,
            scale=alt.Scale(domain=names, range=list(SERIES)),
            legend=alt.Legend(orient="top") if len(names) > 1 else None,
        ),
        strokeDash=alt.StrokeDash("series:N", sort=names, legend=None),
    )
    points = base.mark_point(filled=True, size=40, opacity=1).encode(description="words:N")
    few = len(rows) <= 200
    drawn = base.mark_line(strokeWidth=2) + points if few else base.mark_line(strokeWidth=1.5)
    return drawn.properties(width=WIDTH, height=200)


def _reliability(rows: Rows, axes: tuple[str, str]) -> Any:
    alt = _altair()
    scale = alt.Scale(domain=[0, 100])
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("x:Q", title=axes[0], scale=scale), y=alt.Y("y:Q", title=axes[1], scale=scale)
    )
    ends = [{"x": 0, "y": 0}, {"x": 100, "y": 100}]
    diagonal = (
        alt.Chart(_data(ends)).mark_line(color="#888", strokeDash=[4, 3]).encode(x="x:Q", y="y:Q")
    )
    points = base.mark_point(filled=True, size=70, opacity=1, color=STEP).encode(
        description="words:N"
    )
    return (diagonal + base.mark_line(color=STEP) + points).properties(width=320, height=320)


def _scatter(rows: Rows) -> Any:
    alt = _altair()
    blank = alt.Axis(labels=False, ticks=False, domain=False, grid=False, title=None)
    names = sorted({row["series"] for row in rows}, key=lambda name: (len(name), name))
    domain = {"domain": names}
    shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
    return (
        alt.Chart(_data(rows))
        .mark_point(filled=True, opacity=0.9)
        .encode(
            x=alt.X("x:Q", axis=blank), y=alt.Y("y:Q", axis=blank), description="words:N",
            size=alt.condition("datum.picked", alt.value(110), alt.value(45)),
            color=alt.Color("series:N", title=None, scale=alt.Scale(**domain, range=list(SPOTS))),
            shape=alt.Shape("series:N", title=None, scale=alt.Scale(**domain, range=shapes)),
        )
        .properties(width=WIDTH, height=320)
    )  # fmt: skip


_KINDS: dict[str, Callable[..., Any]] = {
    "intervals": _intervals,
    "bars": _bars,
    "histogram": _histogram,
    "curves": _curves,
    "reliability": _reliability,
    "scatter": _scatter,
}
