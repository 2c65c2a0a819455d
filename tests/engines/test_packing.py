"""Completions packed behind one prompt have the log-probabilities and gradients of each alone."""

import random

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from support.refusals import refused
from support.tiny_models import CONFIGS, SLIDING, UNSHARED, VOCABULARY, logps_alone, stirred, tiny
from trl.trainer.utils import add_fused_lm_head

from koalign.engines.layout import Layout, Span
from koalign.engines.packing import Group, pack, rows_of, share_prompts

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
CLOSE = 1e-4
"""Float32 through TRL's LM head, which sums in float32 whatever the model computes in."""


def some_group(rng: random.Random, completions: int, longest: int = 9) -> Group:
    def ids(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(3, VOCABULARY) for _ in range(length))

    prompt = ids(rng.randint(1, 24))
    return Group(prompt, tuple(ids(rng.randint(1, longest)) for _ in range(completions)))


GROUPS = [some_group(random.Random(n), k) for n, k in enumerate((1, 3, 6))]
"""K from 1 to 6; prompts and completions longer and shorter than the window of the sliding models."""


def with_lora(model):
    """The model under a LoRA adapter that is not zero."""
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    return stirred(get_peft_model(model, config), seed=1, scale=0.1)


def ready(policy):
    add_fused_lm_head(policy.get_base_model())
    share_prompts(policy)
    return policy


def packed_logps(policy, groups) -> torch.Tensor:
    return policy(**pack(groups), use_cache=False, fused_lm_head=True).log_probs[0]


def plain_logps(policy, groups) -> torch.Tensor:
    """One completion at a time, from the logits of the untouched model."""
    return torch.cat([logps_alone(policy, g.prompt, c) for g in groups for c in g.completions])


def gradient(policy, logps) -> torch.Tensor:
    """Of a sum in which every token has a weight of its own."""
    policy.zero_grad()
    (logps * torch.linspace(0.5, 2.0, len(logps))).sum().backward()
    return torch.cat([p.grad.flatten() for p in policy.parameters() if p.requires_grad])


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("name", CONFIGS)
def test_groups_in_one_row_are_exact_for_every_architecture(name):
    packed, plain = ready(with_lora(tiny(name))), with_lora(tiny(name))
    ours, alone = packed_logps(packed, GROUPS), plain_logps(plain, GROUPS)
    assert (ours - alone).abs().max() < CLOSE
    assert relative(gradient(packed, ours), gradient(plain, alone)) < CLOSE


@pytest.mark.parametrize("name", ["qwen3", "gemma3"])
def test_gradient_checkpointing_changes_nothing(name):
    packed, plain = ready(with_lora(tiny(name))), with_lora(tiny(name))
    packed.train()
    packed.gradient_checkpointing_enable()
    packed.enable_input_require_grads()
    ours, alone = packed_logps(packed, GROUPS), plain_logps(plain, GROUPS)
    assert (ours - alone).abs().max() < CLOSE
    assert relative(gradient(packed, ours), gradient(plain, alone)) < CLOSE


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_any_groups_are_exact(seed, sizes):
    rng = random.Random(seed)
    groups = [some_group(rng, size) for size in sizes]
    for name in ("llama", "exaone4"):
        packed, plain = ready(with_lora(tiny(name))), with_lora(tiny(name))
        with torch.no_grad():
            assert (packed_logps(packed, groups) - plain_logps(plain, groups)).abs().max() < CLOSE


def test_a_completion_of_one_token_is_predicted_by_the_prompt_alone():
    group = Group((5, 6, 7), ((9,), (11,)))
    assert pack([group])["groups"].predictors(CPU).tolist() == [2, 2]
    packed, plain = ready(with_lora(tiny("qwen3"))), with_lora(tiny("qwen3"))
    assert (packed_logps(packed, [group]) - plain_logps(plain, [group])).abs().max() < CLOSE


def test_the_row_is_laid_out_as_the_picture_says():
    row = pack([Group((10, 11, 12), ((20, 21, 22), (30, 31))), Group((13,), ((40, 41),))])
    assert row["input_ids"].tolist() == [[10, 11, 12, 20, 21, 22, 30, 31, 13, 40, 41]]
    assert row["position_ids"].tolist() == [[0, 1, 2, 3, 4, 5, 3, 4, 0, 1, 2]]
    assert row["shift_labels"].tolist() == [[20, 21, 22, 30, 31, 40, 41]]
    assert row["groups"].predictors(CPU).tolist() == [2, 3, 4, 2, 6, 8, 9]
    assert row["groups"].spans == (Span(0, 3, 8, (3, 2)), Span(8, 9, 11, (2,)))


def sees_the_first_completion(self, span, window, device):
    mask = real_completion_mask(self, span, window, device).clone()
    prompt, first = span.split - span.start, span.lengths[0]
    mask[..., first:, prompt : prompt + first] = True
    return mask


def sees_one_token_less(self, span, window, device):
    mask = real_completion_mask(self, span, window, device).clone()
    mask[..., 0] = False
    return mask


def sees_itself_and_what_follows(self, span, window, device):
    mask = real_completion_mask(self, span, window, device).clone()
    mask[..., 0, :] = True
    return mask


