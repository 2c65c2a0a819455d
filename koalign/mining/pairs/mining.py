"""mining: the samples of one problem -> its candidates for pairs, or the reason why there are none.

Sources of the rules: Iterative RPO (arXiv 2404.19733) for pairs by rule; Sweet Spot (arXiv 2502.16825)
for hard negatives that are not the worst.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from koalign.data.prompting.orders import Order
from koalign.grading.grade import grade, quotes_its_choice
from koalign.records import Completion, Problem, PromptTokens, Record, Sample, Verdict
from koalign.text.korean import fold, han_leak, repetition


class OrderRate(Record):
    """How often a problem was right under one order of its choices."""

    permutation: Order
    n: int
    right: int


class Item(Record):
    """The counts over the samples of one problem, and what the problem is used for."""

    problem_id: str
    n: int
    """Samples in all."""
    right: int
    readable: int
    pass_rate: float
    """Right of all samples: one that was cut off or cannot be read is not right."""
    why: dict[str, int]
    """Verdict -> number of samples."""
    orders: tuple[OrderRate, ...]
    use: str
    """`pairs`, or why it gave none: `all_right`; `all_wrong`, to learn from its errors; …"""


@dataclass(frozen=True)
class SampledPrompt:
    """One prompt, the problem as it shows it, and the samples drawn from it."""

    prompt: PromptTokens
    problem: Problem
    samples: Sequence[Sample]


@dataclass(frozen=True)
class GradedSample:
    """A sample and its verdict."""

    sample: Sample
    verdict: Verdict
    option: str
    """The answer, named alike under every order of the choices; empty: no answer could be extracted."""
    well_formed: bool

    @property
    def length(self) -> int:
        return len(self.sample.token_ids)

    @property
    def completion(self) -> Completion:
        return Completion(text=self.sample.text, token_ids=self.sample.token_ids)


@dataclass(frozen=True)
class Candidate:
    """A wrong sample that may be rejected, and the right samples of its prompt that may be chosen."""

    source: SampledPrompt
    rejected: GradedSample
    partners: tuple[GradedSample, ...]
    """Nearest to the problem's median length first."""
    hardness: float = 0.0
    hard: bool = False


def mine_candidates(
    prompts: Sequence[SampledPrompt],
    *,
    guess_level: float | None,
    pool_share: float,
    max_repetition: float,
    max_length_ratio: float,
) -> tuple[Item, list[Candidate]]:
    """The rejected samples of one problem with their partners, hardest first; none: `Item.use` says why.

    Both sides end by themselves, do not repeat themselves (`max_repetition`, share of 4-grams), leak no
    Chinese and quote the choice that they number: a pair differs in the answer, not in the form.
    Hardness: z-score of the option's share of the wrong answers, plus z-score of the mean
    log-probability of a token; the leading `pool_share` is hard. Equal texts count once. The order of
    prompts and samples does not matter. `guess_level`: see `config.Pairs`; None: not checked.
    """
    prompts = sorted(prompts, key=lambda prompt: prompt.prompt.permutation)
    graded = [_graded(prompt, max_repetition) for prompt in prompts]
    samples = [answer for answers in graded for answer in answers]
    readable = [answer for answer in samples if answer.option]
    right = sum(answer.verdict.correct for answer in samples)
    rates = tuple(
        OrderRate(
            permutation=prompt.prompt.permutation,
            n=len(answers),
            right=sum(answer.verdict.correct for answer in answers),
        )
        for prompt, answers in zip(prompts, graded, strict=True)
    )
    use, candidates = _candidates(prompts, graded, guess_level, pool_share, max_length_ratio)
    item = Item(
        problem_id=prompts[0].prompt.problem_id,
        n=len(samples),
        right=right,
        readable=len(readable),
        pass_rate=round(right / len(samples), 4),
        why=dict(sorted(Counter(answer.verdict.why for answer in samples).items())),
        orders=rates,
        use=use,
    )
    return item, candidates


