"""solving_report: what solving and its controls wrote -> whether abstractions earn their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal, get_args

from koalign.data.grading.grade import grade
from koalign.evaluation.solving.controls import Controls
from koalign.evaluation.solving.voting import Attempt, Written, spent, vote_of
from koalign.evaluation.stats.intervals import (
    Figure,
    figure,
    mcnemar_p,
    share_figure,
    wilson_interval,
)
from koalign.evaluation.stats.wording import interval, p_value, points
from koalign.records import Problem, Record

SURE = 0.05
"""A p below this, and an interval without 0, decide."""
ALIKE = 1e-12
"""Draws that differ by less differ by rounding."""
MATTERS = 0.01
"""A gain that is surely smaller than this share of the problems is none."""

Name = Literal[
    "bare_average", "bare", "hint_average", "vote", "oracle", "foreign_average", "foreign_vote"
]
NAMES: tuple[Name, ...] = get_args(Name)
Verdict = Literal["pays", "does not pay", "not decided"]


class Column(Record):
    """One way to answer, on all problems."""

    name: Name
    accuracy: float
    low: float | None
    """The 95 % interval over passages, as of all figures here."""
    high: float | None
    difference: float | None
    """Against `bare` on the same problems; none of `bare` itself."""
    difference_low: float | None
    difference_high: float | None
    p: float | None
    """McNemar's exact test against `bare`; none of means over samples, which are right in part."""
    n: int
    """Problems; those without a hint are no part of what hints come to."""
    samples: float
    """Answers a problem."""
    generated: float
    """Tokens written a problem, those of the hints among them."""
    prompt: float
    """Tokens read a problem, each prompt once."""
    attainable: bool
    """Whether one can answer so without knowing the gold answer."""


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
    """Problems none of whose hints could be used: solved bare, and no part of `hint_average`."""
    columns: tuple[Column, ...]
    regression: Regression | None
    """None: not measured."""
    verdict: Verdict
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
    ways: dict[Name, dict[int, _Way]] = {name: {} for name in NAMES}
    for row, (problem, attempt) in enumerate(zip(problems, attempts, strict=True)):
        foreign = controls.foreign[row], controls.foreign_prompt[row]
        for name, way in _ways(problem, attempt, controls.bare[row], *foreign).items():
            ways[name][row] = way
    passages = [problem.cluster for problem in problems]
    columns = {
        name: _column(name, found, ways["bare"], passages) for name, found in ways.items() if found
    }
    regression = _regression(policy, answer, passages) if policy else None
    verdict, sentence = _verdict(columns["vote"])
    return SolvingReport(
        problems=len(problems),
        without_hint=len(problems) - len(ways["hint_average"]),
        columns=tuple(columns.values()),
        regression=regression,
        verdict=verdict,
        sentence=sentence,
        notes=tuple(_notes(columns, regression)),
    )


@dataclass(frozen=True)
class _Way:
    """How one problem was answered in one way, and what that cost."""

    right: float
    samples: int
    generated: float
    prompt: float


def _ways(
    problem: Problem,
    attempt: Attempt,
    bare: Sequence[Written],
    foreign: Sequence[Written],
    foreign_prompt: int,
) -> dict[Name, _Way]:
    hints = [hint for hint in attempt.hints if hint.answers]
    hinted = [one for hint in hints for one in hint.answers]
    every = [*hinted, *attempt.bare]
    cost, bare_prompt = spent(attempt), attempt.bare_prompt_tokens
    right = {one: _right(problem, one) for one in {*every, *bare, *foreign}}

    def vote(written: Sequence[Written]) -> bool:
        _, elected = vote_of(problem, written)
        return right[written[elected.place]]

    found: dict[Name, _Way] = {
        "bare_average": _Way(fmean(right[o] for o in bare), 1, _mean_tokens(bare), bare_prompt),
        "bare": _Way(vote(bare), len(bare), _tokens(bare), bare_prompt),
        "vote": _Way(vote(every), len(every), cost.generated, cost.prompt),
        "oracle": _Way(any(right[o] for o in every), len(every), cost.generated, cost.prompt),
    }
    if hinted:
        one_hint = fmean(hint.tokens for hint in attempt.hints)
        found["hint_average"] = _Way(
            fmean(right[one] for one in hinted),
            1,
            one_hint + _mean_tokens(hinted),
            attempt.hint_prompt_tokens + fmean(hint.prompt_tokens for hint in hints),
        )
        if foreign:
            found["foreign_average"] = _Way(
                fmean(right[one] for one in foreign),
                1,
                one_hint + _mean_tokens(foreign),
                attempt.hint_prompt_tokens + foreign_prompt / len(hints),
            )
            found["foreign_vote"] = _Way(
                vote([*foreign, *attempt.bare]),
                len(foreign) + len(attempt.bare),
                cost.hints + _tokens(foreign) + cost.bare,
                attempt.hint_prompt_tokens + foreign_prompt + bare_prompt * bool(attempt.bare),
            )
    return found


