"""evaluate: held-out accuracy of every step of the chain, with intervals and paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koalign.adapters.cards import check_adapter
from koalign.data.grading import grade
from koalign.data.metrics import figure, macro_f1, paired_difference, wilson_interval
from koalign.data.prompts import Renderer
from koalign.engines import Engine, draw, open_engine, requests_for
from koalign.jsonl import parse_record, read_json, read_jsonl, write_json, write_jsonl
from koalign.records import Base, KoalignError, Prediction, Problem, Solution
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult, hash_path

ALONE = {"base": None, "sft": "sft/adapter", "dpo": "dpo/adapter", "answer_alone": "answer/adapter"}
"""Systems that answer without a hint, and their adapters."""
ENTRIES = ("base", "sft", "dpo", "solve_bare", "solve")
"""The rows of results.json; each is tested against the one before. `solve_bare` is what solving is
compared with: the DPO policy answering alone, greedily and within the tokens of `solve`."""


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    problems = read_jsonl(inputs["prepare/test.jsonl"], Problem)
    without_gold = [p for p in problems if not p.answers]
    if not problems or without_gold:
        raise KoalignError(
            f"evaluate needs data.test with answers; {len(without_gold)} of {len(problems)} lack one"
        )
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    for name in ("sft/adapter", "dpo/adapter", "answer/adapter"):
        check_adapter(inputs[name], base, renderer.hash)
    adapters = {name: inputs[key] if key else None for name, key in ALONE.items()}
    with open_engine(config.engine, config.model, base, list(adapters.values())) as engine:
        predictions = {
            name: _predict(engine, config, renderer, problems, adapter, name, out)
            for name, adapter in adapters.items()
        }
    predictions["solve_bare"] = [
        p.model_copy(update={"system": "solve_bare"}) for p in predictions["dpo"]
    ]
    _refuse_other_solutions(inputs, config.solve)
    predictions["solve"] = _read_solutions(inputs["solve/answers.jsonl"], problems)

    # Questions on one passage are right and wrong together.
    passages = [f"{p.source}/{p.group}" if p.group else p.id for p in problems]
    results, before = {}, None
    for name in ENTRIES:
        results[name] = _entry(predictions[name], predictions[before] if before else None, passages)
        before = name
    write_json(out / "results.json", results)
    # What training the answer adapter gave by itself, without any hint at inference.
    controls = {
        "answer_alone": _entry(predictions["answer_alone"], predictions["solve_bare"], passages)
    }
    write_json(out / "controls.json", controls)
    write_jsonl(
        out / "predictions.jsonl",
        [p for name in (*ENTRIES, "answer_alone") for p in predictions[name]],
    )
    return StageResult(
        counts={"problems": len(problems)},
        metrics={f"accuracy_{name}": entry["accuracy"] for name, entry in results.items()},
    )


def _predict(
    engine: Engine,
    config: Any,
    renderer: Renderer,
    problems: Sequence[Problem],
    adapter: Path | None,
    system: str,
    out: Path,
) -> list[Prediction]:
    asked = [renderer.render(problem, "answer") for problem in problems]
    drawn = draw(
        engine,
        requests_for(engine, asked, adapter),
        config.solve,
        out / "samples.jsonl",
        title=f"evaluate: {system}",
        seed=config.seed,
    )
    return [
        _prediction(system, problem, sample.text, sample.finish_reason)
        for problem, (sample,) in zip(problems, drawn, strict=True)
    ]


def _refuse_other_solutions(inputs: Mapping[str, Path], section: Any) -> None:
    """Raises KoalignError if the run solved another test split, or with other settings."""
    made = read_json(inputs["solve/answers.jsonl"].parent / "plan.json")
    test = hash_path(inputs["prepare/test.jsonl"])
    if made["inputs"]["prepare/test.jsonl"] != test or made["config"][
        "solve"
    ] != section.model_dump(mode="json"):
        raise KoalignError(
            "solve was made for another test split or with other settings; run `koalign solve --force`"
        )


def _read_solutions(path: Path, problems: Sequence[Problem]) -> list[Prediction]:
    solved = {solution.id: solution for solution in read_jsonl(path, Solution)}
    return [
        _prediction(
            "solve",
            problem,
            solved[problem.id].text,
            "length" if solved[problem.id].why == "truncated" else "stop",
        )
        for problem in problems
    ]


def _prediction(system: str, problem: Problem, text: str, finish_reason: Any) -> Prediction:
    verdict = grade(problem, text, finish_reason)
    return Prediction(
        system=system,
        id=problem.id,
        answer=verdict.answer,
        gold=problem.answers,
        correct=verdict.correct,
        text=text,
        why=verdict.why,
    )


def _entry(
    predictions: Sequence[Prediction],
    before: Sequence[Prediction] | None,
    passages: Sequence[str],
) -> dict[str, Any]:
    """Accuracy with the interval over passages, macro-F1, and the paired comparison with `before`."""
    right = [prediction.correct for prediction in predictions]
    share = figure(right, clusters=passages)
    low, high = share.low, share.high
    if low is None or low == high:  # all right or all wrong, whichever passages are drawn
        low, high = wilson_interval(sum(right), len(right))
    entry: dict[str, Any] = {
        "accuracy": share.value,
        "n": share.n,
        "ci_low": low,
        "ci_high": high,
        "macro_f1": macro_f1([p.gold[0] for p in predictions], [p.answer for p in predictions]),
        "difference": None,
        "difference_low": None,
        "difference_high": None,
        "p_value": None,
    }
    if before is not None:
        compared = paired_difference(right, [p.correct for p in before], clusters=passages)
        entry["difference"] = compared.difference.value
        entry["difference_low"] = compared.difference.low
        entry["difference_high"] = compared.difference.high
        entry["p_value"] = compared.p
    return entry


STAGE = Stage(
    name="evaluate",
    command="evaluate",
    run=run,
    sections=("model", "prompt", "engine", "solve", "seed"),
    inputs=(
        "prepare/test.jsonl",
        "prepare/shots.jsonl",
        "prepare/base.json",
        "sft/adapter",
        "dpo/adapter",
        "answer/adapter",
        "solve/answers.jsonl",
        "engine.script",
    ),
)
