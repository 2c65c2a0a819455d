"""solving: the report of solving -> whether hints pay for their tokens, as a chart and a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koalign.evaluation.solving.report import SENTENCES, SolvingReport
from koalign.evaluation.solving.rivals import RIVALS
from koalign.evaluation.stats.wording import p_value
from koalign.jsonl import parse_record
from koalign.records import KoalignError
from koalign.reports.solving import TITLES
from koalign.serving.board.site import View, percents, share


def solving_parts(view: View, value: Mapping[str, Any]) -> dict[str, Any]:
    """What `solving.html` shows of a solving report; nothing where it is empty or of another version."""
    try:
        report = parse_record(SolvingReport, value, "solving.json") if value else None
    except KoalignError:
        report = None
    if report is None:
        return {"solving": None}
    titles, what = TITLES[report.shown], "abstractions" if report.shown == "hints" else "passages"
    conclusion = SENTENCES[report.verdict].format(what)
    rows = [
        {
            "name": view.t(titles[column.name]),
            "control": column.name.startswith("mismatched") or not column.attainable,
            **percents(column.accuracy, column.low, column.high),
            "words": f"{view.t(titles[column.name])}: {share(column.accuracy)} "
            f"({share(column.low)} – {share(column.high)})",
        }
        for column in report.columns
    ]
    chart = view.charts.intervals(
        view.t("Ways to answer"),
        rows,
        f"{view.t('accuracy')}, %",
        text=view.t(conclusion),
    )
    return {
        "solving": report, "solving_chart": chart, "ways": titles, "p_value": p_value,
        "vote": next(column for column in report.columns if column.name == "vote"),
        "conclusion": conclusion, "against": RIVALS,
    }  # fmt: skip
