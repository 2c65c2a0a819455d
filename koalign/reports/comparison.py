"""comparison: a comparison of evaluations -> tables in a terminal, one HTML page, and CSV files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len, chop_cells
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from koalign.evaluation.compared import Compared, Comparison, Flip, Row, Subject
from koalign.evaluation.stats.wording import hundredths, interval, p_value, percent, points
from koalign.jsonl import write_atomically, write_json
from koalign.reports.charts import Mark, differences
from koalign.reports.page import Part, page
from koalign.reports.spreadsheet import write_sheet
from koalign.reports.views import console

JSON = "comparison.json"
PAGE = "comparison.html"
SUBJECTS = 12
"""Subjects shown in the terminal, half of them the greatest losses; subjects.csv has all."""
FLIPS = 3
"""Flips of each way shown in the terminal; flips.csv has all."""
FLIPS_ON_PAGE = 30
LONGEST = 60
"""Cells of an answer that are shown."""
NO_SUBJECT = "(none)"
SUBJECT_HEAD = ("subject", "items", "points", "won", "lost", "p", "Holm")
PLOTTED = "In points, with 95 % intervals; the mark is filled where the interval leaves out 0."


def print_comparison(compared: Compared) -> None:
    """The evaluations and what each is compared with, subjects, flips, and at last what to doubt."""
    out = console()
    head, rows = _evaluations(compared, "\n")
    table = Table(*map(escape, head), title=escape(_title(compared)))
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)
    for one in compared.comparisons:
        if one.subjects:
            out.print(_subject_table(one))
        for flip in ("won", "lost"):
            flips = [f for f in compared.flips if (f.a, f.b, f.flip) == (one.a, one.b, flip)]
            if flips:
                told = _some_flips(f"{one.a} against {one.b}: {flip}", flips)
                out.print(Text(told), soft_wrap=True)
    for note in compared.notes:
        out.print(Text(f"note: {note}"), soft_wrap=True)
    for warning in compared.warnings:
        out.print(Text(f"warning: {warning}", style="bold yellow"), soft_wrap=True)


def write_comparison(folder: Path, compared: Compared) -> None:
    """comparison.json, comparison.html, subjects.csv and flips.csv."""
    subjects = [
        {"a": one.a, "b": one.b, **part.model_dump()}
        for one in compared.comparisons
        for part in one.subjects
    ]
    flips = [{**flip.model_dump(), "gold": " / ".join(flip.gold)} for flip in compared.flips]
    _sheet(folder / "subjects.csv", ["a", "b", *Subject.model_fields], subjects)
    _sheet(folder / "flips.csv", list(Flip.model_fields), flips)
    write_atomically(folder / PAGE, comparison_page(compared))
    write_json(folder / JSON, compared.model_dump(mode="json"))


def _sheet(path: Path, head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    write_sheet(path, [head, *([row[name] for name in head] for row in rows)])


def comparison_page(compared: Compared) -> str:
    """The same with plots of the differences and more of the flips, as HTML."""
    head, rows = _evaluations(compared, "; ")
    whole = [(f"{one.a} against {one.b}", one) for one in compared.comparisons]
    parts = [
        Part("Warnings", [(warning,) for warning in compared.warnings]),
        Part("Evaluations", rows, head, "Differences are in points, with 95 % intervals."),
        Part("Differences", chart=differences(_marks(whole)), note=PLOTTED),
    ]
    for name, one in whole:
        flips = [flip for flip in compared.flips if (flip.a, flip.b) == (one.a, one.b)]
        subjects = [(part.subject or NO_SUBJECT, part) for part in one.subjects]
        shown = [
            (
                f.flip,
                f.id,
                f.subject or NO_SUBJECT,
                _shown(f.answer_b),
                _shown(f.answer_a),
                _gold(f),
            )
            for f in flips[:FLIPS_ON_PAGE]
        ]
        parts += [
            Part(
                f"{name}, by subject",
                chart=differences(_marks(subjects)) if subjects else "",
                note=PLOTTED,
            ),
            Part(
                f"{name}: subjects",
                [
                    (*_subject_row(part), hundredths(part.value_b), hundredths(part.value_a))
                    for part in one.subjects
                ],
                (*SUBJECT_HEAD, f"{one.b}, %", f"{one.a}, %"),
            ),
            Part(
                f"{name}: items that flipped",
                shown,
                ("", "item", "subject", one.b, one.a, "gold"),
                f"{len(shown):,} of {len(flips):,}; flips.csv has all.",
            ),
        ]
    return page(_title(compared), [*parts, Part("Notes", [(note,) for note in compared.notes])])


def _title(compared: Compared) -> str:
    first, varying = compared.evaluations[0], _varying(compared)
    shared = [str(getattr(first, key)) for key in ("protocol", "model") if key not in varying]
    items = "items that all have" if compared.common else "items"
    return ", ".join([*shared, f"{compared.average} {compared.metric} on {compared.n:,} {items}"])


def _varying(compared: Compared) -> list[str]:
    """What stands in every row: shots and adapters, and what is not the same in all of them."""
    return [
        key
        for key in ("protocol", "model", "samples", "shots", "adapters")
        if key in ("shots", "adapters") or len({getattr(r, key) for r in compared.evaluations}) > 1
    ]


def _evaluations(compared: Compared, join: str) -> tuple[list[str], list[list[str | int]]]:
    """Head and rows: what an evaluation is, its figure, and how it compares with others."""
    keys = _varying(compared)
    against = list(dict.fromkeys(one.b for one in compared.comparisons))
    pairs = {(one.a, one.b): _versus(one, join) for one in compared.comparisons}
    head = ["evaluation", *keys, f"{compared.metric}, %", *(f"against {name}" for name in against)]
    return head, [
        [
            row.name,
            *(getattr(row, key) for key in keys),
            f"{hundredths(row.value)}{_range(row, hundredths)}",
            *(pairs.get((row.name, name), "") for name in against),
        ]
        for row in compared.evaluations
    ]


def _versus(one: Comparison, join: str) -> str:
    lines = [_gain(one), f"won {one.won:,}, lost {one.lost:,}", f"agree {percent(one.agreement)}"]
    if one.p is not None:
        lines += [f"p {p_value(one.p)}", f"Holm {p_value(one.p_holm)}"]
    return join.join(lines)


def _gain(one: Comparison | Subject) -> str:
    return points(one.difference) + _range(one, points)


def _range(one: Row | Comparison | Subject, show: Callable[[float], str]) -> str:
    return "" if one.low is None else f" ({interval(one.low, one.high, show)})"


def _subject_table(one: Comparison) -> Table:
    table = Table(*SUBJECT_HEAD, title=escape(f"{one.a} against {one.b}, by subject"))
    half, shown = SUBJECTS // 2, one.subjects
    if len(shown) > SUBJECTS:
        shown = [*shown[:half], *shown[-half:]]
        table.caption = f"the {half} greatest losses and gains of {len(one.subjects)} subjects"
    for part in shown:
        table.add_row(*(escape(str(cell)) for cell in _subject_row(part)))
    return table


def _subject_row(part: Subject) -> list[str | int]:
    return [
        part.subject or NO_SUBJECT,
        part.n,
        _gain(part),
        part.won,
        part.lost,
        p_value(part.p),
        p_value(part.p_holm),
    ]


def _some_flips(title: str, flips: Sequence[Flip]) -> str:
    """The first of them, one a line, as `answer of b → answer of a`."""
    more = f", the first {FLIPS}" if len(flips) > FLIPS else ""
    lines = [
        f"  {f.id} {f.subject or NO_SUBJECT}: {_shown(f.answer_b)} → {_shown(f.answer_a)}, "
        f"gold {_gold(f)}"
        for f in flips[:FLIPS]
    ]
    return "\n".join([f"{title} {len(flips):,}{more}", *lines])


def _shown(answer: str | None) -> str:
    return "no answer" if answer is None else _cut(answer, LONGEST)


def _gold(flip: Flip) -> str:
    return _cut(" / ".join(flip.gold), LONGEST)


def _cut(text: str, longest: int) -> str:
    """One line of no more cells of a terminal, of which a Hangul syllable takes two."""
    line = " ".join(text.split())
    return line if cell_len(line) <= longest else f"{chop_cells(line, longest - 1)[0]}…"


def _marks(named: Sequence[tuple[str, Comparison | Subject]]) -> list[Mark]:
    return [
        Mark(_cut(name, 34), f"{name}: {_gain(one)}", one.difference, one.low, one.high)
        for name, one in named
    ]
