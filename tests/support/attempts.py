"""attempts: problems on cities, and what was right and wrong of the answers sampled for them."""

from __future__ import annotations

from koalign.evaluation.solving.columns import Column
from koalign.evaluation.solving.report import SolvingReport
from koalign.evaluation.solving.voting import Answer, Attempt, SampledHint
from koalign.records import Problem

RIGHT, WRONG = "정답: 2", "정답: 1"


def problem(number: int, passage: str = "") -> Problem:
    return Problem(
        question=f"{number}번 사람이 사는 곳은?", choices=("서울", "부산", "대구"), answers=("2",), passage=passage
    )  # fmt: skip


def said(right: bool, tokens: int = 10, logprob: float = -1.0) -> Answer:
    text = RIGHT if right else WRONG
    return Answer(text=text, tokens=tokens, logprob=logprob, finish_reason="stop")


def attempt(one: Problem, hinted: list[bool], bare: list[bool], hint: str = "") -> Attempt:
    tried = SampledHint(
        text=hint or f"{one.question} 실마리", use="used", tokens=20, prompt_tokens=50,
        answers=tuple(map(said, hinted)),
    )  # fmt: skip
    return Attempt(
        id=one.id, hints=(tried,) if hinted else (), bare=tuple(map(said, bare)),
        hint_prompt_tokens=40, bare_prompt_tokens=30,
    )  # fmt: skip


def column(found: SolvingReport, name: str) -> Column:
    return next(one for one in found.columns if one.name == name)
