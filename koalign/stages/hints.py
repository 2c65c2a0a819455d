"""hints: candidate hints -> abstractions that measurably help without telling the answer. Expensive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.config.sections import Config
from koalign.data.prompting.orders import (
    choice_orders,
    in_order,
    render_in_order,
    shared_out,
)
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import draw, requests_for
from koalign.engines.engine import Engine
from koalign.engines.opening import open_engine
from koalign.grading.grade import grade
from koalign.guard import HELD_OUT, refuse_leaking_texts, write_drops
from koalign.jsonl import read_jsonl, read_record, write_jsonl
from koalign.mining.hints.static_screen import static_refusal
from koalign.mining.hints.uplift_screens import (
    PER_PROBLEM,
    SCREENS,
    hint_score,
    refusals,
    samples_for,
)
from koalign.records import Abstraction, Base, Count, Drop, Hint, Problem, count_reasons
from koalign.renderer import open_renderer
from koalign.run import PREPARED, Inputs, Stage, StageResult

HintedProblem = tuple[str, Hint | None]
"""The id of a problem, and the hint in its prompt."""


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """The screens in order of cost; each samples only for the hints that passed the ones before.

    First the static one, which needs no samples, then those of `uplift_screens`.
    """
    base = read_record(inputs["prepare/base.json"], Base)
    problems = read_jsonl(inputs["prepare/train.jsonl"], Problem)
    hints = read_jsonl(inputs["candidates/hints.jsonl"], Hint)[: config.hints.limit]
    refuse_leaking_texts([(hint.problem_id, hint.text) for hint in hints], inputs)
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
        self._section, self._seed, self._out = config.hints, config.seed, out
        self._engine, self._adapter, self._renderer = engine, adapter, renderer
        self._problems = {problem.id: problem for problem in problems}
        section = self._section
        most = min(section.permutations, section.n, section.bare_n, section.replication_n)
        orders = choice_orders(problems, most, config.seed)
        self._orders = {p.id: own for p, own in zip(problems, orders, strict=True)}
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
            counts = dict(zip(rows, self._count(kind, rows), strict=True))
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

    def _count(self, kind: str, rows: Sequence[HintedProblem]) -> list[Count]:
        """Right answers among the samples of each row, shared out among the orders of its choices.

        The samples are appended to `kind`.jsonl. The replication goes on after the last index of the
        first screen, so that its samples are new.
        """
        section = self._section
        n = samples_for(kind, section.n, section.bare_n, section.replication_n)
        first = {"replication": section.n, "replication_bare": section.bare_n}.get(kind, 0)
        shares = [
            (row, order, count, start)
            for row, (problem_id, _) in enumerate(rows)
            for (order, count), (_, start) in zip(
                shared_out(n, self._orders[problem_id]),
                shared_out(first, self._orders[problem_id]),
                strict=True,
            )
        ]
        shares.sort(key=lambda share: share[2:], reverse=True)
        prompts, hint_ids = [], []
        for row, order, _, _ in shares:
            problem_id, hint = rows[row]
            problem, text = self._problems[problem_id], hint.text if hint else ""
            hidden = kind.startswith("hidden")
            prompts.append(render_in_order(self._renderer, problem, order, text, hidden=hidden))
            hint_ids.append(hint.id if hint else "")
        requests = [
            replace(request, permutation=order, n=count, first=start)
            for request, (_, order, count, start) in zip(
                requests_for(self._engine, prompts, self._adapter, hint_ids), shares, strict=True
            )
        ]
        path, title = self._out / f"{kind}.jsonl", f"hints: {kind}"
        drawn = draw(self._engine, requests, self._section, path, title=title, seed=self._seed)
        right = [0] * len(rows)
        for (row, order, _, _), samples in zip(shares, drawn, strict=True):
            shown = in_order(self._problems[rows[row][0]], order)
            right[row] += sum(
                grade(shown, sample.text, sample.finish_reason).correct for sample in samples
            )
        return [Count(right=count, n=n) for count in right]


STAGE = Stage(
    name="hints",
    command="abstractions",
    run=run,
    sections=("model", "prompt", "engine", "hints", "seed"),
    inputs=(*PREPARED, "candidates/hints.jsonl", "dpo/adapter", "engine.script"),
    looks_at=HELD_OUT,
    version=8,
    draws=True,
)
