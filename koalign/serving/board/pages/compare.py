"""compare: evaluations side by side: differences, tests, and the problems that flipped, in their words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from koalign.evaluation.comparability import Evaluated, read_evaluations
from koalign.evaluation.compared import Compared, Comparison, Subject
from koalign.evaluation.comparison import compare_evaluations
from koalign.evaluation.results import Prediction
from koalign.evaluation.stats.wording import p_value
from koalign.records import KoalignError
from koalign.reports.titles import ROW_TITLES
from koalign.serving.board.charts import Chart
from koalign.serving.board.pages.exam import UNREAD, problem_at, without_texts
from koalign.serving.board.quoting import Quoting
from koalign.serving.board.runs import Run
from koalign.serving.board.site import Reply, View, percents, share, signed
from koalign.serving.board.states import State, state_of

KINDS = ("A_only", "B_only", "both_wrong", "unread")
SUBJECTS = 30
"""Subjects in the chart, half of them the greatest losses."""


class System(NamedTuple):
    """Something that can be compared."""

    key: str
    """`RUN/STEP` or the name of a benchmark, in addresses."""
    title: str
    path: Path
    run: Run | None


class Pair(NamedTuple):
    """What two systems answered to one item."""

    number: int
    a: Prediction
    b: Prediction
    problem: dict[str, Any] | None


def compare(view: View) -> Reply:
    """Evaluation `a` against `b`; `kind`: which items are listed."""
    systems = _systems(view)
    keys = list(systems)
    a, b = view.value("a", keys), view.value("b", keys)
    if not (a or b) and view.query.get("run") in view.found.runs:
        a, b = _of_run(view.found.runs[view.query["run"]], keys)
    context: dict[str, Any] = {
        "systems": systems,
        "a": a,
        "b": b,
        "kinds": KINDS,
        "compared": None,
        "problem": "",
    }
    context |= {"p_value": p_value, "run": None}
    if not a or not b:
        return Reply("compare.html", context)
    try:
        if a == b:
            raise KoalignError(view.t("Choose two different evaluations."))
        compared, first, second = _compared(*(_key(view, systems[k].path) for k in (a, b)))
    except KoalignError as error:
        return Reply("compare.html", context | {"problem": str(error)})
    (pair,) = compared.comparisons
    kind = view.value("kind", KINDS, "A_only")
    counts, subjects = _counts(first, second), sorted({s.subject for s in pair.subjects} - {""})
    subject = view.value("subject", subjects)
    items = [
        n for n, (x, y) in enumerate(zip(first.predictions, second.predictions, strict=True))
        if kind in _kinds(x, y) and (not subject or x.subject == subject)
    ]  # fmt: skip
    pager = view.pager(len(items))
    # An item of a benchmark comes without a word on its source.
    owner = systems[a].run or systems[b].run
    hidden = view.hides(owner, "test") if owner else view.exporting
    quotings = [
        view.quoting(system.run, system.path.name) if system.run else None
        for system in (systems[a], systems[b])
    ]
    shown = [
        _pair(view, owner, n, (first.predictions[n], second.predictions[n]), hidden, quotings)
        for n in items[pager.start : pager.stop]
    ]
    context |= {"withheld": any(quoting and quoting.withholds for quoting in quotings)}
    context |= {"compared": compared, "pair": pair, "kind": kind, "counts": counts, "pager": pager}
    context |= {"shown": shown, "hidden": hidden, "subject": subject, "subjects": subjects}
    return Reply("compare.html", context | {"charts": _charts(view, pair)})


def _systems(view: View) -> dict[str, System]:
    systems = [
        System(
            f"{run.slug}/{name}",
            f"{run.name}: {view.t(ROW_TITLES.get(name, name))}",
            run.path / "evaluate" / name,
            run,
        )
        for run in view.found.runs.values()
        for name in run.evaluations
    ]  # fmt: skip
    systems += [System(b.slug, b.name, b.path, None) for b in view.found.benchmarks.values()]
    return {s.key: s for s in systems if view.site.root.holds(s.path)}


def _of_run(run: Run, keys: Sequence[str]) -> tuple[str, str]:
    """The last step of a run against the one before."""
    steps = [f"{run.slug}/{name}" for name in ("solve", "dpo", "sft", "base")]
    there = [key for key in steps if key in keys]
    return (there[0], there[1]) if len(there) > 1 else ("", "")


def _key(view: View, folder: Path) -> tuple[Path, State, State]:
    """A folder and the state of its files, so that what was computed of it is not computed again."""
    results, predictions = (
        state_of(view.site.root.inside(folder / name))
        for name in ("results.json", "predictions.jsonl")
    )
    if not (results and predictions):
        raise KoalignError(f"{folder.name}: unfinished; the same command goes on")
    return folder, results, predictions


@lru_cache(16)
def _compared(
    a: tuple[Path, State, State], b: tuple[Path, State, State]
) -> tuple[Compared, Evaluated, Evaluated]:
    second, first = read_evaluations([b[0], a[0]])
    ids = {p.id for p in first.predictions} & {p.id for p in second.predictions}
    compared = compare_evaluations([second, first], common=True)
    kept = [[p for p in system.predictions if p.id in ids] for system in (first, second)]
    return compared, *(
        Evaluated(s.name, s.folder, s.evaluation, rows)
        for s, rows in zip((first, second), kept, strict=True)
    )  # type: ignore[return-value]


def _kinds(a: Prediction, b: Prediction) -> set[str]:
    kinds = {"unread"} if a.why in UNREAD or b.why in UNREAD else set()
    if a.earned != b.earned:
        return kinds | {"A_only" if a.earned > b.earned else "B_only"}
    return kinds | ({"both_wrong"} if not a.correct else set())


def _counts(first: Evaluated, second: Evaluated) -> dict[str, int]:
    counts = dict.fromkeys(KINDS, 0)
    for x, y in zip(first.predictions, second.predictions, strict=True):
        for kind in _kinds(x, y):
            counts[kind] += 1
    return counts


def _pair(
    view: View,
    run: Run | None,
    number: int,
    sides: tuple[Prediction, Prediction],
    hidden: bool,
    quotings: Sequence[Quoting | None],
) -> Pair:
    """`quotings`: what is left out of the passages that either side read."""
    problem = problem_at(view, run, "test", sides[0].problem_id) if run else None
    bare = dict.fromkeys(("question", "text", "hint", "key"), "")
    a, b = (
        side.model_copy(update={**bare, "gold": ()})
        if hidden
        else side.model_copy(update=quoting.passed_on(side.hint, side.text))
        if quoting
        else side
        for side, quoting in zip(sides, quotings, strict=True)
    )
    if hidden and problem:
        problem = without_texts(problem)
    return Pair(number + 1, a, b, problem)


def _charts(view: View, pair: Comparison) -> list[Chart]:
    axis = view.t("percentage points")
    charts = [
        view.charts.intervals(
            view.t("Difference, A minus B"), [_mark(view.t("all problems"), pair)], axis, zero=True,
            text=f"{signed(pair.difference)} ({signed(pair.low)} – {signed(pair.high)})",
        )
    ]  # fmt: skip
    parts = pair.subjects
    if len(parts) > SUBJECTS:
        parts = [*parts[: SUBJECTS // 2], *parts[-SUBJECTS // 2 :]]
    if parts:
        apart = sum(p.low is not None and p.high is not None and p.low * p.high > 0 for p in parts)
        text = view.t("{n} of {all} intervals leave out 0.", n=apart, all=len(parts))
        rows = [_mark(part.subject or view.t("no subject"), part) for part in parts]
        charts.append(
            view.charts.intervals(view.t("By subject, A minus B"), rows, axis, zero=True, text=text)
        )
    return charts


def _mark(name: str, part: Comparison | Subject) -> dict[str, Any]:
    return {
        "name": name,
        "control": False,
        **percents(part.difference, part.low, part.high),
        "words": f"{name}: {signed(part.difference)} ({signed(part.low)} – {signed(part.high)}), "
        f"{share(part.value_b)} → {share(part.value_a)}, n {part.n:,}",
    }
