"""shape: config.json of a base -> its parameters and those of a LoRA adapter, without loading it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from koalign.adapters.hub import downloaded
from koalign.adapters.precision import EXPERTS, refuse_experts
from koalign.config.inputs import Model
from koalign.config.sections import ASSETS, resolve_path
from koalign.records import KoalignError

CONFIG = "config.json"
SIZES = (
    "vocabulary", "hidden", "intermediate", "layers", "heads", "kv_heads", "head_dim", "context"
)  # fmt: skip
MOST, MOST_LAYERS = 2**31, 10_000
"""No size of a model is beyond."""


@dataclass(frozen=True)
class Family:
    """What the layers of a `model_type` hold beside their matrices."""

    norms: int = 2
    """RMS norms of the hidden size in a layer."""
    qk_norm: bool = False
    biases: str = "attention_bias"
    """Key of the config that gives q, k, v and o a bias; `qkv`: q, k and v always have one; empty: none."""
    tied: bool = False
    """Whether the LM head is the embedding where the config does not say."""


FAMILIES = {
    "llama": Family(),
    "mistral": Family(biases=""),
    "qwen2": Family(biases="qkv"),
    "qwen3": Family(qk_norm=True),
    "qwen3_moe": Family(qk_norm=True),
    "gemma2": Family(norms=4, tied=True),
    "gemma3_text": Family(norms=4, qk_norm=True, tied=True),
    "exaone4": Family(qk_norm=True, biases=""),
}


@dataclass(frozen=True)
class Shape:
    """The sizes of a causal language model."""

    model_type: str
    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    context: int
    tied: bool
    biases: bool = False
    mlp_biases: bool = False
    experts: int = 0
    """Of a layer; 0: none."""
    experts_per_token: int = 0
    expert_intermediate: int = 0
    expert_layers: int = 0

    @property
    def family(self) -> Family:
        """Of an unknown type: that of Llama."""
        return FAMILIES.get(self.model_type, FAMILIES["llama"])

    @property
    def known(self) -> bool:
        """Whether the parameters are exact."""
        return self.model_type in FAMILIES

    @property
    def queries(self) -> int:
        """Width of the queries."""
        return self.heads * self.head_dim

    @property
    def keys(self) -> int:
        """Width of the keys, and of the values."""
        return self.kv_heads * self.head_dim

    @property
    def expert(self) -> int:
        """Parameters of one expert."""
        return 3 * self.hidden * self.expert_intermediate

    @property
    def _dense(self) -> int:
        return 3 * self.hidden * self.intermediate * (self.layers - self.expert_layers)

    @property
    def _attention(self) -> int:
        return 2 * self.hidden * (self.queries + self.keys) * self.layers

    @cached_property
    def linear(self) -> int:
        """Weights of the matrices of the layers, which 4 bits hold; with all experts."""
        return self._attention + self._dense + self.expert_layers * self.experts * self.expert

    @cached_property
    def active(self) -> int:
        """Those of them that a token passes."""
        return (
            self._attention
            + self._dense
            + self.expert_layers * self.experts_per_token * self.expert
        )

    @cached_property
    def parameters(self) -> int:
        """All of the model; exact for the FAMILIES."""
        h, family = self.hidden, self.family
        norms = family.norms * h + family.qk_norm * 2 * self.head_dim
        biases = 0
        if self.biases:
            biases += self.queries + 2 * self.keys + (family.biases != "qkv") * h
        if self.mlp_biases:
            biases += 2 * self.intermediate + h
        routers = self.expert_layers * self.experts * h
        embeddings = (1 if self.tied else 2) * self.vocabulary * h
        return self.linear + routers + self.layers * (norms + biases) + embeddings + h

    def lora(self, rank: int) -> int:
        """Parameters of a LoRA adapter on all linear layers; with experts on the attention alone."""
        h = self.hidden
        attention = 2 * (h + self.queries) + 2 * (h + self.keys)
        dense = 0 if self.experts else 3 * (h + self.intermediate)
        return rank * self.layers * (attention + dense)

    def cache(self, width: int) -> int:
        """Bytes of the KV cache for a token, of `width` bytes a number."""
        return 2 * self.layers * self.keys * width


def shape_of(config: Mapping[str, Any], place: str) -> Shape:
    """The shape that a config.json describes, in its text part where it has several.

    Raises KoalignError for one that does not say its sizes.
    """
    try:
        config = {**config, **(config.get("text_config") or {})}
        model_type = str(config["model_type"])
        family = FAMILIES.get(model_type, FAMILIES["llama"])
        heads, layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
        hidden = int(config["hidden_size"])
        experts = next((int(config[key]) for key in EXPERTS if config.get(key)), 0)
        step, dense = config.get("decoder_sparse_step") or 1, config.get("mlp_only_layers") or []
        known = range(min(layers, MOST_LAYERS))
        sparse = [n for n in known if n not in dense and (n + 1) % step == 0]
        shape = Shape(
            model_type=model_type,
            vocabulary=int(config["vocab_size"]),
            hidden=hidden,
            intermediate=int(config["intermediate_size"]),
            layers=layers,
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or hidden // heads),
            context=int(config["max_position_embeddings"]),
            tied=bool(config.get("tie_word_embeddings", family.tied)),
            biases=family.biases == "qkv" or bool(family.biases and config.get(family.biases)),
            mlp_biases=bool(config.get("mlp_bias")),
            experts=experts,
            experts_per_token=int(config.get("num_experts_per_tok") or 0) if experts else 0,
            expert_intermediate=int(config.get("moe_intermediate_size") or 0) if experts else 0,
            expert_layers=len(sparse) if experts else 0,
        )
        if layers > MOST_LAYERS or any(not 0 < getattr(shape, n) < MOST for n in SIZES):
            raise ValueError("a size is 0, below it, or beyond any model")
    except (KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise KoalignError(
            f"{place}: does not describe a causal language model ({type(error).__name__}: {error}); "
            "take the config.json that came with the weights"
        ) from None
    return shape


def published() -> dict[str, dict[str, Any]]:
    """Hub id -> the part of its config.json that says its shape, for plans without the hub."""
    shapes: dict[str, dict[str, Any]] = json.loads(
        (ASSETS / "shapes.json").read_text(encoding="utf-8")
    )
    common = shapes.pop("*")
    return {name: {**common, **shape} for name, shape in shapes.items()}


def read_shape(model: Model) -> Shape:
    """The shape of `model.path`: a folder, a published model, or a hub id whose config.json is fetched.

    Raises KoalignError where there is no config.json to be had.
    """
    folder = Path(resolve_path(model.path))
    if not folder.exists() and model.path in (known := published()):
        return shape_of(known[model.path], model.path)
    if not folder.is_dir():
        if folder.exists() or model.path.startswith(("/", ".", "~")):
            raise KoalignError(f"model.path: {model.path} is no model folder")
        folder = downloaded(model.path, (CONFIG,), f"model.path: {model.path}")
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KoalignError(
            f"model.path: {folder} holds no {CONFIG}; give the folder of a model, or a hub id"
        ) from None
    except (ValueError, RecursionError, OSError) as error:
        raise KoalignError(f"{path}: cannot be read ({error}); take the model's own file") from None
    if not isinstance(config, dict):
        raise KoalignError(f"{path}: is no JSON object; take the model's own file")
    shape = shape_of(config, str(path))
    refuse_experts(model, {**config, **(config.get("text_config") or {})})
    return shape
