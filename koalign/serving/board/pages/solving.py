"""solving: the report of solving -> whether hints pay for their tokens, as a chart and a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koalign.evaluation.solving.report import SolvingReport
from koalign.evaluation.stats.wording import p_value
from koalign.jsonl import parse_record
from koalign.records import KoalignError
from koalign.reports.solving import TITLES
from koalign.serving.board.site import View, percents, share

VERDICTS = {
    "pays": "abstractions pay for themselves here",
    "does not pay": "abstractions do not pay for themselves here",
    "not decided": "not decided whether abstractions pay for themselves here",
}


def solving_parts(view: View, value: Mapping[str, Any]) -> dict[str, Any]:
    """What `solving.html` shows of a solving report; nothing where it is empty or of another version."""
    try:
        report = parse_record(SolvingReport, value, "solving.json") if value else None
    except KoalignError:
        report = None
    if report is None:
        return {"solving": None}
    rows = [
        {
            "name": view.t(TITLES[column.name]),
            "control": column.name.startswith("mismatched") or not column.attainable,
            **percents(column.accuracy, column.low, column.high),
            "words": f"{view.t(TITLES[column.name])}: {share(column.accuracy)} "
            f"({share(column.low)} – {share(column.high)})",
        }
        for column in report.columns
    ]
    chart = view.charts.intervals(
        view.t("Ways to answer"),
        rows,
        f"{view.t('accuracy')}, %",
        text=view.t(VERDICTS[report.verdict]),
    )
    return {
        "solving": report, "solving_chart": chart, "ways": TITLES, "p_value": p_value,
        "vote": next(column for column in report.columns if column.name == "vote"),
        "conclusion": VERDICTS[report.verdict],
    }  # fmt: skip
