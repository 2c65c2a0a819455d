"""solve: problems -> an abstraction each, then an answer with it, both adapters in one engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koalign.adapters.cards import check_adapter
from koalign.data.grading import grade
from koalign.data.prompts import Renderer
from koalign.engines import Engine, draw, open_engine, requests_for
from koalign.jsonl import parse_record, read_json, read_jsonl, write_jsonl
from koalign.records import Base, KoalignError, Problem, Sample, Solution, content_hash
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    problems = read_jsonl(inputs["prepare/test.jsonl"], Problem)
    if not problems:
        raise KoalignError("solve without a file solves the test split; set data.test, or give one")
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    steps = [inputs["abstraction/adapter"], inputs["answer/adapter"]]
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    for adapter in steps:
        check_adapter(adapter, base, renderer.hash)
    solutions = solve(config, base, renderer, problems, steps, out)
    write_jsonl(out / "answers.jsonl", solutions)
    return StageResult(counts=count_solutions(solutions))


def solve(
    config: Any,
    base: Base,
    renderer: Renderer,
    problems: Sequence[Problem],
    steps: Sequence[Path | None],
    work: Path,
) -> list[Solution]:
    """Answer the problems with one adapter alone, or with a hint from the first of two.

    Every completion is appended below `work` as it comes, so that a killed run goes on from there.
    """
    if not 1 <= len(steps) <= 2:
        raise KoalignError(f"--adapters: {len(steps)} steps; give `answer` or `abstraction,answer`")
    with open_engine(config.engine, config.model, base, steps) as engine:
        hints = {}
        if len(steps) == 2:
            written = _ask(engine, config, renderer, problems, steps[0], "abstraction", {}, work)
            # A hint that did not end is no hint; an empty one renders the bare prompt.
            hints = {s.problem_id: s.text.strip() for s in written if s.finish_reason == "stop"}
        answers = _ask(engine, config, renderer, problems, steps[-1], "answer", hints, work)
    return [
        _solution(problem, hints.get(problem.id, ""), sample)
        for problem, sample in zip(problems, answers, strict=True)
    ]


def count_solutions(solutions: Sequence[Solution]) -> dict[str, int]:
    """How many problems were answered, with and without a hint, and why the others were not."""
    counts = {
        "problems": len(solutions),
        "with_hint": sum(bool(s.abstraction) for s in solutions),
        "answered": sum(s.answer is not None for s in solutions),
    }
    for why in ("no_answer", "ambiguous", "truncated"):
        if count := sum(s.why == why for s in solutions):
            counts[why] = count
    return counts


def _ask(
    engine: Engine,
    config: Any,
    renderer: Renderer,
    problems: Sequence[Problem],
    adapter: Path | None,
    purpose: Any,
    hints: Mapping[str, str],
    work: Path,
) -> list[Sample]:
    asked = [renderer.render(p, purpose, hint=hints.get(p.id, "")) for p in problems]
    shown = [content_hash(hint) if (hint := hints.get(p.id, "")) else "" for p in problems]
    requests = requests_for(engine, asked, adapter, shown)
    path = work / f"{purpose}_samples.jsonl"
    drawn = draw(engine, requests, config.solve, path, title=f"solve: {purpose}", seed=config.seed)
    return [samples[0] for samples in drawn]


def _solution(problem: Problem, hint: str, sample: Sample) -> Solution:
    verdict = grade(problem, sample.text, sample.finish_reason)
    return Solution(
        id=problem.id,
        abstraction=hint,
        answer=verdict.answer,
        text=sample.text,
        why=None if verdict.answer is not None else verdict.why,
    )


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
)
