"""bias: positions, calibration and lengths of one evaluation, of a run or of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koalign.serving.board.charts import Chart
from koalign.serving.board.runs import Run
from koalign.serving.board.site import NotThere, Reply, View, circled, percents, share
from koalign.serving.board.states import read_object


def bias(view: View, slug: str = "", bench: str = "") -> Reply:
    """What evaluation.html says, as charts: of a step of a run (`of`), or of a benchmark."""
    run: Run | None = view.run(slug) if slug else None
    systems, of = [], ""
    if run:
        systems = run.evaluations
        if not systems:
            raise NotThere(view.t("No evaluation here yet; `koalign evaluate` makes it"))
        of = view.value("of", systems, run.last_step)
        evaluation: Mapping[str, Any] = read_object(
            view.site.root.inside(run.path / "evaluate" / of / "results.json")
        )
    else:
        if bench not in view.found.benchmarks:
            raise NotThere(view.t("There is no evaluation {name} here.", name=bench))
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
    context |= {"evaluation": evaluation, "report": report, "charts": _charts(view, report)}
    return Reply("bias.html", context)


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
        text = view.t(
            "Do the answers depend on the place? p {p}.", p="–" if p is None else f"{p:.3f}"
        )
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
        text = view.t("Quarters of the items from the shortest to the longest.")
        charts.append(
            view.charts.intervals(
                view.t("By {length}", length=words), rows, view.t("score, %"), text=text
            )
        )
    return charts
