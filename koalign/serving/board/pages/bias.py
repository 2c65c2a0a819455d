"""bias: one evaluation of a run or a benchmark: its result, positions, calibration, lengths, subjects."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from koalign.evaluation.calibration import confidence
from koalign.evaluation.results import Prediction
from koalign.evaluation.stats.wording import p_value
from koalign.jsonl import read_jsonl
from koalign.serving.board.charts import Chart
from koalign.serving.board.runs import Run
from koalign.serving.board.site import NotThere, Reply, View, circled, percents, share
from koalign.serving.board.states import State, state_of

SUREST = 20
"""Wrong answers that are listed."""
PARTS = "Items from the shortest to the longest; those of one length are in one part."


def bias(view: View, slug: str = "", bench: str = "") -> Reply:
    """Positions, calibration and lengths as charts: of a step of a run (`of`), or of a benchmark."""
    run: Run | None = view.run(slug) if slug else None
    systems, of = [], ""
    if run:
        systems = run.evaluations
        if not systems:
            raise NotThere(view.t("No evaluation here yet; `koalign evaluate` makes it"))
        of = view.value("of", systems, run.last_step)
        folder = run.path / "evaluate" / of
        evaluation: Mapping[str, Any] = view.site.object(folder / "results.json")
    else:
        if bench not in view.found.benchmarks:
            raise NotThere(view.t("There is no evaluation {name} here.", name=bench))
        folder = view.found.benchmarks[bench].path
        evaluation = view.found.benchmarks[bench].report
    report = evaluation.get("report")
    if (
        not isinstance(report, dict)
        or not {"positions", "calibration", "lengths", "answers"} <= report.keys()
    ):
        raise NotThere(
            view.t("This evaluation has no report that this version can read; evaluate it again.")
        )
    context: dict[str, Any] = {
        "run": run,
        "tab": "bias",
        "systems": systems,
        "of": of,
        "bench": bench,
    }
    whole, *parts = _figures(evaluation)
    context |= {"evaluation": evaluation, "report": report, "charts": _charts(view, report)}
    context |= {"headline": whole, "ranked": sorted(parts, key=lambda row: row["order"])}
    context |= {"bench_name": view.found.benchmarks[bench].name if bench else ""}
    context |= {"hidden": view.hides(run, "test") if run else view.exporting}
    return Reply("bias.html", context | {"surest": _surest(view, folder / "predictions.jsonl")})


def _figures(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The whole, then each group and subject, as text; the worst has the lowest order."""
    metric, rows = evaluation["metric"], []
    show = "{:.1f}".format if metric == "points" else share
    for name, row in evaluation["results"].items():
        value, low, high = (row.get(metric + end) for end in ("", "_low", "_high"))
        rows.append({
            "name": name, "n": row["n"], "value": "–" if value is None else show(value),
            "interval": "" if low is None or high is None else f"{show(low)} – {show(high)}",
            "order": (value is None, value or 0.0),
        })  # fmt: skip
    return rows or [{}]


def _surest(view: View, path: Path) -> list[tuple[float, Prediction]]:
    """Wrong answers with their confidence, the surest first."""
    if not path.is_file():
        return []
    return _surest_of(view.site.root.inside(path), state_of(path))


@lru_cache(16)
def _surest_of(path: Path, _state: State) -> list[tuple[float, Prediction]]:
    wrong = ((confidence(p), p) for p in read_jsonl(path, Prediction) if not p.correct)
    known = [(sure, p) for sure, p in wrong if sure is not None]
    return sorted(known, key=lambda pair: (-pair[0], pair[1].id))[:SUREST]


def _charts(view: View, report: Mapping[str, Any]) -> list[Chart]:
    charts = []
    for size, figures in report["positions"].items():
        rows = []
        columns = zip(figures["gold"], figures["answered"], figures["expected"], strict=True)
        for place, (gold, answered, expected) in enumerate(columns, start=1):
            for words, value in (("key", gold), ("answered", answered), ("expected", expected)):
                said = view.t(words)
                rows.append(
                    {
                        "name": f"{circled(place)} {said}",
                        "value": value,
                        "series": said,
                        "words": f"{circled(place)} {said}: {value:,}",
                    }
                )
        p = figures.get("p")
        text = view.t("Do the answers depend on the place? p {p}.", p=p_value(p) or "–")
        charts.append(
            view.charts.bars(view.t("Places of {n} choices", n=size), rows, view.t("answers"), text)
        )
    if calibration := report["calibration"]:
        rows = [
            {
                "x": round(100 * b["confidence"], 2), "y": round(100 * b["accuracy"], 2),
                "words": f"{share(b['confidence'])} → {share(b['accuracy'])}, n {b['n']:,}",
            }
            for b in calibration["bins"]
        ]  # fmt: skip
        text = view.t(
            "Below the diagonal the model is too sure. ECE {ece}.",
            ece=share(calibration.get("ece")),
        )
        axes = (view.t("mean confidence, %"), view.t("right, %"))
        charts.append(view.charts.reliability(view.t("Reliability"), rows, axes, text))
    for name, bins in report["lengths"].items():
        if not bins:
            continue
        rows = [
            {
                "name": "–".join(f"{n:,}" for n in sorted({b["from"], b["to"]})),
                "control": False,
                **percents(b["value"], b["low"], b["high"]),
                "words": f"{b['from']:,}–{b['to']:,}: {share(b['value'])}, n {b['n']:,}",
            }
            for b in bins
        ]  # fmt: skip
        words = view.t(name.replace("_", " "))
        text = view.t(PARTS)
        charts.append(
            view.charts.intervals(
                view.t("By {length}", length=words), rows, view.t("score, %"), text=text
            )
        )
    return charts
