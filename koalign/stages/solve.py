"""solve: problems -> hints and answers, all adapters in one engine -> majority answers, line by line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from koalign.adapters.cards import adapter_id, check_adapter
from koalign.answering.controls import draw_controls, right_alone
from koalign.answering.queries import SampledQuery
from koalign.answering.solving import Solver
from koalign.config.narrowing import settings_of
from koalign.config.sections import Config, Solve
from koalign.data.prompting.prompts import Renderer
from koalign.engines.engine import Engine
from koalign.engines.opening import open_engine
from koalign.evaluation.solving.columns import Shown
from koalign.evaluation.solving.report import SolvingReport, solving_report
from koalign.evaluation.solving.solutions import (
    Solution,
    count_solutions,
    figures_of,
    solutions_of,
)
from koalign.evaluation.solving.voting import Attempt
from koalign.hashing import PLAN
from koalign.jsonl import (
    JsonlAppender,
    read_json,
    read_jsonl,
    read_record,
    to_json_line,
    write_json,
)
from koalign.parts import parts_of
from koalign.plans import Plan, other_plan
from koalign.records import Base, Drop, KoalignError, Problem, content_hash
from koalign.renderer import open_renderer
from koalign.retrieval.records import Passage
from koalign.run import ENGINE, PROMPTED, Inputs, Stage, StageResult

ROLES = "abstraction,answer"
"""The adapters of the stage; `koalign solve FILE` takes any."""
ATTEMPTS = "attempts.jsonl"
ANSWERS = "answers.jsonl"
NOT_ASKED = "not_asked.json"
"""Problem id -> why it cannot be asked."""
PROBLEMS, ADAPTERS, OUT = "file of problems", "set of adapters", "-o"
SHOTS, SHOWN = "prepare/shots.jsonl", "retrieve/passages.jsonl"
"""Inputs of the plan of a file's part."""


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    problems = read_jsonl(inputs["prepare/test.jsonl"], Problem)
    if not problems:
        raise KoalignError("solve: no test problems; set data.test, or name a FILE of problems")
    refuse_other_solving(config.solve)
    base = read_record(inputs["prepare/base.json"], Base)
    steps = [inputs["abstraction/adapter"], inputs["answer/adapter"]]
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    for adapter in steps:
        check_adapter(adapter, base, renderer.hash)
    solutions = solve(SolveJob(config, base, renderer, problems, steps, out, out / ANSWERS))
    return StageResult(count_solutions(solutions), figures_of(solutions))


def refuse_other_solving(section: Solve) -> None:
    """Raises KoalignError for other adapters than the run solves its test split with, and for passages."""
    if section.adapters != ROLES:
        raise KoalignError(
            f"solve.adapters: the run solves its test split with {ROLES}, and not "
            f"{section.adapters}; to compare others give `koalign solve` a file and -o"
        )
    if section.passages:
        raise KoalignError(
            "solve.passages: the run solves its test split with hints; for passages leave it out of the "
            "config, and give `koalign solve` -o, one step and -s solve.passages"
        )


@dataclass(frozen=True)
class SolveJob:
    """Problems to solve with the adapters of one or two steps."""

    config: Config
    base: Base
    renderer: Renderer
    rows: Sequence[Problem | Drop]
    """Rows of a file: problems, repeated ones too, and what could not be read."""
    steps: Sequence[Path | None]
    """Of two, the first generates hints; with one, all answers are bare, or with passages."""
    work: Path
    """Folder of the attempts and of the samples of the controls."""
    answers: Path
    """File of the solutions."""
    passages: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    """Problem id -> passages, with `solve.passages`."""
    queries: Mapping[str, SampledQuery] = field(default_factory=dict)
    """Problem id -> what a query adapter wrote to find them."""
    checked: Mapping[Path, str] = field(default_factory=dict)
    """Adapter -> its id when it was checked."""

    @property
    def problems(self) -> list[Problem]:
        """The problems of the rows, each once."""
        problems: dict[str, Problem] = {}
        for row in self.rows:
            if isinstance(row, Problem):
                problems.setdefault(row.id, row)
        return list(problems.values())

    @property
    def attempts(self) -> Path:
        """File of the attempts."""
        return self.work / ATTEMPTS

    def solver(self, engine: Engine) -> Solver:
        """The solver of this job on an engine that holds its adapters."""
        section, seed = self.config.solve, self.config.seed
        return Solver(engine, section, self.renderer, self.steps, seed, self.passages, self.queries)


def solve(job: SolveJob) -> list[Solution]:
    """The solutions, one a row, appended to `answers` batch by batch, each batch behind its attempts.

    A killed run continues from there. Raises KoalignError where `answers` holds anything else.
    """
    with (
        open_engine(job.config.engine, job.config.model, job.base, job.steps) as engine,
        JsonlAppender(job.answers, Solution) as file,
    ):
        engine.refuse_others(job.checked)
        solver = job.solver(engine)
        refused = solver.refusals(job.problems)
        if refused:
            write_json(job.work / NOT_ASKED, refused)
        solutions: list[Solution] = []
        attempts: dict[str, Attempt] = {}
        problems = [problem for problem in job.problems if problem.id not in refused]
        for batch in solver.attempts(problems, job.attempts):
            attempts |= {attempt.id: attempt for attempt in batch}
            further = list(solutions_of(job.rows[len(solutions) :], attempts, refused))
            solutions += further
            known = len(file.done)
            if file.done[: len(solutions)] != solutions[:known]:
                raise KoalignError(
                    f"{job.answers}: holds other answers; take another -o, or --force"
                )
            file.append(solutions[max(known, len(solutions) - len(further)) :])
    return solutions


