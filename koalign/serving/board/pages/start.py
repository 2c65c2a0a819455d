"""start: the list of runs, and one run: its stages, cost and curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import isfinite
from typing import Any

from koalign.serving.board.charts import Chart
from koalign.serving.board.lines import Row, tail
from koalign.serving.board.runs import Run
from koalign.serving.board.site import NotThere, Reply, View, share
from koalign.tracking.events import EVENTS

MOST = 600
"""Points of a curve; of more every n-th is drawn."""
LARGEST = 1 << 28
"""Bytes of events that are read."""
SORTS = ("modified", "name", "accuracy", "seconds")
STATES = ("running", "unfinished", "stale", "damaged", "done")


def runs(view: View) -> Reply:
    """All runs and benchmarks below the root, the last written first."""
    found = view.found
    shown = [run for run in found.runs.values() if not run.is_seed]
    counts = {state: sum(run.state == state for run in shown) for state in STATES}
    state = view.value("state", STATES)
    sort = view.value("sort", SORTS, "modified")
    text = view.query.get("q", "").strip().lower()
    shown = [r for r in shown if (not state or r.state == state) and text in r.name.lower()]
    if sort == "name":
        shown.sort(key=lambda run: run.name)
    elif sort == "seconds":
        shown.sort(key=lambda run: -run.seconds)
    elif sort == "accuracy":
        shown.sort(key=lambda run: -run.headline[1]["accuracy"] if run.headline else 1)
    pager = view.pager(len(shown))
    seeds = {
        run.slug: [r for r in found.runs.values() if r.is_seed and r.path.parent == run.path]
        for run in shown
    }
    context: dict[str, Any] = {
        "shown": shown[pager.start : pager.stop],
        "pager": pager,
        "seeds": seeds,
        "counts": counts,
    }
    context |= {"state": state, "sort": sort, "sorts": SORTS, "text": text, "found": found}
    return Reply("runs.html", context)


def run(view: View, slug: str) -> Reply:
    """The stages of a run, what they cost, and the curves of its trainings."""
    shown = view.run(slug)
    seeds = [r for r in view.found.runs.values() if r.is_seed and r.path.parent == shown.path]
    steps, end = _steps(view, shown)
    curves = [
        {"stage": stage, "charts": curves_of(view, stage.name, steps[stage.name]), "end": end}
        for stage in shown.stages
        if steps.get(stage.name)
    ]
    return Reply("run.html", {"run": shown, "seeds": seeds, "curves": curves, "tab": ""})


def live_curves(view: View, slug: str, stage: str) -> dict[str, Any]:
    """The charts of a training as HTML where the events have grown beyond the byte `from`; else empty."""
    shown: Run = view.run(slug)
    if stage not in shown.stage:
        raise NotThere(f"{stage}: no such stage")
    asked = view.query.get("from", "0")
    start = int(asked) if asked.isdecimal() and len(asked) < 16 else 0
    steps, end = _steps(view, shown, start)
    html = ""
    if steps.get(stage):
        rows = _steps(view, shown)[0][stage]
        context = {"charts": curves_of(view, stage, rows), "t": view.t, "view": view, "run": shown}
        html = view.site.jinja.get_template("curves.html").render(context)
    return {"html": html, "from": end, "running": shown.stage[stage].state == "running"}


def _steps(view: View, run: Run, start: int = 0) -> tuple[dict[str, list[Row]], int]:
    """Stage -> the steps of its last training in the events from a byte on; and the byte to go on from."""
    path = view.site.root.inside(run.path / EVENTS)
    if not path.is_file():
        return {}, 0
    events, end = tail(path, start, LARGEST)
    steps: dict[str, list[Row]] = defaultdict(list)
    last = {event.get("stage"): event.get("plan") for event in events}
    for event in events:
        values, stage = event.get("values"), event.get("stage")
        if isinstance(values, dict) and event.get("plan") == last[stage] and "step" in event:
            steps[str(stage)].append({**values, "step": event["step"]})
    return steps, end


def curves_of(view: View, stage: str, rows: Iterable[Row]) -> list[Chart]:
    """Loss by step, and what the probe measured; of a step that was repeated the later line holds."""
    steps: dict[float, dict[str, float]] = defaultdict(dict)
    for row in rows:
        finite = {k: v for k, v in row.items() if isinstance(v, int | float) and isfinite(v)}
        if "step" in finite:
            steps[finite["step"]] |= finite
    ordered = sorted(steps.items())
    loss = [
        _point(view.t("loss"), n, row["loss"], f"{row['loss']:.4g}")
        for n, row in ordered
        if "loss" in row
    ]
    probe = [
        _point(view.t(words), n, round(100 * row[f"probe/{key}"], 2), share(row[f"probe/{key}"]))
        for key, words in (("train", "training problems"), ("held_out", "held-out problems"))
        for n, row in ordered
        if f"probe/{key}" in row
    ]
    charts = []
    axis = view.t("optimizer step")
    if loss:
        text = view.t("From {first} at step {a} to {last} at step {b}.", **_ends(loss))
        charts.append(
            view.charts.curves(
                f"{stage}: {view.t('loss')}",
                _thin(loss),
                (axis, view.t("DPO loss" if stage.startswith("dpo") else "loss, nats per token")),
                text,
            )
        )
    if probe:
        held = [p for p in probe if p["series"] == view.t("held-out problems")] or probe
        text = view.t(
            "Held out: from {first} % at step {a} to {last} % at step {b}.", **_ends(held)
        )
        charts.append(
            view.charts.curves(
                f"{stage}: {view.t('probe')}",
                _thin(probe),
                (axis, view.t("right answers, %")),
                text,
            )
        )
    return charts


def _point(series: str, step: float, value: float, shown: str) -> dict[str, Any]:
    return {"series": series, "step": step, "value": value, "words": f"{series}, {step:g}: {shown}"}


def _ends(points: list[dict[str, Any]]) -> dict[str, str]:
    first, last = points[0], points[-1]
    return {
        "first": f"{first['value']:.4g}", "a": f"{first['step']:g}",
        "last": f"{last['value']:.4g}", "b": f"{last['step']:g}",
    }  # fmt: skip


def _thin(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    step = -(-len(points) // MOST)
    return points if step == 1 else [*points[::step], points[-1]]
