"""packing: a prompt and its completions in one sequence, so that the prompt is computed once.

Two completions a and b of a prompt p, with the position and the visible tokens of each token:

    token     p0  p1  p2 | a0  a1  a2 | b0  b1
    position   0   1   2 |  3   4   5 |  3   4     each completion goes on where the prompt ends
    sees      p0..itself | p, a0..itself | p, b0..itself
    predicts   -   -  a0,b0 | a1  a2  - | b1  -    the last prompt token begins every completion

So every completion is computed as if it stood alone behind the prompt: the same log-probabilities and
the same gradients. Several groups stand in one row, and none sees another. Who sees whom is no mask of
the whole row (`group_attention.py`), so the cost is that of a plain causal sequence. After prefix sharing
for pairs (arXiv 2410.20305), for any number of completions and without repeating the last prompt token.

What all groups of a row begin with, such as the shots of a subject, may stand in a KV cache: `kept` is
how many tokens. Every token of the row sees all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel

from koalign.engines.group_attention import ATTENTION
from koalign.engines.layout import Layout, Span
from koalign.records import KoalignError

LAYERS = {"full_attention", "sliding_attention"}
"""Kinds of layers whose only exchange between tokens is attention under a mask."""
TOLERANCE, ROUGH_TOLERANCE = 1e-3, 0.1
"""Allowed difference, in nats, of a token's log-probability between a row of groups and its completion
alone: the largest in float32; the mean in half precision or 4 bits, where rounding moves single tokens."""


@dataclass(frozen=True)
class Group:
    """Token ids of one prompt and of its completions, none of them empty."""

    prompt: tuple[int, ...]
    completions: tuple[tuple[int, ...], ...]

    @property
    def tokens(self) -> int:
        """Tokens in a row: the prompt and all completions."""
        return len(self.prompt) + sum(map(len, self.completions))


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
        "position_ids": kept + torch.cat([span.positions for span in spans])[None],
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
    tokens in ways that are not known here; the model is then as it was.
    """
    causal = model.get_base_model() if isinstance(model, PeftModel) else model
    config = causal.config.get_text_config()
    if config._attn_implementation == ATTENTION:
        return
    odd = sorted(set(config.to_dict().get("layer_types") or ()) - LAYERS)
    if any(name.endswith(".sinks") for name, _ in causal.named_parameters()):
        odd.append("attention sinks")
    if not odd and not causal._supports_attention_backend:
        odd.append("an attention of its own")
    if odd:
        raise KoalignError(f"groups cannot be exact on {config.model_type} ({', '.join(odd)})")
    causal.set_attn_implementation(ATTENTION)
    if _keep_predictors not in causal.base_model._forward_hooks.values():  # from an earlier try
        causal.base_model.register_forward_hook(_keep_predictors, with_kwargs=True)


def inexactness(model: Any, packed: torch.Tensor, alone: torch.Tensor) -> float | None:
    """The difference of log-probabilities per token (N,) beyond the tolerance; None: packing is exact."""
    differences = (packed - alone).abs()
    float32 = all(p.dtype == torch.float32 for p in model.parameters())
    difference = float(differences.max() if float32 else differences.mean())
    return None if difference <= (TOLERANCE if float32 else ROUGH_TOLERANCE) else difference


def _keep_predictors(module: Any, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
    layout = kwargs.get("groups")
    if layout is not None:
        output.last_hidden_state = output.last_hidden_state[
            :, layout.predictors(output.last_hidden_state.device)
        ]
    return output
