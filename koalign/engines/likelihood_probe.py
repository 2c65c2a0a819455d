"""likelihood_probe: how likely a model in training finds the gold texts of training problems and of dev.

For answers that no rule verifies: what was sampled could not be graded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from statistics import fmean, stdev
from typing import Any

from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.engines.engine import Question
from koalign.engines.hf import HfEngine
from koalign.engines.modes import evaluating
from koalign.records import Base, Problem


@dataclass(frozen=True)
class LikelihoodProbe:
    """Prompts with their gold texts. Called with a PEFT model, it measures the active adapter."""

    tokenizer: Any
    base: Base
    batch_size: int
    sides: Mapping[str, Sequence[Question]]
    """Of `train` and of `held_out`; the only candidate is the target of SFT."""

    def __call__(self, model: Any) -> dict[str, float]:
        """Likelihood of a token: the geometric mean `train` (of `train_n` texts) and `held_out`, 0 to 1.

        `train_error` and `held_out_error` are their standard errors over texts (delta method); `tokens`
        is the mean length of a text.
        """
        with evaluating(model):
            engine = HfEngine(model.get_base_model, self.tokenizer, self.base, self.batch_size)
            measures: dict[str, float] = {}
            for side, questions in self.sides.items():
                sums = dict(engine.score(questions))
                means = [sums[n][0] / len(q.candidates[0]) for n, q in enumerate(questions)]
                likelihood = exp(fmean(means))
                spread = stdev(means) if len(means) > 1 else 0.0
                measures |= {
                    side: likelihood,
                    f"{side}_n": float(len(means)),
                    f"{side}_error": likelihood * spread / sqrt(len(means)),
                }
        lengths = [len(q.candidates[0]) for side in self.sides.values() for q in side]
        return measures | {"tokens": fmean(lengths)}


def likelihood_questions(
    renderer: Renderer, tokenizer: Any, base: Base, problems: Sequence[Problem]
) -> list[Question]:
    """The prompts of these problems with their targets, but for those that do not fit the context."""
    prompts = [renderer.render(problem, "answer") for problem in problems]
    targets = completion_ids(tokenizer, prompts, [renderer.target(p) for p in problems])
    rows = zip(prompt_ids(tokenizer, prompts), targets, strict=True)
    return [
        Question(tuple(prompt), (tuple(target),))
        for prompt, target in rows
        if len(prompt) + len(target) <= base.context
    ]
