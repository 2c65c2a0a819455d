"""opening: the engine, base and tokenizer that a config names."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from koalign.config.engine import Engine as EngineConfig
from koalign.config.inputs import Model
from koalign.engines.engine import Engine
from koalign.records import Base, KoalignError
from koalign.text.visible import say


def is_endpoint(model: str) -> bool:
    """Whether `model.path` names an OpenAI-compatible server and not weights."""
    return model.startswith(("http://", "https://"))


def open_engine(
    engine: EngineConfig, model: Model, base: Base, adapters: Sequence[Path | None]
) -> Engine:
    """The engine that the config names, ready for the adapters; says which one `auto` took."""
    folders = [adapter for adapter in adapters if adapter is not None]
    if is_endpoint(base.path):
        from koalign.engines.endpoint import EndpointEngine

        return EndpointEngine(base)
    backend = backend_of(engine)
    if engine.backend == "auto":
        say(f"engine: {backend}", err=True)
    match backend:
        case "hf":
            from koalign.adapters.base import load_base, load_tokenizer
            from koalign.engines.hf import HfEngine

            loaded = load_base(model, quantized=False).eval()
            return HfEngine(loaded, load_tokenizer(model), base, engine.batch_size)
        case "vllm":
            from koalign.engines.vllm import VllmEngine

            return VllmEngine(engine, model, base, folders)
        case _:
            from koalign.engines.scripted import ScriptedEngine

            return ScriptedEngine(engine, base)


def backend_of(engine: EngineConfig) -> str:
    """hf, vllm or scripted: what stands for `auto` here. Raises KoalignError where it is not installed."""
    installed = importlib.util.find_spec("vllm") is not None
    if engine.backend == "vllm" and not installed:
        raise KoalignError(
            "engine.backend: vllm is not installed; pip install 'koalign[vllm]', or take hf"
        )
    if engine.backend == "auto":
        return "vllm" if installed else "hf"
    return engine.backend


def describe_base(engine: EngineConfig, model: Model) -> tuple[Base, Any]:
    """The base of a run and its tokenizer, without loading any weights; an endpoint has none."""
    if is_endpoint(model.path):
        from koalign.engines.endpoint import describe_endpoint

        return describe_endpoint(model.path), None
    if engine.backend == "scripted":
        from koalign.engines.scripted import SCRIPTED_BASE, ByteTokenizer

        return SCRIPTED_BASE, ByteTokenizer()
    from koalign.adapters.base import identify, load_tokenizer

    return identify(model), load_tokenizer(model)


def tokenizer_of(model: Model, base: Base) -> Any:
    """The tokenizer that a base is read with."""
    if base.scripted:
        from koalign.engines.scripted import ByteTokenizer

        return ByteTokenizer()
    from koalign.adapters.base import load_tokenizer

    return load_tokenizer(model)


def precision_of(engine: EngineConfig, model: Model) -> str:
    """The dtype that the base is held in; `unknown` where there are no weights here."""
    if is_endpoint(model.path) or engine.backend == "scripted":
        return "unknown"
    from koalign.adapters.base import precision_here

    return precision_here(model).base
