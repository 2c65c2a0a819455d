"""voting: what was written for a problem -> which hints are used, and the answer of most samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from koalign.data.grading.extract import comparable
from koalign.data.grading.grade import FinishReason, grade
from koalign.data.text.ngrams import character_ngrams, jaccard
from koalign.records import Problem, Record, Sample, Verdict

ALIKE = 0.9
"""Hints of one problem from this Jaccard of character 5-grams on are one hint, as in `prepare`."""

Use = Literal["used", "repeated", "unfinished", "empty", "too_long", "states_an_answer"]
NoAnswer = Literal["no_answer", "ambiguous", "truncated"]


class Written(Record):
    """What was written in one draw."""

    text: str
    tokens: int
    """Generated, the end of the turn among them."""
    logprob: float
    """Sum over the tokens, in nats, under the untempered model."""
    finish_reason: FinishReason


class TriedHint(Record):
    """A hint that was drawn, and what was answered with it."""

    text: str
    use: Use
    """used; repeated: it says what an earlier one says, which is answered with once more in its place;
    else why nothing was answered with it, and as often without any hint instead."""
    tokens: int
    prompt_tokens: int = 0
    """Of the prompt that shows it."""
    answers: tuple[Written, ...] = ()


class Attempt(Record):
    """All that was written for a problem: one line of `attempts.jsonl`."""

    id: str
    """Id of the problem."""
    hints: tuple[TriedHint, ...]
    bare: tuple[Written, ...]
    """Answers without a hint."""
    hint_prompt_tokens: int
    bare_prompt_tokens: int


class Spent(Record):
    """Tokens that a problem cost."""

    prompt: int
    """Of all prompts that were read, each once however many samples it had."""
    hints: int
    answers: int
    """Of the answers with a hint."""
    bare: int
    """Of those without."""

    @property
    def generated(self) -> int:
        """What was written."""
        return self.hints + self.answers + self.bare


class ShownHint(Record):
    """A hint, and whether it was used."""

    text: str
    use: Use


class Solution(Record):
    """One line of what `koalign solve` writes."""

    id: str
    """Id of the problem."""
    key: str = ""
    """What its source calls it."""
    hints: tuple[ShownHint, ...]
    votes: dict[str, int]
    """Answer -> samples that gave it; samples without a readable answer do not vote."""
    agreement: float | None
    """Share of the votes that the answer got; none: nobody voted."""
    answer: str | None
    """Of a choice problem the number of the choice; none: `why` says why."""
    abstraction: str
    """The hint that the text below was written with; empty: none."""
    text: str
    """The likeliest of the completions that give the answer, whole."""
    tokens: Spent
    why: NoAnswer | None


@dataclass(frozen=True)
class Ballot:
    """One sample as it votes."""

    answer: str | None
    """None: it does not vote."""
    logprob: float
    """Mean over its tokens, in nats: a sum would prefer what is short."""
    place: int
    """Its number among the samples: the last word among equals, whatever order they come in."""


def elect(ballots: Sequence[Ballot], same: Callable[[str], str] = str) -> Ballot:
    """The ballot that speaks for the majority; needs one ballot.

    Answers that `same` makes equal are one. Of answers with equally many votes wins that of the
    likeliest sample, and then that of the first; where nobody votes, the likeliest sample stands for all.
    """
    votes = count_votes(ballots, same)
    most = max(votes.values(), default=0)
    leading = [b for b in ballots if b.answer is not None and votes[same(b.answer)] == most]
    return max(leading or ballots, key=lambda ballot: (ballot.logprob, -ballot.place))


def count_votes(ballots: Sequence[Ballot], same: Callable[[str], str] = str) -> Counter[str]:
    """How many ballots each answer has, as `same` writes it."""
    return Counter(same(ballot.answer) for ballot in ballots if ballot.answer is not None)


def sameness(problem: Problem) -> Callable[[str], str]:
    """What makes two answers to the problem one: of a choice its number, else the folded text."""
    return str if problem.choices else comparable


def vote_of(problem: Problem, written: Sequence[Written]) -> tuple[list[Ballot], Ballot]:
    """How completions vote, each once, and the ballot that is elected; needs one completion."""
    ballots = [
        Ballot(
            _read(problem, one.text, one.finish_reason).answer,
            one.logprob / max(1, one.tokens),
            place,
        )
        for place, one in enumerate(written)
    ]
    return ballots, elect(ballots, sameness(problem))


def drawn_for(attempt: Attempt) -> list[tuple[str, Written]]:
    """All answers to a problem beside their hints, the bare ones last."""
    hinted = [(hint.text, one) for hint in attempt.hints for one in hint.answers]
    return [*hinted, *(("", one) for one in attempt.bare)]


def solve_by_vote(problem: Problem, attempt: Attempt) -> Solution:
    """What the samples of a problem come to, each with one vote, hinted or bare."""
    drawn = drawn_for(attempt)
    ballots, elected = vote_of(problem, [one for _, one in drawn])
    same = sameness(problem)
    votes = count_votes(ballots, same)
    hint, written = drawn[elected.place]
    answer = elected.answer
    why = _read(problem, written.text, written.finish_reason).why
    return Solution(
        id=problem.id,
        key=problem.key,
        hints=tuple(ShownHint(text=one.text, use=one.use) for one in attempt.hints),
        votes=dict(sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))),
        agreement=None if answer is None else round(votes[same(answer)] / votes.total(), 4),
        answer=answer,
        abstraction=hint,
        text=written.text,
        tokens=spent(attempt),
        why=why if why in ("no_answer", "ambiguous", "truncated") else None,
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
        answers=sum(one.tokens for hint in answered for one in hint.answers),
        bare=sum(one.tokens for one in attempt.bare),
    )


def _read(problem: Problem, text: str, finish_reason: FinishReason) -> Verdict:
    """What a completion answers; the gold answer has no say in how it is read."""
    return grade(problem.model_copy(update={"answers": ()}), text, finish_reason)


def uses_of(problem: Problem, hints: Sequence[Sample], fits: Sequence[bool]) -> list[Use]:
    """Which of a problem's hints are worth an answer; `fits`: whether their prompts leave room for one.

    Needs no gold answer. A hint that reads as an answer is none: it would make the answer adapter
    repeat what another adapter guessed.
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
        elif _reads_as_an_answer(problem, text):
            uses.append("states_an_answer")
        elif any(
            use == "used" and jaccard(grams[earlier], grams[number]) >= ALIKE
            for earlier, use in enumerate(uses)
        ):
            uses.append("repeated")
        else:
            uses.append("used")
    return uses


