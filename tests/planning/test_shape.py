"""Parameters by formula: published sizes, and every supported family to the last number."""

import json

import pytest

from koalign.config.inputs import Model
from koalign.planning.shape import FAMILIES, published, read_shape, shape_of
from koalign.records import KoalignError

SIZES = {  # billions of parameters, millions of LoRA parameters at rank 16, KiB of KV cache a token
    "Qwen/Qwen3-0.6B": (0.596, 10.1, 112),
    "Qwen/Qwen3-1.7B": (1.72, 17.4, 112),
    "Qwen/Qwen3-4B": (4.02, 33.0, 144),
    "Qwen/Qwen3-8B": (8.19, 43.6, 144),
    "Qwen/Qwen3-14B": (14.77, 64.2, 160),
    "Qwen/Qwen3-32B": (32.76, 134.2, 256),
}


@pytest.mark.parametrize("name", published())
def test_published_models_have_their_published_sizes(name):
    parameters, lora, cache = SIZES[name]
    shape = read_shape(Model(path=name))
    assert shape.parameters / 1e9 == pytest.approx(parameters, rel=0.001)
    assert shape.lora(16) / 1e6 == pytest.approx(lora, rel=0.002)
    assert shape.cache(2) == cache * 1024


SIZES_OF_A_LLAMA = {
    "model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 128,
}  # fmt: skip
CONFIGS = [
    ("llama", {}),
    ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("mistral", {"head_dim": 24}),
    ("qwen2", {"tie_word_embeddings": True}),
    ("qwen3", {"attention_bias": True}),
    ("qwen3", {"head_dim": 32}),
    ("gemma2", {}),
    ("gemma3_text", {"tie_word_embeddings": False}),
    ("exaone4", {}),
    ("qwen3_moe", {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 24}),
    (
        "qwen3_moe",
        {
            "num_experts": 4,
            "moe_intermediate_size": 24,
            "decoder_sparse_step": 2,
            "mlp_only_layers": [3],
        },
    ),
]


def test_every_family_is_counted():
    assert {name for name, _ in CONFIGS} == FAMILIES.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("model_type", "options"), CONFIGS)
def test_the_formula_counts_what_the_model_and_its_adapter_hold(model_type, options):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    from koalign.training.policy import adapted_modules

    sizes = {
        "vocab_size": 211, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 5,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "max_position_embeddings": 512, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    config = AutoConfig.for_model(model_type, **{**sizes, **options})
    shape = shape_of(json.loads(config.to_json_string(use_diff=False)), model_type)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert shape.parameters == sum(p.numel() for p in model.parameters())
    with torch.device("meta"):
        policy = get_peft_model(
            model, LoraConfig(r=8, target_modules=adapted_modules(model), task_type="CAUSAL_LM")
        )
    trained = sum(p.numel() for n, p in policy.named_parameters() if "lora_" in n)
    assert shape.lora(8) == trained


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "holds no config.json"),
        ("[1]", "is no JSON object"),
        ("{", "cannot be read"),
        ("{}", "does not describe a causal language model"),
        ('{"model_type": "clip", "hidden_size": 8}', "does not describe a causal language model"),
        ('{"model_type": "llama", "hidden_size": "wide"}', "does not describe"),
        ("[" * 100_000, "cannot be read"),
        ('{"text_config": null}', "does not describe"),
        ('{"text_config": 3}', "does not describe"),
        *(
            (json.dumps({**SIZES_OF_A_LLAMA, key: size}), "does not describe")
            for key in SIZES_OF_A_LLAMA
            if key != "model_type"
            for size in (0, -8, 10**12, None, [8])
        ),
    ],
)
def test_a_folder_that_describes_no_model_is_refused(tmp_path, text, words):
    if text is not None:
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(KoalignError, match=words):
        read_shape(Model(path=str(tmp_path)))


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(KoalignError, match="is no model folder"):
        read_shape(Model(path=str(tmp_path / "gone")))
