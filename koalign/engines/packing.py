"""packing: a prompt and its completions in one sequence, so that the prompt is computed once.

Two completions a and b of a prompt p, with the position and the visible tokens of each token:

    token     p0  p1  p2 | a0  a1  a2 | b0  b1
    position   0   1   2 |  3   4   5 |  3   4     each completion goes on where the prompt ends
    sees      p0..itself | p, a0..itself | p, b0..itself
    predicts   -   -  a0,b0 | a1  a2  - | b1  -    the last prompt token begins every completion

So every completion is computed as if it stood alone behind the prompt: the same log-probabilities and
the same gradients. Several groups stand in one row, and none sees another. Who sees whom is no mask of
the whole row but two attentions a group: the prompt causally on itself, the completions on the prompt
and on themselves; so the cost is that of a plain causal sequence. After prefix sharing for pairs
(arXiv 2410.20305), for any number of completions and without repeating the last prompt token.

What all groups of a row begin with, such as the shots of a subject, may stand in a KV cache: `kept` is
how many tokens. Every token of the row sees all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from peft import PeftModel
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from koalign.records import KoalignError

ATTENTION = "koalign_groups"
"""Name of the attention in transformers; without a layout it is plain SDPA."""
LAYERS = {"full_attention", "sliding_attention"}
"""Kinds of layers whose only exchange between tokens is attention under a mask."""
TOLERANCE, ROUGH_TOLERANCE = 1e-3, 0.1
"""Allowed difference, in nats, of a token's log-probability between a row of groups and its completion
alone: the largest in float32; the mean in half precision or 4 bits, where rounding moves single tokens."""
_PROMPT = -1


@dataclass(frozen=True)
class Group:
    """Token ids of one prompt and of its completions, none of them empty."""

    prompt: tuple[int, ...]
    completions: tuple[tuple[int, ...], ...]

    @property
    def tokens(self) -> int:
        """Tokens in a row: the prompt and all completions."""
        return len(self.prompt) + sum(map(len, self.completions))


@dataclass(frozen=True)
class Span:
    """Where a group lies in its row: the prompt in start:split, its completions in split:stop."""

    start: int
    split: int
    stop: int
    lengths: tuple[int, ...]
    """Of the completions, in order."""


@dataclass(frozen=True)
class Layout:
    """The groups of a row, passed to the model beside ids and positions. Masks are made once a row."""

    spans: tuple[Span, ...]
    kept: int = 0
    """Tokens in the KV cache that all groups of the row share."""
    _masks: dict[tuple[str, Span, int | None], torch.Tensor | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    @cached_property
    def predictors(self) -> list[int]:
        """(N,): for each completion token, in order, the place in the row that predicts it."""
        places = []
        for span in self.spans:
            start = span.split
            for length in span.lengths:
                places += [span.split - 1, *range(start, start + length - 1)]
                start += length
        return places

    def prompt_mask(
        self, span: Span, window: int | None, device: torch.device
    ) -> torch.Tensor | None:
        """(1, 1, P, kept + P): causal and within the window; None where plain causal attention is the
        same."""
        size = span.split - span.start
        if not self.kept and (window is None or size <= window):
            return None
        key = ("prompt", span, window)
        if key not in self._masks:
            place = torch.arange(self.kept + size, device=device)
            self._masks[key] = _within(place[self.kept :], place, window)[None, None]
        return self._masks[key]

    def completion_mask(
        self, span: Span, window: int | None, device: torch.device
    ) -> torch.Tensor | None:
        """(1, 1, C, kept + P + C): the completions' tokens on the prompt and on their own completion."""
        key = ("completions", span, window)
        if key not in self._masks:
            prompt = self.kept + span.split - span.start
            lengths = torch.tensor([prompt, *span.lengths], device=device)
            owner = torch.repeat_interleave(
                torch.arange(_PROMPT, len(span.lengths), device=device), lengths
            )
            place = torch.cat([torch.arange(self.kept), self.kept + _positions(span)]).to(device)
            own = (owner == _PROMPT) | (owner == owner[prompt:, None])
            self._masks[key] = (own & _within(place[prompt:], place, window))[None, None]
        return self._masks[key]


def pack(groups: Sequence[Group], kept: int = 0) -> dict[str, Any]:
    """One row of groups as the arguments of a model that `share_prompts` made ready.

    With `kept` tokens in the cache that goes with it as `past_key_values`, the prompts are what follows.

    input_ids and position_ids (1, W); shift_labels (1, N): the completion tokens in order, which the
    outputs (1, N, ...) belong to; attention_mask (1, 1, 1, W): a mask of four dimensions is left alone
    by transformers, and who sees whom is in `groups`.
    """
    spans, ids, start = [], [], 0
    for group in groups:
        split = start + len(group.prompt)
        stop = start + group.tokens
        spans.append(Span(start, split, stop, tuple(map(len, group.completions))))
        ids += [*group.prompt, *(token for one in group.completions for token in one)]
        start = stop
    targets = [token for group in groups for one in group.completions for token in one]
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": kept + torch.cat([_positions(span) for span in spans])[None],
        "attention_mask": torch.ones(1, 1, 1, len(ids), dtype=torch.bool),
        "shift_labels": torch.tensor([targets]),
        "groups": Layout(tuple(spans), kept),
    }


