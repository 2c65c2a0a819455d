"""evaluate: a system and a benchmark -> a folder with predictions and results."""

from __future__ import annotations

import time
from pathlib import Path

from koalign.answering.generated import generate_answers
from koalign.answering.results import settings_told, write_results
from koalign.answering.scored import score_choices
from koalign.answering.system import Answers, System
from koalign.config.inputs import Sampling
from koalign.config.sections import Config
from koalign.engines.engine import Engine
from koalign.engines.opening import open_engine, precision_of
from koalign.evaluation.benchmark import Benchmark
from koalign.provenance import measured


def evaluate(config: Config, benchmark: Benchmark, system: System, out: Path) -> None:
    """Evaluate into a folder; an interrupted evaluation continues there, item by item."""
    started = time.monotonic()
    with (
        measured() as cost,
        open_engine(config.engine, config.model, system.base, system.steps) as engine,
    ):
        steps = [step for step in system.steps if step is not None]
        checked = {step: card.id for step, card in zip(steps, system.cards, strict=True)}
        engine.refuse_others({step: its for step, its in checked.items() if its})
        loaded = time.monotonic()
        answers = answer(engine, config.sample, benchmark, system, out)
        ran = time.monotonic()
        dtype = precision_of(config.engine, config.model)
    later = engine.start_seconds
    seconds = {"load": round(loaded - started + later, 2), "run": round(ran - loaded - later, 2)}
    write_results(
        benchmark,
        system,
        answers,
        out,
        engine=engine,
        settings=settings_told(config, config.sample, benchmark),
        dtype=dtype,
        seconds=seconds,
        peak_memory_mb=cost["peak_memory_mb"],
    )


def answer(
    engine: Engine, several: Sampling, benchmark: Benchmark, system: System, out: Path
) -> Answers:
    """The answers of a system, appended below `out` as they come; `several`: how several are sampled."""
    if benchmark.protocol.mode == "choice":
        return score_choices(engine, benchmark, system, out)
    return generate_answers(engine, several, benchmark, system, out)
