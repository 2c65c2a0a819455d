"""rows: the predictions of a run's steps and controls -> accuracies, costs, paired tests, and gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal

from koalign.evaluation.results import Prediction
from koalign.evaluation.solving.rivals import SIGNIFICANT
from koalign.evaluation.stats.intervals import macro_f1, paired_difference, share_figure
from koalign.records import Record

Kind = Literal["step", "control"]
Metric = Literal["accuracy", "rouge_l", "accuracy and rouge_l"]
"""What a row is the mean of: accuracy, ROUGE-L of long answers, or of each item its own of these."""

ROWS: dict[str, tuple[Kind, str | None]] = {
    "base": ("step", None),
    "sft": ("step", "base"),
    "sft_plateau": ("control", "sft"),
    "dpo": ("step", "sft"),
    "rft": ("control", "dpo"),
    "solve": ("step", "dpo"),
    "votes_written": ("control", "solve"),
    "votes_total": ("control", "solve"),
    "mismatched": ("control", "solve"),
    "base_hinted": ("control", "solve"),
    "policy_hinted": ("control", "solve"),
    "reasoning": ("control", "solve"),
    "passages": ("step", "dpo"),
    "passages_votes_written": ("control", "passages"),
    "passages_votes_total": ("control", "passages"),
    "passages_mismatched": ("control", "passages"),
    "reader": ("step", "passages"),
    "reader_votes_written": ("control", "reader"),
    "reader_votes_total": ("control", "reader"),
    "reader_mismatched": ("control", "reader"),
}
"""Row -> what it is, and the row that it is compared with: the step before, or the step that it controls.
In the order of the table."""


class Difference(Record):
    """A row minus another on the same items; all None where there is no other."""

    difference: float | None
    difference_low: float | None
    """95 %, over passages; None with one passage."""
    difference_high: float | None
    p_value: float | None
    """McNemar's exact test, two-sided; none of ROUGE-L."""

    @property
    def is_gain(self) -> bool:
        """Whether the interval lies above 0 and the test, where there is one, is significant."""
        low, p = self.difference_low, self.p_value
        return low is not None and low > 0 and (p is None or p < SIGNIFICANT)


class WinRate(Record):
    """How often a judge prefers the long answers of a step to those of the step before."""

    value: float
    """A tie, and verdicts that differ between the two orders, count half."""
    low: float | None
    """95 %, over passages; None with one passage."""
    high: float | None
    n: int
    """Problems with a verdict."""
    outcomes: dict[str, int]
    """first: the step wins in both orders; second: the step before does."""
    judge: str
    """The model, as its server calls it."""


class Row(Difference):
    """A row of a run's results.json; the difference is this row minus `against`."""

    kind: Kind
    against: str | None
    metric: Metric = "accuracy"
    accuracy: float
    """The mean of what the items earned, by `metric`."""
    n: int
    ci_low: float | None
    """95 %, over passages; None with one passage."""
    ci_high: float | None
    macro_f1: float | None
    """None of ROUGE-L."""
    answers: float
    """Votes a problem."""
    generated: float
    """Written tokens a problem, hints included."""
    prompt: float
    """Prompt tokens a problem, each prompt once."""
    rivals: dict[str, Difference]
    """Steps: this row minus the step before and minus each control of it and of the steps before."""
    gain: bool | None
    """Steps: above every rival. Each test alone is at 5 %, and so is the conclusion from all of them
    (intersection-union test, Berger 1982). None: the base, a control, or a run without controls."""
    win_rate: WinRate | None = None
    """Steps: against the step before; None: no judge, no long answers, or no verdict. Without a judge
    results.json does not have it."""


def rows_of(predictions: Mapping[str, Sequence[Prediction]], *, concluded: bool) -> dict[str, Row]:
    """The rows in the order of ROWS; `concluded`: whether the run has its controls."""
    names = [name for name in ROWS if name in predictions]
    return {name: _row(name, names, predictions, concluded) for name in names}


def rivals_of(step: str, names: Sequence[str]) -> list[str]:
    """Of these rows those that a step must beat: the step before, the controls on the way to this step."""
    before = ROWS[step][1]
    reached: list[str | None] = [step]
    while reached[-1]:
        reached.append(ROWS[reached[-1]][1])
    controls = [name for name in names if ROWS[name][0] == "control" and ROWS[name][1] in reached]
    return [before, *controls] if before else []


def difference_of(first: Sequence[Prediction], second: Sequence[Prediction]) -> Difference:
    """First minus second on the same items in the same order."""
    # Questions on one passage are right and wrong together.
    gap, p = paired_difference(
        [one.earned for one in first],
        [one.earned for one in second],
        clusters=[one.cluster for one in first],
    )
    return Difference(
        difference=gap.value, difference_low=gap.low, difference_high=gap.high, p_value=p
    )


def _row(
    name: str,
    names: Sequence[str],
    predictions: Mapping[str, Sequence[Prediction]],
    concluded: bool,
) -> Row:
    (kind, against), own = ROWS[name], predictions[name]
    rivals = {}
    if kind == "step":
        rivals = {rival: difference_of(own, predictions[rival]) for rival in rivals_of(name, names)}
    difference = dict.fromkeys(Difference.model_fields)
    if against:
        difference = (rivals.get(against) or difference_of(own, predictions[against])).model_dump()
    share = share_figure([one.earned for one in own], clusters=[one.cluster for one in own])
    metric = _metric(own)
    return Row(
        kind=kind,
        against=against,
        metric=metric,
        accuracy=share.value,
        n=share.n,
        ci_low=share.low,
        ci_high=share.high,
        macro_f1=macro_f1([one.gold_class for one in own], [one.answer for one in own])
        if metric == "accuracy"
        else None,
        **difference,
        answers=round(fmean(max(1, len(one.votes)) for one in own), 2),
        generated=round(fmean(one.completion_tokens for one in own), 2),
        prompt=round(fmean(one.prompt_tokens for one in own), 2),
        rivals=rivals,
        gain=all(rival.is_gain for rival in rivals.values()) if rivals and concluded else None,
    )


def _metric(predictions: Sequence[Prediction]) -> Metric:
    long = sum("rouge_l" in one.scores for one in predictions)
    if not long:
        return "accuracy"
    return "rouge_l" if long == len(predictions) else "accuracy and rouge_l"
