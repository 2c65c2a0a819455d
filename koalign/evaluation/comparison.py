"""comparison: evaluations of the same items -> who is better than whom, by how much, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from koalign.evaluation.comparability import BASE, Evaluated, doubts, on_the_same_items
from koalign.evaluation.compared import Compared, Comparison, Flip, Row
from koalign.evaluation.measures import (
    Measure,
    difference,
    macro_f1_measure,
    mean_score,
    measured,
    task_f1_measure,
)
from koalign.evaluation.stats.intervals import (
    FEWEST_FLIPS,
    fewest_items_apart,
    holm,
    sign_test_p,
)
from koalign.naming import counted

CORRECT = "correct"
"""The share of right answers: what is compared where the headlines cannot be."""
FROM_ANSWERS = ("macro_f1", "f1")
"""Headlines that are no mean over items; `f1` only where no item has it as its score."""
_SURE = 0.05
_ROUNDED = 5e-4


def compare_evaluations(systems: Sequence[Evaluated], common: bool = False) -> Compared:
    """Each evaluation against the first, and against its base model alone where that is among them.

    Subjects, passages and the average are those of the first. Raises KoalignError where the items
    are not the same; with `common` those are compared that all have.
    """
    kept = on_the_same_items(systems, common)
    scale, pairs = _scale(kept), _pairs(kept)
    figures = [_figures(scale, a, b) for a, b in pairs]
    _add_holm(figures)
    _add_holm([part for comparison in figures for part in comparison["subjects"]])
    comparisons = [Comparison(**fields) for fields in figures]
    rows, warnings = [], doubts(kept)
    for system in kept:
        row, doubt = _row(scale, system)
        rows.append(row)
        warnings += doubt
    for (a, b), comparison in zip(pairs, comparisons, strict=True):
        warnings += _unsure(a, b, comparison)
    return Compared(
        metric=scale.metric,
        average=scale.average,
        n=len(kept[0].predictions),
        common=any(_restricted(system) for system in kept),
        evaluations=rows,
        comparisons=comparisons,
        warnings=warnings,
        notes=list(_notes(scale, kept, comparisons)),
        flips=[flip for a, b in pairs for flip in _flips(scale, a, b)],
    )


@dataclass(frozen=True)
class _Scale:
    """What is measured, on which items."""

    metric: str
    from_scores: bool
    """Whether it is a score of each item; without, an item counts by whether it is right."""
    average: Literal["micro", "macro"]
    subjects: Sequence[str]
    passages: Sequence[str]

    def earned(self, system: Evaluated) -> list[float]:
        return [
            p.scores[self.metric] if self.from_scores else float(p.correct)
            for p in system.predictions
        ]

    def measure(
        self, system: Evaluated, earned: Sequence[float], places: Sequence[int] | None = None
    ) -> Measure:
        """The metric as results.json has it, of the items at these places or of all."""
        places = range(len(earned)) if places is None else places
        macro, subjects = self.average == "macro", [self.subjects[n] for n in places]
        if self.metric in FROM_ANSWERS and not self.from_scores:
            gold = [system.predictions[n].gold_class for n in places]
            predicted = [system.predictions[n].answer for n in places]
            if self.metric == "f1":
                return task_f1_measure(gold, predicted, subjects, macro=macro)
            return macro_f1_measure(gold, predicted)
        mean = mean_score([earned[n] for n in places], subjects, macro=macro)
        assert mean is not None  # every item has earned a score
        return mean


def _scale(systems: Sequence[Evaluated]) -> _Scale:
    """The headline of the first, where the items of all give it; else the share right."""
    first, predictions = systems[0], [p for system in systems for p in system.predictions]
    metric = first.evaluation.metric
    from_scores = all(metric in p.scores for p in predictions)
    from_answers = metric in FROM_ANSWERS and all(
        p.gold and metric not in p.scores for p in predictions
    )
    return _Scale(
        metric=metric if from_scores or from_answers else CORRECT,
        from_scores=from_scores,
        average=first.evaluation.average,
        subjects=[p.subject for p in first.predictions],
        passages=[p.cluster for p in first.predictions],
    )


def _pairs(systems: Sequence[Evaluated]) -> list[tuple[Evaluated, Evaluated]]:
    """(a, b): b is the first, or the model of a without adapters."""
    pairs = []
    for place, a in enumerate(systems[1:], start=1):
        pairs.append((a, systems[0]))
        for other, b in enumerate(systems[1:], start=1):
            alone = b.evaluation.adapters == BASE
            same = b.evaluation.weight_hash == a.evaluation.weight_hash
            if alone and same and (a.evaluation.adapters != BASE or other < place):
                pairs.append((a, b))
    return pairs


def _figures(scale: _Scale, a: Evaluated, b: Evaluated) -> dict[str, Any]:
    """The fields of a Comparison, its subjects as dicts, and no `p_holm` yet."""
    earned_a, earned_b = scale.earned(a), scale.earned(b)
    graded = any(score not in (0, 1) for score in (*earned_a, *earned_b))

    def compared(places: Sequence[int]) -> dict[str, Any]:
        measures = scale.measure(a, earned_a, places), scale.measure(b, earned_b, places)
        value_a, value_b, gap = difference(*measures, [scale.passages[n] for n in places])
        won = sum(earned_a[n] > earned_b[n] for n in places)
        lost = sum(earned_a[n] < earned_b[n] for n in places)
        return {
            "n": gap.n,
            "value_a": value_a,
            "value_b": value_b,
            "difference": gap.value,
            "low": gap.low,
            "high": gap.high,
            "won": won,
            "lost": lost,
            "p": None if graded else sign_test_p(won, lost),
        }

    by_subject: dict[str, list[int]] = {}
    for place, subject in enumerate(scale.subjects):
        by_subject.setdefault(subject, []).append(place)
    parts = by_subject.items() if len(by_subject) > 1 else ()
    subjects = [{"subject": name, **compared(places)} for name, places in parts]
    whole = compared(range(len(earned_a)))
    same = [x.answer == y.answer for x, y in zip(a.predictions, b.predictions, strict=True)]
    return {
        "a": a.name,
        "b": b.name,
        **whole,
        "needed": None if graded else fewest_items_apart(whole["won"] + whole["lost"]),
        "agreement": sum(same) / len(same),
        "subjects": sorted(subjects, key=lambda part: (part["difference"], part["subject"])),
    }


def _add_holm(tests: Sequence[dict[str, Any]]) -> None:
    """Add `p_holm` to each of a family of tests."""
    for test, p in zip(tests, holm([test["p"] for test in tests]), strict=True):
        test["p_holm"] = p


def _row(scale: _Scale, system: Evaluated) -> tuple[Row, list[str]]:
    """With the figures of results.json; with those of the compared items where these are others."""
    measure, doubt = scale.measure(system, scale.earned(system)), []
    value = float(measure.value(measure.tallies.sum(axis=0)))
    own = scale.metric == system.evaluation.metric and not _restricted(system)
    stored = next(iter(system.evaluation.results.values()), {}) if own else {}
    stored_value = stored.get(scale.metric)
    if stored_value is not None and abs(stored_value - value) < _ROUNDED:
        value = stored_value
        low, high = (stored.get(f"{scale.metric}{end}") for end in ("_low", "_high"))
    else:
        (figure,) = measured([measure], scale.passages)
        low, high = figure.low, figure.high
        if stored_value is not None:
            doubt.append(
                f"{system.name}: results.json says {stored_value:.4f} {scale.metric}, and its items give "
                f"{value:.4f}; the latter is compared"
            )
    row = Row(
        name=system.name,
        folder=system.folder,
        **system.evaluation.model_dump(
            include={"protocol", "shots", "samples", "model", "adapters", "of"}
        ),
        metric=scale.metric,
        value=value,
        low=low,
        high=high,
        n=len(system.predictions),
    )
    return row, doubt


def _restricted(system: Evaluated) -> bool:
    return len(system.predictions) < system.evaluation.n


def _unsure(a: Evaluated, b: Evaluated, comparison: Comparison) -> Iterator[str]:
    """Whether the two may be one system, and how large a difference so many items would show."""
    against, flips = f"{comparison.a} against {comparison.b}", comparison.won + comparison.lost
    if comparison.agreement == 1:
        yield f"{against}: every answer is the same; were both the systems that they should be?"
    elif comparison.needed is not None and comparison.p is not None and comparison.p >= _SURE:
        flipped = f"{flips:,} of {comparison.n:,} items flipped, {comparison.won:,} won and "
        flipped += f"{comparison.lost:,} lost"
        enough = f"p < {_SURE} needs a difference of {counted(comparison.needed, 'item')}"
        if flips < FEWEST_FLIPS:
            enough = f"p < {_SURE} needs {FEWEST_FLIPS} flips, all one way"
        yield f"{against}: {flipped}; {enough} ({100 * comparison.needed / comparison.n:.1f} points)"


def _notes(
    scale: _Scale, kept: Sequence[Evaluated], comparisons: Sequence[Comparison]
) -> Iterator[str]:
    n, passages = len(scale.passages), len(set(scale.passages))
    if any(_restricted(system) for system in kept):
        had = ", ".join(f"{system.name} {system.evaluation.n:,}" for system in kept)
        yield f"compared on the {n:,} items that all have, of {had}"
    if scale.metric == CORRECT:
        yield f"compared by the share of right answers: not all items have {kept[0].evaluation.metric}"
    yield "intervals: 95 %, bootstrap over passages with both systems' scores"
    if any(comparison.p is None for comparison in comparisons):
        yield f"no p: {scale.metric} is graded, and McNemar tests scores of 0 and 1; read the interval"
        return
    tests = sum(len(comparison.subjects) for comparison in comparisons)
    yield f"p: exact McNemar; Holm corrects for {len(comparisons)} of these, and for {tests} of subjects"
    if passages < n:
        yield f"p counts {n:,} items, which stand on {passages:,} passages: believe the interval"
    if scale.average == "macro" or (scale.metric in FROM_ANSWERS and not scale.from_scores):
        yield f"won, lost and p count items alike, the difference is of {scale.average} {scale.metric}"


def _flips(scale: _Scale, a: Evaluated, b: Evaluated) -> Iterator[Flip]:
    scores = zip(scale.earned(a), scale.earned(b), strict=True)
    answers = zip(a.predictions, b.predictions, scale.subjects, strict=True)
    for (score, other), (item_a, item_b, subject) in zip(scores, answers, strict=True):
        if score != other:
            yield Flip(
                a=a.name,
                b=b.name,
                id=item_a.id,
                key=item_a.key,
                question=item_a.question,
                subject=subject,
                flip="won" if score > other else "lost",
                answer_a=item_a.answer,
                answer_b=item_b.answer,
                gold=item_a.gold,
                score_a=score,
                score_b=other,
            )