def _candidates(
    prompts: Sequence[SampledPrompt],
    graded: Sequence[Sequence[GradedSample]],
    guess_level: float | None,
    pool_share: float,
    max_length_ratio: float,
) -> tuple[str, list[Candidate]]:
    """(use, candidates) of a problem."""
    samples = [answer for answers in graded for answer in answers]
    if prompts[0].problem.kind == "long":
        return "no_rule_verifies_it", []
    if not any(answer.option for answer in samples):
        return "unreadable", []
    if all(answer.verdict.correct for answer in samples):
        return "all_right", []
    if not any(answer.verdict.correct for answer in samples):
        return "all_wrong", []
    chosen = [_distinct(a for a in answers if a.verdict.correct) for answers in graded]
    wrong = [
        _distinct(a for a in answers if a.option and not a.verdict.correct) for answers in graded
    ]
    if not any(chosen):
        return "no_well_formed_right_answer", []
    if not any(wrong):
        return "no_well_formed_wrong_answer", []
    both = [number for number in range(len(prompts)) if chosen[number] and wrong[number]]
    if not both:
        return "never_right_and_wrong_in_one_order", []
    if (
        guess_level is not None
        and prompts[0].problem.choices
        and guessing_p(prompts, graded) > guess_level
    ):
        return "no_better_than_guessing", []

    middle = statistics.median(answer.length for answer in samples if answer.option)
    wrong_votes = Counter(a.option for a in samples if a.option and not a.verdict.correct)
    candidates = []
    for number in both:
        near = sorted(
            chosen[number], key=lambda a: (abs(a.length - middle), a.length, a.sample.index)
        )
        for rejected in wrong[number]:
            fit = tuple(a for a in near if _ratio(a.length, rejected.length) <= max_length_ratio)
            if fit:
                candidates.append(Candidate(prompts[number], rejected, fit))
    if not candidates:
        return "lengths_too_different", []
    return "pairs", _hardest_first(candidates, wrong_votes, pool_share)


def _hardest_first(
    candidates: Sequence[Candidate], wrong_votes: Mapping[str, int], pool_share: float
) -> list[Candidate]:
    """The candidates by hardness, those of the pool marked."""
    shares = _z_scores([wrong_votes[c.rejected.option] for c in candidates])
    likelihoods = _z_scores([c.rejected.sample.logprob / c.rejected.length for c in candidates])
    hardness = [round(share + likely, 9) for share, likely in zip(shares, likelihoods, strict=True)]

    def rank(number: int) -> tuple[float, Order, int]:
        sample = candidates[number].rejected.sample
        return -hardness[number], sample.permutation, sample.index

    pool = math.ceil(pool_share * len(candidates))
    ranked = sorted(range(len(candidates)), key=rank)
    return [
        replace(candidates[n], hardness=hardness[n], hard=place < pool)
        for place, n in enumerate(ranked)
    ]


def _graded(prompt: SampledPrompt, max_repetition: float) -> list[GradedSample]:
    answers = []
    for sample in sorted(prompt.samples, key=lambda s: s.index):
        verdict = grade(prompt.problem, sample.text, sample.finish_reason)
        answers.append(
            GradedSample(
                sample,
                verdict,
                option=_option(verdict.answer, prompt),
                well_formed=verdict.answer is not None
                and sample.finish_reason == "stop"
                and repetition(sample.token_ids) <= max_repetition
                and not han_leak(sample.text, prompt.prompt.text).leaks
                and quotes_its_choice(prompt.problem, sample.text),
            )
        )
    return answers


def _option(answer: str | None, prompt: SampledPrompt) -> str:
    """A choice by its number in the problem as it stands, any other answer by its folded text."""
    if answer is None:
        return ""
    if not prompt.problem.choices:
        return fold(answer) or "(nothing)"
    order = prompt.prompt.permutation
    return str(order[int(answer) - 1] + 1) if order else answer


def _distinct(answers: Iterable[GradedSample]) -> list[GradedSample]:
    """The well-formed samples, of equal texts the first drawn."""
    first: dict[str, GradedSample] = {}
    for answer in answers:
        if answer.well_formed:
            first.setdefault(answer.sample.text, answer)
    return list(first.values())


def guessing_p(prompts: Sequence[SampledPrompt], graded: Sequence[Sequence[GradedSample]]) -> float:
    """The exact one-sided p-value of so many right samples of a choice problem, were they guesses.

    A guesser picks any choice, or a place: as often as the samples of the other orders picked the place
    where the gold answer stands in this one. Its rate is the higher of the two, each a mean over samples.
    """
    from scipy.stats import binomtest

    samples = sum(map(len, graded))
    right = sum(answer.verdict.correct for answers in graded for answer in answers)
    problem = prompts[0].problem
    by_place = 0.0
    for prompt, answers in zip(prompts, graded, strict=True):
        others = [a.verdict.answer for rest in graded if rest is not answers for a in rest]
        at_gold = sum(answer in prompt.problem.answers for answer in others)
        by_place += len(answers) / samples * at_gold / max(1, len(others))
    rate = max(len(problem.answers) / len(problem.choices), by_place)
    return float(binomtest(right, samples, min(1.0, rate), alternative="greater").pvalue)


def _ratio(some: int, other: int) -> float:
    return max(some, other) / min(some, other)


def _z_scores(values: Sequence[float]) -> list[float]:
    mean, spread = statistics.fmean(values), statistics.pstdev(values)
    return [(value - mean) / spread if spread > 1e-12 else 0.0 for value in values]
