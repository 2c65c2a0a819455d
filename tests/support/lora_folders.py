"""What the tests of stacks share: PEFT folders, made by PEFT itself or of plain random matrices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file

from koalign.adapters.base import tokenizer_hash, weight_hash
from koalign.adapters.card import AdapterBase, AdapterCard
from koalign.adapters.cards import write_card
from koalign.config.sections import ASSETS
from koalign.jsonl import write_json
from support.tiny_models import stirred, tiny

TINY = ASSETS / "tiny-ko"
TINY_BASE = AdapterBase(
    path="builtin:tiny-ko", weight_hash=weight_hash(TINY), tokenizer_hash=tokenizer_hash(TINY)
)
LAYERS = {"model.layers.0.mlp.up_proj": (6, 4), "model.layers.0.mlp.down_proj": (4, 6)}
"""Name -> outputs and inputs."""


def by_peft(folder: Path, base: str, seed: int, **config: Any) -> Path:
    """An adapter of a tiny model as if trained: saved by PEFT, with B no longer zero."""
    model = get_peft_model(tiny(base), LoraConfig(task_type="CAUSAL_LM", **config))
    stirred(model, seed=seed)
    model.save_pretrained(folder, save_embedding_layers=False)
    return folder


def plain(
    folder: Path,
    *,
    seed: int = 0,
    rank: int = 2,
    alpha: float = 4,
    layers: Mapping[str, tuple[int, int]] = LAYERS,
    card: AdapterCard | None = None,
    **config: Any,
) -> Path:
    """A PEFT folder of random matrices, of the layers `name -> (outputs, inputs)`."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, (outputs, inputs) in layers.items():
        for letter, shape in (("A", (rank, inputs)), ("B", (outputs, rank))):
            key = f"base_model.model.{name}.lora_{letter}.weight"
            tensors[key] = torch.randn(shape, generator=generator)
    save_file(tensors, folder / "adapter_model.safetensors")
    whole = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "builtin:tiny-ko",
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": sorted(layers),
        **config,
    }
    write_json(folder / "adapter_config.json", whole)
    if card is not None:
        write_card(folder, card)
    return folder


def trained(name: str, **changes: Any) -> AdapterCard:
    """The card of a policy on the tiny base."""
    whole = AdapterCard(
        name=name, role="policy", origin="trained", base=TINY_BASE, parents=(), rank=2, template_hash="t",
        data={}, koalign="0",
    )  # fmt: skip
    return whole.model_copy(update=changes)


PROMPT = torch.tensor([[5, 9, 33, 70, 21, 8, 14, 52, 3, 90, 61, 7]])


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=PROMPT).logits


def in_peft(base: str, folders: Sequence[Path]) -> Any:
    """A tiny model with all adapters active at once, in stock PEFT."""
    model = PeftModel.from_pretrained(tiny(base), folders[0], "0")
    for number, folder in enumerate(folders[1:], start=1):
        model.load_adapter(folder, str(number))
    model.base_model.set_adapter([str(number) for number in range(len(folders))])
    return model
