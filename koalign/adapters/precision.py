"""precision: a card's capability and the settings -> how the base is held and trained, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from koalign.config.inputs import Model
from koalign.records import KoalignError

BFLOAT16, TENSOR_CORES = (8, 0), (7, 0)
"""Compute capabilities from which NVIDIA's cards have bfloat16 (Ampere), and fast float16 (Volta)."""
OVERFLOWING = ("gemma",)
"""Families whose activations leave the range of float16, so that they are trained in float32 or bfloat16:
beginnings of `model_type`."""

EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
"""Keys of config.json that count experts."""


@dataclass(frozen=True)
class Device:
    """What computes."""

    name: str
    capability: tuple[int, int] | None = None
    """Compute capability; none: a CPU."""

    @property
    def described(self) -> str:
        """Its name and compute capability."""
        return (
            f"{self.name} ({'.'.join(map(str, self.capability))})" if self.capability else self.name
        )


CPU = Device("the CPU")


@dataclass(frozen=True)
class Precision:
    """Names of dtypes, as torch has them."""

    base: str
    """Of the weights; of a 4-bit base, of what is not quantised."""
    compute: str
    """Of the products with 4-bit weights."""
    why: str
    """A line for a card without bfloat16; empty: nothing to say."""


def choose_precision(model: Model, card: Device, family: str) -> Precision:
    """How a base of this family (`model_type` of its config.json) is computed on a card.

    Raises KoalignError for a dtype that the card does not have.
    """
    _refuse(model, card)
    why = ""
    base: str = model.dtype
    if base == "auto":
        base = _base_of(card, family)
        if card.capability and base != "bfloat16":
            why = f"precision: {card.described} has no bfloat16: {_because(base, card, family)}"
    compute = base if model.bnb_4bit_compute_dtype == "auto" else model.bnb_4bit_compute_dtype
    return Precision(base, compute, why)


def _refuse(model: Model, card: Device) -> None:
    for key, dtype in (
        ("model.dtype", model.dtype),
        ("model.bnb_4bit_compute_dtype", model.bnb_4bit_compute_dtype),
    ):
        if dtype == "bfloat16" and card.capability and card.capability < BFLOAT16:
            raise KoalignError(
                f"{key}: {card.described} has no bfloat16, which needs compute capability "
                f"{BFLOAT16[0]}.{BFLOAT16[1]}; set auto, float16 or float32"
            )
        if dtype == "float16" and not card.capability:
            raise KoalignError(
                f"{key}: float16 is for GPUs, and {card.name} computes here; set auto, float32 or bfloat16"
            )


def _base_of(card: Device, family: str) -> str:
    if not card.capability or card.capability < TENSOR_CORES:
        return "float32"
    if card.capability >= BFLOAT16:
        return "bfloat16"
    return "float32" if family.startswith(OVERFLOWING) else "float16"


def _because(base: str, card: Device, family: str) -> str:
    if base == "float16":
        return "base in float16, adapters in float32, loss scaled"
    slow = card.capability is not None and card.capability < TENSOR_CORES
    return (
        "base and adapters in float32, since "
        + ("its float16 is no faster" if slow else f"{family} overflows float16")
        + "; model.load_in_4bit takes an eighth of the memory"
    )


def refuse_experts(model: Model, config: Mapping[str, Any]) -> None:
    """Raises KoalignError for 4 bits of a mixture of experts, by the config.json of its text model.

    bitsandbytes quantises linear layers, and experts are one parameter for all; PEFT's preparation for
    training would even hold them in float32.
    """
    if model.load_in_4bit and any(config.get(key) for key in EXPERTS):
        raise KoalignError(
            "model.load_in_4bit: bitsandbytes leaves the experts of a mixture as they are, and training "
            "would hold them in float32; set model.load_in_4bit: false"
        )
