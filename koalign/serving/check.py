"""check: stored completions of a run, asked again -> the same texts, or a refusal that names one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from koalign.answering.solving import hint_id
from koalign.config.inputs import Sampling
from koalign.data.prompting.prompts import Purpose
from koalign.engines.drawing import requests_for
from koalign.evaluation.protocols import load_protocol
from koalign.evaluation.solving.voting import Attempt
from koalign.hashing import PLAN
from koalign.jsonl import read_jsonl
from koalign.manifests import output_of, read_made, read_manifest
from koalign.plans import Plan
from koalign.records import KoalignError, Problem, Sample
from koalign.run import Stage
from koalign.serving.queue import Backend
from koalign.serving.served import ServedRun
from koalign.stages import evaluate, solve
from koalign.text.visible import shown

COUNT = 3
"""Stored problems of each adapter."""
EXACT = ("hf", "scripted")
"""Engines whose seeded samples are the same in every batch; of others only greedy ones are held."""


@dataclass(frozen=True)
class Stored:
    """Completions of one prompt that a stage of the run has stored."""

    adapter: Path
    problem: Problem
    texts: tuple[str, ...]
    sampling: Sampling
    seed: int
    purpose: Purpose = "answer"
    hint: str = ""
    """In the prompt."""
    stop: tuple[str, ...] = ()


async def check_stored(run: ServedRun, backend: Backend) -> int:
    """How many stored completions came out as stored; 0: the run has stored none that could be held.

    Raises KoalignError with the first that did not: base, adapter, template or engine are others then.
    """
    count = 0
    for stored in [*_of_evaluate(run), *_of_solve(run)]:
        prompt = run.renderer.render(stored.problem, stored.purpose, hint=stored.hint)
        (request,) = requests_for(
            backend.engine, [prompt], stored.adapter, [hint_id(stored.hint)], n=len(stored.texts)
        )
        (samples,) = await backend.generate([request], stored.sampling, stored.seed, stored.stop)
        for text, sample in zip(stored.texts, samples, strict=True):
            if sample.text.strip() != text.strip():
                raise KoalignError(
                    f"{stored.adapter.parent.name}: writes otherwise than the run has stored (problem "
                    f"{stored.problem.name}; stored {shown(text)[:100]!r}, now "
                    f"{shown(sample.text)[:100]!r}); serve with the engine, the dtype and the config of "
                    "the run, or with --unchecked"
                )
            count += 1
    return count


def _of_evaluate(run: ServedRun) -> Iterator[Stored]:
    """What each adapter answered greedily and without a hint."""
    folder = run.run_dir / "evaluate"
    plan, problems = _plan(folder, evaluate.STAGE), _problems(run)
    if plan is None:
        return
    served = {its: adapter for adapter, its in run.ids.items()}
    sampling = Sampling(temperature=0, top_p=1, max_tokens=plan.config["solve"]["max_tokens"])
    stop = load_protocol(run.config.prompt.template).stop
    for path in sorted(folder.glob("*/samples.jsonl")):
        name = path.relative_to(run.run_dir).as_posix()
        samples = read_jsonl(output_of(run.run_dir, name, "serve"), Sample)
        own = (s for s in samples if s.adapter in served and s.problem_id in problems)
        for sample in islice(own, COUNT):
            yield Stored(
                served[sample.adapter], problems[sample.problem_id], (sample.text,), sampling,
                plan.config["seed"], stop=stop,
            )  # fmt: skip


def _of_solve(run: ServedRun) -> Iterator[Stored]:
    """The hints and hinted answers of `solve`, where it was greedy or the engine is EXACT."""
    folder, config = run.run_dir / "solve", run.config
    made = [run.run_dir / name / "adapter" for name in ("abstraction", "answer")]
    plan, problems, section = _plan(folder, solve.STAGE), _problems(run), config.solve
    if plan is None or not set(made) <= set(run.adapters):
        return
    exact = section.temperature == section.hint_temperature == 0 or (
        plan.config["engine"]["backend"] == config.engine.result.backend
        and config.engine.result.backend in EXACT
    )
    if not exact or plan.config["solve"] != section.model_dump(mode="json"):
        return
    attempts = read_jsonl(output_of(run.run_dir, "solve/attempts.jsonl", "serve"), Attempt)
    for attempt in islice((a for a in attempts if a.id in problems and a.hints), COUNT):
        problem, seed = problems[attempt.id], plan.config["seed"]
        hints = tuple(hint.text for hint in attempt.hints)
        yield Stored(made[0], problem, hints, section.for_hints, seed, "abstraction")
        for hint in attempt.hints:
            if hint.answers:
                texts = tuple(answer.text for answer in hint.answers)
                yield Stored(made[1], problem, texts, section, seed, hint=hint.text)


def _plan(folder: Path, stage: Stage) -> Plan | None:
    """The plan of a finished stage; none where it is not, and where another version made it."""
    if read_manifest(folder) is None:
        return None
    plan = read_made(folder / PLAN, Plan)
    return plan if plan.version == stage.version else None


def _problems(run: ServedRun) -> Mapping[str, Problem]:
    path = output_of(run.run_dir, "prepare/test.jsonl", "serve")
    return {problem.id: problem for problem in read_jsonl(path, Problem)}
