"""run_systems: the adapters of a run -> its test split answered by every system, a folder for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from koalign.adapters.cards import check_adapter
from koalign.answering.controls import (
    attempts_under,
    under_mismatched,
    votes_at_equal_total,
    votes_at_equal_written,
)
from koalign.answering.evaluate import answer
from koalign.answering.results import settings_told, write_results
from koalign.answering.solving import Solver
from koalign.answering.system import Answers, System, prediction_of
from koalign.config.inputs import Prompt
from koalign.config.sections import Config
from koalign.engines.engine import Engine
from koalign.engines.opening import precision_of
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import score_text
from koalign.evaluation.protocols import for_kinds, load_protocol
from koalign.evaluation.results import Prediction
from koalign.evaluation.solving.controls import Controls, own_hints
from koalign.evaluation.solving.report import SolvingReport, solving_report
from koalign.evaluation.solving.voting import Attempt, answers_of, spent, vote_of
from koalign.hashing import hash_path
from koalign.jsonl import ById
from koalign.manifests import read_manifest
from koalign.parts import PartDrawn, shard_of
from koalign.provenance import measured
from koalign.records import Base, Problem
from koalign.renderer import open_renderer, reasoning_prompt
from koalign.retrieval.records import Passage
from koalign.run import Inputs

TEST = "prepare/test.jsonl"
ATTEMPTS = "solve/attempts.jsonl"
SOLVE = ("abstraction", "answer")
T = TypeVar("T")


class RunSystems:
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
        self.is_part = shard_of(out) is not None
        """Whether a shard draws: then nothing but samples is written."""
        self._undrawn: list[PartDrawn] = []
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
            answers = self._drawn(
                lambda: answer(self._engine, section, self._direct, system, self._out / name)
            )
        if answers is not None:
            self._write(name, system, answers, self._direct, cost)

    def refuse_unfinished(self) -> None:
        """Raises PartDrawn where something that was drawn is not whole: all is drawn that can be now."""
        if self._undrawn:
            raise PartDrawn.of_all(self._undrawn)

    def solve(self, inputs: Inputs) -> SolvingReport:
        """What `solve` answered with hints, and its controls at the same price."""
        problems, controls = self._problems, self._config.controls
        by_id = ById(inputs[ATTEMPTS], Attempt)
        attempts = [by_id[problem.id] for problem in problems]
        solving = self._system(*SOLVE)
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
        drawn = self._controls(solver, attempts, solving)
        own = own_hints(attempts)
        if controls != "off" and any(text for hints in own for text, _ in hints):
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
        self.refuse_unfinished()
        assert drawn is not None  # else refused
        right, alone = (
            [p.correct for p in self.predictions[name]] for name in ("dpo", "answer_alone")
        )
        return solving_report(problems, attempts, replace(drawn, total=()), right, alone)

    def read(
        self, name: str, adapter: str, passages: Mapping[str, Sequence[Passage]]
    ) -> SolvingReport | None:
        """What an adapter answers with passages, half of the budget without, and its controls.

        `passages`: problem id -> those shown. Rows and files begin with `name`. None for a part.
        """
        problems, system = self._problems, self._system(adapter)
        section = self._config.solve
        if not section.hints:  # all of the budget is bare: half of it, as --budget shares it out
            half = section.budget // 2
            section = section.model_copy(
                update={"hints": section.budget - half, "answers": 1, "bare": half}
            )
        solver = Solver(
            self._engine,
            section,
            self._direct.renderer,
            system.steps,
            self._config.seed,
            passages,
        )
        path = self._out / "solving" / f"{name}_attempts.jsonl"
        attempts = self._vote(
            name,
            system,
            lambda: [one for batch in solver.attempts(problems, path) for one in batch],
        )
        drawn = self._controls(solver, attempts, system, name) if attempts is not None else None
        if self.is_part or attempts is None or drawn is None:
            return None
        both = () if adapter == "dpo" else ("dpo", f"{adapter}_alone")
        right, alone = [[p.correct for p in self.predictions[side]] for side in both] or ([], [])
        return solving_report(problems, attempts, drawn, right, alone, "passages")

    def _controls(
        self, solver: Solver, attempts: Sequence[Attempt], system: System, of: str = ""
    ) -> Controls | None:
        """More votes of the policy, and the attempts under other hints; none where parts are not whole.

        Rows and files begin with `of`. Votes of one policy are drawn once, whatever they stand beside.
        """
        task, policy = (solver, self._problems, attempts), self._adapters["dpo"]
        work = self._out / "solving"
        row, beside = (f"{of}_", "passages_") if of else ("", "")
        bare = self._vote(
            f"{row}votes_written",
            self._system("dpo"),
            lambda: votes_at_equal_written(*task, policy, work / f"{beside}bare_samples.jsonl"),
        )
        with measured() as cost:
            mismatched = self._drawn(
                lambda: under_mismatched(*task, work / f"{row}mismatched_samples.jsonl")
            )
        total: Sequence[Attempt] | None = None
        if self._config.controls != "off":
            path = work / f"{beside}votes_total_samples.jsonl"
            if bare is not None:
                total = self._vote(
                    f"{row}votes_total",
                    self._system("dpo"),
                    lambda: votes_at_equal_total(*task, bare, policy, path),
                )
            if mismatched and any(hint.answers for attempt in mismatched for hint in attempt.hints):
                # Where no other hint was to be had the problem's own attempt makes no difference.
                filled = [
                    m if answers_of(m) else a for m, a in zip(mismatched, attempts, strict=True)
                ]
                answers = _votes(self._direct, filled)
                self._write(f"{row}mismatched", system, answers, self._direct, cost)
        if bare is None or mismatched is None:
            return None
        return Controls(bare, mismatched, total or ())

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
    ) -> Sequence[Attempt] | None:
        """Draw attempts, and write down their majorities; none where other parts are not whole."""
        under = under or self._direct
        with measured() as cost:
            drawn = self._drawn(draw)
        if drawn is not None:
            self._write(name, system, _votes(under, drawn), under, cost)
        return drawn

    def _drawn(self, draw: Callable[[], T]) -> T | None:
        """What is drawn; none where other parts of it are not whole, which is kept for the end."""
        try:
            return draw()
        except PartDrawn as drawn:
            self._undrawn.append(drawn)
            return None

    def _write(
        self,
        name: str,
        system: System,
        answers: Answers,
        under: Benchmark,
        cost: Mapping[str, float],
    ) -> None:
        self.predictions[name] = answers.predictions
        if self.is_part:
            return
        votes = max(1, *(len(prediction.votes) for prediction in answers.predictions))
        under = replace(under, samples=votes)
        write_results(
            under,
            system,
            answers,
            self._out / name,
            engine=self._engine,
            settings=settings_told(self._config, self._config.solve, under),
            dtype=precision_of(self._config.engine, self._config.model),
            seconds={"run": cost["seconds"]},
            peak_memory_mb=cost["peak_memory_mb"],
        )


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