def rows_of(sizes: Sequence[int], row_tokens: int) -> list[list[int]]:
    """Which groups share a row of up to `row_tokens`: first fit, the longest first.

    A group longer than that has a row of its own.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for number in sorted(range(len(sizes)), key=lambda n: -sizes[n]):
        row = next((r for r, left in enumerate(room) if sizes[number] <= left), None)
        if row is None:
            rows.append([])
            room.append(row_tokens)
            row = len(rows) - 1
        rows[row].append(number)
        room[row] -= sizes[number]
    return rows


def share_prompts(model: Any) -> None:
    """Make a causal language model, or a PEFT model on one, read rows of groups.

    Its attention keeps groups and completions apart, and its backbone returns the states of
    `Layout.predictors` and no others, so that only they go through the LM head. Called without
    `groups` the model does what it did. Raises KoalignError for a model whose layers look at other
    tokens in ways that are not known here.
    """
    causal = model.get_base_model() if isinstance(model, PeftModel) else model
    config = causal.config.get_text_config()
    if config._attn_implementation == ATTENTION:
        return
    kinds = set(config.to_dict().get("layer_types") or ["full_attention"])
    if not kinds <= LAYERS or not causal._supports_attention_backend:
        odd = ", ".join(sorted(kinds - LAYERS)) or "an attention of its own"
        raise KoalignError(
            f"training.packing: groups cannot be exact on {config.model_type} ({odd}); "
            "set training.packing: trl"
        )
    causal.set_attn_implementation(ATTENTION)
    causal.base_model.register_forward_hook(_keep_predictors, with_kwargs=True)


def inexactness(model: Any, packed: torch.Tensor, alone: torch.Tensor) -> float | None:
    """The difference of log-probabilities per token (N,) beyond the tolerance; None: packing is exact."""
    differences = (packed - alone).abs()
    float32 = all(p.dtype == torch.float32 for p in model.parameters())
    difference = float(differences.max() if float32 else differences.mean())
    return None if difference <= (TOLERANCE if float32 else ROUGH_TOLERANCE) else difference


def group_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    groups: Layout | None = None,
    s_aux: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of a layer, as transformers calls it: q, k, v (1, heads, W, d) -> (1, W, heads, d).

    A sliding window counts positions, which restart with every completion, and not places in the row.
    """
    if s_aux is not None:
        raise KoalignError(
            "training.packing: groups knows no attention sinks; set training.packing: trl"
        )

    kept = groups.kept if groups is not None else 0

    def seen_by(states: torch.Tensor, own: slice) -> torch.Tensor:
        if not kept:
            return states[:, :, own]
        return torch.cat([states[:, :, :kept], states[:, :, kept:][:, :, own]], dim=2)

    def attend(own: slice, seen: slice, mask: torch.Tensor | None) -> torch.Tensor:
        q, k, v = query[:, :, own], seen_by(key, seen), seen_by(value, seen)
        if softcap is not None:
            return _softcapped(q, k, v, mask, scaling, softcap)
        return sdpa_attention_forward(module, q, k, v, mask, dropout=dropout, scaling=scaling)[0]

    if groups is None:
        return attend(slice(None), slice(None), attention_mask), None
    parts = []
    for span in groups.spans:
        prompt = slice(span.start, span.split)
        parts.append(attend(prompt, prompt, groups.prompt_mask(span, sliding_window, query.device)))
        if span.lengths:
            parts.append(
                attend(
                    slice(span.split, span.stop),
                    slice(span.start, span.stop),
                    groups.completion_mask(span, sliding_window, query.device),
                )
            )
    return torch.cat(parts, dim=1), None


def _softcapped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float | None,
    softcap: float,
) -> torch.Tensor:
    """Attention with capped scores (Gemma 2; transformers/models/gemma2), which SDPA does not know."""
    repeats = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    scores = query @ key.transpose(2, 3) * (scaling or query.shape[-1] ** -0.5)
    scores = torch.tanh(scores / softcap) * softcap
    if mask is None:
        queries, keys = scores.shape[-2:]
        mask = torch.ones(queries, keys, dtype=torch.bool, device=scores.device)
        mask = mask.tril(keys - queries)
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    return (weights @ value).transpose(1, 2).contiguous()


def _keep_predictors(module: Any, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
    layout = kwargs.get("groups")
    if layout is not None:
        output.last_hidden_state = output.last_hidden_state[:, layout.predictors]
    return output


def _positions(span: Span) -> torch.Tensor:
    prompt = span.split - span.start
    after = [torch.arange(prompt, prompt + length) for length in span.lengths]
    return torch.cat([torch.arange(prompt), *after])


def _within(query: torch.Tensor, key: torch.Tensor, window: int | None) -> torch.Tensor:
    behind = query[:, None] - key
    return behind >= 0 if window is None else (behind >= 0) & (behind < window)


AttentionInterface.register(ATTENTION, group_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
