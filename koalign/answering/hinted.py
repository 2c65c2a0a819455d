"""hinted: problems and hints -> right answers among samples with each hint, and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from koalign.config.sections import Screening
from koalign.data.prompting.orders import choice_orders, in_order, render_in_order, shared_out
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import draw, fits, requests_for
from koalign.engines.engine import Engine
from koalign.grading.grade import grade
from koalign.mining.hints.uplift_screens import samples_for
from koalign.records import Count, Hint, Problem

Row = tuple[str, Hint | None]
"""The id of a problem, and the hint in its prompt."""


class HintSampler:
    """The samples of a screening stage, a file a kind of count in its folder."""

    def __init__(
        self,
        section: Screening,
        engine: Engine,
        adapter: Path,
        renderer: Renderer,
        problems: Sequence[Problem],
        out: Path,
        seed: int,
        title: str,
    ) -> None:
        """`title`: of the stage, for the bar."""
        self._section, self._seed, self._out, self._title = section, seed, out, title
        self._engine, self._adapter, self._renderer = engine, adapter, renderer
        self._problems = {problem.id: problem for problem in problems}
        most = min(section.permutations, section.n, section.bare_n, section.replication_n)
        orders = choice_orders(problems, most, seed)
        self._orders = {p.id: own for p, own in zip(problems, orders, strict=True)}
        self.prompt_tokens: dict[str, float] = {}
        """Kind of count -> mean tokens of its prompts; 0 for a scripted engine."""

    def has_room(self, hints: Sequence[Hint]) -> list[bool]:
        """Whether the prompt with each hint leaves room for a completion in the context."""
        prompts = [
            self._renderer.render(self._problems[hint.problem_id], "answer", hint.text)
            for hint in hints
        ]
        requests = requests_for(self._engine, prompts, self._adapter)
        return [fits(self._engine, request, self._section) for request in requests]

    def count(self, kind: str, rows: Sequence[Row]) -> list[Count]:
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
        lengths = [len(request.prompt_ids) for request in requests]
        self.prompt_tokens[kind] = sum(lengths) / max(1, len(lengths))
        path, title = self._out / f"{kind}.jsonl", f"{self._title}: {kind}"
        drawn = draw(self._engine, requests, section, path, title=title, seed=self._seed)
        right = [0] * len(rows)
        for (row, order, _, _), samples in zip(shares, drawn, strict=True):
            shown = in_order(self._problems[rows[row][0]], order)
            right[row] += sum(
                grade(shown, sample.text, sample.finish_reason).correct for sample in samples
            )
        return [Count(right=count, n=n) for count in right]
