"""What a card computes in: chosen from its capability and the settings, said where it has no bfloat16."""

from types import SimpleNamespace

import pytest

from koalign.adapters.precision import CPU, Device, choose_precision, refuse_experts
from koalign.config.inputs import Model
from koalign.records import KoalignError

T4, V100, P100 = Device("Tesla T4", (7, 5)), Device("V100", (7, 0)), Device("P100", (6, 0))
A100, L4, B200 = Device("A100", (8, 0)), Device("L4", (8, 9)), Device("B200", (10, 0))
NF4 = {"load_in_4bit": True}


def chosen(card, family="qwen3", **settings):
    return choose_precision(Model(path="m", **settings), card, family)


@pytest.mark.parametrize(
    ("card", "family", "settings", "base", "compute"),
    [
        (CPU, "qwen3", {}, "float32", "float32"),
        (CPU, "qwen3", {"dtype": "bfloat16"}, "bfloat16", "bfloat16"),
        (A100, "qwen3", {}, "bfloat16", "bfloat16"),
        (L4, "gemma3_text", NF4, "bfloat16", "bfloat16"),
        (B200, "qwen3", {"dtype": "float16"}, "float16", "float16"),
        (A100, "qwen3", {"dtype": "float32"}, "float32", "float32"),
        (T4, "qwen3", {}, "float16", "float16"),
        (V100, "llama", NF4, "float16", "float16"),
        (T4, "gemma3_text", NF4, "float32", "float32"),
        (T4, "gemma2", {"dtype": "float16"}, "float16", "float16"),
        (T4, "qwen3", {**NF4, "dtype": "float32"}, "float32", "float32"),
        (T4, "gemma2", {**NF4, "bnb_4bit_compute_dtype": "float16"}, "float32", "float16"),
        (P100, "qwen3", {}, "float32", "float32"),
    ],
)
def test_a_card_computes_in_what_it_has(card, family, settings, base, compute):
    found = chosen(card, family, **settings)
    assert (found.base, found.compute) == (base, compute)


@pytest.mark.parametrize(
    ("card", "family", "said"),
    [
        (T4, "qwen3", "Tesla T4 (7.5) has no bfloat16: base in float16, adapters in float32, loss scaled"),
        (V100, "gemma2", "V100 (7.0) has no bfloat16: base and adapters in float32, since gemma2 overflows float16"),
        (P100, "qwen3", "base and adapters in float32, since its float16 is no faster"),
        (A100, "qwen3", ""),
        (CPU, "qwen3", ""),
    ],
)  # fmt: skip
def test_a_choice_for_lack_of_bfloat16_is_one_line(card, family, said):
    why = chosen(card, family).why
    assert said in why and "\n" not in why and bool(why) == bool(said)


@pytest.mark.parametrize(
    ("card", "settings", "said"),
    [
        (T4, {"dtype": "bfloat16"}, "model.dtype: Tesla T4 (7.5) has no bfloat16, which needs compute capability 8.0"),
        (V100, {**NF4, "bnb_4bit_compute_dtype": "bfloat16"}, "model.bnb_4bit_compute_dtype: V100 (7.0) has no"),
        (CPU, {"dtype": "float16"}, "model.dtype: float16 is for GPUs, and the CPU computes here"),
    ],
)  # fmt: skip
def test_a_dtype_that_the_card_lacks_is_refused_with_those_that_it_has(card, settings, said):
    with pytest.raises(KoalignError) as raised:
        chosen(card, **settings)
    assert said in str(raised.value) and "; set auto, " in str(raised.value)


def test_keys_of_four_bits_without_four_bits_are_refused():
    with pytest.raises(ValueError, match="bnb_4bit_use_double_quant is for load_in_4bit: true"):
        Model(path="m", bnb_4bit_use_double_quant=False)


@pytest.mark.parametrize("key", ["num_experts", "num_local_experts", "n_routed_experts"])
def test_four_bits_of_experts_are_refused_since_bitsandbytes_leaves_them_as_they_are(key):
    with pytest.raises(
        KoalignError, match=r"the experts of a mixture .*; set model\.load_in_4bit: false"
    ):
        refuse_experts(Model(path="m", load_in_4bit=True), {key: 8})
    refuse_experts(Model(path="m"), {key: 8})
    refuse_experts(Model(path="m", load_in_4bit=True), {key: None, "hidden_size": 8})


@pytest.mark.slow
def test_a_wrong_dtype_stops_before_any_weight_is_loaded(monkeypatch):
    from koalign.adapters import base

    monkeypatch.setattr(base, "current_card", lambda: T4)
    with pytest.raises(KoalignError, match=r"model\.dtype: Tesla T4 \(7\.5\) has no bfloat16"):
        base.identify(Model(path="builtin:tiny-ko", dtype="bfloat16"))


@pytest.mark.slow
def test_the_storage_of_four_bit_weights_changes_no_result():
    import torch

    from koalign.adapters.base import load_base

    def logits(**settings):
        model = load_base(
            Model(path="builtin:tiny-ko", load_in_4bit=True, **settings), quantized=True
        )
        with torch.no_grad():
            return model(input_ids=torch.arange(5, 25)[None]).logits

    plain = logits()
    for storage in ("float32", "bfloat16"):
        assert torch.equal(logits(bnb_4bit_quant_storage=storage), plain)
    assert not torch.equal(logits(bnb_4bit_use_double_quant=False), plain)
    assert not torch.equal(logits(bnb_4bit_compute_dtype="bfloat16"), plain)


@pytest.mark.slow
def test_an_overflow_of_a_scaled_loss_is_passed_over_until_the_scale_is_1(tmp_path):
    import torch

    from koalign.training.checkpoints import Finite

    model = torch.nn.Linear(2, 2)
    model.weight.grad = torch.full((2, 2), torch.inf)
    args, state = SimpleNamespace(fp16=True, output_dir=tmp_path), SimpleNamespace(global_step=3)

    def step(scale: float) -> None:
        optimizer = SimpleNamespace(scaler=SimpleNamespace(get_scale=lambda: scale))
        Finite("sft", "sft").on_pre_optimizer_step(
            args, state, None, model=model, optimizer=optimizer
        )

    step(65536.0)
    with pytest.raises(KoalignError, match="sft: the gradient of step 4 is not finite"):
        step(1.0)
