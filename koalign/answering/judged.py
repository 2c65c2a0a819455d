"""judged: the long answers of a run's steps -> how often a judge prefers each step to the one before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from koalign.config.teacher import Judge
from koalign.engines.judge import Judgement, judge
from koalign.evaluation.results import Prediction
from koalign.evaluation.rows import Row, WinRate
from koalign.evaluation.stats.intervals import share_figure
from koalign.mining.comparing import Comparison, Outcome, compared_text
from koalign.records import Problem

SCORES: dict[Outcome, float] = {
    "first": 1.0,
    "tie": 0.5,
    "position_inconsistent": 0.5,
    "second": 0.0,
}
"""Without a score there is no verdict."""


def with_win_rates(
    rows: Mapping[str, Row],
    problems: Sequence[Problem],
    predictions: Mapping[str, Sequence[Prediction]],
    section: Judge,
    log: Path,
) -> tuple[dict[str, Row], Judgement]:
    """The rows, those of steps with their win rate over the step before, and what the judge found.

    Problems with long answers are compared.
    """
    long = [number for number, problem in enumerate(problems) if problem.kind == "long"]
    against = {
        name: row.against for name, row in rows.items() if row.kind == "step" and row.against
    }
    comparisons = [
        Comparison(
            problems[n], *(compared_text(predictions[step][n].text) for step in (name, before))
        )
        for name, before in against.items()
        for n in long
    ]
    # All steps in one call: the log and what it may cost are those of the stage.
    judgement = judge(section, comparisons, log, title="evaluate: judge")
    outcomes = iter(judgement.outcomes)
    rated = dict(rows)
    for name in against:
        own = [(predictions[name][n].cluster, next(outcomes)) for n in long]
        if rate := _win_rate(own, judgement.model):
            rated[name] = rows[name].model_copy(update={"win_rate": rate})
    return rated, judgement


def _win_rate(outcomes: Sequence[tuple[str, Outcome]], model: str) -> WinRate | None:
    """The rate over (cluster, outcome) of each problem; None without a verdict."""
    scored = [(cluster, SCORES[outcome]) for cluster, outcome in outcomes if outcome in SCORES]
    if not scored:
        return None
    figure = share_figure(
        [score for _, score in scored], clusters=[cluster for cluster, _ in scored]
    )
    return WinRate(
        value=figure.value,
        low=figure.low,
        high=figure.high,
        n=figure.n,
        outcomes=dict(sorted(Counter(outcome for _, outcome in outcomes).items())),
        judge=model,
    )
