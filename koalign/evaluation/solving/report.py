"""report: the answers of solving and of its controls -> whether abstractions pay for their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal, get_args

from koalign.evaluation.solving.controls import Controls
from koalign.evaluation.solving.voting import CUT, Answer, Attempt, spent, vote_of
from koalign.evaluation.stats.intervals import (
    Figure,
    figure,
    mcnemar_p,
    share_figure,
    wilson_interval,
)
from koalign.evaluation.stats.resampling import clusters_of
from koalign.evaluation.stats.wording import interval, p_value, points
from koalign.grading.grade import grade
from koalign.records import Problem, Record

SIGNIFICANT = 0.05
"""The usual level: abstractions pay where p is below it and the interval lies above 0."""
ROUNDING = 1e-12
"""An interval narrower than this has only rounding in it: all resamples are equal."""
RELEVANT = 0.01
"""One percentage point. Abstractions do not pay where the interval lies below it."""

Name = Literal[
    "bare_average", "bare", "hint_average", "vote", "oracle", "mismatched_average", "mismatched_vote"
]  # fmt: skip
NAMES: tuple[Name, ...] = get_args(Name)
Conclusion = Literal["pays", "does not pay", "not decided"]


class Column(Record):
    """One way to answer, on all problems."""

    name: Name
    accuracy: float
    low: float | None
    """The 95 % interval over clusters (passages), as of all figures here."""
    high: float | None
    difference: float | None = None
    """Against `bare` on the same problems; None for `bare`."""
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    """McNemar's exact test against `bare`; None for means over samples, which are right in part."""
    n: int
    """Problems; the columns of hints leave out problems without a usable one."""
    samples: float
    """Answers per problem."""
    generated: float
    """Generated tokens per problem, hints included."""
    prompt: float
    """Prompt tokens per problem, each prompt once."""
    attainable: bool
    """False where one must know the gold answer to answer so."""


class Regression(Record):
    """The answer adapter without a hint against the policy, both greedy."""

    policy: float
    answer: float
    difference: float
    low: float | None
    high: float | None
    p: float


class SolvingReport(Record):
    """solving.json: whether abstractions pay for themselves on these problems."""

    problems: int
    without_hint: int
    """Problems without a usable hint: solved bare, left out of `hint_average`."""
    columns: tuple[Column, ...]
    regression: Regression | None
    """None: not measured."""
    verdict: Conclusion
    sentence: str
    notes: tuple[str, ...]


def solving_report(
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    controls: Controls,
    policy: Sequence[bool] = (),
    answer: Sequence[bool] = (),
) -> SolvingReport:
    """Every way to answer beside the others, on problems with gold answers.

    `policy` and `answer`: whether the policy and the answer adapter are right greedily and alone.
    """
    outcomes: dict[Name, dict[int, _Outcome]] = {name: {} for name in NAMES}
    for row, (problem, attempt) in enumerate(zip(problems, attempts, strict=True)):
        of_problem = _outcomes(problem, attempt, controls.bare[row].bare, controls.mismatched[row])
        for name, outcome in of_problem.items():
            outcomes[name][row] = outcome
    clusters = clusters_of(problems)
    columns = {
        name: _column(name, of_name, outcomes["bare"], clusters)
        for name, of_name in outcomes.items()
        if of_name
    }
    regression = None
    if policy:
        gap = _difference(answer, policy, clusters)
        regression = Regression(
            policy=fmean(policy), answer=fmean(answer), p=mcnemar_p(answer, policy),
            difference=gap.value, low=gap.low, high=gap.high,
        )  # fmt: skip
    verdict, sentence = _conclusion(columns["vote"])
    return SolvingReport(
        problems=len(problems),
        without_hint=len(problems) - len(outcomes["hint_average"]),
        columns=tuple(columns.values()),
        regression=regression,
        verdict=verdict,
        sentence=sentence,
        notes=(*_notes(columns, regression), *_cut_hints(attempts)),
    )


@dataclass(frozen=True)
class _Outcome:
    """One problem answered in one way, and its cost."""

    right: float
    """0 or 1, or the share of right samples."""
    samples: int
    generated: float
    prompt: float


def _outcomes(
    problem: Problem, attempt: Attempt, bare: Sequence[Answer], control: Attempt
) -> dict[Name, _Outcome]:
    hints = [hint for hint in attempt.hints if hint.answers]
    hinted = [answer for hint in hints for answer in hint.answers]
    sampled = [*hinted, *attempt.bare]
    mismatched = [answer for hint in control.hints for answer in hint.answers]
    cost, bare_prompt = spent(attempt), attempt.bare_prompt_tokens
    right = {
        answer: grade(problem, answer.text, answer.finish_reason).correct
        for answer in {*sampled, *bare, *mismatched}
    }

    def average(answers: Sequence[Answer], prompt: float, hint: float = 0) -> _Outcome:
        tokens = fmean(answer.tokens for answer in answers)
        return _Outcome(fmean(right[answer] for answer in answers), 1, hint + tokens, prompt)

    def vote(answers: Sequence[Answer], prompt: float, hints: int = 0) -> _Outcome:
        _, elected = vote_of(problem, answers)
        tokens = sum(answer.tokens for answer in answers)
        return _Outcome(right[answers[elected.place]], len(answers), hints + tokens, prompt)

    outcomes: dict[Name, _Outcome] = {
        "bare_average": average(bare, bare_prompt),
        "bare": vote(bare, bare_prompt),
        "vote": vote(sampled, cost.prompt, cost.hints),
        "oracle": _Outcome(
            any(right[answer] for answer in sampled), len(sampled), cost.generated, cost.prompt
        ),
    }
    if hinted:
        prompt, hint = attempt.hint_prompt_tokens, fmean(hint.tokens for hint in attempt.hints)
        outcomes["hint_average"] = average(
            hinted, prompt + fmean(hint.prompt_tokens for hint in hints), hint
        )
        if mismatched:
            shown = sum(hint.prompt_tokens for hint in control.hints if hint.answers)
            outcomes["mismatched_average"] = average(mismatched, prompt + shown / len(hints), hint)
            outcomes["mismatched_vote"] = vote(
                [*mismatched, *control.bare], spent(control).prompt, cost.hints
            )
    return outcomes


