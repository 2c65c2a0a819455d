"""answering: a system and the items of a benchmark -> a folder with what it answered and earned."""

from __future__ import annotations

import time
from pathlib import Path

from koalign.answering.results import conclude
from koalign.answering.scored import choose
from koalign.answering.system import Answers, System
from koalign.answering.written import write
from koalign.config.inputs import Sampling
from koalign.config.sections import Config
from koalign.engines.engine import Engine
from koalign.engines.opening import open_engine, precision_of
from koalign.evaluation.benchmark import Benchmark
from koalign.provenance import measured


def evaluate(config: Config, benchmark: Benchmark, system: System, out: Path) -> None:
    """Evaluate into a folder; what an interrupted evaluation left there is gone on from, item by item."""
    started = time.monotonic()
    with (
        measured() as cost,
        open_engine(config.engine, config.model, system.base, system.steps) as engine,
    ):
        loaded = time.monotonic()
        answers = answer(engine, config.sample, benchmark, system, out)
        ran = time.monotonic()
        dtype = precision_of(config.engine, config.model)
    seconds = {"load": round(loaded - started, 2), "run": round(ran - loaded, 2)}
    conclude(
        benchmark, system, answers, out,
        engine=engine.name, dtype=dtype, seconds=seconds, peak_memory_mb=cost["peak_memory_mb"],
    )  # fmt: skip


def answer(
    engine: Engine, several: Sampling, benchmark: Benchmark, system: System, out: Path
) -> Answers:
    """The answers of a system, appended below `out` as they come; `several` is for several samples."""
    if benchmark.protocol.mode == "choice":
        return choose(engine, benchmark, system, out)
    return write(engine, several, benchmark, system, out)
