"""merge: base + adapter -> a plain transformers model, and how well it was hit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.pytorch_utils import Conv1D
from transformers.utils import GENERATION_CONFIG_NAME

from koalign.adapters.base import base_folder, identify, weight_hash
from koalign.adapters.cards import (
    adapter_id,
    check_adapter,
    read_card,
    refuse_foreign_files,
    refuse_replaced,
)
from koalign.adapters.export import copy_files, copy_tokenizer, unknown_base
from koalign.adapters.lora import Lora, read_lora
from koalign.config.inputs import Model
from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.jsonl import read_json, write_json
from koalign.locking import begun
from koalign.records import KoalignError, Record
from koalign.text.visible import warn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
BOUND = 1e-4
"""Of the largest difference of any logit in float32, where there is nothing but rounding."""
PROBLEMS = 4
"""Of the built-in exam, read by the base with the adapter and by the merged model."""


class Parity(Record):
    """How far a merged model is from its base with the adapter, both computing in float32."""

    base: str
    adapter: str
    """Id of what was merged."""
    dtype: str
    """Of the weights as they were saved."""
    delta_lost: float
    """||saved - (W + s B A)|| / ||s B A|| over all changed layers: what the one cast took away."""
    max_difference: float
    """The largest of any logit."""
    mean_kl: float
    """KL(base with adapter || merged) in nats, mean over positions."""
    top1_agreement: float
    """Share of the positions at which both find the same token likeliest."""
    positions: int
    bound: float | None
    """What max_difference must not pass; none: the weights were rounded, and this is a report."""

    @property
    def holds(self) -> bool:
        """Whether the merged model is the same function, as far as its precision goes."""
        return self.bound is None or self.max_difference <= self.bound


def merge(folder: Path, out: Path, *, dtype: str | None = None, dequantize: bool = False) -> Parity:
    """Write base + adapter as a plain transformers folder, and say how well it was hit.

    W + s B A in float32, cast once to `dtype` or else the base's own, with tokenizer and generation
    config; `parity.json` compares it with base and adapter side by side. A layer is transposed where it
    is transformers' Conv1D, whatever `fan_in_fan_out` says; a wrong flag is told. A base in 4 or 8 bits is
    merged only after `dequantize`: what training stood on were its rounded weights, and rounding the
    sum again would be another model. Raises KoalignError if `out` is there, for what is no sum of LoRA
    matrices, for a layer whose weight is tied to another's, and, with everything written, where a merge
    in float32 differs by more than `BOUND`.
    """
    refuse_foreign_files(folder, folder)
    known = adapter_id(folder)
    card, lora = read_card(folder), read_lora(folder)
    if not card.base.path:
        raise KoalignError(unknown_base(folder))
    base = Model(path=card.base.path, chat_template=card.base.chat_template)
    source = base_folder(base)
    _refuse_quantized(source, dequantize)
    identified = identify(base)
    check_adapter(folder, identified, None)
    with begun(out) as new:
        prompts = list(_prompts(source))
        expected = _logits(PeftModel.from_pretrained(_load(source, torch.float32), folder), prompts)
        model = _load(source, torch.float32 if dequantize else "auto")
        target = (
            DTYPES[dtype]
            if dtype
            else (AutoConfig.from_pretrained(source).dtype if dequantize else None)
        )
        lost = _add(folder, model, lora, target)
        # Copied as it stands beside the base: transformers refuses to save some that it reads.
        model.generation_config = GenerationConfig()
        # transformers 5.19 cannot undo the reading of quantised weights, and of plain ones need not.
        model.save_pretrained(new, max_shard_size="5GB", save_original_format=not dequantize)
        saved = str(model.dtype).removeprefix("torch.")
        del model
        (new / GENERATION_CONFIG_NAME).unlink()
        copy_tokenizer(source, new, card.base)
        copy_files(source, new, [GENERATION_CONFIG_NAME])
        found = _logits(_load(new, torch.float32), prompts)
        parity = Parity(
            base=card.base.path,
            adapter=known,
            dtype=saved,
            delta_lost=lost,
            **_differences(expected, found),
            bound=BOUND if saved == "float32" else None,
        )
        write_json(new / "parity.json", parity.model_dump(mode="json"))
        refuse_replaced(folder, known)
        if weight_hash(source) != identified.weight_hash:
            raise KoalignError(
                f"{source}: the base was replaced meanwhile; start the command again"
            )
    if not parity.holds:
        raise KoalignError(
            f"{out}: its logits differ by up to {parity.max_difference:.1e} from base with adapter, more "
            f"than {BOUND:.0e}; it is kept with its parity.json, but do not use it: take the adapter"
        )
    return parity


def _quantization(source: Path) -> dict[str, Any] | None:
    return read_json(source / "config.json").get("quantization_config")


def _refuse_quantized(source: Path, dequantize: bool) -> None:
    config = _quantization(source)
    if config is None and dequantize:
        raise KoalignError(f"--dequantize: the base {source} is not quantised; leave it out")
    if config is None:
        return
    method = config.get("quant_method")
    if method != "bitsandbytes":
        raise KoalignError(
            f"{source}: the base is quantised ({method}), and koalign cannot make plain weights of it; "
            "export without --merge"
        )
    if not dequantize:
        raise KoalignError(
            f"{source}: the base is quantised ({'4' if config.get('load_in_4bit') else '8'} bit), and a "
            "sum rounded to that again would be another model; --dequantize makes plain weights of it, "
            "or export without --merge"
        )


def _load(source: Path, dtype: torch.dtype | str) -> Any:
    """The model in `dtype`; a quantised one as plain weights of that dtype, rounded no second time."""
    model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, use_safetensors=True)
    if _quantization(source) is None:
        return model
    for module in model.modules():
        if isinstance(module, Linear4bit):
            # Else bitsandbytes gives the dtype that was quantised once, mostly bfloat16.
            module.weight.quant_state.dtype = torch.float32
    return model.dequantize(dtype)


@torch.no_grad()
def _add(folder: Path, model: Any, lora: Lora, dtype: torch.dtype | None) -> float:
    """Add the adapter to the weights of the model; returns the share of it that the casts took away."""
    layers = dict(model.named_modules())
    _tell_wrong_flag(folder, lora, {isinstance(layers[name], Conv1D) for name in lora.modules})
    named: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        named.setdefault(id(parameter), []).append(name)
    lost, added = [], []
    for name, module in lora.modules.items():
        weight = layers[name].weight
        if len(named[id(weight)]) > 1:
            raise KoalignError(
                f"{folder}: {name} shares its weight with another layer "
                f"({', '.join(named[id(weight)])}), and a merge would change both; export without --merge"
            )
        a, b = module.folded(lora.rank)
        delta = (b @ a).T if isinstance(layers[name], Conv1D) else b @ a
        merged = weight.float() + delta
        weight.data = merged.to(dtype or weight.dtype)
        lost.append(float((weight.float() - merged).norm()))
        added.append(float(delta.norm()))
    if dtype is not None:
        model.to(dtype)
    return math.hypot(*lost) / math.hypot(*added) if any(added) else 0.0


def _tell_wrong_flag(folder: Path, lora: Lora, transposed: set[bool]) -> None:
    """`fan_in_fan_out` is one flag for all layers, and wrong where none of them is as it says."""
    flag = bool(lora.config.get("fan_in_fan_out"))
    if transposed == {not flag}:
        warn(
            f"merge: {folder}: fan_in_fan_out is {str(flag).lower()}, and its layers are "
            f"{'plain' if flag else 'Conv1D'}; merged as the layers are, as PEFT loads it"
        )


def _prompts(source: Path) -> Iterator[torch.Tensor]:
    """Token ids, one row each, of problems in Korean as plain text."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    for problem in read_source(str(ASSETS / "exam"), "dev").problems[:PROBLEMS]:
        text = "\n".join([problem.passage or "", problem.question, *problem.choices])
        yield tokenizer(text, return_tensors="pt")["input_ids"]


@torch.no_grad()
def _logits(model: Any, prompts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    model.eval()
    return [model(input_ids=ids).logits[0] for ids in prompts]


def _differences(
    expected: Sequence[torch.Tensor], found: Sequence[torch.Tensor]
) -> dict[str, float]:
    ours, theirs = torch.cat(list(expected)).double(), torch.cat(list(found)).double()
    p, q = ours.log_softmax(-1), theirs.log_softmax(-1)
    return {
        "max_difference": float((ours - theirs).abs().max()),
        "mean_kl": float((p.exp() * (p - q)).sum(-1).mean()),
        "top1_agreement": float((ours.argmax(-1) == theirs.argmax(-1)).double().mean()),
        "positions": len(ours),
    }
