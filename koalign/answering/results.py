"""results: the answers of a system -> predictions.jsonl, and results.json last."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import koalign
from koalign.answering.system import Answers, System
from koalign.config.inputs import Sampling
from koalign.config.narrowing import settings_of
from koalign.config.sections import Config
from koalign.engines.engine import Engine
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.figures import results_of
from koalign.evaluation.metrics.nikl_metrics import Scorer, rouge_1
from koalign.evaluation.report import report_of
from koalign.evaluation.results import PREDICTIONS, RESULTS, Evaluation, hash_predictions
from koalign.jsonl import write_json, write_jsonl
from koalign.provenance import git_commit, package_versions
from koalign.records import content_hash


def write_results(
    benchmark: Benchmark,
    system: System,
    answers: Answers,
    out: Path,
    *,
    engine: Engine,
    settings: dict[str, Any],
    dtype: str,
    seconds: dict[str, float],
    peak_memory_mb: float,
) -> None:
    """Write predictions.jsonl, and results.json with all figures last."""
    protocol, predictions = benchmark.protocol, answers.predictions
    results, notes = results_of(protocol, benchmark.problems, predictions, _scorers())
    first = {problem.id: n for n, problem in reversed(list(enumerate(benchmark.problems)))}
    once = sorted(first.values())
    tokens = {
        "prompt": sum(p.prompt_tokens for p in predictions),
        "generated": sum(p.completion_tokens for p in predictions),
    }
    write_jsonl(out / PREDICTIONS, predictions)
    evaluation = Evaluation(
        protocol=protocol.name,
        mode=protocol.mode,
        template=benchmark.renderer.template.name,
        template_hash=benchmark.renderer.hash,
        shots=benchmark.renderer.shots,
        samples=benchmark.samples,
        model=system.base.path,
        weight_hash=system.base.weight_hash,
        tokenizer_hash=system.base.tokenizer_hash,
        context=system.base.context,
        settings=settings,
        adapters=system.adapters,
        stack=[card.model_dump(mode="json") for card in system.cards],
        dtype=dtype,
        engine=engine.name,
        left_out=tuple(sorted(engine.left_out)),
        data=dict(benchmark.data),
        items=content_hash(benchmark.ids),
        predictions=hash_predictions(out),
        n=len(predictions),
        of=benchmark.of,
        metric=protocol.metrics[0],
        average=protocol.average,
        results=results,
        notes=[*notes, *_notes(benchmark, system, engine, len(once))],
        report=report_of(
            [benchmark.problems[n] for n in once],
            [predictions[n] for n in once],
            answers.orders if benchmark.cyclic else None,
        ),
        seconds=seconds,
        tokens=tokens if tokens["prompt"] else {},
        peak_memory_mb=peak_memory_mb,
        seed=benchmark.seed,
        koalign=koalign.__version__,
        git=git_commit(),
        packages=package_versions(),
    )
    write_json(out / RESULTS, evaluation.model_dump(mode="json"))


def settings_told(config: Config, several: Sampling, benchmark: Benchmark) -> dict[str, Any]:
    """The settings that decide answers and scores, and have no field of their own in results.json.

    `several`: how answers that vote are sampled. Of the engine what vLLM alone reads.
    """
    protocol, vllm = benchmark.protocol, settings_of(config, ("engine",))["engine"]["vllm"]
    told: dict[str, Any] = {"whole_query": protocol.whole_query, "grading": protocol.grading}
    if benchmark.renderer.shots:
        keys = {"shot_order", "shots_from", "own_shot"}
        told |= protocol.model_dump(mode="json", include=keys)
    if protocol.mode == "choice":
        told["candidates"] = protocol.candidates
    else:
        drawn = several if benchmark.samples > 1 else protocol
        told |= {
            "max_tokens": Sampling(max_tokens=protocol.max_tokens).most_tokens,
            "temperature": drawn.temperature,
            "top_p": drawn.top_p,
            "stop": list(protocol.stop),
        }
    if config.engine.result.backend in ("vllm", "auto"):
        told |= {f"engine.vllm.{key}": value for key, value in vllm.items()}
        told["model.load_in_4bit"] = config.model.load_in_4bit
    return told


def _scorers() -> dict[str, Scorer]:
    """The scorers of descriptive answers whose libraries are installed."""
    there = all(importlib.util.find_spec(name) for name in ("mecab", "rouge_score"))
    return {"rouge_1": rouge_1} if there else {}


def _notes(benchmark: Benchmark, system: System, engine: Engine, once: int) -> list[str]:
    notes = []
    if engine.left_out:
        refused = ", ".join(sorted(engine.left_out))
        notes.append(f"the server takes no {refused}, so samples were drawn without")
    if engine.name == "endpoint":
        notes.append("an endpoint's tokens are not counted, and its model name is not verified")
    if again := len(benchmark.ids) - once:
        notes.append(f"{again} rows are duplicates of others, and are counted as often")
    if len(benchmark.ids) < benchmark.of:
        notes.append(
            f"{len(benchmark.ids):,} of {benchmark.of:,} problems: the figures are of a part"
        )
    for card in system.cards:
        if card.template_hash != benchmark.renderer.hash:
            notes.append(
                f"{card.name} was trained with other prompts (template {card.template_hash}) than the "
                f"protocol asks ({benchmark.renderer.hash})"
            )
    return notes
