"""policy: a base with the one trainable adapter `default`: fresh, continued, or a masked stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from peft.helpers import disable_input_dtype_casting
from transformers import set_seed

from koalign.adapters.base import base_folder, device_here, load_base
from koalign.adapters.card import AdapterCard
from koalign.adapters.external import loading
from koalign.adapters.stack import widen
from koalign.config.inputs import Model
from koalign.text.visible import warn


class Start(Protocol):
    """Makes the policy that a training begins with, once in each of its processes; picklable where there
    are several, as `functools.partial` of a function below is."""

    def __call__(self, *, on_host: bool = False) -> PeftModel:
        """`on_host`: with the base in the machine's memory, and not on a GPU."""


def fresh_policy(
    model: Model, rank: int, alpha: int, seed: int, *, on_host: bool = False
) -> PeftModel:
    """The base with a new LoRA adapter on all linear layers, of a mixture of experts on those outside of
    its MLPs; its function is the base's."""
    base = _trainable_base(model, on_host)
    set_seed(seed)
    return get_peft_model(
        base,
        LoraConfig(
            r=rank,
            lora_alpha=alpha,
            lora_dropout=0.0,
            target_modules=adapted_modules(base),
            task_type="CAUSAL_LM",
        ),
    )


def continued_policy(model: Model, adapter: Path, *, on_host: bool = False) -> PeftModel:
    """The base with a trained adapter that goes on learning."""
    base = _trainable_base(model, on_host)
    with loading(adapter):
        policy = PeftModel.from_pretrained(base, adapter, is_trainable=True)
    # An adapter names its base as the config does; PEFT looks there for a vocabulary when saving.
    policy.peft_config["default"].base_model_name_or_path = str(base_folder(model))
    return policy


def masked_stack(
    model: Model, parent: Path, extra_rank: int, seed: int, work: Path, *, on_host: bool = False
) -> PeftModel:
    """The parent adapter with `extra_rank` new ranks behind its own, as one adapter: a stack to be.

    Its function is the parent's, and its dropout 0. `checkpoints.Frozen` keeps the parent's rows of A
    and columns of B as they are in the training, where the card counts them as `frozen_rank`. So TRL
    sees one plain adapter, and what is saved is already the sum that an engine serves.
    """
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=work, prefix="initial-") as folder:
        widen(parent, Path(folder), extra_rank, seed)
        return continued_policy(model, Path(folder), on_host=on_host)


def described(card: AdapterCard, *, marked: bool = True) -> str:
    """The parts of a policy, from the card of what is trained; `marked`: with which part learns."""
    parts = [card.name] if card.frozen_rank or not card.parents else []
    known = [parent.name for parent in card.parents]
    if not marked:
        return " + ".join(["base", *known, *parts])
    learning = f"(learning, rank {card.rank - card.frozen_rank})"
    if not card.frozen_rank:
        return f"base + {(known or parts)[0]} {learning}"
    return f"base + {' + '.join(known)} (frozen, rank {card.frozen_rank}) + {card.name} {learning}"


@contextmanager
def unrounded(policy: PeftModel) -> Iterator[None]:
    """Restores the adapters in float32, bit for bit, after the block.

    TRL's trainers cast the adapters of a 4-bit base to bfloat16 when they are made: a policy so
    rounded is no longer its reference, and at the rates of DPO most of its entries never move.
    """
    before = {name: p.data.float() for name, p in policy.named_parameters() if p.requires_grad}
    yield
    for name, parameter in policy.named_parameters():
        if name in before:
            parameter.data = before[name]


def autocast_dtype(policy: PeftModel) -> torch.dtype | None:
    """What products are computed in while training: on a GPU that of a 16-bit base; None: no autocast."""
    dtype = policy.get_base_model().config.dtype
    return dtype if device_here().type == "cuda" and dtype != torch.float32 else None


@contextmanager
def autocast(policy: PeftModel) -> Iterator[None]:
    """Autocast to the precision of the training, for values that are compared with it."""
    dtype = autocast_dtype(policy)
    with (
        torch.autocast(device_here().type, dtype, enabled=dtype is not None),
        without_input_casts(policy),
    ):
        yield


def without_input_casts(policy: PeftModel) -> AbstractContextManager[None]:
    """Under autocast, LoRA reads its inputs as they are.

    PEFT casts them to the float32 of its weights, and autocast casts them back: the same values, and two
    passes over every input, forward and backward.
    """
    return disable_input_dtype_casting(policy, active=autocast_dtype(policy) is not None)


def _trainable_base(model: Model, on_host: bool) -> Any:
    base = load_base(model, quantized=True, on_host=on_host)
    if model.load_in_4bit:
        base = prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)
    return base


def adapted_modules(base: Any) -> str | list[str]:
    """`target_modules` of a new adapter.

    Experts are one parameter for all, which PEFT adapts in a form (`target_parameters`) that is no sum of
    ranks a layer: it cannot be stacked, and not every engine serves it.
    """
    if not any(name.endswith(".experts") for name, _ in base.named_modules()):
        return "all-linear"
    warn("adapters: on the attention alone, the experts stay as they are", once=True)
    head = base.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in base.named_modules()
            if isinstance(module, torch.nn.Linear) and module is not head and ".mlp." not in name
        }
    )
