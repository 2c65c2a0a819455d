"""judging: problems with rationales -> how many of DRAWS answers are right with the rationale shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from koalign.config.inputs import Sampling
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import draw, fits, requests_for
from koalign.engines.engine import Engine
from koalign.grading.grade import grade
from koalign.mining.distilling.explaining import ask_by_rationale
from koalign.mining.distilling.teacher_calls import Call, Reply
from koalign.records import Problem, content_hash

DRAWS, ENOUGH = 8, 6
"""Answers drawn with each rationale, and how many of them must be right: 6 of 8 by guessing one of four
choices has a probability of 0.4 %."""


def calls_to_judge(problems: Sequence[Problem]) -> list[Call]:
    """DRAWS calls to a teacher for each problem, problem by problem."""
    return [call for problem in problems for call in ask_by_rationale(problem, DRAWS)]


def right_replies(problems: Sequence[Problem], replies: Sequence[Reply | None]) -> list[int]:
    """For each problem how many of its DRAWS replies are right."""
    return [
        sum(
            grade(problem, reply.text, reply.finish_reason).correct
            for reply in replies[DRAWS * number : DRAWS * (number + 1)]
            if reply is not None
        )
        for number, problem in enumerate(problems)
    ]


def judged_by(
    engine: Engine,
    adapter: Path,
    renderer: Renderer,
    problems: Sequence[Problem],
    sampling: Sampling,
    path: Path,
    seed: int,
) -> list[int]:
    """For each problem how many of DRAWS samples of the adapter are right, its rationale shown as a hint.

    The samples are appended to `path`. 0 where prompt and answer do not fit the context.
    """
    prompts = [renderer.render(problem, "answer", hint=problem.rationale) for problem in problems]
    names = [content_hash(problem.id, problem.rationale) for problem in problems]
    requests = {
        name: replace(request, abstraction_id=name)
        for name, request in zip(
            names, requests_for(engine, prompts, adapter, n=DRAWS), strict=True
        )
        if fits(engine, request, sampling)
    }
    drawn = draw(
        engine,
        list(requests.values()),
        sampling,
        path,
        title="distill: judged by the policy",
        seed=seed,
    )
    samples = dict(zip(requests, drawn, strict=True))
    return [
        sum(grade(problem, s.text, s.finish_reason).correct for s in samples.get(name, ()))
        for problem, name in zip(problems, names, strict=True)
    ]
