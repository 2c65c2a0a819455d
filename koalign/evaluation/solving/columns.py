"""columns: problems, attempts and controls -> each way to answer, with its accuracy, interval and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, get_args

from koalign.evaluation.solving.controls import Controls
from koalign.evaluation.solving.voting import Answer, Attempt, spent, vote_of
from koalign.evaluation.stats.intervals import paired_difference, share_figure
from koalign.grading.grade import grade
from koalign.records import Problem, Record

Shown = Literal["hints", "passages"]
"""What stands in the prompts."""
Name = Literal[
    "bare_average", "bare", "bare_total", "hint_average", "hint_vote", "vote", "oracle",
    "mismatched_average", "mismatched_vote",
]  # fmt: skip
NAMES: tuple[Name, ...] = get_args(Name)


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


@dataclass(frozen=True)
class Outcome:
    """One problem answered in one way, and its cost."""

    right: float
    """0 or 1, or the share of right samples."""
    samples: int
    generated: float
    prompt: float


Outcomes = Mapping[Name, Mapping[int, Outcome]]
"""Way to answer -> number of a problem -> its outcome, of those that were answered so."""


def outcomes_of(
    problems: Sequence[Problem], attempts: Sequence[Attempt], controls: Controls, shown: Shown
) -> Outcomes:
    """Each problem in every way in which it was answered."""
    outcomes: dict[Name, dict[int, Outcome]] = {name: {} for name in NAMES}
    for row, (problem, attempt) in enumerate(zip(problems, attempts, strict=True)):
        of_problem = _of_problem(
            problem,
            attempt,
            controls.bare[row].bare,
            controls.total[row].bare if controls.total else (),
            controls.mismatched[row],
            shown,
        )
        for name, outcome in of_problem.items():
            outcomes[name][row] = outcome
    return outcomes


def _of_problem(
    problem: Problem,
    attempt: Attempt,
    bare: Sequence[Answer],
    total: Sequence[Answer],
    control: Attempt,
    shown: Shown,
) -> dict[Name, Outcome]:
    hints = [hint for hint in attempt.hints if hint.answers]
    hinted = [answer for hint in hints for answer in hint.answers]
    sampled = [*hinted, *attempt.bare]
    mismatched = [answer for hint in control.hints for answer in hint.answers]
    cost, bare_prompt = spent(attempt), attempt.bare_prompt_tokens
    right = {
        answer: grade(problem, answer.text, answer.finish_reason).correct
        for answer in {*sampled, *bare, *total, *mismatched}
    }

    def average(answers: Sequence[Answer], prompt: float, hint: float = 0) -> Outcome:
        tokens = fmean(answer.tokens for answer in answers)
        return Outcome(fmean(right[answer] for answer in answers), 1, hint + tokens, prompt)

    def vote(answers: Sequence[Answer], prompt: float, hints: int = 0) -> Outcome:
        _, elected = vote_of(problem, answers)
        tokens = sum(answer.tokens for answer in answers)
        return Outcome(right[answers[elected.place]], len(answers), hints + tokens, prompt)

    # Of passages: who knew when to show them. Of hints: who knew which sample to take.
    halves = [vote(answers, 0).right for answers in (hinted, attempt.bare) if answers]
    best = any(halves) if shown == "passages" else any(right[answer] for answer in sampled)
    outcomes: dict[Name, Outcome] = {
        "bare_average": average(bare, bare_prompt),
        "bare": vote(bare, bare_prompt),
        "vote": vote(sampled, cost.prompt, cost.hints),
        "oracle": Outcome(best, len(sampled), cost.generated, cost.prompt),
    }
    if total:
        outcomes["bare_total"] = vote(total, bare_prompt)
    if hinted:
        prompt, hint = attempt.hint_prompt_tokens, fmean(hint.tokens for hint in attempt.hints)
        outcomes["hint_average"] = average(
            hinted, prompt + fmean(hint.prompt_tokens for hint in hints), hint
        )
        if shown == "passages":
            read = prompt + sum(hint.prompt_tokens for hint in hints)
            outcomes["hint_vote"] = vote(hinted, read, cost.hints)
        if mismatched:
            tokens = sum(hint.prompt_tokens for hint in control.hints if hint.answers)
            outcomes["mismatched_average"] = average(mismatched, prompt + tokens / len(hints), hint)
            outcomes["mismatched_vote"] = vote(
                [*mismatched, *control.bare], spent(control).prompt, cost.hints
            )
    return outcomes


def column_of(name: Name, outcomes: Outcomes, clusters_of_rows: Sequence[str]) -> Column:
    """One way to answer, against `bare` on the same problems."""
    own, bare = outcomes[name], outcomes["bare"]
    clusters = [clusters_of_rows[row] for row in own]
    right = [outcome.right for outcome in own.values()]
    accuracy = share_figure(right, clusters)
    against_bare = {}
    if name != "bare":
        bare_right = [bare[row].right for row in own]
        gap, p = paired_difference(right, bare_right, clusters)
        against_bare = {
            "difference": gap.value, "difference_low": gap.low, "difference_high": gap.high
        }  # fmt: skip
        if not name.endswith("_average"):
            against_bare["p"] = p
    return Column(
        name=name,
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        **against_bare,
        n=len(right),
        samples=round(fmean(outcome.samples for outcome in own.values()), 2),
        generated=round(fmean(outcome.generated for outcome in own.values()), 2),
        prompt=round(fmean(outcome.prompt for outcome in own.values()), 2),
        attainable=name != "oracle",
    )
