"""mining: pairs side by side, hints with what each screen counted, and the mistakes on a map."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from koalign.evaluation.results import Prediction
from koalign.jsonl import read_jsonl
from koalign.mining.hints.uplift_screens import SCREENS
from koalign.mining.mistakes.mistakes import AnsweredProblem, Mined, select_mistakes
from koalign.records import KoalignError, Problem
from koalign.serving.board.charts import Chart
from koalign.serving.board.lines import Row
from koalign.serving.board.pages.exam import predictions_of
from koalign.serving.board.site import NotThere, Reply, View, histogram_rows
from koalign.serving.board.states import State, state_of
from koalign.stages.dpo import read_logps

ALL_SCREENS = ("static", *SCREENS)
SPOTS = 1500
"""Mistakes on the map, the middles of clusters and the picked ones before others."""


def pairs(view: View, slug: str) -> Reply:
    """Chosen and rejected side by side, with why and log-probabilities; by `reason` and `round`."""
    run = view.run(slug)
    rounds = [s.name for s in run.stages if s.name.partition("-")[0] == "pairs"]
    stage = view.value("round", rounds, rounds[0] if rounds else "pairs")
    lines = view.site.lines(run.path / stage / "pairs.jsonl")
    reasons, codes = lines.field("reason")
    reason = view.value("reason", reasons)
    pager, rows = view.picked(lines, codes == reasons.index(reason) if reason else None)
    reference = run.path / stage.replace("pairs", "reference") / "logps.safetensors"
    inside = view.site.root.inside(reference)
    logps = _logps(inside, len(lines)) if inside.is_file() else None
    hidden = view.hides(run, "train")
    shown = [
        (n + 1, _without_completions(row) if hidden else row, logps[n] if logps else None)
        for n, row in rows
    ]
    report = view.site.object(run.path / stage / "report.json")
    context = {"run": run, "tab": "pairs", "rounds": rounds, "round": stage, "reason": reason}
    context |= {"counts": {name: int((codes == n).sum()) for n, name in enumerate(reasons)}}
    context |= {"shown": shown, "pager": pager, "hidden": hidden, "report": report}
    return Reply("pairs.html", context | {"charts": _pair_charts(view, report)})


def hints(view: View, slug: str) -> Reply:
    """The funnel of the screens, and each hint with its counts and verdicts; by `verdict`."""
    run = view.run(slug)
    lines = view.site.lines(run.path / "hints" / "abstractions.jsonl")
    labels, codes = lines.facet("verdict", _verdict)
    verdict = view.value("verdict", labels)
    pager, rows = view.picked(lines, codes == labels.index(verdict) if verdict else None)
    counts = {name: int((codes == n).sum()) for n, name in enumerate(labels)}
    hidden = view.hides(run, "train")
    train = view.site.lines(run.path / "prepare" / "train.jsonl")
    shown = []
    for n, row in rows:
        number = train.number_of(str(row.get("problem_id")))
        problem = None if number is None or hidden else train.rows(number, number + 1)[0]
        shown.append((n + 1, row | {"text": ""} if hidden else row, problem))
    context = {"run": run, "tab": "hints", "verdict": verdict, "counts": counts, "shown": shown}
    context |= {"pager": pager, "hidden": hidden, "screens": ALL_SCREENS}
    return Reply("hints.html", context | {"chart": _funnel(view, len(lines), counts)})


def mistakes(view: View, slug: str) -> Reply:
    """The wrong answers of a step in clusters of like ones, on a map and each with its middle."""
    run = view.run(slug)
    systems = run.evaluations
    if not systems:
        raise NotThere(view.t("No evaluation here yet; `koalign evaluate` makes it"))
    of = view.value("of", systems, run.last_step)
    paths = run.path / "prepare" / "test.jsonl", predictions_of(run, of)
    for path in paths:
        view.site.lines(path)
    mined = _mined(*((path, state_of(path)) for path in paths))
    hidden = view.hides(run, "test")
    context = {"run": run, "tab": "mistakes", "systems": systems, "of": of, "mined": mined}
    return Reply(
        "mistakes.html", context | {"hidden": hidden, "chart": mistakes_map(view, mined, hidden)}
    )


@lru_cache(8)
def _mined(problems: tuple[Path, State], predictions: tuple[Path, State]) -> Mined:
    known = {p.id: p for p in read_jsonl(problems[0], Problem)}
    answered = [
        AnsweredProblem(known[p.problem_id], p)
        for p in read_jsonl(predictions[0], Prediction)
        if p.problem_id in known
    ]
    return select_mistakes(answered, take=None, clusters=None, replay=0, seed=0).mined


def mistakes_map(view: View, mined: Mined, hidden: bool) -> Chart | None:
    """Each mistake at its place, the middles of the clusters large; none where there are no clusters."""
    spots = [(c, m) for c in mined.clusters for m in c.mistakes]
    spots.sort(key=lambda spot: (spot[1] != spot[0].medoid, not spot[1].picked))
    if not spots:
        return None
    rows = [
        {
            "x": m.x, "y": m.y, "picked": m == c.medoid, "series": str(c.cluster),
            "words": f"{c.cluster}: {m.id if hidden else m.question[:120]}",
        }
        for c, m in spots[:SPOTS][::-1]
    ]  # fmt: skip
    text = view.t(
        "{n} mistakes in {k} clusters; the large marks are their middles.",
        n=len(rows),
        k=len(mined.clusters),
    )
    return view.charts.scatter(view.t("Map of the mistakes"), rows, text)


@lru_cache(8)
def _read_logps(path: Path, _state: State) -> list[tuple[float, float]]:
    return [(sum(chosen), sum(rejected)) for chosen, rejected in read_logps(path)]


def _logps(path: Path, pairs: int) -> list[tuple[float, float]] | None:
    """The sums over tokens of each pair's sides under the reference; none where they are of other pairs."""
    try:
        logps = _read_logps(path, state_of(path))
    except (OSError, ValueError, KeyError, KoalignError):
        return None
    return logps if len(logps) == pairs else None


