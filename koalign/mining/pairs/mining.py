"""mining: the graded samples of one problem -> what may be paired, or the reason why nothing may.

Sources of the rules: Iterative RPO (arXiv 2404.19733) for pairs by rule and for luck, Sweet Spot
(arXiv 2502.16825) for rejected sides that are hard and not the worst.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from koalign.data.grading.grade import grade, quotes_its_choice
from koalign.data.prompting.orders import Order
from koalign.data.text.korean import fold, han_leak, repetition
from koalign.records import Problem, PromptTokens, Record, Sample, Verdict


class OrderRate(Record):
    """How often a problem was right under one order of its choices."""

    permutation: Order
    n: int
    right: int


class Item(Record):
    """What the samples of one problem say of it, and what it is of use for."""

    problem_id: str
    n: int
    """Samples in all."""
    right: int
    readable: int
    pass_rate: float
    """Right of all samples: one that was cut off or cannot be read is not right."""
    why: dict[str, int]
    """What the grader said of the samples, counted."""
    orders: tuple[OrderRate, ...]
    use: str
    """`pairs`, or why it gave none: `all_right`; `all_wrong`, to learn from its errors; …"""


@dataclass(frozen=True)
class Asked:
    """One prompt, the problem as it shows it, and what was written to it."""

    prompt: PromptTokens
    problem: Problem
    samples: Sequence[Sample]


@dataclass(frozen=True)
class Answered:
    """A sample with what the rule says of it."""

    sample: Sample
    verdict: Verdict
    option: str
    """What it answers, whatever the order of the choices; empty: nothing that can be read."""
    well_formed: bool

    @property
    def length(self) -> int:
        return len(self.sample.token_ids)


@dataclass(frozen=True)
class Candidate:
    """A wrong sample that may be rejected, and the right samples of its prompt that may be chosen."""

    asked: Asked
    rejected: Answered
    partners: tuple[Answered, ...]
    """Nearest to the problem's median length first."""
    hard: bool


def mine(
    asked: Sequence[Asked],
    *,
    luck_z: float | None,
    pool_share: float,
    max_repetition: float,
    max_length_ratio: float,
) -> tuple[Item, list[Candidate]]:
    """What may be rejected of one problem's samples, the hardest first; none: the item says why.

    Right and wrong: the rule says so, the completion has ended, does not go round in circles, holds
    no Chinese that leaked and numbers the choice that it quotes, so that a pair differs in the answer
    and not in the form. Hard: in the leading `pool_share` by the z-score of the share that its option
    has of the wrong votes plus that of its mean log-probability of a token. A text stands once. The
    result depends on nothing of the order of prompts and samples.
    """
    asked = sorted(asked, key=lambda one: one.prompt.permutation)
    answered = [_answers(one, max_repetition) for one in asked]
    everything = [answer for answers in answered for answer in answers]
    readable = [answer for answer in everything if answer.option]
    right = sum(answer.verdict.correct for answer in everything)
    rates = tuple(
        OrderRate(
            permutation=one.prompt.permutation,
            n=len(answers),
            right=sum(answer.verdict.correct for answer in answers),
        )
        for one, answers in zip(asked, answered, strict=True)
    )
    problem = asked[0].problem
    if problem.kind == "long":
        use, found = "no_rule_verifies_it", []
    elif not readable:
        use, found = "unreadable", []
    elif right == len(everything):
        use, found = "all_right", []
    elif not right:
        use, found = "all_wrong", []
    else:
        use, found = _candidates(asked, answered, rates, luck_z, pool_share, max_length_ratio)
    item = Item(
        problem_id=asked[0].prompt.problem_id,
        n=len(everything),
        right=right,
        readable=len(readable),
        pass_rate=round(right / len(everything), 4),
        why=dict(sorted(Counter(answer.verdict.why for answer in everything).items())),
        orders=rates,
        use=use,
    )
    return item, found


