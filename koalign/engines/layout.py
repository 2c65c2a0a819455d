"""layout: where groups lie in a row, and the masks and indices for attention, made once a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

_PROMPT = -1


@dataclass(frozen=True)
class Span:
    """Where a group lies in its row: the prompt in start:split, its completions in split:stop."""

    start: int
    split: int
    stop: int
    lengths: tuple[int, ...]
    """Of the completions, in order."""

    @property
    def positions(self) -> torch.Tensor:
        """(tokens,): they go on behind the prompt in every completion."""
        prompt = self.split - self.start
        after = [torch.arange(prompt, prompt + length) for length in self.lengths]
        return torch.cat([torch.arange(prompt), *after])


@dataclass(frozen=True)
class Sequences:
    """A row as the sequences of one variable-length attention: the queries are the row as it is."""

    keys: torch.Tensor
    """(K,): places in the row of the keys of all sequences."""
    cu_seq_q: torch.Tensor
    """(S + 1,) int32: cumulative lengths of the queries, from 0; as `varlen_attn` takes them."""
    cu_seq_k: torch.Tensor
    """(S + 1,) int32: the same of the keys."""
    max_q: int
    max_k: int
    """Most queries and keys of one sequence."""


@dataclass(frozen=True)
class Layout:
    """The groups of a row, passed to the model beside ids and positions.

    Masks and indices are made once a row, on the device of the states.
    """

    spans: tuple[Span, ...]
    kept: int = 0
    """Tokens in the KV cache that all groups of the row share."""
    _cache: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def predictors(self, device: torch.device) -> torch.Tensor:
        """(N,): for each completion token, in order, the place in the row that predicts it."""

        def make() -> torch.Tensor:
            places = []
            for span in self.spans:
                start = span.split
                for length in span.lengths:
                    places += [span.split - 1, *range(start, start + length - 1)]
                    start += length
            return _moved(torch.tensor(places, dtype=torch.long), device)

        return self._cached(("predictors", device), make)

    def sequences(self, device: torch.device) -> Sequences:
        """The prompts, and the completions behind their prompts, in the order of the row."""

        def make() -> Sequences:
            keys, counts = [], []
            for span in self.spans:
                prompt = torch.arange(span.start, span.split)
                keys.append(prompt)
                counts.append((len(prompt), len(prompt)))
                start = span.split
                for length in span.lengths:
                    keys += [prompt, torch.arange(start, start + length)]
                    counts.append((length, len(prompt) + length))
                    start += length
            begins = torch.tensor([(0, 0), *counts]).cumsum(0).int().T.contiguous()
            cu_seq_q, cu_seq_k = _moved(begins, device)
            max_q, max_k = map(max, zip(*counts, strict=True))
            places = _moved(torch.cat(keys), device)
            return Sequences(places, cu_seq_q, cu_seq_k, max_q, max_k)

        return self._cached(("sequences", device), make)

    def prompt_mask(
        self, span: Span, window: int | None, device: torch.device
    ) -> torch.Tensor | None:
        """(1, 1, P, kept + P): causal and within the window; None where plain causal attention is the
        same."""
        size = span.split - span.start
        if not self.kept and (window is None or size <= window):
            return None

        def make() -> torch.Tensor:
            place = torch.arange(self.kept + size, device=device)
            return _within(place[self.kept :], place, window)[None, None]

        return self._cached(("prompt", span, window, device), make)

    def completion_mask(
        self, span: Span, window: int | None, device: torch.device
    ) -> torch.Tensor | None:
        """(1, 1, C, kept + P + C): the completions' tokens on the prompt and on their own completion."""

        def make() -> torch.Tensor:
            prompt = self.kept + span.split - span.start
            lengths = torch.tensor([prompt, *span.lengths], device=device)
            owner = torch.repeat_interleave(
                torch.arange(_PROMPT, len(span.lengths), device=device), lengths
            )
            place = torch.cat([torch.arange(self.kept), self.kept + span.positions]).to(device)
            own = (owner == _PROMPT) | (owner == owner[prompt:, None])
            return (own & _within(place[prompt:], place, window))[None, None]

        return self._cached(("completions", span, window, device), make)

    def _cached(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]


def _moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """On the device, copied without waiting for it."""
    return tensor.to(device, non_blocking=True)


def _within(query: torch.Tensor, key: torch.Tensor, window: int | None) -> torch.Tensor:
    behind = query[:, None] - key
    return behind >= 0 if window is None else (behind >= 0) & (behind < window)
