"""seeds: the results over seeds -> a table and a sentence for each step, in a terminal."""

from __future__ import annotations

from koalign.evaluation.seeds import SeedDifference, SeedReport, SeedRow
from koalign.evaluation.stats.wording import hundredths, interval, points
from koalign.naming import counted
from koalign.reports.titles import ROW_TITLES
from koalign.reports.views import (
    METRIC_TITLES,
    conclusion,
    print_lines,
    print_table,
    with_interval,
)

HEAD = "against", "points", "points by seed", "above 0"
NOTE = "means over seeds with 95 % intervals over passages; by seed: from the lowest to the highest"


def print_seeds(report: SeedReport) -> None:
    """Mean, 95 % interval and range over seeds of each row, then what each step beats."""
    print_table(_head(report), _rows(report), _title(report), NOTE, whole_names=True)
    print_lines(_left_out(report))
    print_lines(_gains(report))


def _metric(report: SeedReport) -> str:
    return METRIC_TITLES[next(iter(report.rows.values())).metric]


def _head(report: SeedReport) -> tuple[str, ...]:
    metric = _metric(report)
    return ("step", f"{metric}, %", f"{metric} by seed", *HEAD)


def _title(report: SeedReport) -> str:
    return f"{counted(report.n, 'problem')}, {len(report.seeds)} seeds: {', '.join(map(str, report.seeds))}"


def _rows(report: SeedReport) -> list[tuple[str, ...]]:
    return [_cells(name, row, len(report.seeds)) for name, row in report.rows.items()]


def _left_out(report: SeedReport) -> list[str]:
    return [f"{ROW_TITLES[name]}: not on every seed, left out" for name in report.left_out]


def _gains(report: SeedReport) -> list[str]:
    return [
        _conclusion(name, row, len(report.seeds))
        for name, row in report.rows.items()
        if row.gain is not None
    ]


def _cells(name: str, row: SeedRow, count: int) -> tuple[str, ...]:
    accuracy, gap = row.accuracy, row.difference
    cells = (
        "  " * (row.kind == "control") + ROW_TITLES[name],
        with_interval(accuracy.mean, accuracy.low, accuracy.high, hundredths),
        interval(accuracy.lowest, accuracy.highest, hundredths),
    )
    if gap is None:
        return (*cells, "", "", "", "")
    return (
        *cells,
        row.against or "",
        with_interval(gap.mean, gap.low, gap.high, points),
        interval(gap.lowest, gap.highest, points),
        f"{gap.above} of {count}",
    )


def _conclusion(name: str, row: SeedRow, count: int) -> str:
    def worded(gap: SeedDifference) -> str:
        difference = with_interval(gap.mean, gap.low, gap.high, points)
        return f"{difference}, above 0 on {gap.above} of {count} seeds"

    beaten = [rival for rival, gap in row.rivals.items() if gap.is_gain]
    unbeaten = {rival: worded(gap) for rival, gap in row.rivals.items() if not gap.is_gain}
    return conclusion(name, beaten, unbeaten)
