"""Random-weight models of Qwen3's shapes, made on the device, and the operations of a training step."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, Qwen3Config

from koalign.engines.packing import Group

PUBLISHED = {
    "0.6B": {
        "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
        "num_attention_heads": 16, "tie_word_embeddings": True,
    },
    "8B": {
        "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
        "num_attention_heads": 32, "tie_word_embeddings": False,
    },
}  # fmt: skip
"""What differs between the configs that Qwen published."""
TINY = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 2048,
}  # fmt: skip
PEAKS = {"H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bf16 operations a second, from NVIDIA's data sheets; the first name that fits counts."""


@dataclass(frozen=True)
class Setting:
    """Where and how large: the card in bfloat16, or a dry run at a tiny size in float32."""

    device: str
    tiny: bool

    @property
    def dtype(self) -> torch.dtype:
        """Of the base."""
        return torch.bfloat16 if self.device == "cuda" else torch.float32


def config_of(size: str, setting: Setting) -> Qwen3Config:
    """Qwen3's config of that size."""
    common = {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936}
    shape = {**common, **PUBLISHED[size]} | (TINY if setting.tiny else {})
    return Qwen3Config(**shape, max_position_embeddings=40_960)


def random_base(config: Qwen3Config, setting: Setting, nf4: bool = False) -> Any:
    """A frozen model, the same at each call; `nf4`: its layers in 4 bits as `load_base` has them."""
    torch.manual_seed(0)
    with torch.device(setting.device):
        base = AutoModelForCausalLM.from_config(
            copy.deepcopy(config), dtype=setting.dtype, attn_implementation="sdpa"
        )
    base = base.eval().requires_grad_(False)
    return quantized(base, setting) if nf4 else base


def quantized(base: Any, setting: Setting) -> Any:
    """The base with its layers in NF4, double quantised, ready for LoRA."""
    from bitsandbytes.nn import Linear4bit, Params4bit

    linears = [
        (layer, name, module)
        for layer in base.model.layers
        for name, module in layer.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    for layer, name, module in linears:
        small = Linear4bit(
            module.in_features, module.out_features, bias=False, device="meta",
            compute_dtype=setting.dtype, compress_statistics=True, quant_type="nf4",
        )  # fmt: skip
        small.weight = Params4bit(
            module.weight.data, requires_grad=False, compress_statistics=True, quant_type="nf4"
        ).to(setting.device)
        small.support_avx512bf16_for_cpu = False  # as in koalign.adapters.base
        layer.set_submodule(name, small)
    base.is_loaded_in_4bit = True
    return prepare_model_for_kbit_training(base, use_gradient_checkpointing=False)


def step_operations(config: Qwen3Config, groups: Sequence[Group], lora_parameters: int) -> float:
    """Floating-point operations of a step on a frozen base, each prompt computed once.

    With T tokens, N weights in the layers, L of LoRA, C completion tokens, vocabulary V, width H, layers n,
    A = heads x head size, and S pairs of a token and one that it sees:
    4 N T (forward and the gradient of the states) + 6 L T + 4 V H C + 12 n A S. Nothing is counted for
    recomputation.
    """
    width, heads = config.hidden_size, config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    layer = 2 * width * heads + 2 * width * keys + 3 * width * config.intermediate_size
    tokens = sum(group.tokens for group in groups)
    predicted = sum(len(ids) for group in groups for ids in group.completions)
    seen = sum(
        len(group.prompt) * (len(group.prompt) + 1) / 2
        + sum(len(ids) * (len(group.prompt) + (len(ids) + 1) / 2) for ids in group.completions)
        for group in groups
    )
    return (
        4.0 * config.num_hidden_layers * layer * tokens
        + 6.0 * lora_parameters * tokens
        + 4.0 * config.vocab_size * width * predicted
        + 12.0 * config.num_hidden_layers * heads * seen
    )


def peak(card: str) -> float | None:
    """Dense bf16 operations a second of a card by its name."""
    return next((value for name, value in PEAKS.items() if fits(name, card)), None)


def fits(name: str, card: str) -> bool:
    """Whether all words of a name stand in the card's."""
    return all(re.search(rf"\b{word}\b", card) for word in name.split())
