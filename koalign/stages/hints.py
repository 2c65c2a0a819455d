"""hints: candidate hints -> abstractions: those that give nothing away and measurably help. Dear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koalign.adapters.cards import check_adapter
from koalign.data.grading import grade
from koalign.data.hints import static_refusal
from koalign.data.metrics import rate_z
from koalign.data.prompts import Renderer
from koalign.engines import Engine, draw, open_engine, requests_for
from koalign.guard import HELD_OUT, refuse_leaking_texts
from koalign.jsonl import parse_record, read_json, read_jsonl, write_jsonl
from koalign.records import Abstraction, Base, Drop, Hint, KoalignError, Problem, Sample
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    """The screens in order of cost; each asks only for the hints that passed the ones before.

    static: tells the answer, or is too short or long. lift: the policy is right more often with
    the hint than without, at one budget, by more than `z` standard errors. leak: the same with
    passage and question hidden, where no honest hint can help. fresh: the lift holds on new draws,
    since the best of many noisy candidates looks better than it is.
    """
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    problems = {p.id: p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem)}
    hints = read_jsonl(inputs["prepare/hints.jsonl"], Hint)[: config.hints.limit]
    if not hints:
        raise KoalignError("abstractions needs candidate hints; set data.hints to a JSONL file")
    refuse_leaking_texts([(hint.problem_id, hint.text) for hint in hints], inputs)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    check_adapter(inputs["dpo/adapter"], base, renderer.hash)
    screen = _Screens(config, renderer, problems, inputs["dpo/adapter"], out)

    screen.static(hints)
    with open_engine(config.engine, config.model, base, [inputs["dpo/adapter"]]) as engine:
        screen.lift(engine)
        screen.leak(engine)
        screen.fresh(engine)

    results = [screen.result(hint) for hint in hints]
    write_jsonl(out / "abstractions.jsonl", results)
    dropped = [
        Drop(problem_id=hint.problem_id, stage="hints", reason=reason)
        for hint in hints
        if (reason := screen.refusals.get(hint.id))
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


class _Screens:
    """The state that the screens share: who is still in, and the rates measured so far."""

    def __init__(
        self,
        config: Any,
        renderer: Renderer,
        problems: Mapping[str, Problem],
        adapter: Path,
        out: Path,
    ) -> None:
        self._config, self._renderer, self._problems = config, renderer, problems
        self._adapter, self._out = adapter, out
        self._alive: list[Hint] = []
        self.verdicts: dict[str, dict[str, str]] = {}
        self.refusals: dict[str, str] = {}
        self._bare: dict[str, int] = {}
        self._hinted: dict[str, int] = {}

    def static(self, hints: Sequence[Hint]) -> None:
        options = self._config.hints
        self._alive = list(hints)
        self._judge(
            "static",
            {
                hint.id: static_refusal(
                    self._problems[hint.problem_id],
                    hint.text,
                    min_characters=options.min_characters,
                    max_characters=options.max_characters,
                )
                for hint in hints
            },
        )

    def lift(self, engine: Engine) -> None:
        self._bare = self._rates(engine, "bare")
        self._hinted = self._rates(engine, "hinted", with_hint=True)
        self._judge("lift", self._unless_lifted(self._hinted, "no_lift"))

    def leak(self, engine: Engine) -> None:
        alone = self._rates(engine, "hidden_bare", hidden=True)
        told = self._rates(engine, "hidden_hinted", with_hint=True, hidden=True)
        n = self._config.hints.n
        self._judge(
            "leak",
            {
                hint.id: "tells_the_answer_alone"
                if rate_z(told[hint.id], n, alone[hint.problem_id], n) > self._config.hints.z
                else None
                for hint in self._alive
            },
        )

    def fresh(self, engine: Engine) -> None:
        again = self._rates(engine, "fresh", with_hint=True, first=self._config.hints.n)
        self._judge(
            "fresh",
            {
                hint.id: None
                if again[hint.id] > self._bare[hint.problem_id]
                else "lift_did_not_repeat"
                for hint in self._alive
            },
        )

    def result(self, hint: Hint) -> Abstraction:
        n = self._config.hints.n
        return Abstraction(
            problem_id=hint.problem_id,
            text=hint.text,
            base_rate=self._bare[hint.problem_id] / n if hint.id in self._hinted else None,
            hinted_rate=self._hinted[hint.id] / n if hint.id in self._hinted else None,
            verdicts=self.verdicts[hint.id],
            kept=hint.id not in self.refusals,
        )

    def _unless_lifted(self, hinted: Mapping[str, int], reason: str) -> dict[str, str | None]:
        n = self._config.hints.n
        return {
            hint.id: None
            if rate_z(hinted[hint.id], n, self._bare[hint.problem_id], n) > self._config.hints.z
            else reason
            for hint in self._alive
        }

    def _judge(self, screen: str, refusals: Mapping[str, str | None]) -> None:
        for hint in self._alive:
            self.verdicts.setdefault(hint.id, {})[screen] = refusals[hint.id] or "pass"
        self.refusals.update({name: reason for name, reason in refusals.items() if reason})
        self._alive = [hint for hint in self._alive if hint.id not in self.refusals]

    def _rates(
        self,
        engine: Engine,
        name: str,
        *,
        with_hint: bool = False,
        hidden: bool = False,
        first: int = 0,
    ) -> dict[str, int]:
        """Right answers out of n, by hint id, or without hints by problem id."""
        if with_hint:
            asked = [(h.id, h.problem_id, h.id, h.text) for h in self._alive]
        else:
            ids = dict.fromkeys(hint.problem_id for hint in self._alive)
            asked = [(problem_id, problem_id, "", "") for problem_id in ids]
        rendered = []
        for _, problem_id, _, text in asked:
            problem = self._problems[problem_id]
            rendered.append(self._renderer.render(problem, "answer", hint=text, hidden=hidden))
        drawn = draw(
            engine,
            requests_for(engine, rendered, self._adapter, [hint_id for _, _, hint_id, _ in asked]),
            self._config.hints,
            self._out / f"{name}.jsonl",
            title=f"hints: {name}",
            n=self._config.hints.n,
            seed=self._config.seed,
            first=first,
        )
        return {
            key: self._right(problem_id, samples)
            for (key, problem_id, _, _), samples in zip(asked, drawn, strict=True)
        }

    def _right(self, problem_id: str, samples: Sequence[Sample]) -> int:
        problem = self._problems[problem_id]
        return sum(grade(problem, s.text, s.finish_reason).correct for s in samples)


STAGE = Stage(
    name="hints",
    command="abstractions",
    run=run,
    sections=("model", "prompt", "engine", "hints", "seed"),
    inputs=(
        "prepare/train.jsonl",
        "prepare/shots.jsonl",
        "prepare/hints.jsonl",
        "prepare/base.json",
        "dpo/adapter",
        "engine.script",
    ),
    looks_at=HELD_OUT,
)
