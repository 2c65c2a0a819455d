"""policy: a base with the one trainable adapter `default`: fresh, continued, or a masked stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from transformers import set_seed

from koalign.adapters.base import base_folder, load_base
from koalign.adapters.stack import widen
from koalign.config import Model


def fresh_policy(model: Model, rank: int, alpha: int, seed: int) -> PeftModel:
    """The base with a new LoRA adapter on all linear layers; its function is the base's."""
    base = _trainable_base(model)
    set_seed(seed)
    return get_peft_model(
        base,
        LoraConfig(
            r=rank,
            lora_alpha=alpha,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )


def continued_policy(model: Model, adapter: Path) -> PeftModel:
    """The base with a trained adapter that goes on learning."""
    policy = PeftModel.from_pretrained(_trainable_base(model), adapter, is_trainable=True)
    # An adapter names its base as the config does; PEFT looks there for a vocabulary when saving.
    policy.peft_config["default"].base_model_name_or_path = str(base_folder(model))
    return policy


def masked_stack(model: Model, parent: Path, extra_rank: int, seed: int, work: Path) -> PeftModel:
    """The parent adapter, frozen, with `extra_rank` new ranks that learn, as one adapter.

    The parent's rows of A and columns of B get no gradient, and without weight decay AdamW leaves
    a weight of zero gradient bit for bit as it is. So TRL sees one plain adapter, and what is saved
    is already the sum that an engine serves.
    """
    frozen = widen(parent, work / "initial", extra_rank, seed)
    policy = continued_policy(model, work / "initial")
    for name, parameter in policy.named_parameters():
        if ".lora_A.default." in name:
            parameter.register_hook(
                lambda grad: torch.cat([torch.zeros_like(grad[:frozen]), grad[frozen:]])
            )
        elif ".lora_B.default." in name:
            parameter.register_hook(
                lambda grad: torch.cat(
                    [torch.zeros_like(grad[:, :frozen]), grad[:, frozen:]], dim=1
                )
            )
    return policy


@contextmanager
def unrounded(policy: PeftModel) -> Iterator[None]:
    """Adapters in float32 and to the bit as they were, whatever is done meanwhile.

    TRL's trainers cast the adapters of a 4-bit base to bfloat16 when they are made: a policy so
    rounded is no longer its reference, and at the rates of DPO most of its entries never move.
    """
    before = {name: p.data.float() for name, p in policy.named_parameters() if p.requires_grad}
    yield
    for name, parameter in policy.named_parameters():
        if name in before:
            parameter.data = before[name]


def in_bfloat16(policy: PeftModel) -> bool:
    """Whether the policy is trained under bfloat16 autocast: on a GPU, with a base of that precision."""
    return policy.device.type == "cuda" and policy.get_base_model().config.dtype == torch.bfloat16


def autocast(policy: PeftModel) -> torch.autocast:
    """The precision in which the policy is trained, for what is to be compared with it."""
    return torch.autocast(policy.device.type, torch.bfloat16, enabled=in_bfloat16(policy))


def _trainable_base(model: Model) -> Any:
    base = load_base(model, quantized=True)
    if model.load_in_4bit:
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)
    return base
