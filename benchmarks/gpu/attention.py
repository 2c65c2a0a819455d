"""Attention of a row of groups, forward and backward, against plain causal attention of as many tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from against_trl import median_seconds, synchronize
from shapes import Setting
from torch.profiler import ProfilerActivity, profile
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from koalign.engines.group_attention import group_attention, group_by_group, why_not_one_call
from koalign.engines.packing import Group, pack

TIMES, ROUNDS = 10, 3


def measure(row: str, setting: Setting) -> dict[str, Any]:
    """One row, such as "16 groups": milliseconds and kernel launches of one layer's attention."""
    number = int(row.split()[0])
    tokens, heads, kv_heads, size = (512, 4, 2, 16) if setting.tiny else (4096, 32, 8, 128)
    room = tokens // number
    answer = max(1, room // 16)
    group = Group((1,) * (room - 2 * answer), ((1,) * answer, (2,) * answer))
    layout = pack([group] * number)["groups"]
    torch.manual_seed(0)

    def states(count: int) -> torch.Tensor:
        shape, device = (1, count, tokens, size), setting.device
        return torch.randn(shape, device=device, dtype=setting.dtype).requires_grad_(True)

    q, k, v = states(heads), states(kv_heads), states(kv_heads)
    module = torch.nn.Module().train()
    module.num_key_value_groups, module.is_causal = heads // kv_heads, True

    weights = torch.randn(1, tokens, heads, size, device=setting.device, dtype=setting.dtype)

    def step(attend: Callable[[], torch.Tensor]) -> None:
        q.grad = k.grad = v.grad = None
        attend().backward(weights)

    def sdpa(
        q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        return sdpa_attention_forward(module, q, k, v, mask, scaling=size**-0.5)[0]

    ways = {
        "groups": lambda: group_attention(
            module, q, k, v, None, scaling=size**-0.5, groups=layout
        )[0],
        "causal": lambda: sdpa(q, k, v),
        "group by group": lambda: group_by_group(sdpa, q, k, v, layout, None),
    }  # fmt: skip
    return {
        "why_not_one_call": why_not_one_call(q, v, layout, 0.0, None),
        "milliseconds": {name: milliseconds(step, way, setting) for name, way in ways.items()},
        "launches": {name: launches(step, way, setting) for name, way in ways.items()},
    }


def milliseconds(step: Callable[..., None], way: Callable[[], Any], setting: Setting) -> float:
    """Of one step: median of rounds of `TIMES` steps."""

    def steps() -> None:
        for _ in range(TIMES):
            step(way)

    return 1000 * median_seconds(steps, torch.device(setting.device), ROUNDS) / TIMES


def launches(step: Callable[..., Any], way: Any, setting: Setting) -> int:
    """Kernels, copies and fills of one step on a card; on a CPU calls of operators.

    What takes the longest, on the CPU and on the card, is printed.
    """
    on_card = setting.device == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_card
    with profile(activities=activities) as profiler:
        step(way)
        synchronize(torch.device(setting.device))
    averages = profiler.key_averages()
    for order in ("self_cpu_time_total", "self_device_time_total"):
        print(averages.table(sort_by=order, row_limit=15, max_name_column_width=50))
    kind = torch.autograd.DeviceType.CUDA if on_card else torch.autograd.DeviceType.CPU
    return sum(event.device_type == kind for event in profiler.events())
