"""hints: candidate hints -> abstractions: those that give nothing away and measurably help. Dear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from koalign.adapters.cards import check_adapter
from koalign.data.grading.grade import grade
from koalign.data.prompting.orders import (
    Order,
    choice_orders,
    in_order,
    render_in_order,
    shared_out,
)
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import draw, requests_for
from koalign.engines.engine import Engine
from koalign.engines.opening import open_engine
from koalign.guard import HELD_OUT, refuse_leaking_texts
from koalign.jsonl import parse_record, read_json, read_jsonl, write_jsonl
from koalign.mining.hints.lift_screens import PER_PROBLEM, SCREENS, answers_for, refusal
from koalign.mining.hints.static_screen import static_refusal
from koalign.mining.hints.transfer import neighbours, worth
from koalign.records import Abstraction, Base, Count, Drop, Hint, Problem, Sample, Tried
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult

Question = tuple[str, Hint | None]
"""A problem, by its id, and the hint that it is asked with."""


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    """The screens in order of cost; each asks only for the hints that passed the ones before.

    First the static one, which asks nobody, then those of `lift_screens`. With `reuse` what is kept
    is tried on other problems, which ranks it.
    """
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    problems = read_jsonl(inputs["prepare/train.jsonl"], Problem)
    hints = read_jsonl(inputs["candidates/hints.jsonl"], Hint)[: config.hints.limit]
    refuse_leaking_texts([(hint.problem_id, hint.text) for hint in hints], inputs)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    check_adapter(inputs["dpo/adapter"], base, renderer.hash)
    with open_engine(config.engine, config.model, base, [inputs["dpo/adapter"]]) as engine:
        asking = _Asking(config, renderer, problems, inputs["dpo/adapter"], engine, out)
        screening = _Screening(config.hints, asking, hints)
        screening.static()
        for screen in SCREENS:
            screening.screen(screen)
        tried = _try_elsewhere(config.hints, asking, problems, screening.alive)
    results = [screening.result(hint, tried.get(hint.id, ())) for hint in hints]
    write_jsonl(out / "abstractions.jsonl", results)
    dropped = [
        Drop(stage="hints", reason=reason, problem_id=hint.problem_id, detail=hint.text)
        for hint in hints
        if (reason := screening.refusals.get(hint.id))
    ]
    write_jsonl(out / "dropped.jsonl", dropped)
    reasons = Counter(drop.reason for drop in dropped)
    return StageResult(
        counts={
            "candidates": len(hints),
            "kept": len(hints) - len(dropped),
            **{f"dropped_{reason}": count for reason, count in sorted(reasons.items())},
        }
    )


@dataclass(frozen=True)
class _Share:
    """What one order of the choices has of the draws of a question."""

    question: int
    """Its number."""
    order: Order
    count: int
    start: int
    """How many were drawn before, elsewhere."""


class _Asking:
    """Puts problems to the policy, and counts its right answers."""

    def __init__(
        self,
        config: Any,
        renderer: Renderer,
        problems: Sequence[Problem],
        adapter: Path,
        engine: Engine,
        out: Path,
    ) -> None:
        self._config, self._renderer, self._adapter = config, renderer, adapter
        self._engine, self._out = engine, out
        self.problems = {problem.id: problem for problem in problems}
        most = min(config.hints.permutations, config.hints.n, config.hints.bare_n)
        orders = choice_orders(problems, most, config.seed)
        self._orders = {p.id: own for p, own in zip(problems, orders, strict=True)}

    def right(
        self,
        name: str,
        questions: Sequence[Question],
        n: int,
        *,
        hidden: bool = False,
        first: int = 0,
    ) -> list[Count]:
        """Of each question the right ones of `n` answers, shared out among the orders of its choices.

        The answers are kept in the file `name`; the first `first` of each question are in another one.
        """
        shares = [
            _Share(question, order, count, start)
            for question, (problem_id, _) in enumerate(questions)
            for (order, count), (_, start) in zip(
                shared_out(n, self._orders[problem_id]),
                shared_out(first, self._orders[problem_id]),
                strict=True,
            )
        ]
        prompts, shown = [], []
        for share in shares:
            problem_id, hint = questions[share.question]
            problem, text = self.problems[problem_id], hint.text if hint else ""
            prompts.append(
                render_in_order(self._renderer, problem, share.order, text, hidden=hidden)
            )
            shown.append(hint.id if hint else "")
        requests = requests_for(self._engine, prompts, self._adapter, shown)
        right = [0] * len(questions)
        for size in sorted({(share.count, share.start) for share in shares}, reverse=True):
            own = [number for number, one in enumerate(shares) if (one.count, one.start) == size]
            drawn = draw(
                self._engine,
                [replace(requests[i], permutation=shares[i].order) for i in own],
                self._config.hints,
                self._out / f"{name}.jsonl",
                title=f"hints: {name}",
                n=size[0],
                seed=self._config.seed,
                first=size[1],
            )
            for number, samples in zip(own, drawn, strict=True):
                right[shares[number].question] += sum(map(self._is_right, samples))
        return [Count(right=one, n=n) for one in right]

    def _is_right(self, sample: Sample) -> bool:
        shown = in_order(self.problems[sample.problem_id], sample.permutation)
        return grade(shown, sample.text, sample.finish_reason).correct


class _Screening:
    """Who is still in, and what was counted of each hint so far."""

    def __init__(self, section: Any, asking: _Asking, hints: Sequence[Hint]) -> None:
        self._section, self._asking = section, asking
        self.alive = list(hints)
        self.counts: dict[str, dict[str, Count]] = {hint.id: {} for hint in hints}
        self._verdicts: dict[str, dict[str, str]] = {hint.id: {} for hint in hints}
        self.refusals: dict[str, str] = {}

    def static(self) -> None:
        """Refuse what can be seen without asking."""
        least, most = self._section.min_characters, self._section.max_characters
        for hint in self.alive:
            problem = self._asking.problems[hint.problem_id]
            reason = static_refusal(problem, hint.text, min_characters=least, max_characters=most)
            self._judge("static", hint, reason)
        self._go_on()

    def screen(self, name: str) -> None:
        """Count what the screen needs of the hints that are still in, and refuse by that."""
        for kind in SCREENS[name]:
            self._count(kind)
        for hint in self.alive:
            reason = refusal(name, self.counts[hint.id], self._section.n, self._section.z)
            self._judge(name, hint, reason)
        self._go_on()

    def result(self, hint: Hint, tried: Sequence[Tried]) -> Abstraction:
        """The hint and all that is known of it."""
        counts, kept = self.counts[hint.id], hint.id not in self.refusals
        return Abstraction(
            problem_id=hint.problem_id,
            text=hint.text,
            counts=counts,
            neighbours=tuple(tried),
            score=worth(counts["fresh"].rate - counts["bare"].rate, tried) if kept else None,
            verdicts=self._verdicts[hint.id],
            kept=kept,
        )

    def _count(self, kind: str) -> None:
        hidden, first = kind.startswith("hidden"), self._section.n if kind == "fresh" else 0
        n = answers_for(kind, self._section.n, self._section.bare_n)
        if kind in PER_PROBLEM:
            names = list(dict.fromkeys(hint.problem_id for hint in self.alive))
            questions: list[Question] = [(name, None) for name in names]
            found = self._asking.right(kind, questions, n, hidden=hidden)
            of_problem = dict(zip(names, found, strict=True))
            counted = [of_problem[hint.problem_id] for hint in self.alive]
        else:
            questions = [(hint.problem_id, hint) for hint in self.alive]
            counted = self._asking.right(kind, questions, n, hidden=hidden, first=first)
        for hint, count in zip(self.alive, counted, strict=True):
            self.counts[hint.id][kind] = count

    def _judge(self, screen: str, hint: Hint, reason: str | None) -> None:
        self._verdicts[hint.id][screen] = reason or "pass"
        if reason:
            self.refusals[hint.id] = reason

    def _go_on(self) -> None:
        self.alive = [hint for hint in self.alive if hint.id not in self.refusals]


def _try_elsewhere(
    section: Any, asking: _Asking, problems: Sequence[Problem], kept: Sequence[Hint]
) -> dict[str, list[Tried]]:
    """What each kept hint does on the nearest other problems, by the id of the hint."""
    if not section.reuse:
        return {}
    near = neighbours(problems, sorted({hint.problem_id for hint in kept}), section.reuse)
    asked: list[Question] = [(name, hint) for hint in kept for name in near[hint.problem_id]]
    names = list(dict.fromkeys(name for name, _ in asked))
    bare = asking.right("neighbours_bare", [(name, None) for name in names], section.n)
    of_problem = dict(zip(names, bare, strict=True))
    found: dict[str, list[Tried]] = {hint.id: [] for hint in kept}
    for (name, hint), count in zip(
        asked, asking.right("neighbours", asked, section.n), strict=True
    ):
        if hint is not None:
            found[hint.id].append(Tried(problem_id=name, bare=of_problem[name], hinted=count))
    return found


STAGE = Stage(
    name="hints",
    command="abstractions",
    run=run,
    sections=("model", "prompt", "engine", "hints", "seed"),
    inputs=(
        "prepare/train.jsonl",
        "prepare/shots.jsonl",
        "prepare/base.json",
        "candidates/hints.jsonl",
        "dpo/adapter",
        "engine.script",
    ),
    looks_at=HELD_OUT,
    version=2,
)
