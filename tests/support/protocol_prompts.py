"""protocol_prompts: a protocol and problems -> their prompts, as `koalign benchmark` makes them."""

from __future__ import annotations

from collections.abc import Sequence

from koalign.data.prompting.prompts import Renderer, load_template
from koalign.evaluation.items import prompt_of, refuse_unfit, shots_of
from koalign.evaluation.protocols import Protocol
from koalign.records import Problem, Prompt


def prompts_of(
    protocol: Protocol,
    problems: Sequence[Problem],
    shots: int | None = None,
    pool: Sequence[Problem] = (),
) -> list[Prompt]:
    """The prompt of each problem, with the protocol's number of shots or another."""
    renderer = Renderer(load_template(protocol.template))
    refuse_unfit(protocol, problems)
    drawn = shots_of(protocol, renderer, problems, shots, pool)
    return [prompt_of(protocol, renderer, *pair) for pair in zip(problems, drawn, strict=True)]


def kmmlu(number: int, subject: str = "Law", **changes: object) -> Problem:
    return Problem(
        question=f"{subject} {number}번 죄는?",
        choices=("살인", "절도", "사기", "방화"),
        answers=(str(number % 4 + 1),),
        source="kmmlu",
        subject=subject,
    ).model_copy(update=changes)
