"""controls: attempts -> the answers they are compared with: the policy alone, and mismatched hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from koalign.answering.solving import Solver, answer_of, hint_id, hinted_requests
from koalign.config.inputs import Sampling
from koalign.data.grading.grade import grade
from koalign.engines.drawing import draw, requests_for
from koalign.evaluation.solving.controls import (
    Controls,
    mismatched_hints,
    samples_at_equal_tokens,
)
from koalign.evaluation.solving.voting import Answer, Attempt, spent
from koalign.records import Problem


def draw_controls(
    solver: Solver,
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    policy: Path | None,
    out: Path,
) -> Controls:
    """The controls of these attempts, appended sample by sample below `out`.

    Sampled as solving samples its answers. Where that is greedy, bare answers are drawn with the
    defaults of `Sampling`, since all greedy ones would be the same.
    """
    bare = _bare_answers(solver, problems, attempts, policy, out / "bare_samples.jsonl")
    mismatched = _mismatched_answers(solver, problems, attempts, out / "mismatched_samples.jsonl")
    return Controls(bare, *mismatched)


def _bare_answers(
    solver: Solver,
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    policy: Path | None,
    path: Path,
) -> list[list[Answer]]:
    engine, section = solver.engine, solver.section
    prompts = [solver.renderer.render(problem, "answer") for problem in problems]
    requests = requests_for(engine, prompts, policy)
    sampling = section if section.temperature else Sampling(max_tokens=section.max_tokens)
    tokens = sum(spent(attempt).generated for attempt in attempts)
    answers: list[list[Answer]] = [[] for _ in problems]
    n, enough = section.budget, False
    while not enough:
        first = len(answers[0])
        further = [replace(request, n=n - first, first=first) for request in requests]
        drawn = draw(
            engine, further, sampling, path, title="bare at equal tokens", seed=solver.seed
        )
        for of_problem, samples in zip(answers, drawn, strict=True):
            of_problem.extend(map(answer_of, samples))
        n, enough = samples_at_equal_tokens(tokens, answers)
    return [of_problem[:n] for of_problem in answers]


def _mismatched_answers(
    solver: Solver, problems: Sequence[Problem], attempts: Sequence[Attempt], path: Path
) -> tuple[list[list[Answer]], list[int]]:
    """Answers with hints of other problems, and the tokens of the prompts with them."""
    hints = mismatched_hints(problems, attempts, solver.seed)
    rows = [(p, hint, n) for p, own in zip(problems, hints, strict=True) for hint, n in own]
    requests = [
        replace(request, n=n)
        for request, (_, _, n) in zip(
            hinted_requests(
                solver.engine, solver.renderer, [(p, hint) for p, hint, _ in rows], solver.steps[-1]
            ),
            rows,
            strict=True,
        )
        if solver.fits(request)
    ]
    requests.sort(key=lambda request: request.n)
    drawn = draw(
        solver.engine, requests, solver.section, path, title="mismatched hints", seed=solver.seed
    )
    answers = {
        (request.problem_id, request.abstraction_id): (
            [answer_of(sample) for sample in samples],
            len(request.prompt_ids),
        )
        for request, samples in zip(requests, drawn, strict=True)
    }
    of_problems = [
        [answers[key] for hint, _ in own if (key := (problem.id, hint_id(hint))) in answers]
        for problem, own in zip(problems, hints, strict=True)
    ]
    return (
        [[answer for of_hint, _ in own for answer in of_hint] for own in of_problems],
        [sum(tokens for _, tokens in own) for own in of_problems],
    )


def right_alone(
    solver: Solver, problems: Sequence[Problem], adapter: Path | None, path: Path
) -> list[bool]:
    """Whether the adapter answers each problem right, greedily and without a hint."""
    prompts = [solver.renderer.render(problem, "answer") for problem in problems]
    drawn = draw(
        solver.engine,
        requests_for(solver.engine, prompts, adapter),
        Sampling(temperature=0, top_p=1, max_tokens=solver.section.max_tokens),
        path,
        title="greedy answers",
        seed=solver.seed,
    )
    return [
        grade(problem, sample.text, sample.finish_reason).correct
        for problem, (sample,) in zip(problems, drawn, strict=True)
    ]
