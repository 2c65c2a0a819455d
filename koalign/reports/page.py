"""page: tables, bars, pictures and texts side by side -> one self-contained HTML page, without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

from koalign.naming import named
from koalign.records import Problem
from koalign.text.visible import visible


def shown(value: object) -> object:
    """Text of data, its hidden characters as marks; pictures are markup and stay."""
    return visible(value) if type(value) is str else value


_PAGE = jinja2.Environment(
    autoescape=True, finalize=shown, trim_blocks=True, lstrip_blocks=True
).from_string(
    """<!doctype html>
<html lang="ko">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, "Noto Sans KR", "Apple SD Gothic Neo", sans-serif; max-width: 70em;
  margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin: 2em 0 .4em; } p { margin: .3em 0; color: #555; }
div.wide { overflow-x: auto; } table { border-collapse: collapse; } th { text-align: left; }
td, th { padding: .2em .9em .2em 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td { white-space: pre-wrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.bar { width: 26em; } td.bar div { background: #4472a8; height: .9em; min-width: 1px; }
svg.curve { width: 20em; display: block; margin: .5em 0; font-size: 11px; fill: #555; }
svg.curve rect, svg.curve path { fill: none; stroke: #ccc; }
svg.curve polyline { fill: none; stroke: #4472a8; stroke-width: 2; } svg.curve circle { fill: #4472a8; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% for part in parts %}
<h2>{{ part.title }}</h2>
{% if part.note %}
<p>{{ part.note }}</p>
{% endif %}
{{ part.chart }}
<div class="wide"><table>
{% if part.head %}
<tr>{% for cell in part.head %}<th>{{ cell }}</th>{% endfor %}</tr>
{% endif %}
{% for row in part.rows %}
<tr>{% for cell in row %}
<td{% if cell is number %} class="number"
{%- elif part.texts %} class="text" style="width: {{ 100 // row | length }}%"{% endif %}>
{{- "{:,}".format(cell) if cell is integer else cell }}</td>
{%- endfor %}
{% if part.bars %}
<td class="bar"><div style="width: {{ (100 * row[-1] / part.longest) | round(1) }}%"></div></td>
{%- endif %}
</tr>
{% endfor %}
</table></div>
{% endfor %}
</body>
</html>
"""
)


@dataclass(frozen=True)
class Part:
    """A titled table of a page."""

    title: str
    rows: Sequence[Sequence[str | float]] = ()
    head: Sequence[str] = ()
    note: str = ""
    bars: bool = False
    """Whether each row ends in a bar as long as its last cell says."""
    texts: bool = False
    """Whether the cells are texts to read side by side."""
    chart: str = ""
    """Markup of a picture above the table (`charts.py`)."""

    @property
    def longest(self) -> float:
        """The last cell of the row with the longest bar."""
        return max([1e-9, *(float(row[-1]) for row in self.rows)])


def page(title: str, parts: Sequence[Part]) -> str:
    """The page; parts without rows and chart are left out."""
    return _PAGE.render(title=title, parts=[part for part in parts if part.rows or part.chart])


def title_of(problem: Problem) -> str:
    """Its own id and koalign's, where the question stands below."""
    return named(problem.id, key=problem.key)


def question_of(problem: Problem) -> str:
    """The question and its numbered choices, one a line."""
    choices = (f"{n}. {choice}" for n, choice in enumerate(problem.choices, start=1))
    return "\n".join([problem.question, *choices])
