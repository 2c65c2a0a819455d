"""memory: shape, settings and lengths -> bytes on the card, a term for each thing that takes some.

Constants hold against one H200 (benchmarks/gpu): 0.6B without and 8B with gradient checkpointing, rows of
3,852 to 9,053 tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from koalign.planning.shape import Shape

GIB = 2**30
NF4 = 0.516
"""Bytes a weight: 4 bits, and double-quantised scales."""
TILE = 32_768
"""Entries of the vocabulary that TRL's LM head computes at once."""
HEAD = 24
"""Bytes for each of them and each predicted token: logits, their softmax and gradients."""
CONTEXT = 0.6e9
"""Of CUDA itself."""
LIBRARIES = 0.95e9
"""Of Python with torch and TRL, where there is no card and memory is the machine's."""
UNCERTAIN = 0.25
"""Share of activations and cache by which low and high differ from the expected."""
FRAGMENTS = 0.08
"""More of these in the high case, for gaps in the allocator."""


@dataclass(frozen=True)
class Memory:
    """Bytes of the terms of a peak; what computing takes lies between low and high."""

    base: float
    adapter: float
    """Weights of the adapters; in training with gradients and Adam's moments."""
    libraries: float
    checkpoints: float = 0
    """Inputs of the layers that gradient checkpointing keeps."""
    activations: float = 0
    """What backward needs of one layer with gradient checkpointing, of all without."""
    head: float = 0
    cache: float = 0
    """Keys and values."""
    other: float = 0
    """Other work in the same process: vLLM takes its share of the card whatever it needs."""

    @property
    def computing(self) -> float:
        return self.checkpoints + self.activations + self.head + self.cache

    @property
    def held(self) -> float:
        return self.base + self.adapter + self.libraries + self.other

    @property
    def expected(self) -> float:
        return self.held + self.computing

    @property
    def low(self) -> float:
        return self.held + (1 - UNCERTAIN) * self.computing

    @property
    def high(self) -> float:
        return self.held + (1 + UNCERTAIN + FRAGMENTS) * self.computing

    @property
    def largest(self) -> str:
        """The name of the term that binds."""
        names = ("base", "adapter", "checkpoints", "activations", "head", "cache", "other")
        return max(names, key=lambda name: getattr(self, name))


def base_bytes(shape: Shape, width: int, nf4: bool) -> float:
    """Of the frozen base; with NF4 all but the matrices of the layers is float32 (PEFT's preparation)."""
    if nf4:
        return NF4 * shape.linear + 4 * (shape.parameters - shape.linear)
    return width * shape.parameters


def sharded_bytes(shape: Shape, width: int, nf4: bool, parts: float) -> float:
    """Of the base in a process that holds one of `parts` (FSDP2): its part, and what is gathered at a time.

    That is the LM head for all of a pass, a layer, and the next one meanwhile.
    """
    whole, head = base_bytes(shape, width, nf4), shape.vocabulary * shape.hidden
    if parts == 1:
        return whole
    layer = shape.linear / shape.layers * (NF4 if nf4 else width)
    return whole / parts + (4 if nf4 else width) * head + 2 * layer


def layer_bytes(shape: Shape, width: int) -> float:
    """What backward needs of a layer and a token.

    Norms in float32, twice; queries, keys and values, and keys and values again as attention gathers them;
    the inputs of the linear layers; gate, up and both products.
    """
    norms = 8 * shape.family.norms * shape.hidden
    if shape.family.qk_norm:
        norms += 4 * (shape.queries + shape.keys)
    states = 2 * shape.hidden + 2 * shape.queries + 4 * shape.keys
    inner = shape.intermediate or shape.experts_per_token * shape.expert_intermediate
    return norms + width * (states + 4 * inner)


def training_memory(
    shape: Shape,
    *,
    width: int,
    nf4: bool,
    rank: int,
    row_tokens: float,
    predicted: float,
    checkpointing: bool,
    cpu: bool,
    parts: float = 1,
) -> Memory:
    """The peak of a training whose largest row has `row_tokens`, of them `predicted` by the LM head.

    `parts`: of the base, of which a process holds one; infinite where all wait in the machine's memory.
    """
    layer = row_tokens * layer_bytes(shape, width)
    kept = width * row_tokens * shape.hidden * shape.layers
    return Memory(
        base=sharded_bytes(shape, width, nf4, parts),
        adapter=16 * shape.lora(rank),
        libraries=LIBRARIES if cpu else CONTEXT,
        checkpoints=kept if checkpointing else 0,
        activations=layer if checkpointing else layer * shape.layers,
        head=HEAD * predicted * min(shape.vocabulary, TILE),
    )


def sampling_memory(
    shape: Shape,
    *,
    width: int,
    rank: int,
    rows: float,
    prompts: float,
    prompt_tokens: float,
    new_tokens: float,
    cpu: bool,
) -> Memory:
    """The peak of sampling `rows` completions of `prompts` prompts side by side, adapters in float32."""
    inner = shape.intermediate or shape.experts_per_token * shape.expert_intermediate
    prefill = prompts * prompt_tokens * width * (6 * shape.hidden + 3 * inner)
    logits = 4 * 4 * rows * shape.vocabulary
    return Memory(
        base=base_bytes(shape, width, nf4=False),
        adapter=4 * shape.lora(rank),
        libraries=LIBRARIES if cpu else CONTEXT,
        activations=prefill,
        head=logits,
        cache=rows * (prompt_tokens + new_tokens) * shape.cache(width),
    )
