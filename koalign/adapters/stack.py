"""stack: an adapter and room for a second one on top of it, as one adapter with the same function."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from koalign.jsonl import read_json, write_json
from koalign.records import KoalignError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def lora_scale(config: dict) -> float:
    """The factor in front of B·A: alpha / r, or alpha / sqrt(r) of rsLoRA (peft/tuners/lora/layer.py)."""
    rank = math.sqrt(config["r"]) if config.get("use_rslora") else config["r"]
    return config["lora_alpha"] / rank


def widen(source: Path, out: Path, extra_rank: int, seed: int) -> int:
    """Write `source` widened by `extra_rank` as a PEFT folder; returns the rank of the old slice.

    A' = [A; A_new] and B' = [s·B, 0] with alpha' = r': the same function, in which only the new rows
    of A and columns of B remain to be trained. A_new has PEFT's own initialisation (Kaiming uniform,
    a = sqrt(5)); the scale s is folded into B in float32. Raises KoalignError for what a sum of LoRA
    matrices cannot carry.
    """
    config = read_json(source / CONFIG)
    for key, plain in (
        ("use_dora", False),
        ("bias", "none"),
        ("lora_bias", False),
        ("modules_to_save", None),
        ("rank_pattern", {}),
        ("alpha_pattern", {}),
    ):
        if config.get(key, plain) != plain:
            raise KoalignError(f"{source}: {key} = {config[key]!r} cannot be stacked exactly")
    scale, rank = lora_scale(config), config["r"]
    generator = torch.Generator().manual_seed(seed)
    widened = {}
    for name, tensor in sorted(load_file(source / WEIGHTS).items()):
        tensor = tensor.float()
        if ".lora_A." in name:
            bound = 1 / math.sqrt(tensor.shape[1])  # Kaiming uniform with a = sqrt(5)
            new = torch.empty(extra_rank, tensor.shape[1]).uniform_(
                -bound, bound, generator=generator
            )
            widened[name] = torch.cat([tensor, new])
        elif ".lora_B." in name:
            widened[name] = torch.cat(
                [scale * tensor, torch.zeros(tensor.shape[0], extra_rank)], dim=1
            )
        else:
            raise KoalignError(f"{source}: tensor {name} is no LoRA matrix and cannot be stacked")
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in widened.items()}, out / WEIGHTS)
    total = rank + extra_rank
    write_json(out / CONFIG, {**config, "r": total, "lora_alpha": total, "use_rslora": False})
    return rank
