"""controls: what solving is measured against is drawn: the policy alone, and hints of other problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from koalign.answering.solving import Solver, hinted_requests, name_of, written_of
from koalign.config.inputs import Sampling
from koalign.data.grading.grade import grade
from koalign.engines.drawing import draw, requests_for
from koalign.evaluation.solving.controls import Controls, foreign_hints, samples_at_equal_tokens
from koalign.evaluation.solving.voting import Attempt, Written, spent
from koalign.records import Problem


def draw_controls(
    solver: Solver,
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    policy: Path | None,
    out: Path,
) -> Controls:
    """The controls of these attempts, appended sample by sample below `out`.

    Sampled as solving samples its answers; where that is greedy, bare answers are drawn with the
    defaults of `Sampling`, since all greedy ones would be the same.
    """
    bare = _bare(solver, problems, attempts, policy, out / "bare_samples.jsonl")
    foreign, prompts = _foreign(solver, problems, attempts, out / "foreign_samples.jsonl")
    return Controls(bare, foreign, prompts)


def _bare(
    solver: Solver,
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    policy: Path | None,
    path: Path,
) -> list[list[Written]]:
    engine, section = solver.engine, solver.section
    asked = [solver.renderer.render(problem, "answer") for problem in problems]
    requests = requests_for(engine, asked, policy)
    sampling = section if section.temperature else Sampling(max_tokens=section.max_tokens)
    tokens = sum(spent(attempt).generated for attempt in attempts)
    drawn: list[list[Written]] = [[] for _ in problems]
    n, enough = section.budget, False
    while not enough:
        have = len(drawn[0])
        further = [replace(request, n=n - have, first=have) for request in requests]
        more = draw(engine, further, sampling, path, title="bare at equal tokens", seed=solver.seed)
        drawn = [
            [*one, *map(written_of, samples)] for one, samples in zip(drawn, more, strict=True)
        ]
        n, enough = samples_at_equal_tokens(tokens, drawn)
    return [samples[:n] for samples in drawn]


def _foreign(
    solver: Solver, problems: Sequence[Problem], attempts: Sequence[Attempt], path: Path
) -> tuple[list[list[Written]], list[int]]:
    """Answers with hints of other problems, and the tokens of the prompts that show them."""
    lent = foreign_hints(problems, attempts, solver.seed)
    pairs = [(p, hint) for p, hints in zip(problems, lent, strict=True) for hint, _ in hints]
    requests = hinted_requests(solver.engine, solver.renderer, pairs, solver.steps[-1])
    counts = [n for hints in lent for _, n in hints]
    room = solver.engine.base.context - solver.section.max_tokens
    fitting = [
        replace(request, n=n)
        for request, n in zip(requests, counts, strict=True)
        if len(request.prompt_ids) <= room
    ]
    fitting.sort(key=lambda request: request.n)
    drawn = draw(
        solver.engine, fitting, solver.section, path, title="hints of other problems",
        seed=solver.seed,
    )  # fmt: skip
    found: dict[tuple[str, str], list[Written]] = {}
    prompt_tokens: dict[tuple[str, str], int] = {}
    for request, samples in zip(fitting, drawn, strict=True):
        key = request.problem_id, request.abstraction_id
        found[key] = [written_of(sample) for sample in samples]
        prompt_tokens[key] = len(request.prompt_ids)
    keys = [
        [(p.id, name_of(hint)) for hint, _ in hints]
        for p, hints in zip(problems, lent, strict=True)
    ]
    return (
        [[one for key in some for one in found.get(key, [])] for some in keys],
        [sum(prompt_tokens.get(key, 0) for key in some) for some in keys],
    )


def right_alone(
    solver: Solver, problems: Sequence[Problem], adapter: Path | None, path: Path
) -> list[bool]:
    """Whether the adapter answers each problem right, greedily and without a hint."""
    asked = [solver.renderer.render(problem, "answer") for problem in problems]
    drawn = draw(
        solver.engine,
        requests_for(solver.engine, asked, adapter),
        Sampling(temperature=0, top_p=1, max_tokens=solver.section.max_tokens),
        path,
        title="greedy answers",
        seed=solver.seed,
    )
    return [
        grade(problem, one.text, one.finish_reason).correct
        for problem, (one,) in zip(problems, drawn, strict=True)
    ]