def _reads_as_an_answer(problem: Problem, text: str) -> bool:
    return problem.kind != "long" and _read(problem, text, "stop").why != "no_answer"


def times_drawn(hints: Sequence[Sample], uses: Sequence[Use]) -> dict[int, int]:
    """Number of each used hint -> how often it was drawn: once, and once for each that repeats it."""
    grams = character_ngrams([hint.text.strip() for hint in hints], 5)
    times = {number: 1 for number, use in enumerate(uses) if use == "used"}
    for number, use in enumerate(uses):
        if use == "repeated":
            times[max(times, key=lambda other: jaccard(grams[other], grams[number]))] += 1
    return times


def count_solutions(solutions: Sequence[Solution]) -> dict[str, int]:
    """How many problems were answered, why the others were not, and what became of the hints."""
    uses = Counter(hint.use for solution in solutions for hint in solution.hints)
    why = Counter(solution.why for solution in solutions if solution.why)
    return {
        "problems": len(solutions),
        "answered": sum(solution.answer is not None for solution in solutions),
        "with_hint": sum(
            any(hint.use == "used" for hint in solution.hints) for solution in solutions
        ),
        **dict(sorted(why.items())),
        **{f"hints_{use}": count for use, count in sorted(uses.items())},
    }


def figures_of(solutions: Sequence[Solution]) -> dict[str, float]:
    """Agreement of the votes, and tokens a problem: means over the problems."""
    agreements = [one.agreement for one in solutions if one.agreement is not None]
    return {
        "agreement": round(fmean(agreements), 4) if agreements else 0.0,
        **{
            f"{name}_tokens": round(fmean(getattr(one.tokens, name) for one in solutions), 2)
            for name in ("generated", "hints", "answers", "bare", "prompt")
        },
    }
