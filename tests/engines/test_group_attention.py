"""Attention of a row of groups: split and not sliced, bit for bit; and one variable-length call is the same."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_models import CONFIGS, tiny
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from koalign.engines import group_attention as attention
from koalign.engines.layout import Layout, Span
from koalign.engines.packing import Group, pack, share_prompts

pytestmark = pytest.mark.slow

HEADS, KEY_HEADS, SIZE = 4, 2, 8
CLOSE = 1e-5
CPU = torch.device("cpu")
lengths = st.tuples(st.integers(1, 9), st.lists(st.integers(1, 5), max_size=4))
"""Of a prompt and of its completions, which may be none."""
rows = st.lists(lengths, min_size=1, max_size=4)
windows = st.sampled_from([None, 1, 3, 50])


def layout_of(lengths, kept=0) -> Layout:
    groups = [Group((3,) * prompt, tuple((3,) * n for n in own)) for prompt, own in lengths]
    return pack(groups, kept)["groups"]


def states(layout, kept=0, seed=0):
    """q, k, v (1, heads, tokens, d) as a projection makes them: the heads stand behind the tokens."""
    generator = torch.Generator().manual_seed(seed)
    width = layout.spans[-1].stop
    return [
        torch.randn(1, tokens, heads, SIZE, generator=generator).transpose(1, 2).requires_grad_()
        for tokens, heads in [(width, HEADS), (kept + width, KEY_HEADS), (kept + width, KEY_HEADS)]
    ]


def outputs_and_gradients(attend, inputs):
    output = attend(*inputs)
    weights = torch.linspace(-1, 2, output.numel()).view_as(output)
    return [output, *torch.autograd.grad((output * weights).sum(), inputs)]


def module():
    made = torch.nn.Module()
    made.num_key_value_groups, made.is_causal = HEADS // KEY_HEADS, True
    return made.eval()


def by_slices(query, key, value, layout, window):
    """What the splits replaced: each attention slices its tokens out of the row."""
    kept, parts = layout.kept, []

    def attend(own, seen, mask):
        def seen_by(states):
            if not kept:
                return states[:, :, seen]
            return torch.cat([states[:, :, :kept], states[:, :, kept:][:, :, seen]], dim=2)

        q, k, v = query[:, :, own], seen_by(key), seen_by(value)
        parts.append(sdpa_attention_forward(module(), q, k, v, mask, scaling=0.3)[0])

    for span in layout.spans:
        prompt = slice(span.start, span.split)
        attend(prompt, prompt, layout.prompt_mask(span, window, CPU))
        if span.lengths:
            own, seen = slice(span.split, span.stop), slice(span.start, span.stop)
            attend(own, seen, layout.completion_mask(span, window, CPU))
    return torch.cat(parts, dim=1)


@given(rows, windows, st.sampled_from([0, 7]))
def test_splits_and_slices_are_equal_bit_for_bit(lengths, window, kept):
    layout = layout_of(lengths, kept)
    inputs = states(layout, kept)
    ours = outputs_and_gradients(
        lambda q, k, v: attention.group_attention(
            module(), q, k, v, None, scaling=0.3, sliding_window=window, groups=layout
        )[0],
        inputs,
    )
    theirs = outputs_and_gradients(lambda q, k, v: by_slices(q, k, v, layout, window), inputs)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)


def varlen_by_masks(
    query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale, window_size, enable_gqa=True
):
    """What torch.nn.attention.varlen promises, sequence by sequence: (T, heads, d) -> (T, heads, d).

    Aligned to the end: the last query of a sequence stands at its last key.
    """
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert cu_seq_q[-1] == len(query) and cu_seq_k[-1] == len(key) == len(value)
    assert (max_q, max_k) == (cu_seq_q.diff().max(), cu_seq_k.diff().max())
    assert enable_gqa or query.shape[1] == key.shape[1]
    left, right = window_size
    parts = []
    begins = zip(cu_seq_q.tolist(), cu_seq_k.tolist(), strict=True)
    ends = zip(cu_seq_q[1:].tolist(), cu_seq_k[1:].tolist(), strict=True)
    for (q0, k0), (q1, k1) in zip(begins, ends, strict=False):
        repeats = query.shape[1] // key.shape[1]
        q = query[q0:q1].transpose(0, 1)
        k, v = (s[k0:k1].transpose(0, 1).repeat_interleave(repeats, 0) for s in (key, value))
        place = torch.arange(k1 - k0 - (q1 - q0), k1 - k0)[:, None]
        ahead = torch.arange(k1 - k0) - place
        seen = ahead <= right
        if left >= 0:
            seen &= ahead >= -left
        scores = (q @ k.transpose(1, 2) * scale).masked_fill(~seen, -torch.inf)
        parts.append((scores.softmax(-1) @ v).transpose(0, 1))
    return torch.cat(parts)


@pytest.fixture
def one_call(monkeypatch):
    """The path of a GPU, with its kernel in plain PyTorch; the list of its calls."""
    calls = []

    def counted(*args, **kwargs):
        calls.append(args)
        return varlen_by_masks(*args, **kwargs)

    monkeypatch.setattr(attention, "varlen_attn", counted)
    monkeypatch.setattr(attention, "why_not_one_call", lambda *_: None)
    return calls


@given(rows, windows)
def test_one_call_is_what_two_calls_a_group_are(lengths, window):
    layout = layout_of(lengths)
    inputs = states(layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "varlen_attn", varlen_by_masks)
        ours = outputs_and_gradients(
            lambda q, k, v: attention.in_one_call(q, k, v, layout, 0.3, window), inputs
        )
    theirs = outputs_and_gradients(lambda q, k, v: by_slices(q, k, v, layout, window), inputs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert (a - b).abs().max() < CLOSE * max(1, b.abs().max())


def test_the_sequences_of_a_row_are_prompts_and_completions_behind_their_prompt():
    row = layout_of([(3, [2, 1]), (2, []), (1, [2])]).sequences(CPU)
    assert row.keys.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 5, 6, 7, 8, 8, 9, 10]
    assert row.cu_seq_q.tolist() == [0, 3, 5, 6, 8, 9, 11]
    assert row.cu_seq_k.tolist() == [0, 3, 8, 12, 14, 15, 18]
    assert (row.max_q, row.max_k) == (3, 5)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "gemma2"])
def test_a_model_has_the_same_states_and_one_call_a_layer(name, one_call, monkeypatch):
    model = tiny(name)
    share_prompts(model)
    groups = [Group(tuple(range(3, 12)), ((5, 6, 7), (8,))), Group((9, 4), ((3, 11),))] * 4
    row = {key: value for key, value in pack(groups).items() if key != "shift_labels"}
    with torch.no_grad():
        ours = model(**row, use_cache=False).logits
        assert len(one_call) == model.config.num_hidden_layers
        monkeypatch.undo()
        theirs = model(**row, use_cache=False).logits
    assert (ours - theirs).abs().max() < 1e-3


def test_what_attention_needs_of_a_row_is_made_once():
    layout = layout_of([(3, [2, 1])])
    assert layout.sequences(CPU) is layout.sequences(CPU)
    assert layout.predictors(CPU) is layout.predictors(CPU)
    assert layout == Layout((Span(0, 3, 6, (2, 1)),))


def on_a_card(dtype=torch.bfloat16, size=128):
    return SimpleNamespace(device=torch.device("cuda:0"), dtype=dtype, shape=(1, 4, 6, size))


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        (None, {}),
        (None, {"query": on_a_card(torch.float16)}),
        (None, {"query": on_a_card(size=8), "value": on_a_card(size=8)}),
        ("CUDA", {"query": torch.zeros(1, 4, 6, 128)}),
        ("CUDA", {"query": torch.zeros(1, 4, 6, 128, device="meta")}),
        ("16 bits", {"query": on_a_card(torch.float32)}),
        ("steps of 8", {"query": on_a_card(size=100), "value": on_a_card(size=100)}),
        ("steps of 8", {"query": on_a_card(size=512), "value": on_a_card(size=512)}),
        ("one size", {"query": on_a_card(size=192)}),
        ("capped", {"softcap": 50.0}),
        ("dropout", {"dropout": 0.1}),
        ("KV cache", {"layout": layout_of([(3, [2])], kept=4)}),
        ("Ampere", {"card": (7, 5)}),
    ],
)
def test_one_call_where_the_kernel_can_and_a_reason_where_not(reason, change, monkeypatch):
    card = change.pop("card", (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: card)
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: True)
    given = {"query": on_a_card(), "value": on_a_card(), "layout": layout_of([(3, [2])])}
    why = attention.why_not_one_call(**{**given, "dropout": 0.0, "softcap": None, **change})
    assert why is None if reason is None else reason in why


def test_under_autocast_the_states_of_a_4_bit_base_are_for_the_kernel(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: True)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: True)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda kind: torch.bfloat16)
    query = on_a_card(torch.float32)
    assert attention.why_not_one_call(query, query, layout_of([(3, [2])]), 0.0, None) is None
