"""results: the table of a run with its controls, as intervals, and their spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koalign.evaluation.rows import Row
from koalign.evaluation.seeds import SeedReport
from koalign.evaluation.stats.wording import p_value
from koalign.jsonl import parse_record
from koalign.records import KoalignError
from koalign.reports.titles import ROW_TITLES
from koalign.reports.views import METRIC_TITLES
from koalign.serving.board.charts import Chart
from koalign.serving.board.pages.solving import solving_parts
from koalign.serving.board.runs import Run
from koalign.serving.board.site import Reply, View, percents, share, signed
from koalign.stages.evaluate import READING


def results(view: View, slug: str) -> Reply:
    """Accuracies, differences to the step before, what each step beats, costs, seeds."""
    run = view.run(slug)
    rows, problem = _rows(run)
    view.site.object(run.path / "evaluate" / "results.json")  # refused where it is damaged
    charts = [] if not rows else [_accuracies(view, rows), *_differences(view, rows)]
    solving = solving_parts(view, view.site.object(run.path / "evaluate" / "solving.json"))
    readings = [
        (name, solving_parts(view, view.site.object(run.path / "evaluate" / f"{name}.json")))
        for name in READING
    ]
    seeds = _seeds(view, run)
    context = {"run": run, "tab": "results", "rows": rows, "problem": problem, "charts": charts}
    context |= {"titles": ROW_TITLES, "verdicts": _verdicts(view, rows), "p_value": p_value}
    context |= {"metric": _metric(view, rows), "readings": readings, **solving}
    context |= {"seeds": seeds, "seed_charts": _seed_charts(view, seeds) if seeds else []}
    return Reply("results.html", context)


def _rows(run: Run) -> tuple[dict[str, Row], str]:
    try:
        return {
            n: parse_record(Row, row, n) for n, row in run.results.items() if n in ROW_TITLES
        }, ""
    except KoalignError as error:
        return {}, str(error)


def _metric(view: View, rows: Mapping[str, Row]) -> str:
    return view.t(METRIC_TITLES[next(iter(rows.values())).metric]) if rows else ""


def _accuracies(view: View, rows: Mapping[str, Row]) -> Chart:
    metric = _metric(view, rows)
    drawn = [
        {
            "name": view.t(ROW_TITLES[name]), "control": row.kind == "control",
            **percents(row.accuracy, row.ci_low, row.ci_high),
            "words": f"{view.t(ROW_TITLES[name])}: {share(row.accuracy)} "
            f"({share(row.ci_low)} – {share(row.ci_high)})",
        }
        for name, row in rows.items()
    ]  # fmt: skip
    best = max(rows, key=lambda name: rows[name].accuracy)
    text = view.t("{n} rows; the highest is {name} with {value}.", n=len(rows),
                  name=view.t(ROW_TITLES[best]), value=share(rows[best].accuracy))  # fmt: skip
    return view.charts.intervals(
        view.t("Results with 95 % intervals"), drawn, f"{metric}, %", text=text
    )


def _differences(view: View, rows: Mapping[str, Row]) -> list[Chart]:
    drawn: list[dict[str, Any]] = [
        {
            "name": f"{view.t(ROW_TITLES[name])} − {view.t(ROW_TITLES[row.against])}",
            "control": row.kind == "control",
            **percents(row.difference, row.difference_low, row.difference_high),
            "words": f"{view.t(ROW_TITLES[name])}: {signed(row.difference)}"
            f" ({signed(row.difference_low)} – {signed(row.difference_high)})",
        }
        for name, row in rows.items()
        if row.against and row.difference is not None
    ]
    if not drawn:
        return []
    apart = sum(row["low"] > 0 or row["high"] < 0 for row in drawn)
    text = view.t("{n} of {all} intervals leave out 0.", n=apart, all=len(drawn))
    title = view.t("Differences on the same problems")
    return [view.charts.intervals(title, drawn, view.t("percentage points"), zero=True, text=text)]


def _verdicts(view: View, rows: Mapping[str, Row]) -> list[tuple[str, bool, list[str]]]:
    """Step, whether it is a gain, and the rows that it does not beat."""
    verdicts = []
    for name, row in rows.items():
        if row.gain is not None:
            unbeaten = [
                f"{view.t(ROW_TITLES[rival])} {signed(gap.difference)}"
                for rival, gap in row.rivals.items()
                if not gap.is_gain
            ]
            verdicts.append((view.t(ROW_TITLES[name]), row.gain, unbeaten))
    return verdicts


def _seeds(view: View, run: Run) -> SeedReport | None:
    value = view.site.object(run.path / "seeds.json")
    try:
        return parse_record(SeedReport, value, "seeds.json") if value else None
    except KoalignError:
        return None


def _seed_charts(view: View, report: SeedReport) -> list[Chart]:
    rows: list[dict[str, Any]] = [
        {
            "name": view.t(ROW_TITLES[name]), "control": row.kind == "control",
            "value": round(100 * row.accuracy.mean, 2),
            "low": round(100 * row.accuracy.lowest, 2), "high": round(100 * row.accuracy.highest, 2),
            "words": f"{view.t(ROW_TITLES[name])}: {share(row.accuracy.mean)} "
            f"({share(row.accuracy.lowest)} – {share(row.accuracy.highest)})",
        }
        for name, row in report.rows.items()
    ]  # fmt: skip
    widest = max(rows, key=lambda row: row["high"] - row["low"])
    text = view.t("The widest range has {name}: {n} points.", name=widest["name"],
                  n=f"{widest['high'] - widest['low']:.1f}")  # fmt: skip
    title = view.t("Mean, lowest and highest seed")
    return [view.charts.intervals(title, rows, f"{view.t('accuracy')}, %", text=text)]
