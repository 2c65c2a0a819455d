"""data: what a run was prepared from: sources, drops, leaks, lengths, keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koalign.data.preparing.preparation import SPLITS
from koalign.serving.board.charts import Chart
from koalign.serving.board.pages.exam import without_texts
from koalign.serving.board.site import NotThere, Reply, View, circled, comma, histogram_rows

DROPS = {"prepare": "prepare", "pairs": "pairs", "hints": "hints", "sft": "sft"}
"""Stages whose dropped.jsonl can be read on the board."""


def data(view: View, slug: str) -> Reply:
    """Counts per source and split, lengths in tokens with the context, keys, numbers of choices."""
    run = view.run(slug)
    report = view.site.object(run.path / "prepare" / "report.json")
    if not {"sources", "splits", "dropped", "leaks", "model"} <= report.keys():
        raise NotThere(view.t("prepare has no report here yet; `koalign prepare` makes it"))
    context = int(report["model"].get("context") or 0)
    parts = [
        (name, split, _charts(view, name, split, context))
        for name in SPLITS
        if (split := report["splits"].get(name)) and split["problems"]
    ]
    return Reply(
        "data.html",
        {"run": run, "tab": "data", "report": report, "split_parts": parts, "context": context},
    )


def dropped(view: View, slug: str) -> Reply:
    """Each row that was set aside, with its reason and its place; of `stage`, for `reason`."""
    run = view.run(slug)
    stages = [name for name in DROPS if (run.path / name / "dropped.jsonl").is_file()]
    if not stages:
        raise NotThere(view.t("No stage of this run has written down drops yet."))
    stage = view.value("stage", stages, stages[0])
    lines = view.site.lines(run.path / stage / "dropped.jsonl")
    reasons, codes = lines.field("reason")
    reason = view.value("reason", reasons)
    pager, rows = view.picked(lines, codes == reasons.index(reason) if reason else None)
    counts = {name: int((codes == n).sum()) for n, name in enumerate(reasons)}
    hidden = view.hides(run, *SPLITS)
    shown = [row | {"detail": "", "key": ""} if hidden else row for _, row in rows]
    context = {"run": run, "tab": "data", "stage": stage, "stages": stages, "reason": reason}
    context |= {"counts": counts, "pager": pager, "shown": shown, "hidden": hidden}
    return Reply("dropped.html", context)


def leaks(view: View, slug: str) -> Reply:
    """What is learned from on the left, and what is evaluated on the right."""
    run = view.run(slug)
    held = view.site.object(run.path / "prepare" / "leaks.json")
    found = [leak for leak in held.get("found", ()) if {"learned", "evaluated"} <= leak.keys()]
    kinds = sorted({leak["kind"] for leak in found})
    kind = view.value("kind", kinds)
    found = [leak for leak in found if not kind or leak["kind"] == kind]
    pager = view.pager(len(found))
    hidden = view.hides(run, *SPLITS)
    shown = [
        leak | {side: without_texts(leak[side]) for side in ("learned", "evaluated")}
        if hidden
        else leak
        for leak in found[pager.start : pager.stop]
    ]
    context = {
        "run": run,
        "tab": "data",
        "kinds": kinds,
        "kind": kind,
        "shown": shown,
        "pager": pager,
    }
    return Reply("leaks.html", context | {"overlap": held.get("overlap"), "hidden": hidden})


def _charts(view: View, name: str, split: Mapping[str, Any], context: int) -> list[Chart]:
    problems = view.t("problems")
    charts = []
    if bins := split["tokens_histogram"]:
        rows = histogram_rows(bins)
        longest = split["tokens"].get("max", 0)
        # A line far to the right would press the bars into one.
        line = context if 0 < context <= 4 * longest else None
        text = view.t("The longest has {longest} tokens; the model reads {context}.",
                      longest=comma(longest), context=comma(context))  # fmt: skip
        axes = (view.t("tokens of prompt and answer"), problems)
        charts.append(view.charts.histogram(f"{name}: {view.t('length')}", rows, axes, line, text))
    for size, places in split["gold_positions"].items():
        rows = [_bar(circled(place), count) for place, count in places.items()]
        title = f"{name}: {view.t('keys of {n} choices', n=size)}"
        text = ", ".join(row["words"] for row in rows)
        charts.append(view.charts.bars(title, rows, problems, text))
    if len(split["choices"]) > 1:
        rows = [_bar(size, count) for size, count in split["choices"].items()]
        text = ", ".join(row["words"] for row in rows)
        charts.append(
            view.charts.bars(f"{name}: {view.t('number of choices')}", rows, problems, text)
        )
    return charts


def _bar(name: str, count: int) -> dict[str, Any]:
    return {"name": name, "value": count, "words": f"{name}: {count:,}"}