def _column(
    name: Name,
    outcomes: Mapping[int, _Outcome],
    bare: Mapping[int, _Outcome],
    clusters_of_rows: Sequence[str],
) -> Column:
    clusters = [clusters_of_rows[row] for row in outcomes]
    right = [outcome.right for outcome in outcomes.values()]
    accuracy = share_figure(right, clusters)
    against_bare = {}
    if name != "bare":
        bare_right = [bare[row].right for row in outcomes]
        gap = _difference(right, bare_right, clusters)
        against_bare = {
            "difference": gap.value, "difference_low": gap.low, "difference_high": gap.high
        }  # fmt: skip
        if not name.endswith("_average"):
            against_bare["p"] = mcnemar_p(*([r == 1 for r in side] for side in (right, bare_right)))
    return Column(
        name=name,
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        **against_bare,
        n=len(right),
        samples=round(fmean(outcome.samples for outcome in outcomes.values()), 2),
        generated=round(fmean(outcome.generated for outcome in outcomes.values()), 2),
        prompt=round(fmean(outcome.prompt for outcome in outcomes.values()), 2),
        attainable=name != "oracle",
    )


def _difference(first: Sequence[float], second: Sequence[float], clusters: Sequence[str]) -> Figure:
    """The mean of first minus second with its bootstrap interval over clusters.

    Where all items differ by the same, all resamples are equal. Then Wilson's bound on the share of
    clusters that could still differ is the interval: three problems without a flip decide nothing.
    """
    mean = figure([a - b for a, b in zip(first, second, strict=True)], clusters=clusters)
    if mean.low is None or mean.high is None or mean.high - mean.low > ROUNDING:
        return mean
    _, unseen = wilson_interval(0, len(set(clusters)))
    return replace(mean, low=max(-1.0, mean.value - unseen), high=min(1.0, mean.value + unseen))


def _conclusion(vote: Column) -> tuple[Conclusion, str]:
    """Whether abstractions pay, and the sentence for people."""
    low, high = vote.difference_low, vote.difference_high
    assert vote.difference is not None and vote.p is not None
    figures = f"{points(vote.difference)} points at equal tokens ({_tested(low, high, vote.p)})"
    if low is not None and low > 0 and vote.p < SIGNIFICANT:
        return "pays", f"abstractions pay for themselves here: {figures}"
    if high is not None and high < RELEVANT:
        return "does not pay", f"abstractions do not pay for themselves here: {figures}"
    return "not decided", f"not decided whether abstractions pay for themselves here: {figures}"


def _notes(columns: Mapping[Name, Column], regression: Regression | None) -> list[str]:
    bare, vote = columns["bare"], columns["vote"]
    notes = [
        f"equal tokens: solving generates {vote.generated:,.1f} tokens per problem, hints included; "
        f"bare is the policy alone with {bare.samples:,.0f} answers and {bare.generated:,.1f} tokens. "
        f"Prompt tokens, each prompt once: {vote.prompt:,.1f} against {bare.prompt:,.1f}",
        f"oracle best, {columns['oracle'].accuracy:.1%}, is not attainable: one must know the answer to "
        "pick the right sample",
    ]
    if "mismatched_vote" in columns:
        control = columns["mismatched_vote"]
        gain, low = control.difference or 0.0, control.difference_low
        beats = low is not None and low > 0
        notes.append(
            f"control: mismatched hints {'beat' if beats else 'do not beat'} bare: "
            f"{points(gain)} points ({_tested(low, control.difference_high, control.p)})"
            + ("; so much of the gain is not from what the hints say" if beats else "")
        )
    elif "hint_average" in columns:
        notes.append("no control: no problem on another passage has a hint to take")
    if regression is not None:
        notes.append(
            f"greedily and without a hint the policy is right on {regression.policy:.1%} and the answer "
            f"adapter on {regression.answer:.1%}: {points(regression.difference)} points "
            f"({_tested(regression.low, regression.high, regression.p)})"
        )
    return notes


def _cut_hints(attempts: Sequence[Attempt]) -> list[str]:
    """What hints that were cut off cost, where they are many."""
    hints = [hint for attempt in attempts for hint in attempt.hints]
    cut = [hint for hint in hints if hint.use == "unfinished"]
    if not cut or len(cut) < CUT * len(hints):
        return []
    tokens = sum(hint.tokens for hint in cut) / sum(
        spent(attempt).generated for attempt in attempts
    )
    return [
        f"{len(cut):,} of {len(hints):,} hints were cut off at solve.max_tokens. They cost {tokens:.0%} of "
        "the generated tokens, no answer is given with them, and the bare policy spends the same tokens on "
        "answers: a loss at equal tokens may be theirs. Raise solve.max_tokens, or train on shorter hints "
        "(hints.max_characters)"
    ]


def _tested(low: float | None, high: float | None, p: float | None) -> str:
    """`+1.2 to +3.4, p 0.012`; of one passage alone there is no interval."""
    test = "" if p is None else f"p {p_value(p)}"
    return ", ".join(filter(None, (interval(low, high, points, unknown=""), test)))
