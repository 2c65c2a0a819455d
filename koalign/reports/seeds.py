"""seeds: the results over seeds -> a table and a sentence for each step, in a terminal."""

from __future__ import annotations

from koalign.evaluation.seeds import SeedDifference, SeedReport, SeedRow
from koalign.evaluation.stats.wording import hundredths, interval, points
from koalign.reports.views import ROW_TITLES, conclusion, print_lines, print_table, with_interval

HEAD = "step", "accuracy, %", "seeds", "against", "points", "seeds", "above 0"


def print_seeds(report: SeedReport) -> None:
    """Mean, 95 % interval and range over seeds of each row, then what each step beats."""
    count = len(report.seeds)
    print_table(
        HEAD,
        [_cells(name, row, count) for name, row in report.rows.items()],
        f"{report.n:,} problems, {count} seeds: {', '.join(map(str, report.seeds))}",
        "means over seeds with 95 % intervals over passages; seeds: from the lowest to the highest",
        whole_names=True,
    )
    print_lines(f"{ROW_TITLES[name]}: not on every seed, left out" for name in report.left_out)
    print_lines(
        _conclusion(name, row, count) for name, row in report.rows.items() if row.gain is not None
    )


def _cells(name: str, row: SeedRow, count: int) -> tuple[str, ...]:
    accuracy, gap = row.accuracy, row.difference
    cells = (
        "  " * (row.kind == "control") + ROW_TITLES[name],
        with_interval(accuracy.mean, accuracy.low, accuracy.high, hundredths),
        interval(accuracy.lowest, accuracy.highest, hundredths),
    )
    if gap is None:
        return cells
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
