"""application: an adapter and its base, without their weights -> whether PEFT would apply all of it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from peft import (
    LoraConfig,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)

from koalign.adapters.external import (
    CONFIG,
    ONE_SAVE,
    WEIGHTS,
    loading,
    model_without_weights,
    read_config,
)
from koalign.adapters.weights import ADAPTER_AGAIN, open_weights
from koalign.records import KoalignError
from koalign.text.visible import warn


def refuse_part(folder: Path, base: str) -> None:
    """Raises KoalignError where PEFT would apply a part of an adapter, or fill one in by itself.

    A base that brings code of its own is not known.
    """
    tensors: dict[str, Any] = {}
    with open_weights(folder / WEIGHTS, ADAPTER_AGAIN) as file:
        for name in file.keys():  # noqa: SIM118  (not a dict)
            part = file.get_slice(name)
            if not part.get_dtype().startswith(("F", "BF")):
                raise KoalignError(
                    f"{folder / WEIGHTS}: {name} is {part.get_dtype()}, and LoRA matrices are no whole "
                    f"numbers; {ADAPTER_AGAIN}"
                )
            tensors[name] = torch.empty(part.get_shape(), device="meta")
    _say_unknown(folder)
    model = model_without_weights(base)
    if model is None:
        return
    with loading(folder), torch.device("meta"):
        config = LoraConfig.from_pretrained(str(folder))
        config.init_lora_weights = False  # others compute with the weights of the base
        config.base_model_name_or_path = None  # PEFT warns of another name
        adapted = get_peft_model(model, config)
        try:
            taken = set_peft_model_state_dict(adapted, tensors, low_cpu_mem_usage=True)
        except RuntimeError as error:  # of another shape; without weights nothing else fails
            raise KoalignError(
                f"{folder}: {' '.join(str(error).split())[:300]}; {ONE_SAVE}"
            ) from None
    for name in sorted(taken.unexpected_keys):
        raise KoalignError(
            f"{folder}: holds {_in_file(name)}, and by {CONFIG} PEFT would leave it out; {ONE_SAVE}"
        )
    saved = get_peft_model_state_dict(adapted, save_embedding_layers=False)  # without tied copies
    made = {_in_file(key) for key in taken.missing_keys}
    for name in sorted(saved):
        if {name, f"{name}.weight"} & made:
            raise KoalignError(
                f"{folder}: lacks {name}, and by {CONFIG} it has such a tensor; {ONE_SAVE}"
            )


def _in_file(name: str) -> str:
    return name.replace(".default", "")


def _say_unknown(folder: Path) -> None:
    """What an adapter of a newer PEFT sets, this one leaves out when it loads it."""
    known = {field.name for field in fields(LoraConfig)}
    for key, value in read_config(folder).items():
        if key not in known and value not in (None, False, {}, []):
            warn(f"{folder / CONFIG}: {key} is unknown to the PEFT here and left out", once=True)
