"""group_attention: a layer's attention in a row of groups: one call on a GPU, two a group elsewhere.

One variable-length call serves all groups: every prompt is a sequence, and so is every completion with the
keys of its prompt copied before its own. Both are causal from the end: the last query sees all keys.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from koalign.engines.layout import Layout
from koalign.records import KoalignError

ATTENTION = "koalign_groups"
"""Name of the attention in transformers; without a layout it is plain SDPA."""
GQA = {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen_attn).parameters else {}
"""Grouped-query attention: PyTorch 2.11 has it always, later versions by this argument."""

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
"""q, k, v (1, heads, tokens, d) and a mask, or None for causal -> (1, tokens, heads, d)."""


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
        raise KoalignError("groups cannot be exact with attention sinks")

    def attend(
        q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        if softcap is not None:
            return _softcapped(q, k, v, mask, scaling, softcap)
        return sdpa_attention_forward(module, q, k, v, mask, dropout=dropout, scaling=scaling)[0]

    if groups is None:
        return attend(query, key, value, attention_mask), None
    if why_not_one_call(query, value, groups, dropout, softcap) is None:
        return in_one_call(query, key, value, groups, scaling, sliding_window), None
    return group_by_group(attend, query, key, value, groups, sliding_window), None


def why_not_one_call(
    query: torch.Tensor, value: torch.Tensor, layout: Layout, dropout: float, softcap: float | None
) -> str | None:
    """The reason why a row is computed group by group; None where one call of the flash kernel can do it.

    The kernel's limits are those of PyTorch (aten/src/ATen/native/transformers/cuda/flash_attn).
    """
    if query.device.type != "cuda":
        return "the flash kernel is for CUDA"
    size = query.shape[-1]
    reasons = {
        "this PyTorch has no flash kernel for the card": torch.version.hip is not None
        or not torch.backends.cuda.is_flash_attention_available(),
        "the card is older than Ampere": torch.cuda.get_device_capability(query.device) < (8, 0),
        "it computes in 16 bits": _computed_in(query) not in (torch.bfloat16, torch.float16),
        "it takes heads of 8 to 256 in steps of 8": size % 8 != 0 or size > 256,
        "it takes keys and values of one size": value.shape[-1] != size,
        "it has no capped scores": softcap is not None,
        "PyTorch's call has no dropout": dropout > 0,
        "keys in a KV cache are not in the row": layout.kept > 0,
    }
    return next((why for why, holds in reasons.items() if holds), None)


def in_one_call(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """The row (1, W, heads, d) by one variable-length attention, however many groups it has."""
    dtype = _computed_in(query)
    row = layout.sequences(query.device)
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))
    # Gathered in float32: the gradient of a prompt is a sum over its completions.
    k, v = (states.float().index_select(0, row.keys).to(dtype) for states in (k, v))
    return varlen_attn(
        q.to(dtype),
        k,
        v,
        row.cu_seq_q,
        row.cu_seq_k,
        row.max_q,
        row.max_k,
        scale=scaling,
        window_size=(-1 if window is None else window - 1, 0),
        **GQA,
    )[None]


def group_by_group(
    attend: Attend,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    window: int | None,
) -> torch.Tensor:
    """The row (1, W, heads, d) by two attentions a group: of its prompt, and of its completions.

    Split and not sliced: backward of a split is one cat; backward of each slice fills the row with zeros.
    """
    sizes = [span.stop - span.start for span in layout.spans]
    kept_keys, *keys = key.split([layout.kept, *sizes], dim=2)
    kept_values, *values = value.split([layout.kept, *sizes], dim=2)
    parts = []
    for span, q, k, v in zip(layout.spans, query.split(sizes, dim=2), keys, values, strict=True):
        lengths = [span.split - span.start, span.stop - span.split]
        prompt, completions = q.split(lengths, dim=2)
        parts.append(
            attend(
                prompt,
                _behind(kept_keys, k.split(lengths, dim=2)[0]),
                _behind(kept_values, v.split(lengths, dim=2)[0]),
                layout.prompt_mask(span, window, query.device),
            )
        )
        if span.lengths:
            mask = layout.completion_mask(span, window, query.device)
            parts.append(attend(completions, _behind(kept_keys, k), _behind(kept_values, v), mask))
    return torch.cat(parts, dim=1)


def _behind(kept: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    return torch.cat([kept, states], dim=2) if kept.shape[2] else states


def _computed_in(query: torch.Tensor) -> torch.dtype:
    """The dtype of SDPA; a 4-bit base gives float32 states under bfloat16 autocast."""
    kind = query.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype


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


AttentionInterface.register(ATTENTION, group_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
