"""hints: candidate hints -> abstractions that measurably help without telling the answer. Expensive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.answering.hinted import HintSampler
from koalign.config.sections import Config
from koalign.data.prompting.prompts import Renderer
from koalign.engines.engine import Engine
from koalign.engines.opening import open_engine
from koalign.guard import HELD_OUT, refuse_leaking_texts, write_drops
from koalign.jsonl import ById, read_jsonl, read_record, write_jsonl
from koalign.mining.hints.static_screen import static_refusal
from koalign.mining.hints.uplift_screens import (
    PER_PROBLEM,
    SCREENS,
    hint_score,
    refusals,
)
from koalign.records import Abstraction, Base, Count, Drop, Hint, Problem, count_reasons
from koalign.renderer import open_renderer
from koalign.run import ENGINE, PREPARED, Inputs, Stage, StageResult


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """The screens in order of cost; each samples only for the hints that passed the ones before.

    First the static one, which needs no samples, then those of `uplift_screens`.
    """
    base = read_record(inputs["prepare/base.json"], Base)
    by_id = ById(inputs["prepare/train.jsonl"], Problem)
    problems = list(by_id.values())
    hints = read_jsonl(inputs["candidates/hints.jsonl"], Hint)[: config.hints.limit]
    refuse_leaking_texts([(by_id[hint.problem_id].id, hint.text) for hint in hints], inputs)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    check_adapter(inputs["dpo/adapter"], base, renderer.hash)
    with open_engine(config.engine, config.model, base, [inputs["dpo/adapter"]]) as engine:
        screening = _Screening(
            config, engine, inputs["dpo/adapter"], renderer, problems, hints, out
        )
        screening.static()
        for screen in SCREENS:
            screening.screen(screen)
    write_jsonl(out / "abstractions.jsonl", map(screening.result, hints))
    dropped = [
        Drop(
            stage="hints",
            reason=reason,
            problem_id=hint.problem_id,
            detail=hint.text,
        )
        for hint in hints
        if (reason := screening.refusals.get(hint.id))
    ]
    write_drops(out, dropped, problems)
    counts = {"candidates": len(hints), "kept": len(hints) - len(dropped)}
    return StageResult(counts | count_reasons(dropped, "dropped_"))


class _Screening:
    """The hints that passed so far, and the counts and verdicts of each hint."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        adapter: Path,
        renderer: Renderer,
        problems: Sequence[Problem],
        hints: Sequence[Hint],
        out: Path,
    ) -> None:
        self._section = config.hints
        self._sampler = HintSampler(
            config.hints, engine, adapter, renderer, problems, out, config.seed, "hints"
        )
        self._problems = {problem.id: problem for problem in problems}
        self._passed = list(hints)
        self._counts: dict[str, dict[str, Count]] = {hint.id: {} for hint in hints}
        self._verdicts: dict[str, dict[str, str]] = {hint.id: {} for hint in hints}
        self.refusals: dict[str, str] = {}

    def static(self) -> None:
        """Screen the text, which needs no samples."""
        least, most = self._section.min_characters, self._section.max_characters
        reasons = [
            static_refusal(
                self._problems[hint.problem_id],
                hint.text,
                min_characters=least,
                max_characters=most,
            )
            for hint in self._passed
        ]
        self._judge("static", reasons)

    def screen(self, name: str) -> None:
        """Sample what the screen counts for the hints that passed so far, and refuse by that."""
        for kind in SCREENS[name]:
            hinted = [(h.problem_id, None if kind in PER_PROBLEM else h) for h in self._passed]
            rows = list(dict.fromkeys(hinted))
            counts = dict(zip(rows, self._sampler.count(kind, rows), strict=True))
            for hint, row in zip(self._passed, hinted, strict=True):
                self._counts[hint.id][kind] = counts[row]
        reasons = refusals(
            name,
            [self._counts[hint.id] for hint in self._passed],
            n=self._section.n,
            z=self._section.z,
            false_discovery_rate=self._section.false_discovery_rate,
        )
        self._judge(name, reasons)

    def result(self, hint: Hint) -> Abstraction:
        """The hint with its counts and verdicts."""
        counts, kept = self._counts[hint.id], hint.id not in self.refusals
        return Abstraction(
            problem_id=hint.problem_id,
            text=hint.text,
            counts=counts,
            score=hint_score(counts) if kept else None,
            verdicts=self._verdicts[hint.id],
            kept=kept,
        )

    def _judge(self, screen: str, reasons: Sequence[str | None]) -> None:
        for hint, reason in zip(self._passed, reasons, strict=True):
            self._verdicts[hint.id][screen] = reason or "pass"
            if reason:
                self.refusals[hint.id] = reason
        self._passed = [hint for hint in self._passed if hint.id not in self.refusals]


STAGE = Stage(
    name="hints",
    command="abstractions",
    run=run,
    sections=("model", "prompt", "engine", "hints", "seed"),
    inputs=(*PREPARED, "candidates/hints.jsonl", "dpo/adapter", *ENGINE),
    looks_at=HELD_OUT,
    version=17,
    draws=True,
)
