"""evaluate: held-out accuracy of every step, and whether abstractions pay, with intervals and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.answering.controls import draw_controls
from koalign.answering.evaluate import answer
from koalign.answering.results import write_results
from koalign.answering.solving import Solver
from koalign.answering.system import Answers, System, prediction_of
from koalign.config.sections import Config, Solve
from koalign.engines.opening import open_engine, precision_of
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import score_text
from koalign.evaluation.protocols import load_protocol
from koalign.evaluation.results import Prediction
from koalign.evaluation.rows import rows_of
from koalign.evaluation.solving.report import solving_report
from koalign.evaluation.solving.voting import Attempt, answers_of, spent, vote_of
from koalign.jsonl import read_json, read_jsonl, read_record, write_json
from koalign.provenance import measured
from koalign.records import Base, KoalignError, Problem
from koalign.renderer import open_renderer
from koalign.reports.solving import write_report
from koalign.run import PROMPTED, Inputs, Stage, StageResult, hash_path, read_manifest

TEST = "prepare/test.jsonl"
ALONE = {"base": "base", "sft": "sft", "dpo": "dpo", "answer_alone": "answer"}
"""Systems that answer without a hint, and their adapters."""
SOLVE = ("abstraction", "answer")


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    problems = read_jsonl(inputs[TEST], Problem)
    without_gold = [p for p in problems if not p.answers]
    if not problems or without_gold:
        raise KoalignError(
            f"evaluate needs data.test with answers; {len(without_gold)} of {len(problems)} lack one"
        )
    base = read_record(inputs["prepare/base.json"], Base)
    benchmark = _benchmark(config, inputs, problems)
    adapters = {"base": None} | {name: inputs[f"{name}/adapter"] for name in ("sft", "dpo", *SOLVE)}
    cards = {
        name: [check_adapter(adapter, base, benchmark.renderer.hash)] if adapter else []
        for name, adapter in adapters.items()
    }
    systems = {
        name: System(base, named, [adapters[named]], cards[named]) for name, named in ALONE.items()
    }
    dtype = precision_of(config.engine, config.model)
    predictions: dict[str, Sequence[Prediction]] = {}
    with open_engine(config.engine, config.model, base, list(adapters.values())) as engine:

        def write(
            name: str, system: System, answers: Answers, seconds: float, peak_memory_mb: float
        ) -> None:
            votes = max(1, *(len(prediction.votes) for prediction in answers.predictions))
            write_results(
                replace(benchmark, samples=votes), system, answers, out / name,
                engine=engine.name, dtype=dtype, seconds={"run": seconds},
                peak_memory_mb=peak_memory_mb,
            )  # fmt: skip
            predictions[name] = answers.predictions

        for name, system in systems.items():
            with measured() as cost:
                answers = answer(engine, config.solve, benchmark, system, out / name)
            write(name, system, answers, **cost)
        _refuse_other_solutions(inputs, config.solve)
        by_id = {a.id: a for a in read_jsonl(inputs["solve/attempts.jsonl"], Attempt)}
        attempts = [by_id[problem.id] for problem in problems]
        steps = [adapters[name] for name in SOLVE]
        solver = Solver(engine, config.solve, benchmark.renderer, steps, config.seed)
        with measured() as cost:
            controls = draw_controls(solver, problems, attempts, adapters["dpo"], out / "solving")
        bare = [
            attempt.model_copy(update={"hints": (), "bare": tuple(answers)})
            for attempt, answers in zip(attempts, controls.bare, strict=True)
        ]
        write("votes_written", systems["dpo"], _votes(benchmark, bare), **cost)
        solving = System(base, ",".join(SOLVE), steps, [cards[name][0] for name in SOLVE])
        made = read_manifest(inputs["solve/answers.jsonl"].parent)
        assert made is not None  # an input of a stage is whole
        write("solve", solving, _votes(benchmark, attempts), made.seconds, made.peak_memory_mb)
    right, alone = ([p.correct for p in predictions[name]] for name in ("dpo", "answer_alone"))
    report = solving_report(problems, attempts, controls, right, alone)
    write_report(report, out / "solving.json", out / "solving.html")

    rows = rows_of(predictions, concluded=False)
    write_json(out / "results.json", {name: row.model_dump() for name, row in rows.items()})
    return StageResult(
        counts={"problems": len(problems)},
        metrics={f"accuracy_{name}": row.accuracy for name, row in rows.items()},
    )


def _benchmark(config: Config, inputs: Inputs, problems: Sequence[Problem]) -> Benchmark:
    """The test split under the run's own prompts, answered greedily and as long as `solve` answers."""
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    settings = {"temperature": 0.0, "top_p": 1.0, "max_tokens": config.solve.max_tokens}
    return Benchmark(
        protocol=load_protocol(config.prompt.template).model_copy(update=settings),
        renderer=renderer,
        problems=problems,
        shots=[renderer.shots_for(problem) for problem in problems],
        of=len(problems),
        data={TEST: hash_path(inputs[TEST])},
        seed=config.seed,
    )


def _refuse_other_solutions(inputs: Inputs, section: Solve) -> None:
    """Raises KoalignError if the run solved another test split, or with other settings."""
    made = read_json(inputs["solve/answers.jsonl"].parent / "plan.json")
    test = hash_path(inputs[TEST])
    if made["inputs"][TEST] != test or made["config"]["solve"] != section.model_dump(mode="json"):
        raise KoalignError(
            "solve was made for another test split or with other settings; set the solve.… keys as they "
            "were then, or run `koalign solve --force`"
        )


def _votes(benchmark: Benchmark, attempts: Sequence[Attempt]) -> Answers:
    """The majority answer to every item."""
    predictions = []
    for number, attempt in enumerate(attempts):
        problem, tokens, answers = benchmark.problems[number], spent(attempt), answers_of(attempt)
        ballots, elected = vote_of(problem, [answer for _, answer in answers])
        hint, written = answers[elected.place]
        score = score_text(benchmark.protocol, problem, written.text, written.finish_reason)
        prediction = prediction_of(
            benchmark, number, score,
            text=written.text,
            hint=hint,
            votes=tuple(ballot.answer for ballot in ballots) if len(ballots) > 1 else (),
            prompt_tokens=tokens.prompt,
            completion_tokens=tokens.generated,
        )  # fmt: skip
        predictions.append(prediction)
    return Answers(predictions)


STAGE = Stage(
    name="evaluate",
    command="evaluate",
    run=run,
    sections=("model", "prompt", "engine", "solve", "seed"),
    inputs=(
        TEST,
        *PROMPTED,
        *(f"{name}/adapter" for name in ("sft", "dpo", *SOLVE)),
        "solve/answers.jsonl",
        "solve/attempts.jsonl",
        "engine.script",
    ),
    version=6,
)
