"""lora: a PEFT folder -> the matrices of its modules, or the reason why they are no plain sum."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from koalign.adapters.external import CONFIG, WEIGHTS, read_config, refuse_without_weights
from koalign.adapters.patterns import check_numbers, pattern_value
from koalign.adapters.weights import ADAPTER_AGAIN, open_weights
from koalign.jsonl import write_json
from koalign.records import KoalignError

PREFIX = "base_model.model."
"""What PEFT puts before the name of a module in the base."""

SAME_FUNCTION = frozenset((
    "alpha_pattern", "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config",
    "exclude_modules", "fan_in_fan_out", "inference_mode", "init_lora_weights", "layers_pattern",
    "layers_to_transform", "loftq_config", "lora_alpha", "lora_dropout", "lora_ga_config",
    "megatron_config", "megatron_core", "peft_type", "peft_version", "qalora_group_size", "r",
    "rank_pattern", "revision", "runtime_config", "target_modules", "task_type", "use_rslora",
    "velora_config",
))  # fmt: skip
"""Keys of adapter_config.json that are read here, or that change nothing but the training."""
CHANGED = {
    "use_dora": "DoRA rescales what base and adapter give together",
    "bias": "it changed biases of the base",
    "lora_bias": "its B has a bias",
    "modules_to_save": "it holds whole layers in place of the base's",
    "trainable_token_indices": "it holds rows of the embedding",
    "target_parameters": "it changes parameters that are no linear layers",
    "layer_replication": "it repeats layers of the base",
    "alora_invocation_tokens": "aLoRA acts only behind certain tokens",
    "use_qalora": "QALoRA pools what goes into A",
    "use_bdlora": "BD-LoRA keeps its matrices as blocks",
    "arrow_config": "Arrow chooses between adapters token by token",
    "kasa_config": "KaSA cut small singular values out of the base",
    "monteclora_config": "MonteCLoRA adds noise to its weights",
}
"""Keys whose value makes an adapter more than scale * B A -> what they add."""
NO_MATRIX = {
    "lora_embedding": "it belongs to an embedding; train it again on linear layers alone",
    "base_layer": "it is a weight of the base, and may have been changed; load the adapter with PEFT and "
    "save it with save_embedding_layers=False if it was not",
    "": "it is neither A nor B of a linear layer; train it again on linear layers alone",
}
"""Part of a tensor's name -> why it is no matrix of a sum; the first that fits."""
SAME_BASE = frozenset({"gaussian", "eva", "orthogonal", "mica"})
"""Values of init_lora_weights that leave the base as it was; true and false do too."""


