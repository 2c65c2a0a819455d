"""What the training and engine tests share: the tiny base, and quickly made adapters on it."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from koalign.adapters.base import identify
from koalign.adapters.card import AdapterCard, AdapterPart
from koalign.adapters.cards import base_of
from koalign.config.inputs import Model
from koalign.config.training import Dpo, Optimization, Probing, Sft, Training
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.records import Base, Completion, Pair, Problem
from koalign.training.fit import Job, save_adapter
from koalign.training.guards import Watch
from koalign.training.policy import fresh_policy
from support.tiny_models import stirred

RENDERER = Renderer(load_template(DEFAULT))
MODEL = Model(path="builtin:tiny-ko")
TRAINING = Training()
QUICK = Sft(learning_rate=1e-2, epochs=1, batch_size=4, gradient_accumulation_steps=1, rank=8)
QUICK_DPO = Dpo(learning_rate=1e-2, epochs=1, batch_size=4, gradient_accumulation_steps=1)


def rows_of(tokenizer: Any, problems: Sequence[Problem]) -> list[tuple[list[int], list[int]]]:
    """Token ids of prompt and gold completion of each problem."""
    asked = [RENDERER.render(problem, "answer") for problem in problems]
    written = completion_ids(tokenizer, asked, [RENDERER.target(problem) for problem in problems])
    return list(zip(prompt_ids(tokenizer, asked), written, strict=True))


@cache
def base_of_tests() -> Base:
    return identify(MODEL)


def card(name: str, rank: int, frozen_rank: int = 0) -> AdapterCard:
    return AdapterCard(
        name=name, role="policy", origin="trained", base=base_of(base_of_tests()),
        parents=(AdapterPart(id="0" * 16, name="sft", path="sft"),) if frozen_rank else (),
        rank=rank, frozen_rank=frozen_rank, template_hash=RENDERER.hash, data={}, koalign=None,
    )  # fmt: skip


def job(
    start: Callable[[], PeftModel],
    tokenizer: Any,
    described: AdapterCard,
    section: Optimization,
    out: Path,
    training: Training = TRAINING,
    watch: Watch | None = None,
) -> Job:
    """A training with seed 0."""
    return Job(start, tokenizer, described, section, training, 0, out, watch)


def watch(*, measure=None, report=Path("unused"), dpo=None, to_plateau=False, **settings) -> Watch:
    """The guards of a training with these settings of the probe."""
    return Watch(Probing(**settings), report, measure, dpo is not None, dpo, to_plateau)


def trained_adapter(folder: Path, *, rank: int, seed: int) -> Path:
    policy = stirred(fresh_policy(MODEL, rank, alpha=2 * rank, seed=seed), seed=seed)
    save_adapter(policy, folder, card(f"seed-{seed}", rank))
    return folder


def pairs_of(tokenizer: Any, problems: Sequence[Problem], each: int = 1) -> list[Pair]:
    """The gold completion of each problem against those of its next `each` wrong choices."""
    made = []
    for problem, (prompt, chosen) in zip(problems, rows_of(tokenizer, problems), strict=True):
        for step in range(each):
            wrong = (int(problem.answers[0]) + step) % len(problem.choices) + 1
            other = problem.model_copy(update={"answers": (str(wrong),)})
            ((_, rejected),) = rows_of(tokenizer, [other])
            made.append(
                Pair(
                    problem_id=problem.id, prompt="", prompt_ids=tuple(prompt),
                    chosen=Completion(text="", token_ids=tuple(chosen)),
                    rejected=Completion(text="", token_ids=tuple(rejected)), reason="hard",
                )
            )  # fmt: skip
    return made


def tensors(policy: PeftModel) -> dict[str, torch.Tensor]:
    """A copy of every parameter."""
    return {name: p.detach().clone() for name, p in policy.named_parameters()}


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """The names of those that are no longer the same."""
    return {name for name in before if not torch.equal(before[name], after[name])}
