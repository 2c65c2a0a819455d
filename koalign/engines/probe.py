"""probe: a model that is learning answers a fixed sample of what it learns from and of dev, greedily."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koalign.config import Sampling, Training
from koalign.data.grading import grade
from koalign.data.prompts import Renderer
from koalign.data.tokens import prompt_ids
from koalign.engines import Request
from koalign.engines.hf import HfEngine
from koalign.records import Base, Problem, Sample, Verdict


@dataclass(frozen=True)
class Probe:
    """The questions, and how they are asked. Called with a PEFT model, it measures its active adapter."""

    tokenizer: Any
    base: Base
    max_tokens: int
    batch_size: int
    problems: Mapping[str, Problem]
    """By id."""
    sides: Mapping[str, Sequence[Request]]
    """Those of `train` and of `held_out`."""

    def __call__(self, model: Any) -> dict[str, float]:
        """Shares of right answers in `train` (of `train_n`) and `held_out` (of `held_out_n`).

        And over both the mean length `tokens`, and the shares that were `cut` at `probe_tokens` and that
        no answer could be read from (`unreadable`). Leaves the model as it was: mode, adapter, weights,
        random numbers.
        """
        modes = {module: module.training for module in model.modules()}
        model.eval()
        try:
            answered = self._answer(model)
        finally:
            for module, training in modes.items():
                module.training = training
        found: dict[str, float] = {}
        for side, requests in self.sides.items():
            right = sum(answered[r.problem_id][1].correct for r in requests)
            found |= {side: right / len(requests), f"{side}_n": float(len(requests))}
        samples, verdicts = zip(*answered.values(), strict=True)
        return found | {
            "tokens": sum(len(s.token_ids) for s in samples) / len(samples),
            "cut": sum(s.finish_reason == "length" for s in samples) / len(samples),
            "unreadable": sum(v.answer is None for v in verdicts) / len(samples),
        }

    def _answer(self, model: Any) -> dict[str, tuple[Sample, Verdict]]:
        # The model below PEFT: the trainer has put its own autocast around the outer one, and what is
        # to be measured is what an engine will serve.
        engine = HfEngine.around(model.get_base_model(), self.tokenizer, self.base, self.batch_size)
        requests = [r for side in self.sides.values() for r in side]
        requests.sort(key=lambda r: (len(r.prompt_ids), r.problem_id))
        answered = {}
        for start in range(0, len(requests), self.batch_size):
            batch = requests[start : start + self.batch_size]
            room = self.base.context - len(batch[-1].prompt_ids)
            greedy = Sampling(temperature=0, max_tokens=min(self.max_tokens, room))
            for (sample,) in engine.generate(batch, greedy, n=1, seed=0, first=0):
                problem = self.problems[sample.problem_id]
                verdict = grade(problem, sample.text, sample.finish_reason)
                answered[problem.id] = (sample, verdict)
        return answered


def open_probe(
    title: str,
    section: Training,
    renderer: Renderer,
    tokenizer: Any,
    base: Base,
    trained: Sequence[Problem],
    held_out: Sequence[Problem],
) -> Probe | None:
    """The probe of a training, the same for the same problems; none, and a line that says why, without dev.

    Only problems are asked that a rule can verify. An id is a hash, so those with the lowest ids are
    drawn as by lot, in whatever order the files are.
    """
    if not section.probe:
        return None
    problems: dict[str, Problem] = {}
    sides: dict[str, list[Request]] = {}
    for side, pool in (("train", trained), ("held_out", held_out)):
        asked = sorted(
            (
                p
                for p in pool
                if p.answers and p.kind in renderer.template.kinds and p.kind != "long"
            ),
            key=lambda problem: problem.id,
        )[: section.probe]
        ids = prompt_ids(tokenizer, [renderer.render(problem, "answer") for problem in asked])
        fitting = [(p, i) for p, i in zip(asked, ids, strict=True) if len(i) < base.context]
        if len(fitting) < len(asked):
            print(
                f"{title}: the probe leaves out {len(asked) - len(fitting)} of {len(asked)} problems "
                f"({side}), which fill the context of {base.context} tokens",
                file=sys.stderr,
            )
        problems |= {problem.id: problem for problem, _ in fitting}
        sides[side] = [Request(problem.id, tuple(tokens)) for problem, tokens in fitting]
    for side, where in (("train", "trained on"), ("held_out", "in dev (data.dev, data.dev_share)")):
        if not sides[side]:
            print(
                f"{title}: no probe while training, the last checkpoint is kept: "
                f"no problem {where} that a rule can verify",
                file=sys.stderr,
            )
            return None
    return Probe(tokenizer, base, section.probe_tokens, section.probe_batch, problems, sides)