def _without_completions(row: Row) -> Row:
    bare = {
        side: {"text": "", "token_ids": row[side]["token_ids"]} for side in ("chosen", "rejected")
    }
    return row | bare | {"prompt": ""}


def _pair_charts(view: View, report: Row) -> list[Chart]:
    counted = {
        "pass_rates": ("Pass rates of the problems", "problems"),
        "uses": ("What the problems gave", "problems"),
        "verdicts": ("What the grader said of the samples", "samples"),
        "outcomes": ("Comparisons by the judge", "comparisons"),
        "dropped": ("No pair, or one fewer, because", "times"),
    }
    counts = report | {"outcomes": (report.get("judge") or {}).get("outcomes")}
    charts = []
    for key, (title, axis) in counted.items():
        if counts.get(key):
            names = {name: name.replace(" to ", "–").replace("_", " ") for name in counts[key]}
            rows = [_stage(view.t(names[name]), n) for name, n in counts[key].items()]
            text = ", ".join(row["words"] for row in rows if row["value"])
            charts.append(view.charts.bars(view.t(title), rows, view.t(axis), text))
    for side, bins in report.get("histograms", {}).items():
        if len(bins) < 2:  # all alike: the table has it
            continue
        title = view.t("Tokens, {side}", side=view.t(side))
        axes = (view.t("tokens"), view.t("pairs"))
        charts.append(view.charts.histogram(title, histogram_rows(bins), axes))
    return charts


def _verdict(row: Row) -> str:
    verdicts = row.get("verdicts") or {}
    return (
        "kept"
        if row.get("kept")
        else next((v for v in verdicts.values() if v != "pass"), "refused")
    )


def _funnel(view: View, total: int, counts: dict[str, int]) -> Chart:
    kept = counts.get("kept", 0)
    rows: list[dict[str, Any]] = [_stage(view.t("candidates"), total)]
    rows += [
        _stage(f"− {view.t(name.replace('_', ' '))}", n)
        for name, n in sorted(counts.items(), key=lambda item: -item[1])
        if name != "kept"
    ]
    rows.append(_stage(view.t("kept"), kept))
    text = view.t("{kept} of {total} hints are kept.", kept=f"{kept:,}", total=f"{total:,}")
    return view.charts.bars(view.t("What the screens refused"), rows, view.t("hints"), text)


def _stage(name: str, count: int) -> dict[str, Any]:
    return {"name": name, "value": count, "words": f"{name}: {count:,}"}
