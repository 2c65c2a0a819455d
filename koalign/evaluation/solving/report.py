"""report: the answers of solving and of its controls -> whether hints or passages pay for their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from pydantic import Field

from koalign.evaluation.solving.columns import Column, Name, Shown, column_of, outcomes_of
from koalign.evaluation.solving.controls import MOST_VOTES, Controls
from koalign.evaluation.solving.rivals import (
    RELEVANT,
    SIGNIFICANT,
    Conclusion,
    Rival,
    SubjectGain,
    contest,
    gains_by_subject,
    tested,
)
from koalign.evaluation.solving.voting import CUT, Attempt, spent
from koalign.evaluation.stats.intervals import paired_difference
from koalign.evaluation.stats.resampling import clusters_of
from koalign.evaluation.stats.wording import points
from koalign.records import Problem, Record

SENTENCES: dict[Conclusion, str] = {
    "pays": "{} pay for themselves here",
    "does not pay": "{} do not pay for themselves here",
    "not decided": "not decided whether {} pay for themselves here",
}


class Regression(Record):
    """The answer adapter without a hint against the policy, both greedy."""

    policy: float
    answer: float
    difference: float
    low: float | None
    high: float | None
    p: float


class SolvingReport(Record):
    """solving.json: whether abstractions, or passages, pay for themselves on these problems."""

    shown: Shown = Field(default="hints", exclude_if=lambda value: value == "hints")
    """What the columns of hints are of."""
    problems: int
    without_hint: int
    """Problems without a usable hint: solved bare, left out of `hint_average`."""
    columns: tuple[Column, ...]
    regression: Regression | None
    """None: not measured."""
    rivals: tuple[Rival, ...] = Field(default=(), exclude_if=lambda value: not value)
    """Of passages: what the vote must beat, all of it."""
    subjects: tuple[SubjectGain, ...] = Field(default=(), exclude_if=lambda value: not value)
    """Of passages, where the problems are of several subjects."""
    verdict: Conclusion
    sentence: str
    notes: tuple[str, ...]


def solving_report(
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    controls: Controls,
    policy: Sequence[bool] = (),
    answer: Sequence[bool] = (),
    shown: Shown = "hints",
) -> SolvingReport:
    """Every way to answer beside the others, on problems with gold answers.

    `policy` and `answer`: whether the policy and the answer adapter are right greedily and alone.
    """
    outcomes, clusters = outcomes_of(problems, attempts, controls, shown), clusters_of(problems)
    columns = {name: column_of(name, outcomes, clusters) for name in outcomes if outcomes[name]}
    regression = None
    if policy:
        gap, p = paired_difference(answer, policy, clusters)
        assert p is not None  # right or wrong
        regression = Regression(
            policy=fmean(policy), answer=fmean(answer), p=p,
            difference=gap.value, low=gap.low, high=gap.high,
        )  # fmt: skip
    rivals: tuple[Rival, ...] = ()
    subjects: list[SubjectGain] = []
    if shown == "hints":
        notes = _notes(columns, regression)
        verdict, figures = _conclusion(columns["vote"])
    else:
        whole = contest(outcomes, clusters, range(len(problems)))
        rivals, verdict, figures = whole.rivals, whole.verdict(whole.p), whole.figures
        subjects = gains_by_subject(problems, outcomes, clusters)
        notes = [*_notes_on_passages(columns, regression), *_notes_on_queries(attempts)]
    what = "abstractions" if shown == "hints" else "passages"
    return SolvingReport(
        shown=shown,
        problems=len(problems),
        without_hint=len(problems) - len(outcomes["hint_average"]),
        columns=tuple(columns.values()),
        regression=regression,
        rivals=rivals,
        subjects=tuple(subjects),
        verdict=verdict,
        sentence=f"{SENTENCES[verdict].format(what)}: {figures}",
        notes=(*notes, *_cut_hints(attempts)),
    )


def _conclusion(vote: Column) -> tuple[Conclusion, str]:
    """Whether abstractions pay, and by which figures."""
    low, high = vote.difference_low, vote.difference_high
    assert vote.difference is not None and vote.p is not None
    figures = f"{points(vote.difference)} points at equal tokens ({tested(low, high, vote.p)})"
    if low is not None and low > 0 and vote.p < SIGNIFICANT:
        return "pays", figures
    if high is not None and high < RELEVANT:
        return "does not pay", figures
    return "not decided", figures


def _notes_on_passages(columns: Mapping[Name, Column], regression: Regression | None) -> list[str]:
    bare, vote, total = columns["bare"], columns["vote"], columns.get("bare_total")
    notes = [
        f"equal written tokens: solving generates {vote.generated:,.1f} tokens per problem; bare is the "
        f"policy alone with {bare.samples:,.0f} answers and {bare.generated:,.1f} tokens. Prompt tokens, "
        f"each prompt once: {vote.prompt:,.1f} against {bare.prompt:,.1f}",
    ]
    if total:
        most = f"; {MOST_VOTES} are the most" if total.samples >= MOST_VOTES else ""
        notes.append(
            f"equal total tokens: {total.samples:,.0f} answers of the policy alone{most}; "
            f"{total.generated + total.prompt:,.1f} tokens, against {vote.generated + vote.prompt:,.1f}"
        )
    else:
        notes.append(
            "no control at equal total tokens, so that no gain is claimed: set controls to cheap or all"
        )
    notes.append(
        f"right with or without passages, {columns['oracle'].accuracy:.1%}, is not attainable: one must "
        "know when to show them"
    )
    if "mismatched_vote" not in columns:
        notes.append("no control: no other problem has other passages to take")
    if regression is not None:
        notes.append(
            f"greedily and without passages the policy is right on {regression.policy:.1%} and this "
            f"adapter on {regression.answer:.1%}: {points(regression.difference)} points "
            f"({tested(regression.low, regression.high, regression.p)})"
        )
    return notes


def _notes_on_queries(attempts: Sequence[Attempt]) -> list[str]:
    """By which queries the passages were found, where an adapter wrote any."""
    asked = [hint for attempt in attempts for hint in attempt.hints if hint.query is not None]
    if not asked:
        return []
    own_text, tokens = sum(not hint.query for hint in asked), fmean(hint.tokens for hint in asked)
    return [
        f"the query of an adapter found the passages of {len(asked) - own_text:,} problems; {own_text:,} "
        f"without one were looked for by their own text. A query has {tokens:,.1f} tokens, which count as "
        "written, and its prompt counts too"
    ]


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
            f"{points(gain)} points ({tested(low, control.difference_high, control.p)})"
            + ("; so much of the gain is not from what the hints say" if beats else "")
        )
    elif "hint_average" in columns:
        notes.append("no control: no problem on another passage has a hint to take")
    if regression is not None:
        notes.append(
            f"greedily and without a hint the policy is right on {regression.policy:.1%} and the answer "
            f"adapter on {regression.answer:.1%}: {points(regression.difference)} points "
            f"({tested(regression.low, regression.high, regression.p)})"
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
