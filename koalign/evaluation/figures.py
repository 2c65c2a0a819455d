"""figures: graded items -> the figures of a protocol: of the whole, its groups, its subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from koalign.evaluation.item_scores import without_thought
from koalign.evaluation.items import subject_of
from koalign.evaluation.measures import (
    Measure,
    macro_f1_measure,
    mean_score,
    measured,
    points_measure,
    task_f1_measure,
)
from koalign.evaluation.metrics.nikl_metrics import (
    NiklScore,
    Scorer,
    culture_qa_score,
    norms_qa_score,
)
from koalign.evaluation.protocols import Protocol
from koalign.evaluation.results import Prediction
from koalign.naming import counted
from koalign.records import Problem

Row = dict[str, float | int | None]
"""Metric, metric_stderr, metric_low, metric_high (95 %) and n."""
_ENDS = ("", "_stderr", "_low", "_high")


@dataclass(frozen=True)
class _Item:
    problem: Problem
    prediction: Prediction
    subject: str


def results_of(
    protocol: Protocol,
    problems: Sequence[Problem],
    predictions: Sequence[Prediction],
    scorers: Mapping[str, Scorer] | None = None,
) -> tuple[dict[str, Row], list[str]]:
    """(name -> figures, what a reader of them must know); the first name is the protocol's.

    Problems and their predictions stand in the same order. Passages are resampled, and standard errors are
    of items within subjects (`measures.py`). A group without one of its subjects has no figure, and a
    note. `scorers` are those of `nikl_metrics`.
    """
    items = [
        _Item(problem, prediction, subject_of(protocol, problem))
        for problem, prediction in zip(problems, predictions, strict=True)
    ]
    if other := next((i for i in items if i.problem.id != i.prediction.problem_id), None):
        raise ValueError(f"{other.prediction.id} is no prediction of {other.problem.id}")
    present = list(dict.fromkeys(item.subject for item in items))
    if protocol.grading in ("nikl-culture", "nikl-rule"):
        return _nikl(protocol, items, scorers or {})
    counted, notes = _counted(protocol, items, present)
    results = {protocol.name: _row(protocol, counted)}
    notes += _without_points(protocol, counted)
    notes += _of_a_part(protocol, counted)
    lacking = sum(not item.subject for item in counted)
    if 0 < lacking < len(counted):
        notes.append(
            f"{lacking:,} of {len(counted):,} items have no subject, and count for the whole alone"
        )
    for group, subjects in protocol.groups.items():
        absent = [subject for subject in subjects if subject not in present]
        if not absent:
            results[group] = _row(protocol, [item for item in items if item.subject in subjects])
        elif len(absent) < len(subjects):
            notes.append(f"{group}: no figure, for no item of {', '.join(absent)} was evaluated")
    for subject in filter(None, present):
        results[subject] = _row(protocol, [item for item in items if item.subject == subject])
    return results, notes


def _counted(
    protocol: Protocol, items: list[_Item], present: Sequence[str]
) -> tuple[list[_Item], list[str]]:
    """The items that the figure of the whole is of, and what is to be said of the others."""
    covers, name = protocol.covers, protocol.name
    inside = [item for item in items if item.subject in covers]
    if not covers:
        return items, []
    if not inside:
        return items, [f"{name}: no item is of a subject of the benchmark; the figure is of all"]
    notes = []
    if absent := [subject for subject in covers if subject not in present]:
        notes.append(f"{name}: {len(covers) - len(absent)} of its {len(covers)} subjects evaluated")
    if outside := [subject or "no subject" for subject in present if subject not in covers]:
        notes.append(
            f"{name}: the figure leaves out {counted(len(items) - len(inside), 'item')} of "
            f"{', '.join(outside)}, no part of it"
        )
    return inside, notes


def _row(protocol: Protocol, items: Sequence[_Item]) -> Row:
    """The metrics that these items can be measured by; the headline always."""
    measures = {metric: _measure(protocol, metric, items) for metric in protocol.metrics}
    able = {metric: measure for metric, measure in measures.items() if measure is not None}
    clusters = [item.prediction.cluster for item in items]
    row: Row = dict.fromkeys(f"{protocol.metrics[0]}{end}" for end in _ENDS)
    for metric, figure in zip(able, measured(list(able.values()), clusters), strict=True):
        row |= dict(zip((f"{metric}{end}" for end in _ENDS), figure, strict=True))
    return {**row, "n": len(items)}


def _measure(protocol: Protocol, metric: str, items: Sequence[_Item]) -> Measure | None:
    """None where no item can be measured so."""
    gold = [item.prediction.gold_class for item in items]
    predicted = [item.prediction.answer for item in items]
    subjects = [item.subject for item in items]
    macro = protocol.average == "macro"
    if metric == "macro_f1":
        return macro_f1_measure(gold, predicted)
    if metric == "points":
        points = [item.problem.points for item in items]
        return points_measure(points, [item.prediction.correct for item in items])
    scores = [item.prediction.scores.get(metric) for item in items]
    if metric == "f1" and not any(score is not None for score in scores):
        return task_f1_measure(gold, predicted, subjects, macro=macro)
    return mean_score(scores, subjects, macro=macro)


def _without_points(protocol: Protocol, items: Sequence[_Item]) -> list[str]:
    """Why points that were to be expected are missing: all are, or only some problems have them."""
    without = sum(not item.problem.points for item in items)
    wanted = protocol.metrics[0] == "points" or without < len(items)
    if "points" in protocol.metrics and without and wanted:
        return [f"points: no figure, for {without} of {len(items)} problems have no 배점"]
    return []


def _of_a_part(protocol: Protocol, items: Sequence[_Item]) -> list[str]:
    """Of which items a metric is, where some of them have no such score: long answers have no accuracy."""
    notes = []
    for metric in protocol.metrics:
        scored = sum(metric in item.prediction.scores for item in items)
        if 0 < scored < len(items) and metric not in protocol.measured:
            notes.append(
                f"{metric}: of {scored} of {len(items)} items; the others have no such score"
            )
    return notes


def _nikl(
    protocol: Protocol, items: Sequence[_Item], scorers: Mapping[str, Scorer]
) -> tuple[dict[str, Row], list[str]]:
    """The official score of all texts, their thoughts and ends stripped; the final needs every scorer."""
    score_of = culture_qa_score if protocol.grading == "nikl-culture" else norms_qa_score
    texts = {item.problem.id: without_thought(item.prediction.text).strip() for item in items}
    score: NiklScore = score_of([item.problem for item in items], texts, scorers)
    row: Row = {}
    for name, figure in {"final": score.final, **score.figures}.items():
        values = (figure.value, None, figure.low, figure.high) if figure else (None,) * 4
        row |= dict(zip((f"{name}{end}" for end in _ENDS), values, strict=True))
    notes = []
    if score.missing:
        notes.append(f"{protocol.name}: no final score without {', '.join(score.missing)}")
    if score.skipped:
        notes.append(
            f"{protocol.name}: reasons not scored, for one is missing: of {counted(score.skipped, 'item')}"
        )
    return {protocol.name: {**row, "n": len(items)}}, notes
