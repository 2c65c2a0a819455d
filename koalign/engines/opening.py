"""opening: the engine, base and tokenizer that a config names."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from koalign.config.engine import Engine as EngineConfig
from koalign.config.inputs import Model
from koalign.engines.engine import Engine
from koalign.records import Base, KoalignError
from koalign.text.visible import say

ANSWER_SECONDS = 10
"""In which a cluster takes a connection."""


def is_endpoint(model: str) -> bool:
    """Whether `model.path` names an OpenAI-compatible server and not weights."""
    return model.startswith(("http://", "https://"))


def open_engine(
    engine: EngineConfig, model: Model, base: Base, adapters: Sequence[Path | None]
) -> Engine:
    """The engine that the config names, ready for the adapters as they are now; says which `auto` took."""
    folders = [adapter for adapter in adapters if adapter is not None]
    opened = _open(engine, model, base, folders)
    for folder in folders:  # an engine may load one hours later
        opened.adapter_id(folder)
    return opened


def _open(engine: EngineConfig, model: Model, base: Base, folders: Sequence[Path]) -> Engine:
    if is_endpoint(base.path):
        from koalign.engines.endpoint import EndpointEngine

        return EndpointEngine(base)
    backend = backend_of(engine)
    if engine.backend == "auto":
        say(f"engine: {backend}", err=True)
    match backend:
        case "hf":
            from koalign.adapters.base import load_base, load_tokenizer, refuse_replaced_base
            from koalign.engines.hf import HfEngine

            refuse_replaced_base(model.path, base.weight_hash)

            def load() -> Any:
                return load_base(model, quantized=False).eval()

            return HfEngine(load, load_tokenizer(model), base, engine.batch_size)
        case "vllm":
            from koalign.adapters.base import refuse_replaced_base
            from koalign.engines.vllm import VllmEngine

            refuse_replaced_base(model.path, base.weight_hash)
            return VllmEngine(engine, model, base, folders)
        case "ray":
            from koalign.engines.ray import RayEngine

            return RayEngine(engine, model, base, folders, open_engine)
        case _:
            from koalign.engines.scripted import ScriptedEngine

            return ScriptedEngine(engine, base)


def backend_of(engine: EngineConfig) -> str:
    """What stands for `auto` here, else the backend.

    Raises KoalignError where it is not installed, and for a cluster that does not answer.
    """
    installed = importlib.util.find_spec("vllm") is not None
    if engine.backend == "ray":
        if importlib.util.find_spec("ray") is None:
            raise KoalignError("engine.backend: ray is not installed; pip install 'koalign[ray]'")
        if engine.ray.address is None:
            backend_of(engine.result)
        else:
            _refuse_silent(engine.ray.address)
    if engine.backend == "vllm" and not installed:
        raise KoalignError(
            "engine.backend: vllm is not installed; pip install 'koalign[vllm]', or take hf"
        )
    return engine.opened


def _refuse_silent(address: str) -> None:
    """Raises KoalignError for the address of a cluster where nothing listens."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise KoalignError(
            f"engine.ray.address: no cluster answers at {address} ({error}); `ray start --head` prints the "
            "address of one, and null is a cluster of this machine"
        ) from None


def describe_base(engine: EngineConfig, model: Model) -> tuple[Base, Any]:
    """The base of a run and its tokenizer, without loading any weights; an endpoint has none.

    Of the engine only `script` plays a part.
    """
    if is_endpoint(model.path):
        from koalign.engines.endpoint import describe_endpoint

        return describe_endpoint(model.path), None
    if engine.script is not None:
        from koalign.engines.scripted import SCRIPTED_BASE, ByteTokenizer

        return SCRIPTED_BASE, ByteTokenizer()
    from koalign.adapters.base import identify, load_tokenizer

    return identify(model), load_tokenizer(model)


def base_of_run(engine: EngineConfig, model: Model, made: Base, run_dir: Path) -> Base:
    """The base of a run as the config has it now: with the context of now.

    Raises KoalignError where it is another than `made`, which the run was prepared with.
    """
    now, _ = describe_base(engine, model)
    if (now.weight_hash, now.tokenizer_hash) != (made.weight_hash, made.tokenizer_hash):
        raise KoalignError(
            f"model.path: {now.path} is not the base of {run_dir} ({made.path}), in its weights, tokenizer "
            "or chat template; give the config of that run with -c"
        )
    return now


def tokenizer_of(model: Model, base: Base) -> Any:
    """The tokenizer that a base is read with."""
    if base.scripted:
        from koalign.engines.scripted import ByteTokenizer

        return ByteTokenizer()
    from koalign.adapters.base import load_tokenizer

    return load_tokenizer(model)


def precision_of(engine: EngineConfig, model: Model) -> str:
    """The dtype that the base is held in; `unknown` where there are no weights, or elsewhere."""
    if is_endpoint(model.path) or engine.backend == "scripted" or engine.ray.address:
        return "unknown"
    from koalign.adapters.base import precision_here

    return precision_here(model).base
