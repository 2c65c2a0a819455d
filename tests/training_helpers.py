"""What the training and engine tests share: the tiny base, and quickly made adapters on it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from koalign.adapters.base import identify
from koalign.config import Dpo, Model, Sft
from koalign.data.prompts import DEFAULT, Renderer, load_template
from koalign.data.tokens import completion_ids, prompt_ids
from koalign.records import AdapterCard, Base, Problem
from koalign.training.fit import save_adapter
from koalign.training.policy import fresh_policy

RENDERER = Renderer(load_template(DEFAULT))
MODEL = Model(path="builtin:tiny-ko")
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


def card(name: str, rank: int) -> AdapterCard:
    return AdapterCard(
        name=name,
        role="policy",
        base=base_of_tests(),
        parents=(),
        rank=rank,
        template_hash=RENDERER.hash,
        data={},
    )


def trained_adapter(folder: Path, *, rank: int, seed: int) -> Path:
    """An adapter as if trained: B is no longer zero, large enough to change what is written."""
    policy = fresh_policy(MODEL, rank, alpha=2 * rank, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in policy.named_parameters():
        if ".lora_B." in name:
            parameter.data.normal_(0, 0.05, generator=generator)
    save_adapter(policy, folder, card(f"seed-{seed}", rank))
    return folder
