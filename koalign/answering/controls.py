"""controls: attempts -> what they are compared with: answers of the policy alone, and under other hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from koalign.answering.solving import Solver, answer_of, hint_id, hinted_requests
from koalign.config.inputs import Sampling
from koalign.engines.drawing import draw, fits, requests_for
from koalign.evaluation.solving.controls import (
    MOST_VOTES,
    Controls,
    mismatched_hints,
    own_hints,
    samples_at_equal_tokens,
    total_tokens_beside,
    under_hints,
)
from koalign.evaluation.solving.voting import Answer, Attempt, spent
from koalign.grading.grade import grade
from koalign.records import Problem
from koalign.retrieval.mismatched import mismatched_passages
from koalign.retrieval.records import passages_text


def draw_controls(
    solver: Solver,
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    policy: Path | None,
    out: Path,
) -> Controls:
    """The controls of these attempts, appended sample by sample below `out`.

    Those at equal total tokens belong to passages, which cost prompt tokens and none that are written.
    """
    task = solver, problems, attempts
    bare = votes_at_equal_written(*task, policy, out / "bare_samples.jsonl")
    total: list[Attempt] = []
    if solver.passages:
        total = votes_at_equal_total(*task, bare, policy, out / "total_samples.jsonl")
    mismatched = under_mismatched(*task, out / "mismatched_samples.jsonl")
    return Controls(bare, mismatched, total)


def votes_at_equal_written(
    solver: Solver,
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    adapter: Path | None,
    path: Path,
) -> list[Attempt]:
    """An adapter's answers alone, so many that they write as many tokens as the attempts did."""
    tokens = sum(spent(attempt).generated for attempt in attempts)
    return bare_attempts(solver, problems, adapter, tokens, path)


def votes_at_equal_total(
    solver: Solver,
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    written: Sequence[Attempt],
    adapter: Path | None,
    path: Path,
) -> list[Attempt]:
    """The answers at equal written tokens, and further ones until prompts are paid for too.

    At most MOST_VOTES of a problem.
    """
    most = max(MOST_VOTES, len(written[0].bare))
    tokens = total_tokens_beside(attempts, written)
    return bare_attempts(solver, problems, adapter, tokens, path, most, written)


def under_mismatched(
    solver: Solver, problems: Sequence[Problem], attempts: Sequence[Attempt], path: Path
) -> list[Attempt]:
    """The attempts with hints, or passages, of other problems."""
    if not solver.passages:
        hints = mismatched_hints(problems, attempts, solver.seed)
        return attempts_under(solver, problems, attempts, hints, path)
    others = mismatched_passages(problems, solver.passages, solver.seed)
    hints = [
        [(passages_text(of_others), n) for hint, n in own if hint and of_others]
        for of_others, own in zip(others, own_hints(attempts), strict=True)
    ]
    return attempts_under(solver, problems, attempts, hints, path)


def bare_attempts(
    solver: Solver,
    problems: Sequence[Problem],
    adapter: Path | None,
    tokens: int,
    path: Path,
    most: float = inf,
    begun: Sequence[Attempt] = (),
) -> list[Attempt]:
    """An adapter's answers without hints, equally many for each problem, to write `tokens` in total.

    At least one answer, at most `most`; the first are those of `begun`. Sampled as solving samples its
    answers; where that is greedy, with the defaults of `Sampling`, since all greedy ones would be the same.
    Samples are appended to `path`, and those there are not drawn again.
    """
    engine, section = solver.engine, solver.section
    prompts = [solver.renderer.render(problem, "answer") for problem in problems]
    requests = requests_for(engine, prompts, adapter)
    usual = Sampling()
    warm = {"temperature": usual.temperature, "top_p": usual.top_p}
    sampling = section if section.temperature else section.model_copy(update=warm)
    answers: list[list[Answer]] = [list(attempt.bare) for attempt in begun] or [
        [] for _ in problems
    ]
    n, enough = section.budget, False
    if begun:
        n, enough = samples_at_equal_tokens(tokens, answers, most)
    while not enough:
        first = len(answers[0])
        further = [replace(request, n=n - first, first=first) for request in requests]
        drawn = draw(
            engine, further, sampling, path, title="bare at equal tokens", seed=solver.seed
        )
        for of_problem, samples in zip(answers, drawn, strict=True):
            of_problem.extend(map(answer_of, samples))
        n, enough = samples_at_equal_tokens(tokens, answers, most)
    return [
        Attempt(
            id=problem.id,
            hints=(),
            bare=tuple(of_problem[:n]),
            hint_prompt_tokens=0,
            bare_prompt_tokens=len(request.prompt_ids),
        )
        for problem, request, of_problem in zip(problems, requests, answers, strict=True)
    ]


def attempts_under(
    solver: Solver,
    problems: Sequence[Problem],
    attempts: Sequence[Attempt],
    hints: Sequence[Sequence[tuple[str, int]]],
    path: Path,
) -> list[Attempt]:
    """The attempts with these (hint, number of answers) in place of their used hints, answered anew.

    By the last of the solver's steps; "" stands for no hint, in place of their bare answers. A hint that
    leaves no room for an answer in the context has none.
    """
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
        if fits(solver.engine, request, solver.section)
    ]
    requests.sort(key=lambda request: request.n)
    title = path.stem.replace("_samples", " hints")
    drawn = draw(solver.engine, requests, solver.section, path, title=title, seed=solver.seed)
    answers = {
        (request.problem_id, request.abstraction_id): (
            len(request.prompt_ids),
            [answer_of(sample) for sample in samples],
        )
        for request, samples in zip(requests, drawn, strict=True)
    }
    return [
        under_hints(
            attempt,
            [
                (hint, *answers[key])
                for hint, _ in own
                if (key := (problem.id, hint_id(hint))) in answers
            ],
        )
        for problem, attempt, own in zip(problems, attempts, hints, strict=True)
    ]


def right_alone(
    solver: Solver, problems: Sequence[Problem], adapter: Path | None, path: Path
) -> list[bool]:
    """Whether the adapter answers each problem right, greedily and without a hint."""
    prompts = [solver.renderer.render(problem, "answer") for problem in problems]
    drawn = draw(
        solver.engine,
        requests_for(solver.engine, prompts, adapter),
        solver.section.greedy,
        path,
        title="greedy answers",
        seed=solver.seed,
    )
    return [
        grade(problem, sample.text, sample.finish_reason).correct
        for problem, (sample,) in zip(problems, drawn, strict=True)
    ]