@dataclass(frozen=True)
class Module:
    """What LoRA adds to the weight of one linear layer: scale * b @ a."""

    a: torch.Tensor
    """(rank, in), as stored."""
    b: torch.Tensor
    """(out, rank), as stored."""
    scale: float

    @property
    def finite(self) -> bool:
        return bool(self.a.isfinite().all() and self.b.isfinite().all())

    def folded(self, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A (rank, in) and scale * B (out, rank) in float32, padded with zeros to `rank`."""
        a, b = self.a.float(), self.scale * self.b.float()
        new_a, new_b = a.new_zeros(rank, a.shape[1]), b.new_zeros(b.shape[0], rank)
        new_a[: len(a)], new_b[:, : len(a)] = a, b
        return new_a, new_b


@dataclass(frozen=True)
class Lora:
    """A LoRA adapter without the base: a sum over linear layers and nothing else."""

    config: dict[str, Any]
    rank: int
    """The highest that its configuration names."""
    modules: dict[str, Module]
    """By the name of the layer in the base, sorted."""


def read_lora(folder: Path) -> Lora:
    """The matrices of a PEFT folder and the factor before each product.

    Raises KoalignError, with folder and key, for what no sum of LoRA matrices can say.
    """
    config = read_config(folder)
    _refuse_more(folder, config)
    check_numbers(folder, config)
    ranks, alphas = config.get("rank_pattern") or {}, config.get("alpha_pattern") or {}
    pairs: dict[str, dict[str, torch.Tensor]] = {}
    refuse_without_weights(folder)
    with open_weights(folder / WEIGHTS, ADAPTER_AGAIN, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    for key, tensor in tensors.items():
        match = re.fullmatch(rf"{re.escape(PREFIX)}(.+)\.lora_([AB])\.weight", key)
        if not match or tensor.dim() != 2:
            raise KoalignError(
                f"{folder}: tensor {key} {list(tensor.shape)} cannot be stacked exactly: "
                + next(why for part, why in NO_MATRIX.items() if part in key)
            )
        pairs.setdefault(match[1], {})[match[2]] = tensor
    modules = {}
    for name, pair in sorted(pairs.items()):
        rank = pattern_value(folder, ranks, name, config["r"])
        if pair.keys() != {"A", "B"} or not pair["A"].shape[0] == pair["B"].shape[1] == rank:
            shapes = ", ".join(f"{half} {list(pair[half].shape)}" for half in sorted(pair))
            raise KoalignError(
                f"{folder}: {name} has {shapes}, and {CONFIG} says rank {rank}; "
                "take weights and configuration from one save"
            )
        alpha = pattern_value(folder, alphas, name, config["lora_alpha"])
        factor = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
        modules[name] = Module(pair["A"], pair["B"], factor)
    if not modules:
        raise KoalignError(f"{folder}: {WEIGHTS} holds no tensor; save the adapter again")
    return Lora(config, max([config["r"], *ranks.values()]), modules)


def write_lora(
    folder: Path,
    modules: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
    *,
    base: str,
    fan_in_fan_out: bool,
) -> None:
    """Write A (rank, in) and B (out, rank) of each module as a PEFT folder with the factor 1.

    All have one rank, and the layers are listed by their full names: PEFT loads these and no others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, (a, b) in sorted(modules.items()):
        tensors[f"{PREFIX}{name}.lora_A.weight"] = a.contiguous()
        tensors[f"{PREFIX}{name}.lora_B.weight"] = b.contiguous()
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    rank = next(len(a) for a, _ in modules.values())
    write_json(
        folder / CONFIG,
        {
            "alpha_pattern": {},
            "base_model_name_or_path": base or None,
            "bias": "none",
            "fan_in_fan_out": fan_in_fan_out,
            "inference_mode": True,
            "init_lora_weights": True,
            "lora_alpha": rank,
            "lora_dropout": 0.0,
            "modules_to_save": None,
            "peft_type": "LORA",
            "r": rank,
            "rank_pattern": {},
            "target_modules": sorted(modules),
            "task_type": "CAUSAL_LM",
            "use_dora": False,
            "use_rslora": False,
        },
    )


def _refuse_more(folder: Path, config: Mapping[str, Any]) -> None:
    for key, value in config.items():
        if key in SAME_FUNCTION or value in (None, False, "none", [], {}):
            continue
        unknown = "koalign does not know what that changes; set it to null if it changes nothing"
        why = f"{CHANGED[key]}; train it again without" if key in CHANGED else unknown
        shown = json.dumps(value, ensure_ascii=False)
        raise KoalignError(f"{folder}: {key} = {shown} cannot be stacked exactly: {why}")
    init = config.get("init_lora_weights", True)
    if not isinstance(init, bool) and str(init).lower() not in SAME_BASE:
        raise KoalignError(
            f"{folder}: init_lora_weights = {init!r} cannot be stacked exactly: such a start changes "
            "the base below; save it with PEFT's path_initial_model_for_weight_conversion, "
            "or train it again with init_lora_weights = true"
        )
    if (task := config.get("task_type")) not in (None, "CAUSAL_LM"):
        raise KoalignError(f"{folder}: task_type = {task!r}; koalign knows CAUSAL_LM only")
