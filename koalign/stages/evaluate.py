"""evaluate: held-out accuracy of every step, and whether abstractions pay, with intervals and tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.answering.controls import (
    attempts_under,
    under_mismatched,
    votes_at_equal_total,
    votes_at_equal_written,
)
from koalign.answering.evaluate import answer
from koalign.answering.results import write_results
from koalign.answering.solving import Solver
from koalign.answering.system import Answers, System, prediction_of
from koalign.config.inputs import Prompt
from koalign.config.sections import Config, Solve
from koalign.engines.opening import open_engine, precision_of
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import score_text
from koalign.evaluation.protocols import load_protocol
from koalign.evaluation.results import Prediction
from koalign.evaluation.rows import rows_of
from koalign.evaluation.solving.controls import Controls, own_hints
from koalign.evaluation.solving.report import solving_report
from koalign.evaluation.solving.voting import Attempt, answers_of, spent, vote_of
from koalign.jsonl import read_json, read_jsonl, read_record, write_json
from koalign.provenance import measured
from koalign.records import Base, KoalignError, Problem
from koalign.renderer import open_renderer, reasoning_prompt
from koalign.reports.solving import write_report
from koalign.run import PROMPTED, Inputs, Stage, StageResult, hash_path, read_manifest

TEST = "prepare/test.jsonl"
ALONE = {
    "base": "base",
    "sft": "sft",
    "sft_plateau": "plateau",
    "dpo": "dpo",
    "rft": "rft",
    "answer_alone": "answer",
}
"""Systems that answer greedily and without a hint, and their adapters. `answer_alone` is no row of the
results: it stands in solving.json."""
SOLVE = ("abstraction", "answer")
ADAPTERS = ("sft", "dpo", *SOLVE)


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    problems = read_jsonl(inputs[TEST], Problem)
    without_gold = [p for p in problems if not p.answers]
    if not problems or without_gold:
        raise KoalignError(
            f"evaluate needs data.test with answers; {len(without_gold)} of {len(problems)} lack one"
        )
    base = read_record(inputs["prepare/base.json"], Base)
    benchmark = _benchmark(config, inputs, problems, config.prompt)
    reasoning = _benchmark(config, inputs, problems, reasoning_prompt(config.prompt))
    adapters = {
        name.removesuffix("/adapter"): path
        for name, path in inputs.items()
        if name.endswith("/adapter")
    }
    cards = {
        name: check_adapter(
            path, base, (reasoning if name == "reasoning" else benchmark).renderer.hash
        )
        for name, path in adapters.items()
    }

    def system(*names: str) -> System:
        """By the names of adapters, or `base`; of two the first generates a hint."""
        known = [cards[name] for name in names if name in cards]
        return System(base, ",".join(names), [adapters.get(name) for name in names], known)

    dtype = precision_of(config.engine, config.model)
    predictions: dict[str, Sequence[Prediction]] = {}
    with open_engine(config.engine, config.model, base, [None, *adapters.values()]) as engine:

        def write(
            name: str,
            system: System,
            answers: Answers,
            under: Benchmark = benchmark,
            /,
            *,
            seconds: float,
            peak_memory_mb: float,
        ) -> None:
            votes = max(1, *(len(prediction.votes) for prediction in answers.predictions))
            write_results(
                replace(under, samples=votes), system, answers, out / name,
                engine=engine.name, dtype=dtype, seconds={"run": seconds},
                peak_memory_mb=peak_memory_mb,
            )  # fmt: skip
            predictions[name] = answers.predictions

        def vote(
            name: str,
            system: System,
            draw: Callable[[], Sequence[Attempt]],
            under: Benchmark = benchmark,
        ) -> Sequence[Attempt]:
            with measured() as cost:
                drawn = draw()
            write(name, system, _votes(under, drawn), under, **cost)
            return drawn

        for name, adapter in ALONE.items():
            if adapter in (*adapters, "base"):
                with measured() as cost:
                    answers = answer(engine, config.solve, benchmark, system(adapter), out / name)
                write(name, system(adapter), answers, **cost)
        _refuse_other_solutions(inputs, config.solve)
        by_id = {a.id: a for a in read_jsonl(inputs["solve/attempts.jsonl"], Attempt)}
        attempts = [by_id[problem.id] for problem in problems]
        solving, policy = system(*SOLVE), adapters["dpo"]
        made = read_manifest(inputs["solve/answers.jsonl"].parent)
        assert made is not None  # an input of a stage is whole
        cost = {"seconds": made.seconds, "peak_memory_mb": made.peak_memory_mb}
        write("solve", solving, _votes(benchmark, attempts), **cost)
        solver = Solver(engine, config.solve, benchmark.renderer, solving.steps, config.seed)
        work = out / "solving"
        asked = solver, problems, attempts
        bare = vote(
            "votes_written", system("dpo"),
            lambda: votes_at_equal_written(*asked, policy, work / "bare_samples.jsonl"),
        )  # fmt: skip
        with measured() as cost:
            mismatched = under_mismatched(*asked, work / "mismatched_samples.jsonl")
        if config.controls != "off":
            vote(
                "votes_total", system("dpo"),
                lambda: votes_at_equal_total(*asked, bare, policy, work / "votes_total_samples.jsonl"),
            )  # fmt: skip
            if any(hint.answers for attempt in mismatched for hint in attempt.hints):
                # Where no other hint was to be had the problem's own attempt makes no difference.
                given = [
                    m if answers_of(m) else a for m, a in zip(mismatched, attempts, strict=True)
                ]
                write("mismatched", solving, _votes(benchmark, given), **cost)
            by_base = replace(solver, steps=[None])
            vote(
                "base_hinted", system(SOLVE[0], "base"),
                lambda: attempts_under(
                    by_base, problems, attempts, own_hints(attempts), work / "base_hinted_samples.jsonl"
                ),
            )  # fmt: skip
        if "reasoning" in adapters:
            reasons = replace(solver, renderer=reasoning.renderer)
            path = work / "reasoning_samples.jsonl"
            vote(
                "reasoning", system("reasoning"),
                lambda: votes_at_equal_written(
                    reasons, problems, attempts, adapters["reasoning"], path
                ),
                reasoning,
            )  # fmt: skip
    controls = Controls(bare, mismatched)
    right, alone = ([p.correct for p in predictions[name]] for name in ("dpo", "answer_alone"))
    report = solving_report(problems, attempts, controls, right, alone)
    rows = rows_of(predictions, concluded=config.controls != "off")
    write_report(report, out / "solving.json", out / "solving.html", rows)
    write_json(out / "results.json", {name: row.model_dump() for name, row in rows.items()})
    return StageResult(
        counts={"problems": len(problems)},
        metrics={f"accuracy_{name}": row.accuracy for name, row in rows.items()},
    )


def _benchmark(
    config: Config, inputs: Inputs, problems: Sequence[Problem], prompt: Prompt
) -> Benchmark:
    """The test split under these prompts, answered greedily and as long as `solve` answers."""
    renderer = open_renderer(prompt, inputs["prepare/shots.jsonl"])
    settings = {"temperature": 0.0, "top_p": 1.0, "max_tokens": config.solve.max_tokens}
    return Benchmark(
        protocol=load_protocol(prompt.template).model_copy(update=settings),
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
    sections=("model", "prompt", "engine", "solve", "seed", "controls"),
    inputs=(
        TEST,
        *PROMPTED,
        *(f"{name}/adapter" for name in ADAPTERS),
        "solve/answers.jsonl",
        "solve/attempts.jsonl",
        "engine.script",
    ),
    version=6,
)