def _candidates(
    asked: Sequence[Asked],
    answered: Sequence[Sequence[Answered]],
    rates: Sequence[OrderRate],
    luck_z: float | None,
    pool_share: float,
    max_length_ratio: float,
) -> tuple[str, list[Candidate]]:
    """The candidates of a problem that is sometimes right, or what the last of them failed by."""
    everything = [answer for answers in answered for answer in answers]
    chosen = [_distinct(a for a in answers if a.verdict.correct) for answers in answered]
    wrong = [
        _distinct(a for a in answers if a.option and not a.verdict.correct) for answers in answered
    ]
    if not any(chosen):
        return "no_well_formed_right_answer", []
    if not any(wrong):
        return "no_well_formed_wrong_answer", []
    both = [number for number in range(len(asked)) if chosen[number] and wrong[number]]
    if not both:
        return "never_right_and_wrong_in_one_order", []
    if luck_z is not None:
        guess = len(asked[0].problem.answers) / max(1, len(asked[0].problem.choices))
        both = [n for n in both if _borne_out([*rates[:n], *rates[n + 1 :]], guess, luck_z)]
        if not both:
            return "right_by_luck", []

    middle = statistics.median(answer.length for answer in everything if answer.option)
    wrong_votes = Counter(a.option for a in everything if a.option and not a.verdict.correct)
    found = []
    for number in both:
        near = sorted(
            chosen[number], key=lambda a: (abs(a.length - middle), a.length, a.sample.index)
        )
        for rejected in wrong[number]:
            fit = tuple(a for a in near if _ratio(a.length, rejected.length) <= max_length_ratio)
            if fit:
                found.append(Candidate(asked[number], rejected, fit, hard=False))
    if not found:
        return "lengths_too_different", []
    return "pairs", _hardest_first(found, wrong_votes, pool_share)


def _hardest_first(
    found: Sequence[Candidate], wrong_votes: Mapping[str, int], pool_share: float
) -> list[Candidate]:
    """The candidates by hardness, those of the pool marked."""
    shares = _z_scores([wrong_votes[one.rejected.option] for one in found])
    likelihoods = _z_scores([one.rejected.sample.logprob / one.rejected.length for one in found])
    hardness = [share + likely for share, likely in zip(shares, likelihoods, strict=True)]

    def rank(number: int) -> tuple[float, Order, int]:
        sample = found[number].rejected.sample
        return -round(hardness[number], 9), sample.permutation, sample.index

    pool = math.ceil(pool_share * len(found))
    return [
        Candidate(found[n].asked, found[n].rejected, found[n].partners, hard=place < pool)
        for place, n in enumerate(sorted(range(len(found)), key=rank))
    ]


def _answers(asked: Asked, max_repetition: float) -> list[Answered]:
    answers = []
    for sample in sorted(asked.samples, key=lambda s: s.index):
        verdict = grade(asked.problem, sample.text, sample.finish_reason)
        answers.append(
            Answered(
                sample,
                verdict,
                option=_option(verdict.answer, asked),
                well_formed=verdict.answer is not None
                and sample.finish_reason == "stop"
                and repetition(sample.token_ids) <= max_repetition
                and not han_leak(sample.text, asked.prompt.text).leaks
                and quotes_its_choice(asked.problem, sample.text),
            )
        )
    return answers


def _option(answer: str | None, asked: Asked) -> str:
    """A choice by its number in the problem as it stands, any other answer by its folded text."""
    if answer is None:
        return ""
    if not asked.problem.choices:
        return fold(answer) or "(nothing)"
    order = asked.prompt.permutation
    return str(order[int(answer) - 1] + 1) if order else answer


def _distinct(answers: Iterable[Answered]) -> list[Answered]:
    """The well-formed ones, of each text the first drawn."""
    first: dict[str, Answered] = {}
    for answer in answers:
        if answer.well_formed:
            first.setdefault(answer.sample.text, answer)
    return list(first.values())


def _borne_out(others: Sequence[OrderRate], guess: float, luck_z: float) -> bool:
    """Whether the problem is right under each other order more often than by guessing."""
    return all(
        rate.right / rate.n > guess + luck_z * math.sqrt(guess * (1 - guess) / rate.n)
        for rate in others
    )


def _ratio(some: int, other: int) -> float:
    return max(some, other) / min(some, other)


def _z_scores(values: Sequence[float]) -> list[float]:
    mean, spread = statistics.fmean(values), statistics.pstdev(values)
    return [(value - mean) / spread if spread > 1e-12 else 0.0 for value in values]
