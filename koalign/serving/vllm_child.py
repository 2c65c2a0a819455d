"""vllm_child: a run's adapters -> a `vllm serve` of our own that serves them as LoRA modules."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from koalign.engines.vllm import VllmEngine
from koalign.serving.child import ChildServer
from koalign.serving.completions import Completions
from koalign.serving.served import ServedRun

LOG = "vllm.log"
"""In the run folder."""
BASE_NAME = "base-not-to-be-asked"
"""Beside adapters vLLM 0.32 on a CPU answers requests for the base with an adapter's weights."""


@asynccontextmanager
async def vllm_child(run: ServedRun) -> AsyncIterator[Completions]:
    """A Backend on a vLLM that ends with us. Raises KoalignError where vLLM does not start."""
    config, model = run.config.engine, run.config.model
    context = min(run.base.context, config.vllm.max_model_len or run.base.context)
    base = run.base.model_copy(update={"context": context})
    engine = VllmEngine(config, model, base, run.adapters)
    settings = await asyncio.to_thread(engine.arguments, context)
    names = {engine.adapter_id(folder): folder for folder in run.adapters}
    command = [
        *(sys.executable, "-m", "koalign.serving.vllm_main", "serve", settings.pop("model")),
        *("--served-model-name", BASE_NAME, "--generation-config", "vllm"),
        "--disable-uvicorn-access-log",
        *flags(settings),
        *("--lora-modules", *(f"{name}={folder.resolve()}" for name, folder in names.items())),
    ]
    async with ChildServer(command, run.run_dir / LOG) as server:
        for folder in run.adapters:  # it has read all of them while it started
            engine.refuse_replaced(folder)
        yield Completions(engine, server)


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Arguments of `vllm.LLM` as options of `vllm serve`."""
    options = []
    for name, value in settings.items():
        option = name.replace("_", "-")
        match value:
            case True:
                options.append(f"--{option}")
            case False:
                options.append(f"--no-{option}")
            case dict() | list():
                options += [f"--{option}", json.dumps(value)]
            case _:
                options += [f"--{option}", str(value)]
    return options
