"""Causal language models of every architecture that groups are promised for, tiny and random."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Exaone4Config,
    Gemma2Config,
    Gemma3TextConfig,
    GenerationConfig,
    GptOssConfig,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3_5TextConfig,
    Qwen3Config,
    Qwen3MoeConfig,
    Qwen3NextConfig,
)

from koalign.adapters.base import load_tokenizer
from koalign.config.inputs import Model

VOCABULARY = 97
WINDOW = 6
"""Shorter than the prompts and completions that the tests make."""
CONFIGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (LlamaConfig, {}),
    "qwen2": (Qwen2Config, {}),
    "qwen3": (Qwen3Config, {}),
    "mistral": (MistralConfig, {"sliding_window": WINDOW}),
    "gemma2": (Gemma2Config, {"sliding_window": WINDOW, "query_pre_attn_scalar": 8}),
    "gemma3": (Gemma3TextConfig, {"sliding_window": WINDOW, "query_pre_attn_scalar": 8}),
    "exaone4": (Exaone4Config, {"sliding_window": WINDOW, "sliding_window_pattern": 4}),
}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_LINEAR = {
    "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}  # fmt: skip
CONFIGS["qwen3_moe"] = (Qwen3MoeConfig, _EXPERTS)
UNSHARED: dict[str, tuple[Any, dict[str, Any]]] = {
    "qwen3_next": (
        Qwen3NextConfig,
        {**_EXPERTS, **_LINEAR, "shared_expert_intermediate_size": 16},
    ),
    "qwen3_5_text": (Qwen3_5TextConfig, _LINEAR),
    "gpt_oss": (
        GptOssConfig,
        {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": WINDOW},
    ),
}
"""On which groups cannot be exact: linear attention, attention sinks."""
SLIDING = ("mistral", "gemma2", "gemma3", "exaone4")


def stirred(policy: Any, *, seed: int, scale: float = 0.05) -> Any:
    """The policy as if its adapter were trained: B is no longer zero, and changes what is written."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in policy.named_parameters():
        if ".lora_B." in name:
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data.copy_(scale * noise)
    return policy


def logps_alone(model: Any, prompt: Sequence[int], completion: Sequence[int]) -> torch.Tensor:
    """Log-probabilities of the tokens of one completion, from the logits of the plain model."""
    logits = model(input_ids=torch.tensor([[*prompt, *completion]])).logits[0]
    logps = logits[len(prompt) - 1 : -1].log_softmax(-1)
    return logps.gather(1, torch.tensor(completion)[:, None])[:, 0]


def tiny(name: str, *, vocabulary: int = VOCABULARY, seed: int = 0) -> Any:
    """A model of four layers whose weights are large enough that every token seen matters.

    Its attention is the plain one of its own file (`eager`), which knows Gemma 2's capped scores.
    """
    config_class, options = (CONFIGS | UNSHARED)[name]
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(
        config_class(
            vocab_size=vocabulary, hidden_size=32, intermediate_size=48, num_hidden_layers=4,
            num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=512,
            pad_token_id=0, bos_token_id=1, eos_token_id=2, **options,
        ),
        attn_implementation="eager",
    )  # fmt: skip
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0, 0.3)
    return model


def tiny_folder(name: str, folder: Path) -> Path:
    """Such a model as a base on disk, with the tokenizer of tiny-ko."""
    tokenizer = load_tokenizer(Model(path="builtin:tiny-ko"))
    model = tiny(name, vocabulary=len(tokenizer))
    for token in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(model.config, token, getattr(tokenizer, token))
    model.generation_config = GenerationConfig.from_model_config(model.config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
