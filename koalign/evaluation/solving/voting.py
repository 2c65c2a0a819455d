"""voting: the hints and answers sampled for a problem -> which hints are used, and the elected answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from koalign.grading.grade import FinishReason, grade
from koalign.grading.visible import comparable
from koalign.records import Problem, Record, Sample, Verdict
from koalign.text.ngrams import character_ngrams, jaccard

ALIKE = 0.9
"""Hints of one problem from this Jaccard of character 5-grams on are one hint, as in `prepare`."""

CUT = 0.1
"""Share of the hints that are cut off from which a line says so. A rule of thumb."""

Use = Literal["used", "repeated", "unfinished", "empty", "too_long", "states_an_answer"]


class Answer(Record):
    """One sampled answer."""

    text: str
    tokens: int
    """Generated tokens, end of turn included."""
    logprob: float
    """Sum over the tokens, in nats, under the untempered model."""
    finish_reason: FinishReason


class ShownPassage(Record):
    """Where a passage in a prompt comes from."""

    document: str
    title: str
    source: str
    licence: str
    """Empty: unknown."""
    chunk_id: str


class ShownHint(Record):
    """A hint, or passages in its place, and whether it was used."""

    text: str
    use: Use
    """used; repeated: like an earlier hint, which gets one more answer in its place; else why it has no
    answers, and as many bare answers are sampled instead."""
    passages: tuple[ShownPassage, ...] = Field(default=(), exclude_if=lambda value: not value)
    """Of which the text is made, best first; empty: a sampled hint."""
    query: str | None = Field(default=None, exclude_if=lambda value: value is None)
    """What an adapter wrote to find the passages; empty: nothing, so that the problem's own text was looked
    for. None: no adapter was asked."""


class SampledHint(ShownHint):
    """A sampled hint, and the answers with it."""

    tokens: int
    """Of the hint, or of the query that found the passages."""
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
            read_verdict(problem, answer.text, answer.finish_reason).answer,
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


def read_verdict(problem: Problem, text: str, finish_reason: FinishReason) -> Verdict:
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
        elif problem.kind != "long" and read_verdict(problem, text, "stop").why != "no_answer":
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
