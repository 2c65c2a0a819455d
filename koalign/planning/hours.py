"""hours: what a stage computes -> seconds on a card: operations, bytes read, and launches of kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from koalign.planning.cards import Card
from koalign.planning.shape import Shape
from koalign.planning.work import Draw, Fit

EFFICIENCY, EFFICIENCY_NF4 = 0.54, 0.3
"""Share of the peak that a training step reaches beside its launches: measured on one H200 with 8B in
bfloat16; with NF4, which is dequantised in every pass, assumed."""
PASS = 5e-3
"""Seconds that one pass through a layer takes however short its row (launches), on a GPU."""
PASS_CPU = 1.5e-3
STEP = 1.5e-3
"""The same of a layer in a decoding step of the hf engine, on a GPU."""
STEP_CPU = 1e-3
STEP_VLLM = 0.1e-3
READS = 0.6
"""Share of the bandwidth that decoding reaches."""
LOADS = 1e9
"""Bytes of weights loaded in a second."""
START, START_VLLM = 4.0, 75.0
"""Seconds before a stage with a model computes."""
PROBLEMS = 1000.0
"""Problems that prepare reads, compares and counts in a second."""


@dataclass(frozen=True)
class Machine:
    """A card, the base on it and how it is held."""

    card: Card
    shape: Shape
    width: int
    """Bytes of a number of the base."""
    nf4: bool
    processes: int = 1

    @property
    def weights(self) -> float:
        return self.shape.parameters * self.width

    @property
    def operations(self) -> float:
        """Floating-point operations in a second of a forward or a backward pass."""
        if self.card.cpu:
            return self.card.operations
        share = EFFICIENCY_NF4 if self.nf4 else EFFICIENCY
        return share * self.card.operations / (2 if self.width == 4 else 1)

    @property
    def start(self) -> float:
        """Seconds until a model is loaded."""
        return START + self.weights / LOADS

    def training(self, fit: Fit, rows: int, checkpointing: bool) -> float:
        """Seconds of the steps of a training, `rows` forward passes in all."""
        passes = 3 if checkpointing else 2
        matrices = 2 * passes * self.shape.active + 6 * self.shape.lora(fit.rank)
        predicted = fit.groups * fit.completion_tokens * fit.epochs
        head = 2 * passes * self.shape.vocabulary * self.shape.hidden * predicted
        seen = (fit.prompt_tokens + fit.completion_tokens) / 2
        attention = 4 * passes * self.shape.layers * self.shape.queries * seen
        operations = (matrices + attention) * fit.tokens + head
        launches = rows * self.shape.layers * passes * (PASS_CPU if self.card.cpu else PASS)
        return operations / self.operations / self.processes + launches / self.processes

    def reading(self, tokens: float, row_tokens: int) -> float:
        """Seconds of forward passes alone."""
        each = PASS_CPU if self.card.cpu else PASS
        launches = math.ceil(tokens / row_tokens) * self.shape.layers * each
        return 2 * self.shape.active * tokens / self.operations + launches

    def drawing(self, draw: Draw, rows: float, *, vllm: bool) -> float:
        """Seconds of sampling with `rows` completions side by side."""
        samples = draw.prompts * draw.n
        rows = max(1.0, min(rows, samples))
        prefill = 2 * self.shape.active * draw.prompts * draw.prompt_tokens / self.operations
        # A batch of hf goes on until its last completion ends; vLLM fills the gap.
        length = draw.new_tokens if vllm else min(draw.max_tokens, 2 * draw.new_tokens)
        steps = math.ceil(samples / rows) * length
        kept = rows * (draw.prompt_tokens + draw.new_tokens) * self.shape.cache(self.width)
        reads = (self.weights + kept) / (READS * self.card.bandwidth)
        each = STEP_VLLM if vllm else STEP_CPU if self.card.cpu else STEP
        computes = 2 * (self.shape.active + self.shape.vocabulary * self.shape.hidden) * rows
        return prefill + steps * max(
            reads + computes / self.operations if self.card.cpu else reads,
            self.shape.layers * each,
            computes / self.operations,
        )
