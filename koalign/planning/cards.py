"""cards: what computes: GPUs by name, by memory or as nvidia-smi lists them, or the cores of a CPU."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import psutil

from koalign.planning.memory import GIB
from koalign.provenance import cores, device, gpus
from koalign.records import KoalignError

CPU_OPERATIONS = 30e9
"""Of one core in a second, in float32: what the built-in example reaches on an AMD EPYC with AVX-512."""
CPU_BANDWIDTH = 8e9
"""Bytes a second, of one core."""


@dataclass(frozen=True)
class Card:
    """What a stage computes on."""

    name: str
    memory: int
    """Bytes: of the card, or those that are free on the machine."""
    operations: float
    """Dense operations a second in 16 bits; of a CPU those that it reaches in float32."""
    bandwidth: float
    """Bytes a second."""
    capability: tuple[int, int] | None = (8, 0)
    """Compute capability of NVIDIA, at least; none: a CPU."""
    seen: int = 1
    """Cards of this kind that are there."""
    assumed: str = ""
    """What was assumed about it."""

    @property
    def cpu(self) -> bool:
        return self.capability is None

    @property
    def memory_of(self) -> str:
        """What a plan is a share of."""
        return "the free memory of this machine" if self.cpu else f"the memory of {self.name}"


SPEEDS = {
    "H200": (141, 989, 4.8),
    "H100": (80, 989, 3.35),
    "A100-80": (80, 312, 2.0),
    "A100-40": (40, 312, 1.56),
    "L40S": (45, 362, 0.86),
    "A6000": (48, 155, 0.77),
    "L4": (22.5, 121, 0.30),
    "A10": (22.5, 125, 0.60),
    "5090": (32, 210, 1.79),
    "4090": (24, 165, 1.0),
    "4080": (16, 97, 0.72),
    "3090": (24, 71, 0.94),
    "V100": (32, 125, 0.90),
    "T4": (15, 65, 0.32),
}
"""Card -> GiB, dense TFLOPS in 16 bits, TB/s, from NVIDIA's data sheets."""
WITHOUT_BFLOAT16 = {"V100": (7, 0), "T4": (7, 5)}
"""Cards before Ampere, with their compute capabilities."""
STANDS_FOR = {16: "4080", 24: "3090", 32: "5090", 40: "A100-40", 48: "A6000", 80: "A100-80"}
"""GiB from which on a card is assumed to be as fast as this one, where only its memory is given."""


def card_named(text: str) -> Card:
    """The card of a name such as `A100-80` or `RTX 3090`, or one of so many `GB`.

    Raises KoalignError for an unknown card.
    """
    if size := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*gi?b?\s*", text, re.IGNORECASE):
        memory = float(size.group(1))
        if memory <= 0:
            raise KoalignError(f"--gpu {text}: a card has memory; write --gpu 24GB")
        like = STANDS_FOR[max([least for least in STANDS_FOR if least <= memory], default=16)]
        card = _card(like, memory)
        assumed = f"a card of {memory:g} GB is as fast as {like}"
        return replace(card, name=f"{memory:g} GB", assumed=assumed)
    plain = re.sub(r"[^A-Z0-9]|NVIDIA|GEFORCE|TESLA|RTX|GB$", "", text.upper())
    names = [name for name in SPEEDS if name.replace("-", "") == plain]
    if not names:
        near = [name for name in SPEEDS if plain and name.startswith(plain)] or [*SPEEDS]
        raise KoalignError(
            f"--gpu {text}: unknown card; write one of {', '.join(near)}, or its memory, such as 24GB"
        )
    return _card(names[0], SPEEDS[names[0]][0])


def card_here() -> Card:
    """The first GPU that is visible, or the CPU."""
    listed = gpus()
    return _listed(listed[0][0], listed[0][1] / 1024, len(listed)) if listed else _cpu()


def _listed(name: str, memory: float, seen: int) -> Card:
    words = re.findall(r"[A-Z0-9]+", name.upper())
    like = next((n for n in SPEEDS if n.partition("-")[0] in words), None)
    card = card_named(f"{memory:.0f}GB") if like is None else _card(like, memory)
    return replace(card, name=name, memory=int(memory * GIB), seen=seen)


def _card(name: str, memory: float) -> Card:
    _, teraflops, terabytes = SPEEDS[name]
    return Card(
        name,
        int(memory * GIB),
        teraflops * 1e12,
        terabytes * 1e12,
        capability=WITHOUT_BFLOAT16.get(name, (8, 0)),
    )


def _cpu() -> Card:
    return Card(
        name=device(),
        memory=psutil.virtual_memory().available,
        operations=cores() * CPU_OPERATIONS,
        bandwidth=cores() * CPU_BANDWIDTH,
        capability=None,
    )
