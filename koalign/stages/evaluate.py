"""evaluate: held-out accuracy of every step, and whether abstractions pay, with intervals and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.answering.controls import (
    attempts_under,
    under_mismatched,
    votes_at_equal_total,
    votes_at_equal_written,
)
from koalign.answering.evaluate import answer
from koalign.answering.judged import with_win_rates
from koalign.answering.results import write_results
from koalign.answering.solving import Solver
from koalign.answering.system import Answers, System, prediction_of
from koalign.config.inputs import Prompt
from koalign.config.sections import Config, Solve
from koalign.engines.engine import Engine
from koalign.engines.opening import open_engine, precision_of
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import score_text
from koalign.evaluation.protocols import for_kinds, load_protocol
from koalign.evaluation.results import Prediction
from koalign.evaluation.rows import Row, rows_of
from koalign.evaluation.solving.controls import Controls, own_hints
from koalign.evaluation.solving.report import SolvingReport, solving_report
from koalign.evaluation.solving.voting import Attempt, answers_of, spent, vote_of
from koalign.hashing import PLAN, hash_path
from koalign.jsonl import read_jsonl, read_record, write_json
from koalign.manifests import read_manifest
from koalign.mining.distilling.teacher_calls import PAID, REPLIES
from koalign.plans import Plan
from koalign.provenance import measured
from koalign.records import Base, KoalignError, Problem
from koalign.renderer import open_renderer, reasoning_prompt
from koalign.run import PROMPTED, Inputs, Stage, StageResult

TEST = "prepare/test.jsonl"
ATTEMPTS = "solve/attempts.jsonl"
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


def run(config: Config, inputs: Inputs, out: Path, *, has_judge: bool = False) -> StageResult:
    """Every step alone; where the run solves with hints, also that and its controls."""
    problems = read_jsonl(inputs[TEST], Problem)
    refuse_unanswered(problems)
    base = read_record(inputs["prepare/base.json"], Base)
    adapters = {
        name.removesuffix("/adapter"): path
        for name, path in inputs.items()
        if name.endswith("/adapter")
    }
    report = None
    with open_engine(config.engine, config.model, base, [None, *adapters.values()]) as engine:
        evaluation = _Evaluation(config, inputs, problems, base, adapters, engine, out)
        for name, adapter in ALONE.items():
            if adapter in (*adapters, "base"):
                evaluation.answer_alone(name, adapter)
        if ATTEMPTS in inputs:
            _refuse_other_solutions(inputs, config.solve)
            report = evaluation.solve(inputs)
    rows = rows_of(evaluation.predictions, concluded=config.controls != "off")
    metrics = {f"{_key(row)}_{name}": row.accuracy for name, row in rows.items()}
    if has_judge:
        rows, metrics["judge_cost"] = with_win_rates(
            rows, problems, evaluation.predictions, config.judge, out / REPLIES
        )
    if report:
        write_json(out / "solving.json", report.model_dump(mode="json"))
    hidden = None if has_judge else {"win_rate"}
    results = {name: row.model_dump(exclude=hidden) for name, row in rows.items()}
    write_json(out / "results.json", results)
    return StageResult({"problems": len(problems)}, metrics)


def refuse_unanswered(problems: Sequence[Problem]) -> None:
    """Raises KoalignError for a test split without problems, or with one that has no answer."""
    if not problems:
        raise KoalignError(
            "evaluate needs data.test with answers; it holds no problem, or is not set"
        )
    without_gold = [p for p in problems if not p.answers]
    if without_gold:
        raise KoalignError(
            f"evaluate needs data.test with answers; {len(without_gold)} of {len(problems)} lack one"
        )


def _key(row: Row) -> str:
    return row.metric.replace(" ", "_")


class _Evaluation:
    """The systems of a run on the test split: a folder of results for each, and its predictions."""

    def __init__(
        self,
        config: Config,
        inputs: Inputs,
        problems: Sequence[Problem],
        base: Base,
        adapters: Mapping[str, Path],
        engine: Engine,
        out: Path,
    ) -> None:
        self.predictions: dict[str, Sequence[Prediction]] = {}
        self._config, self._problems, self._base = config, problems, base
        self._adapters, self._engine, self._out = adapters, engine, out
        self._direct = _benchmark(config, inputs, problems, config.prompt)
        self._reasoning = _benchmark(config, inputs, problems, reasoning_prompt(config.prompt))
        self._cards = {
            name: check_adapter(
                path,
                base,
                (self._reasoning if name == "reasoning" else self._direct).renderer.hash,
            )
            for name, path in adapters.items()
        }

    def answer_alone(self, name: str, adapter: str) -> None:
        """Answer greedily and without a hint."""
        system, section = self._system(adapter), self._config.solve
        with measured() as cost:
            answers = answer(self._engine, section, self._direct, system, self._out / name)
        self._write(name, system, answers, self._direct, cost)

    def solve(self, inputs: Inputs) -> SolvingReport:
        """What `solve` answered with hints, and its controls at the same price."""
        problems, controls = self._problems, self._config.controls
        by_id = {a.id: a for a in read_jsonl(inputs[ATTEMPTS], Attempt)}
        attempts = [by_id[problem.id] for problem in problems]
        solving, policy = self._system(*SOLVE), self._adapters["dpo"]
        solved = read_manifest(inputs["solve/answers.jsonl"].parent)
        assert solved is not None  # an input of a stage is whole
        cost = {"seconds": solved.seconds, "peak_memory_mb": solved.peak_memory_mb}
        self._write("solve", solving, _votes(self._direct, attempts), self._direct, cost)
        solver = Solver(
            self._engine,
            self._config.solve,
            self._direct.renderer,
            solving.steps,
            self._config.seed,
        )
        work = self._out / "solving"
        task = solver, problems, attempts
        bare = self._vote(
            "votes_written",
            self._system("dpo"),
            lambda: votes_at_equal_written(*task, policy, work / "bare_samples.jsonl"),
        )
        with measured() as cost:
            mismatched = under_mismatched(*task, work / "mismatched_samples.jsonl")
        if controls != "off":
            path = work / "votes_total_samples.jsonl"
            self._vote(
                "votes_total",
                self._system("dpo"),
                lambda: votes_at_equal_total(*task, bare, policy, path),
            )
            if any(hint.answers for attempt in mismatched for hint in attempt.hints):
                # Where no other hint was to be had the problem's own attempt makes no difference.
                filled = [
                    m if answers_of(m) else a for m, a in zip(mismatched, attempts, strict=True)
                ]
                self._write("mismatched", solving, _votes(self._direct, filled), self._direct, cost)
            own = own_hints(attempts)
            hinted = {"base_hinted": "base"} | (
                {"policy_hinted": "dpo"} if controls == "all" else {}
            )
            for name, answers_with in hinted.items():
                self._vote(
                    name,
                    self._system(SOLVE[0], answers_with),
                    partial(
                        attempts_under,
                        replace(solver, steps=[self._adapters.get(answers_with)]),
                        problems,
                        attempts,
                        own,
                        work / f"{name}_samples.jsonl",
                    ),
                )
        if "reasoning" in self._adapters:
            reasons = replace(solver, renderer=self._reasoning.renderer)
            adapter, reasoned = self._adapters["reasoning"], work / "reasoning_samples.jsonl"
            self._vote(
                "reasoning",
                self._system("reasoning"),
                lambda: votes_at_equal_written(reasons, problems, attempts, adapter, reasoned),
                self._reasoning,
            )
        right, alone = (
            [p.correct for p in self.predictions[name]] for name in ("dpo", "answer_alone")
        )
        return solving_report(problems, attempts, Controls(bare, mismatched), right, alone)

    def _system(self, *names: str) -> System:
        """By the names of adapters, or `base`; of two the first generates a hint."""
        known = [self._cards[name] for name in names if name in self._cards]
        steps = [self._adapters.get(name) for name in names]
        return System(self._base, ",".join(names), steps, known)

    def _vote(
        self,
        name: str,
        system: System,
        draw: Callable[[], Sequence[Attempt]],
        under: Benchmark | None = None,
    ) -> Sequence[Attempt]:
        """Draw attempts, and write down their majorities."""
        under = under or self._direct
        with measured() as cost:
            drawn = draw()
        self._write(name, system, _votes(under, drawn), under, cost)
        return drawn

    def _write(
        self,
        name: str,
        system: System,
        answers: Answers,
        under: Benchmark,
        cost: Mapping[str, float],
    ) -> None:
        votes = max(1, *(len(prediction.votes) for prediction in answers.predictions))
        write_results(
            replace(under, samples=votes),
            system,
            answers,
            self._out / name,
            engine=self._engine,
            dtype=precision_of(self._config.engine, self._config.model),
            seconds={"run": cost["seconds"]},
            peak_memory_mb=cost["peak_memory_mb"],
        )
        self.predictions[name] = answers.predictions


def _benchmark(
    config: Config, inputs: Inputs, problems: Sequence[Problem], prompt: Prompt
) -> Benchmark:
    """The test split under these prompts, answered greedily and as long as `solve` answers."""
    renderer = open_renderer(prompt, inputs["prepare/shots.jsonl"])
    protocol = load_protocol(prompt.template).greedily(config.solve.max_tokens)
    return Benchmark(
        protocol=for_kinds(protocol, problems),
        renderer=renderer,
        problems=problems,
        shots=[renderer.shots_for(problem) for problem in problems],
        of=len(problems),
        data={TEST: hash_path(inputs[TEST])},
        seed=config.seed,
    )


def _refuse_other_solutions(inputs: Inputs, section: Solve) -> None:
    """Raises KoalignError if the run solved another test split, or with other settings."""
    plan = read_record(inputs["solve/answers.jsonl"].parent / PLAN, Plan)
    test = hash_path(inputs[TEST])
    if plan.inputs[TEST] != test or plan.config["solve"] != section.model_dump(mode="json"):
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
        ATTEMPTS,
        "engine.script",
    ),
    keeps=PAID,
    version=13,
)
