"""evaluate: held-out accuracy of every step of the chain, with intervals and paired tests."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koalign.adapters.cards import check_adapter
from koalign.answering import answer
from koalign.answering.results import conclude
from koalign.answering.system import Answers, System, prediction_of
from koalign.data.evaluation.benchmark import Benchmark
from koalign.data.evaluation.item_scores import score_text
from koalign.data.evaluation.protocols import load_protocol
from koalign.data.evaluation.results import Prediction
from koalign.data.metrics import figure, macro_f1, paired_difference, wilson_interval
from koalign.engines import open_engine, precision_of
from koalign.jsonl import parse_record, read_json, read_jsonl, write_json
from koalign.provenance import measured
from koalign.records import Base, KoalignError, Problem, Solution
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult, hash_path, read_manifest

TEST = "prepare/test.jsonl"
ALONE = {"base": "base", "sft": "sft", "dpo": "dpo", "answer_alone": "answer"}
"""Systems that answer without a hint, and their adapters."""
SOLVE = ("abstraction", "answer")
ENTRIES = ("base", "sft", "dpo", "solve_bare", "solve")
"""The rows of results.json; each is tested against the one before. `solve_bare` is what solving is
compared with: the DPO policy answering alone, greedily and within the tokens of `solve`."""


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    problems = read_jsonl(inputs[TEST], Problem)
    without_gold = [p for p in problems if not p.answers]
    if not problems or without_gold:
        raise KoalignError(
            f"evaluate needs data.test with answers; {len(without_gold)} of {len(problems)} lack one"
        )
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    benchmark = _benchmark(config, inputs, problems)
    adapters = {"base": None} | {name: inputs[f"{name}/adapter"] for name in ("sft", "dpo", *SOLVE)}
    cards = {
        name: [check_adapter(adapter, base, benchmark.renderer.hash)] if adapter else []
        for name, adapter in adapters.items()
    }
    systems = {
        name: System(base, named, [adapters[named]], cards[named]) for name, named in ALONE.items()
    }
    with open_engine(config.engine, config.model, base, list(adapters.values())) as engine:
        facts = {"engine": engine.name, "dtype": precision_of(config.engine, config.model)}
        predictions = {}
        for name, system in systems.items():
            started = time.monotonic()
            with measured() as cost:
                answers = answer(engine, config.solve, benchmark, system, out / name)
            seconds = {"run": round(time.monotonic() - started, 2)}
            memory = cost["peak_memory_mb"]
            conclude(
                benchmark, system, answers, out / name,
                seconds=seconds, peak_memory_mb=memory, **facts,
            )  # fmt: skip
            predictions[name] = answers.predictions
    predictions["solve_bare"] = predictions["dpo"]
    _refuse_other_solutions(inputs, config.solve)
    solved = System(
        base, ",".join(SOLVE), [adapters[name] for name in SOLVE], [*cards[SOLVE[0]], *cards[SOLVE[1]]]
    )  # fmt: skip
    cost_of_solve = read_manifest(inputs["solve/answers.jsonl"].parent)
    assert cost_of_solve is not None  # an input of a stage is whole
    predictions["solve"] = _solved(benchmark, inputs["solve/answers.jsonl"])
    conclude(
        benchmark, solved, Answers(predictions["solve"]), out / "solve",
        seconds={"run": cost_of_solve.seconds}, peak_memory_mb=cost_of_solve.peak_memory_mb, **facts,
    )  # fmt: skip

    results, before = {}, None
    for name in ENTRIES:
        results[name] = _entry(predictions[name], predictions[before] if before else None)
        before = name
    write_json(out / "results.json", results)
    # What training the answer adapter gave by itself, without any hint at inference.
    alone = _entry(predictions["answer_alone"], predictions["solve_bare"])
    write_json(out / "controls.json", {"answer_alone": alone})
    return StageResult(
        counts={"problems": len(problems)},
        metrics={f"accuracy_{name}": entry["accuracy"] for name, entry in results.items()},
    )


def _benchmark(config: Any, inputs: Mapping[str, Path], problems: Sequence[Problem]) -> Benchmark:
    """The test split under the run's own prompts, answered as `solve` answers."""
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    settings = config.solve.model_dump(include={"temperature", "top_p", "max_tokens"})
    return Benchmark(
        protocol=load_protocol(config.prompt.template).model_copy(update=settings),
        renderer=renderer,
        problems=problems,
        shots=[renderer.shots_for(problem) for problem in problems],
        of=len(problems),
        data={TEST: hash_path(inputs[TEST])},
        seed=config.seed,
    )


def _refuse_other_solutions(inputs: Mapping[str, Path], section: Any) -> None:
    """Raises KoalignError if the run solved another test split, or with other settings."""
    made = read_json(inputs["solve/answers.jsonl"].parent / "plan.json")
    test = hash_path(inputs[TEST])
    if made["inputs"][TEST] != test or made["config"]["solve"] != section.model_dump(mode="json"):
        raise KoalignError(
            "solve was made for another test split or with other settings; run `koalign solve --force`"
        )


def _solved(benchmark: Benchmark, path: Path) -> list[Prediction]:
    solved = {solution.id: solution for solution in read_jsonl(path, Solution)}
    found = []
    for number, problem in enumerate(benchmark.problems):
        one = solved[problem.id]
        reason = "length" if one.why == "truncated" else "stop"
        score = score_text(benchmark.protocol, problem, one.text, reason)
        found.append(prediction_of(benchmark, number, score, text=one.text, hint=one.abstraction))
    return found


def _entry(
    predictions: Sequence[Prediction], before: Sequence[Prediction] | None
) -> dict[str, Any]:
    """Accuracy with the interval over passages, macro-F1, and the paired comparison with `before`."""
    # Questions on one passage are right and wrong together.
    passages = [prediction.passage for prediction in predictions]
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
        TEST,
        "prepare/shots.jsonl",
        "prepare/base.json",
        "sft/adapter",
        "dpo/adapter",
        "abstraction/adapter",
        "answer/adapter",
        "solve/answers.jsonl",
        "engine.script",
    ),
    version=2,
)
