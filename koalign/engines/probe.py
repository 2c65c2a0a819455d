"""probe: greedy accuracy of a model in training, on fixed samples of its training problems and of dev."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from koalign.config.inputs import Sampling
from koalign.config.training import Probing
from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.engine import Request
from koalign.engines.hf import HfEngine
from koalign.engines.likelihood_probe import LikelihoodProbe, likelihood_questions
from koalign.engines.modes import evaluating
from koalign.grading.grade import grade
from koalign.guard import needs_probe
from koalign.records import Base, Problem, Sample, Verdict
from koalign.text.visible import warn


@dataclass(frozen=True)
class Probe:
    """Problems and settings of the probe. Called with a PEFT model, it measures the active adapter."""

    tokenizer: Any
    base: Base
    max_tokens: int
    batch_size: int
    problems: Mapping[str, Problem]
    """By id."""
    sides: Mapping[str, Sequence[Request]]
    """Requests of `train` and of `held_out`."""

    def __call__(self, model: Any) -> dict[str, float]:
        """Accuracies `train` (of `train_n` problems) and `held_out` (of `held_out_n`), from 0 to 1.

        Over both: the mean length `tokens`, the share `cut` at `max_tokens`, and the share `unreadable`,
        without an extractable answer. Mode, adapter, weights and random state of the model stay as
        they were.
        """
        every = [request for side in self.sides.values() for request in side]
        with evaluating(model):
            drawn = greedy_samples(
                model, self.tokenizer, self.base, every, self.max_tokens, self.batch_size
            )
        answered = {sample.problem_id: (sample, self._verdict(sample)) for sample in drawn}
        measures: dict[str, float] = {}
        for side, requests in self.sides.items():
            right = sum(answered[r.problem_id][1].correct for r in requests)
            measures |= {side: right / len(requests), f"{side}_n": float(len(requests))}
        samples, verdicts = zip(*answered.values(), strict=True)
        return measures | {
            "tokens": sum(len(s.token_ids) for s in samples) / len(samples),
            "cut": sum(s.finish_reason == "length" for s in samples) / len(samples),
            "unreadable": sum(v.answer is None for v in verdicts) / len(samples),
        }

    def _verdict(self, sample: Sample) -> Verdict:
        return grade(self.problems[sample.problem_id], sample.text, sample.finish_reason)


def greedy_samples(
    model: Any,
    tokenizer: Any,
    base: Base,
    requests: Sequence[Request],
    max_tokens: int,
    batch_size: int,
) -> list[Sample]:
    """What the active adapter of a PEFT model in training writes, a sample a request, short ones first."""

    def room(request: Request) -> int:
        return min(max_tokens, base.context - len(request.prompt_ids))

    # The model below PEFT: the trainer has put its own autocast around the outer one, and what is
    # to be measured is what an engine will serve.
    engine = HfEngine(model.get_base_model, tokenizer, base, batch_size)
    drawn: list[Sample] = []
    ordered = sorted(requests, key=lambda r: (len(r.prompt_ids), r.problem_id))
    # Those that the context leaves equal room: nobody is cut for a longer neighbour's sake.
    for left, together in groupby(ordered, room):
        greedy, alike = Sampling(temperature=0, max_tokens=left), list(together)
        for start in range(0, len(alike), batch_size):
            batch = alike[start : start + batch_size]
            drawn += [sample for (sample,) in engine.generate(batch, greedy, seed=0)]
    return drawn


def open_probe(
    title: str,
    section: Probing,
    renderer: Renderer,
    tokenizer: Any,
    base: Base,
    trained: Sequence[Problem],
    held_out: Sequence[Problem],
    *,
    needed: bool = False,
) -> Probe | LikelihoodProbe | None:
    """The probe of a training, the same for the same problems; none, and a line that says why, without dev.

    Only problems are asked that a rule can verify; of gold texts where none can be, the likelihood is
    measured. An id is a hash, so those with the lowest ids are
    drawn as by lot, in whatever order the files are. Where it is `needed`, by `epochs: auto`, none is a
    KoalignError.
    """
    if not section.problems:
        if needed:
            raise needs_probe(title, "probe.problems is 0", "raise it")
        return None
    if trained and not any(map(renderer.can_verify, trained)):
        texts = {}
        for side, pool in (
            ("train", trained),
            ("held_out", list(filter(renderer.can_teach, held_out))),
        ):
            drawn = sorted(pool, key=lambda problem: problem.id)[: section.problems]
            texts[side] = likelihood_questions(renderer, tokenizer, base, drawn)
            _say_left_out(title, side, len(texts[side]), len(drawn), base)
        if all(texts.values()):
            return LikelihoodProbe(tokenizer, base, section.batch_size, texts)
    problems: dict[str, Problem] = {}
    sides: dict[str, list[Request]] = {}
    for side, pool in (("train", trained), ("held_out", held_out)):
        drawn = sorted(
            filter(renderer.can_verify, pool),
            key=lambda problem: problem.id,
        )[: section.problems]
        ids = prompt_ids(tokenizer, [renderer.render(problem, "answer") for problem in drawn])
        fitting = [(p, i) for p, i in zip(drawn, ids, strict=True) if len(i) < base.context]
        _say_left_out(title, side, len(fitting), len(drawn), base)
        problems |= {problem.id: problem for problem, _ in fitting}
        sides[side] = [Request(problem.id, tuple(tokens)) for problem, tokens in fitting]
    for side, where in (("train", "trained on"), ("held_out", "in dev (data.dev, data.dev_share)")):
        if not sides[side]:
            why = f"no problem {where} that a rule can verify"
            if needed:
                raise needs_probe(title, why, "set data.dev")
            warn(f"{title}: no probe while training, the last checkpoint is kept: {why}")
            return None
    return Probe(tokenizer, base, section.max_tokens, section.batch_size, problems, sides)


def _say_left_out(title: str, side: str, fitting: int, drawn: int, base: Base) -> None:
    if fitting < drawn:
        warn(
            f"{title}: the probe leaves out {drawn - fitting} of {drawn} problems ({side}), which fill the "
            f"context of {base.context} tokens"
        )
