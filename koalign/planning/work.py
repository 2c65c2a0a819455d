"""work: what a stage trains and draws, in tokens and steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from koalign.config.training import Optimization
from koalign.planning.calls import Calls


@dataclass(frozen=True)
class Draw:
    """Completions that an engine samples: `n` of each of `prompts`."""

    prompts: float
    n: float
    prompt_tokens: float
    new_tokens: float
    """Of a completion, on average."""
    max_tokens: int


@dataclass(frozen=True)
class Fit:
    """A training on groups: a prompt with all of its completions."""

    section: Optimization
    groups: float
    prompt_tokens: float
    completion_tokens: float
    """Of a group together."""
    epochs: float
    rank: int
    longest: float
    """Tokens of the longest group."""

    @property
    def per_step(self) -> int:
        return self.section.batch_size * self.section.gradient_accumulation_steps

    @property
    def steps(self) -> int:
        return math.ceil(math.ceil(self.groups / self.per_step) * self.epochs)

    @property
    def tokens(self) -> float:
        return self.groups * (self.prompt_tokens + self.completion_tokens) * self.epochs


@dataclass(frozen=True)
class Work:
    """What a stage computes."""

    stage: str
    fit: Fit | None = None
    draws: tuple[Draw, ...] = field(default=())
    probes: tuple[Draw, ...] = field(default=())
    """Drawn by the model in training."""
    scored_tokens: float = 0
    """Read without a gradient by the model as it is trained."""
    problems: int = 0
    """Read, compared and counted in tokens on the CPU."""
    calls: Calls | None = None
