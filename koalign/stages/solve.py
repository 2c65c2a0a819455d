"""solve: problems -> hints and answers, both adapters in one engine -> the answer of most, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.answering.controls import draw_controls, right_alone
from koalign.answering.solving import Solver
from koalign.config.sections import Config
from koalign.data.prompting.prompts import Renderer
from koalign.engines.opening import open_engine
from koalign.evaluation.solving.report import SolvingReport, solving_report
from koalign.evaluation.solving.voting import (
    Attempt,
    Solution,
    count_solutions,
    figures_of,
    solve_by_vote,
)
from koalign.jsonl import JsonlAppender, read_jsonl, read_record, to_json_line
from koalign.records import Base, KoalignError, Problem
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult

ROLES = "abstraction,answer"
"""The adapters of the stage; a file is solved with any."""
ATTEMPTS = "attempts.jsonl"
ANSWERS = "answers.jsonl"


def run(config: Config, inputs: Mapping[str, Path], out: Path) -> StageResult:
    problems = read_jsonl(inputs["prepare/test.jsonl"], Problem)
    if not problems:
        raise KoalignError("solve without a file solves the test split; set data.test, or give one")
    if config.solve.adapters != ROLES:
        raise KoalignError(
            f"solve.adapters: the run solves its test split with {ROLES}, and not "
            f"{config.solve.adapters}; to compare others give `koalign solve` a file and -o"
        )
    base = read_record(inputs["prepare/base.json"], Base)
    steps = [inputs["abstraction/adapter"], inputs["answer/adapter"]]
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    for adapter in steps:
        check_adapter(adapter, base, renderer.hash)
    solutions = solve(config, base, renderer, problems, steps, out / ATTEMPTS, out / ANSWERS)
    return StageResult(count_solutions(solutions), figures_of(solutions))


def solve(
    config: Config,
    base: Base,
    renderer: Renderer,
    problems: Sequence[Problem],
    steps: Sequence[Path | None],
    attempts: Path,
    answers: Path,
) -> list[Solution]:
    """Answer the problems with one adapter alone, or with hints from the first of two.

    What was written is appended to `attempts`, and what it comes to behind it to `answers`, batch by
    batch; a killed run goes on from there. Raises KoalignError where `answers` holds anything else.
    """
    with (
        open_engine(config.engine, config.model, base, steps) as engine,
        JsonlAppender(answers, Solution) as file,
    ):
        solver = Solver(engine, config.solve, renderer, steps, config.seed)
        solutions: list[Solution] = []
        for batch in solver.attempts(problems, attempts):
            asked = problems[len(solutions) : len(solutions) + len(batch)]
            solutions += map(solve_by_vote, asked, batch)
            known = len(file.done)
            if file.done[: len(solutions)] != solutions[:known]:
                raise KoalignError(f"{answers}: holds other answers; take another -o, or --force")
            file.append(solutions[max(known, len(solutions) - len(batch)) :])
    return solutions


def goes_on(problems: Sequence[Problem], attempts: Path, answers: Path) -> bool:
    """Whether the file of answers is the beginning of what these attempts come to."""
    written = answers.read_bytes()
    if not attempts.exists():
        return not written
    with JsonlAppender(attempts, Attempt) as file:  # cuts off a half-written line
        tried = {attempt.id: attempt for attempt in file.done}
    lines = [
        to_json_line(solve_by_vote(problem, tried[problem.id])) + "\n"
        for problem in problems
        if problem.id in tried
    ]
    return "".join(lines).encode("utf-8").startswith(written)


def report_on(
    config: Config,
    base: Base,
    renderer: Renderer,
    problems: Sequence[Problem],
    steps: Sequence[Path | None],
    policy: Path | None,
    work: Path,
) -> SolvingReport:
    """Whether the attempts at these problems, which have gold answers, were worth their tokens."""
    with open_engine(config.engine, config.model, base, [*steps, policy]) as engine:
        solver = Solver(engine, config.solve, renderer, steps, config.seed)
        attempts = [one for batch in solver.attempts(problems, work / ATTEMPTS) for one in batch]
        controls = draw_controls(solver, problems, attempts, policy, work)
        alone, answer = (
            right_alone(solver, problems, adapter, work / "greedy_samples.jsonl")
            for adapter in (policy, steps[-1])
        )
    return solving_report(problems, attempts, controls, alone, answer)


STAGE = Stage(
    name="solve",
    command="solve",
    run=run,
    sections=("model", "prompt", "engine", "solve", "seed"),
    inputs=(
        "prepare/test.jsonl",
        "prepare/shots.jsonl",
        "prepare/base.json",
        "abstraction/adapter",
        "answer/adapter",
        "engine.script",
    ),
    version=2,
)