def has_no_window(self, span, window, device):
    return real_completion_mask(self, span, None, device)


def prompt_has_no_window(self, span, window, device):
    return None


def are_one_place_late(self, device):
    return real_predictors(self, device) + 1


real_completion_mask = Layout.completion_mask
real_predictors = Layout.predictors
MUTANTS = [
    ("completion_mask", sees_the_first_completion, "qwen3"),
    ("completion_mask", sees_one_token_less, "qwen3"),
    ("completion_mask", sees_itself_and_what_follows, "qwen3"),
    *(("completion_mask", has_no_window, name) for name in SLIDING),
    *(("prompt_mask", prompt_has_no_window, name) for name in SLIDING),
    ("predictors", are_one_place_late, "qwen3"),
]


@pytest.mark.parametrize(("what", "mutant", "name"), MUTANTS)
def test_a_wrong_mask_or_logit_is_noticed(what, mutant, name, monkeypatch):
    monkeypatch.setattr(Layout, what, mutant)
    packed, plain = ready(with_lora(tiny(name))), with_lora(tiny(name))
    with torch.no_grad():
        groups = [group for group in GROUPS if what != "predictors" or len(group.prompt) > 1][:2]
        wrong = packed_logps(packed, groups) - plain_logps(plain, groups)
        assert wrong.abs().max() > 100 * CLOSE


def test_positions_that_do_not_restart_are_noticed(monkeypatch):
    places = property(lambda span: torch.arange(span.stop - span.start))
    monkeypatch.setattr(Span, "positions", places)
    packed, plain = ready(with_lora(tiny("llama"))), with_lora(tiny("llama"))
    group = [Group((5, 6, 7), ((9, 10), (11, 12, 13)))]
    with torch.no_grad():
        assert (packed_logps(packed, group) - plain_logps(plain, group)).abs().max() > 100 * CLOSE


@pytest.mark.parametrize("name", SLIDING)
def test_a_plain_mask_of_the_row_would_be_wrong_on_a_sliding_window(name):
    """Why groups have an attention of their own: a mask of four dimensions silences the window."""
    plain = tiny(name)
    group = max(GROUPS, key=lambda one: one.tokens)
    row = pack([group])
    span = row["groups"].spans[0]
    size = span.stop
    whole = torch.zeros(size, size, dtype=torch.bool)
    whole[: span.split, : span.split] = torch.ones(span.split, span.split).tril().bool()
    whole[span.split :] = row["groups"].completion_mask(span, None, CPU)[0, 0]
    plain.set_attn_implementation("sdpa")
    with torch.no_grad():
        states = plain.base_model(
            input_ids=row["input_ids"],
            position_ids=row["position_ids"],
            attention_mask=whole[None, None],
            use_cache=False,
        ).last_hidden_state
        logits = plain.get_output_embeddings()(states[:, row["groups"].predictors(CPU)])
    said = logits.log_softmax(-1).gather(2, row["shift_labels"][..., None])[0, :, 0]
    with torch.no_grad():
        alone = plain_logps(tiny(name), [group])
    assert (said - alone).abs().max() > 0.01


def test_without_groups_the_model_does_what_it_did():
    for name in CONFIGS:
        packed, plain = ready(with_lora(tiny(name))), with_lora(tiny(name))
        ids = torch.randint(3, VOCABULARY, (3, 20), generator=torch.Generator().manual_seed(0))
        mask = torch.ones_like(ids)
        mask[0, :7] = 0  # padded on the left, as for generation
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        with torch.no_grad():
            a = packed(input_ids=ids, attention_mask=mask, position_ids=positions).logits
            b = plain(input_ids=ids, attention_mask=mask, position_ids=positions).logits
        assert (a - b)[mask.bool()].abs().max() < CLOSE, name


def test_a_model_with_other_layers_is_refused():
    from transformers import AutoModelForCausalLM, MambaConfig

    mamba = AutoModelForCausalLM.from_config(
        MambaConfig(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=1, state_size=4)
    )
    for model in (mamba, *map(tiny, UNSHARED)):
        before = model.config._attn_implementation
        with refused("groups cannot be exact on"):
            share_prompts(model)
        assert model.config._attn_implementation == before


@given(st.lists(st.integers(1, 300), max_size=40), st.integers(16, 256))
def test_every_group_has_a_place_and_no_row_is_over_full(sizes, row_tokens):
    rows = rows_of(sizes, row_tokens)
    assert sorted(number for row in rows for number in row) == list(range(len(sizes)))
    for row in rows:
        assert len(row) == 1 or sum(sizes[number] for number in row) <= row_tokens


def test_only_completion_positions_go_through_the_lm_head():
    policy = ready(with_lora(tiny("qwen3")))
    seen = []
    backbone = policy.get_base_model().base_model
    backbone.register_forward_hook(lambda m, a, out: seen.append(out.last_hidden_state.shape))
    packed_logps(policy, GROUPS)
    tokens = sum(len(c) for group in GROUPS for c in group.completions)
    assert seen == [(1, tokens, 32)]