def _column(
    name: Name, ways: Mapping[int, _Way], bare: Mapping[int, _Way], passages: Sequence[str]
) -> Column:
    rows = list(ways)
    clusters = [passages[row] for row in rows]
    right = [ways[row].right for row in rows]
    against = [bare[row].right for row in rows]
    accuracy = share_figure(right, clusters=clusters)
    difference = _difference(right, against, clusters)
    itself, whole = name == "bare", not name.endswith("_average")
    p = mcnemar_p([one == 1 for one in right], [one == 1 for one in against])
    return Column(
        name=name,
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        difference=None if itself else difference.value,
        difference_low=None if itself else difference.low,
        difference_high=None if itself else difference.high,
        p=p if whole and not itself else None,
        n=len(rows),
        samples=round(fmean(way.samples for way in ways.values()), 2),
        generated=round(fmean(way.generated for way in ways.values()), 2),
        prompt=round(fmean(way.prompt for way in ways.values()), 2),
        attainable=name != "oracle",
    )


def _regression(
    policy: Sequence[bool], answer: Sequence[bool], passages: Sequence[str]
) -> Regression:
    found = _difference(answer, policy, passages)
    return Regression(
        policy=fmean(policy),
        answer=fmean(answer),
        difference=found.value,
        low=found.low,
        high=found.high,
        p=mcnemar_p(answer, policy),
    )


def _difference(first: Sequence[float], second: Sequence[float], clusters: Sequence[str]) -> Figure:
    """The mean of first minus second with its interval over clusters.

    Where all items differ by the same no draw differs from another, and the share of clusters that
    could yet do otherwise, by Wilson, is the interval: three problems without a flip decide nothing.
    """
    found = figure([a - b for a, b in zip(first, second, strict=True)], clusters=clusters)
    if found.low is None or found.high is None or found.high - found.low > ALIKE:
        return found
    _, unseen = wilson_interval(0, len(set(clusters)))
    return replace(found, low=max(-1.0, found.value - unseen), high=min(1.0, found.value + unseen))


def _verdict(vote: Column) -> tuple[Verdict, str]:
    """What the numbers decide, and the sentence that says so."""
    low, high = vote.difference_low, vote.difference_high
    assert vote.difference is not None and vote.p is not None
    said = f"{points(vote.difference)} points at equal tokens ({_tested(low, high, vote.p)})"
    if low is not None and low > 0 and vote.p < SURE:
        return "pays", f"abstractions pay for themselves here: {said}"
    if high is not None and high < MATTERS:
        return "does not pay", f"abstractions do not pay for themselves here: {said}"
    return "not decided", f"not decided whether abstractions pay for themselves here: {said}"


def _notes(columns: Mapping[Name, Column], regression: Regression | None) -> list[str]:
    bare, vote = columns["bare"], columns["vote"]
    notes = [
        f"equal tokens: solving writes {vote.generated:,.1f} tokens a problem, hints among them; bare is "
        f"the policy alone with {bare.samples:,.0f} answers and {bare.generated:,.1f} tokens. Read as "
        f"prompts, each once: {vote.prompt:,.1f} against {bare.prompt:,.1f}",
        f"oracle best, {columns['oracle'].accuracy:.1%}, is not attainable: to pick the right one of the "
        "samples one must know the answer",
    ]
    if "foreign_vote" in columns:
        foreign = columns["foreign_vote"]
        gain, low = foreign.difference or 0.0, foreign.difference_low
        beats = low is not None and low > 0
        notes.append(
            f"control: another problem's hints {'beat' if beats else 'do not beat'} bare: "
            f"{points(gain)} points ({_tested(low, foreign.difference_high, foreign.p)})"
            + ("; so much of the gain is not what the hints say" if beats else "")
        )
    elif "hint_average" in columns:
        notes.append("no control: no problem on another passage has a hint to lend")
    if regression is not None:
        notes.append(
            f"greedily and without a hint the policy is right on {regression.policy:.1%} and the answer "
            f"adapter on {regression.answer:.1%}: {points(regression.difference)} points "
            f"({_tested(regression.low, regression.high, regression.p)})"
        )
    return notes


def _tested(low: float | None, high: float | None, p: float | None) -> str:
    """`+1.2 to +3.4, p 0.012`; of one passage alone there is no interval."""
    test = "" if p is None else f"p {p_value(p)}"
    return ", ".join(filter(None, (interval(low, high, points, unknown=""), test)))


def _right(problem: Problem, written: Written) -> bool:
    return grade(problem, written.text, written.finish_reason).correct


def _tokens(written: Sequence[Written]) -> int:
    return sum(one.tokens for one in written)


def _mean_tokens(written: Sequence[Written]) -> float:
    return fmean(one.tokens for one in written)