def plan_of_file(job: SolveJob, adapters: Sequence[Path | None]) -> tuple[str, Plan]:
    """The name of a file's folder below `work`, `solving` of a run, and the plan of a part of it.

    The name is of all that the attempts depend on, so that the same question goes on in the same folder,
    and another one never meets its samples. The plan also says what the adapters were called by, and where
    the answers go: the parts of one whole have that in common.
    """
    config, shown = job.config, [[p.chunk_id for p in own] for own in job.passages.values()]
    plan = Plan(
        stage=STAGE.name,
        version=STAGE.version,
        template=job.renderer.hash,
        config={
            "solve": config.solve.model_dump(mode="json"),
            **settings_of(config, ("model", "engine")),
            "seed": config.seed,
        },
        inputs={
            PROBLEMS: content_hash([r.id if isinstance(r, Problem) else r.place for r in job.rows]),
            SHOTS: content_hash(job.renderer.shots),
            ADAPTERS: content_hash([adapter_id(step) if step else "" for step in adapters]),
            **({SHOWN: content_hash(shown)} if shown else {}),
        },
    )
    told = plan.model_dump(mode="json")
    del told["config"]["solve"]["adapters"]
    answers = {OUT: os.path.relpath(job.answers.resolve(), job.work.resolve())}
    return content_hash(told), plan.model_copy(update={"inputs": plan.inputs | answers})


def refuse_other_parts(work: Path, plan: Plan, problems: str) -> None:
    """Raises KoalignError where parts for the same file of answers were drawn by another plan."""
    run_dir = work.parents[1]
    paths = {PROBLEMS: Path(problems), ADAPTERS: run_dir}
    inputs = {name: paths.get(name, run_dir / name) for name in plan.inputs if name != OUT}
    for other in sorted(work.parent.glob("*")):
        for part in parts_of(other).values():
            try:
                made = read_record(part / PLAN, Plan)
            except KoalignError as error:
                reason = str(error).partition(";")[0]
                raise KoalignError(f"{reason}; remove {other}, and draw its parts again") from None
            if other != work and made.inputs.get(OUT) == plan.inputs[OUT]:
                raise KoalignError(
                    f"{part} was made with {other_plan(part, plan, inputs)}; take another -o, or remove "
                    f"{other}"
                )


def can_continue(job: SolveJob) -> bool:
    """Whether the file of answers is the beginning of the solutions of the job's attempts."""
    answers = job.answers.read_bytes()
    if not job.attempts.exists():
        return not answers
    with JsonlAppender(job.attempts, Attempt) as file:  # cuts off a half-written line
        attempts = {attempt.id: attempt for attempt in file.done}
    path = job.work / NOT_ASKED
    refused = read_json(path) if path.exists() else {}
    lines = [to_json_line(line) + "\n" for line in solutions_of(job.rows, attempts, refused)]
    return "".join(lines).encode("utf-8").startswith(answers)


def refuse_report(
    rows: Sequence[Problem | Drop], steps: Sequence[Path | None], passages: int
) -> None:
    """Raises KoalignError where a report has nothing to compare, or no answers to compare by."""
    if len(steps) != 2 and not passages:
        raise KoalignError(
            "--report: without hints or passages there is nothing to compare; name two --adapters, or set "
            "solve.passages"
        )
    problems = [row for row in rows if isinstance(row, Problem)]
    if without := sum(not problem.answers for problem in problems):
        raise KoalignError(
            f"--report: {without} of {len(problems)} problems have no answer to check against; give "
            "them answers, or leave --report out"
        )


def report_on(job: SolveJob, policy: Path | None) -> SolvingReport:
    """Whether abstractions or passages pay for their tokens on these problems, which have gold answers."""
    adapters = [*job.steps, policy]
    with open_engine(job.config.engine, job.config.model, job.base, adapters) as engine:
        solver = job.solver(engine)
        refused = solver.refusals(job.problems)
        problems = [problem for problem in job.problems if problem.id not in refused]
        batches = solver.attempts(problems, job.attempts)
        attempts = [attempt for batch in batches for attempt in batch]
        controls = draw_controls(solver, problems, attempts, policy, job.work)
        policy_right: list[bool] = []
        answer_right: list[bool] = []
        if policy != job.steps[-1]:
            path = job.work / "greedy_samples.jsonl"
            policy_right = right_alone(solver, problems, policy, path)
            answer_right = right_alone(solver, problems, job.steps[-1], path)
    shown: Shown = "passages" if job.passages else "hints"
    return solving_report(problems, attempts, controls, policy_right, answer_right, shown)


STAGE = Stage(
    name="solve",
    command="solve",
    run=run,
    sections=("model", "prompt", "engine", "solve", "seed"),
    inputs=(
        "prepare/test.jsonl",
        *PROMPTED,
        "abstraction/adapter",
        "answer/adapter",
        *ENGINE,
    ),
    version=18,
    draws=True,
)
