"""voting: the hints and answers sampled for a problem -> which hints are used, and the majority answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, get_args

from koalign.evaluation.stats.tables import frequencies
from koalign.grading.grade import FinishReason, grade
from koalign.grading.visible import comparable
from koalign.records import Problem, Record, Sample, Verdict
from koalign.text.ngrams import character_ngrams, jaccard

ALIKE = 0.9
"""Hints of one problem from this Jaccard of character 5-grams on are one hint, as in `prepare`."""

Use = Literal["used", "repeated", "unfinished", "empty", "too_long", "states_an_answer"]
NoAnswer = Literal["no_answer", "ambiguous", "truncated"]


class Answer(Record):
    """One sampled answer."""

    text: str
    tokens: int
    """Generated tokens, end of turn included."""
    logprob: float
    """Sum over the tokens, in nats, under the untempered model."""
    finish_reason: FinishReason


class ShownHint(Record):
    """A hint, and whether it was used."""

    text: str
    use: Use
    """used; repeated: like an earlier hint, which gets one more answer in its place; else why it has no
    answers, and as many bare answers are sampled instead."""


class SampledHint(ShownHint):
    """A sampled hint, and the answers with it."""

    tokens: int
    prompt_tokens: int = 0
    """Of the prompt that shows it."""
    answers: tuple[Answer, ...] = ()


class Attempt(Record):
    """The hints and answers sampled for a problem: one line of `attempts.jsonl`."""

    id: str
    """Id of the problem."""
    hints: tuple[SampledHint, ...]
    bare: tuple[Answer, ...]
    """Answers without a hint."""
    hint_prompt_tokens: int
    bare_prompt_tokens: int


class Spent(Record):
    """Tokens that a problem cost."""

    prompt: int
    """Of all prompts, each once however many samples it had."""
    hints: int
    answers: int
    """Of the hinted answers."""
    bare: int
    """Of the bare answers."""

    @property
    def generated(self) -> int:
        """Generated tokens."""
        return self.hints + self.answers + self.bare


class Solution(Record):
    """One line of what `koalign solve` writes."""

    id: str
    """Id of the problem."""
    key: str = ""
    """What its source calls it."""
    hints: tuple[ShownHint, ...]
    votes: dict[str, int]
    """Answer -> samples that gave it; samples without an extracted answer do not vote."""
    agreement: float | None
    """Share of the votes for the answer; None: no sample votes."""
    answer: str | None
    """Of a choice problem the number of the choice; None: `why` says why."""
    abstraction: str
    """The hint in the prompt of `text`; empty: none."""
    text: str
    """The likeliest completion that gives the answer, whole."""
    tokens: Spent
    why: NoAnswer | None


@dataclass(frozen=True)
class Ballot:
    """The vote of one sample."""

    answer: str | None
    """None: it does not vote."""
    logprob: float
    """Mean over its tokens, in nats: a sum would prefer short samples."""
    place: int
    """Its number among the samples, which decides between equals."""


def elect(ballots: Sequence[Ballot], same: Callable[[str], str] = str) -> Ballot:
    """The likeliest ballot of the majority answer; needs at least one ballot.

    Answers that `same` makes equal are one. Ties go to the likeliest sample, then to the first. Where no
    sample votes the likeliest one is elected.
    """
    votes = count_votes(ballots, same)
    most = max(votes.values(), default=0)
    leading = [b for b in ballots if b.answer is not None and votes[same(b.answer)] == most]
    return max(leading or ballots, key=lambda ballot: (ballot.logprob, -ballot.place))


def count_votes(ballots: Sequence[Ballot], same: Callable[[str], str] = str) -> Counter[str]:
    """Votes by answer, as `same` writes it."""
    return Counter(same(ballot.answer) for ballot in ballots if ballot.answer is not None)


def sameness(problem: Problem) -> Callable[[str], str]:
    """The key by which two answers to the problem are one: the choice number, else the folded text."""
    return str if problem.choices else comparable


def vote_of(problem: Problem, answers: Sequence[Answer]) -> tuple[list[Ballot], Ballot]:
    """The ballots of the answers and the elected one; needs at least one answer."""
    ballots = [
        Ballot(
            _verdict(problem, answer.text, answer.finish_reason).answer,
            answer.logprob / max(1, answer.tokens),
            place,
        )
        for place, answer in enumerate(answers)
    ]
    return ballots, elect(ballots, sameness(problem))


def answers_of(attempt: Attempt) -> list[tuple[str, Answer]]:
    """All answers to a problem as (hint, answer), the bare ones last with an empty hint."""
    hinted = [(hint.text, answer) for hint in attempt.hints for answer in hint.answers]
    return [*hinted, *(("", answer) for answer in attempt.bare)]


def solve_by_vote(problem: Problem, attempt: Attempt) -> Solution:
    """The majority answer of all samples, hinted or bare, each with one vote."""
    answers = answers_of(attempt)
    ballots, elected = vote_of(problem, [answer for _, answer in answers])
    votes = count_votes(ballots, same := sameness(problem))
    agreement = None
    if elected.answer is not None:
        agreement = round(votes[same(elected.answer)] / votes.total(), 4)
    hint, chosen = answers[elected.place]
    why = _verdict(problem, chosen.text, chosen.finish_reason).why
    return Solution(
        id=problem.id,
        key=problem.key,
        hints=tuple(ShownHint(text=hint.text, use=hint.use) for hint in attempt.hints),
        votes=frequencies(votes.elements()),
        agreement=agreement,
        answer=elected.answer,
        abstraction=hint,
        text=chosen.text,
        tokens=spent(attempt),
        why=why if why in get_args(NoAnswer) else None,
    )


def spent(attempt: Attempt) -> Spent:
    """The tokens that the samples of a problem cost."""
    answered = [hint for hint in attempt.hints if hint.answers]
    prompts = [hint.prompt_tokens for hint in answered]
    prompts += [attempt.hint_prompt_tokens] if attempt.hints else []
    prompts += [attempt.bare_prompt_tokens] if attempt.bare else []
    return Spent(
        prompt=sum(prompts),
        hints=sum(hint.tokens for hint in attempt.hints),
        answers=sum(answer.tokens for hint in answered for answer in hint.answers),
        bare=sum(answer.tokens for answer in attempt.bare),
    )


def _verdict(problem: Problem, text: str, finish_reason: FinishReason) -> Verdict:
    """The answer of a completion, extracted without knowledge of the gold answer."""
    return grade(problem.model_copy(update={"answers": ()}), text, finish_reason)


def uses_of(problem: Problem, hints: Sequence[Sample], fits: Sequence[bool]) -> list[Use]:
    """How each hint of a problem is used; `fits`: whether the prompt with it leaves room for an answer.

    Needs no gold answer. A hint from which an answer can be extracted is refused: the answer adapter
    would repeat the guess of the hint adapter.
    """
    texts = [hint.text.strip() for hint in hints]
    grams = character_ngrams(texts, 5)
    uses: list[Use] = []
    for number, (text, hint) in enumerate(zip(texts, hints, strict=True)):
        if hint.finish_reason == "length":
            uses.append("unfinished")
        elif not text:
            uses.append("empty")
        elif not fits[number]:
            uses.append("too_long")
        elif problem.kind != "long" and _verdict(problem, text, "stop").why != "no_answer":
            uses.append("states_an_answer")
        elif any(
            use == "used" and jaccard(grams[earlier], grams[number]) >= ALIKE
            for earlier, use in enumerate(uses)
        ):
            uses.append("repeated")
        else:
            uses.append("used")
    return uses


def times_drawn(hints: Sequence[Sample], uses: Sequence[Use]) -> dict[int, int]:
    """Number of each used hint -> how often it was sampled: itself and the hints that repeat it."""
    grams = character_ngrams([hint.text.strip() for hint in hints], 5)
    times = {number: 1 for number, use in enumerate(uses) if use == "used"}
    for number, use in enumerate(uses):
        if use == "repeated":
            times[max(times, key=lambda other: jaccard(grams[other], grams[number]))] += 1
    return times


def count_solutions(solutions: Sequence[Solution]) -> dict[str, int]:
    """Problems that were answered, reasons why others were not, and uses of the hints."""
    uses = Counter(hint.use for solution in solutions for hint in solution.hints)
    why = Counter(solution.why for solution in solutions if solution.why)
    return {
        "problems": len(solutions),
        "answered": sum(solution.answer is not None for solution in solutions),
        "with_hint": sum(any(hint.use == "used" for hint in s.hints) for s in solutions),
        **dict(sorted(why.items())),
        **{f"hints_{use}": count for use, count in sorted(uses.items())},
    }


def figures_of(solutions: Sequence[Solution]) -> dict[str, float]:
    """Means over the problems: agreement of the votes (0 to 1) and tokens by kind."""
    agreements = [s.agreement for s in solutions if s.agreement is not None]
    return {
        "agreement": round(fmean(agreements), 4) if agreements else 0.0,
        **{
            f"{name}_tokens": round(fmean(getattr(s.tokens, name) for s in solutions), 2)
            for name in ("generated", "hints", "answers", "bare", "prompt")
        },
    }
