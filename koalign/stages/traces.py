"""traces: training problems -> the policy's own reasonings, of which a rule finds the right ones.

For the control `reasoning` of solving (STaR, arXiv 2203.14465). Expensive: samples the model.
"""

from __future__ import annotations

from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.config.sections import Config
from koalign.engines.drawing import draw, requests_for
from koalign.engines.opening import open_engine
from koalign.guard import HELD_OUT, refuse_leaks
from koalign.jsonl import read_jsonl, read_record
from koalign.mining.hints.traces import right_samples
from koalign.records import Base, KoalignError, Problem
from koalign.renderer import open_renderer, reasoning_prompt
from koalign.run import ENGINE, PREPARED, Inputs, Stage, StageResult


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """`sample.n` reasonings of each problem, as long as solving may write."""
    base = read_record(inputs["prepare/base.json"], Base)
    problems = read_jsonl(inputs["prepare/train.jsonl"], Problem)[: config.sample.limit]
    refuse_leaks(problems, inputs)
    renderer, adapter = open_renderer(reasoning_prompt(config.prompt)), inputs["dpo/adapter"]
    check_adapter(adapter, base, open_renderer(config.prompt).hash)
    sampling = config.solve.model_copy(
        update={"temperature": config.sample.temperature, "top_p": config.sample.top_p}
    )
    with open_engine(config.engine, config.model, base, [adapter]) as engine:
        prompts = [renderer.render(problem, "answer") for problem in problems]
        requests = requests_for(engine, prompts, adapter, n=config.sample.n)
        path = out / "samples.jsonl"
        drawn = draw(engine, requests, sampling, path, title="traces", seed=config.seed)
    samples = [sample for of_problem in drawn for sample in of_problem]
    right = right_samples({problem.id: problem for problem in problems}, samples)
    if not right:
        raise KoalignError(
            f"controls: all: none of {len(samples):,} reasonings of the policy ends in the right answer; "
            "raise solve.max_tokens or sample.n, or set controls: cheap"
        )
    counts = {
        "problems": len(problems),
        "samples": len(samples),
        "problems_with_traces": len(right),
    }
    return StageResult(counts)


STAGE = Stage(
    name="traces",
    command="evaluate",
    run=run,
    sections=("model", "prompt", "engine", "sample", "solve", "seed"),
    inputs=(*PREPARED, "dpo/adapter", *ENGINE),
    looks_at=HELD_OUT,
    version=13,
)
