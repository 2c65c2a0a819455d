"""On a GPU: a row of groups in one variable-length call is what two SDPA calls a group are, without waiting.

Needs PyTorch and transformers alone. Run with `pytest -m gpu`.
"""

import random

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from koalign.engines import group_attention as attention
from koalign.engines.layout import Layout, Span

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

CARD = "cuda:0"
HEADS, KEY_HEADS = 8, 2
ROUNDING = 0.02
"""Relative error of bfloat16 attention and of its gradients; 0.005 on a CPU."""


def layout_of(groups: int, longest: int, seed: int = 0) -> Layout:
    """Prompts with none to five completions, of random lengths."""
    rng, spans, start = random.Random(seed), [], 0
    for number in range(groups):
        split = start + rng.randint(1, 2 * longest)
        lengths = tuple(rng.randint(1, longest) for _ in range(number % 6))
        spans.append(Span(start, split, split + sum(lengths), lengths))
        start = spans[-1].stop
    return Layout(tuple(spans))


def states(layout: Layout, size: int) -> list[torch.Tensor]:
    generator = torch.Generator(CARD).manual_seed(0)
    width = layout.spans[-1].stop
    return [
        torch.randn(1, width, heads, size, device=CARD, generator=generator).transpose(1, 2)
        for heads in (HEADS, KEY_HEADS, KEY_HEADS)
    ]


def outputs_and_gradients(layout, inputs, window=None) -> list[torch.Tensor]:
    module = torch.nn.Module()
    module.num_key_value_groups, module.is_causal = HEADS // KEY_HEADS, True
    inputs = [tensor.detach().requires_grad_() for tensor in inputs]
    output, _ = attention.group_attention(
        module.eval(), *inputs, None, scaling=0.1, sliding_window=window, groups=layout
    )
    weights = torch.linspace(-1, 2, output.numel(), device=CARD).view_as(output).bfloat16()
    return [output, *torch.autograd.grad(output, inputs, weights.to(output.dtype))]


def require_close(ours: list[torch.Tensor], exact: list[torch.Tensor]) -> None:
    for a, b in zip(ours, exact, strict=True):
        assert a.shape == b.shape
        difference = (a.float() - b.float()).abs()
        assert difference.norm() < ROUNDING * b.float().norm()
        assert difference.max() < ROUNDING * b.float().abs().max()  # no single token is wrong


def one_call_in(layout, inputs) -> bool:
    return attention.why_not_one_call(inputs[0], inputs[2], layout, 0.0, None) is None


@pytest.mark.parametrize("window", [None, 2, 40, 10_000])
@pytest.mark.parametrize("size", [64, 96, 128, 256])
def test_one_call_is_what_two_calls_a_group_are(size, window):
    layout = layout_of(groups=8, longest=150)
    inputs = states(layout, size)
    halves = [tensor.bfloat16() for tensor in inputs]
    assert one_call_in(layout, halves)
    assert not one_call_in(layout, inputs)
    ours = outputs_and_gradients(layout, halves, window)
    exact = outputs_and_gradients(layout, [half.float() for half in halves], window)
    require_close(ours, exact)


def test_under_autocast_float32_states_take_one_call():
    layout = layout_of(groups=4, longest=60)
    inputs = states(layout, 128)
    with torch.autocast("cuda", torch.bfloat16):
        assert one_call_in(layout, inputs)
        ours = outputs_and_gradients(layout, inputs)
    assert ours[0].dtype == torch.bfloat16
    require_close(ours, outputs_and_gradients(layout, inputs))


def kernels(layout) -> int:
    inputs = [tensor.bfloat16() for tensor in states(layout, 128)]
    outputs_and_gradients(layout, inputs)  # makes what the row needs once
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as trace:
        outputs_and_gradients(layout, inputs)
        torch.cuda.synchronize()
    device = torch.autograd.DeviceType.CUDA
    return sum(event.device_type == device for event in trace.events())


def test_launches_do_not_grow_with_the_number_of_groups():
    few, many = kernels(layout_of(groups=3, longest=80)), kernels(layout_of(groups=48, longest=5))
    assert 0 < many <= few + 2  # PyTorch may choose another kernel for another size


def test_no_layer_waits_for_the_card():
    layout = layout_of(groups=8, longest=60)
    inputs = [tensor.bfloat16() for tensor in states(layout, 128)]
    outputs_and_gradients(layout, inputs)
    torch.cuda.set_sync_debug_mode("error")
    try:
        outputs_and_gradients(layout, inputs)
        outputs_and_gradients(Layout(layout.spans), inputs)  # nor does the first layer of a row
    finally:
        torch.cuda.set_sync_debug_mode("default")
