"""Masked stacks in tests: which half of a tensor is frozen."""

from pathlib import Path

import torch
from safetensors.torch import load_file


def halves(name: str, tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Its eight frozen ranks and its four new ones."""
    first, last = tensor.split([8, 4], dim=0 if ".lora_A." in name else 1)
    return first, last


def only_the_new_ranks_moved(start: dict[str, torch.Tensor], folder: Path) -> bool:
    """Bit for bit, and every new part of every tensor did."""
    saved = load_file(folder / "adapter_model.safetensors")
    assert saved.keys() == start.keys()
    pairs = [(halves(name, start[name]), halves(name, saved[name])) for name in start]
    return all(
        before[0].contiguous().view(torch.int32).equal(after[0].contiguous().view(torch.int32))
        and not before[1].equal(after[1])
        for before, after in pairs
    )
