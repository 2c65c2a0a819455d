"""samples: training problems -> n completions of each by the SFT policy, as they come. Dear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from koalign.adapters.cards import check_adapter
from koalign.data.tokens import prompt_texts
from koalign.engines import draw, open_engine, requests_for
from koalign.guard import HELD_OUT, refuse_leaks
from koalign.jsonl import parse_record, read_json, read_jsonl, write_jsonl
from koalign.records import Base, Problem, PromptTokens
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    problems = read_jsonl(inputs["prepare/train.jsonl"], Problem)[: config.sample.limit]
    refuse_leaks(problems, inputs)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    adapter = inputs["sft/adapter"]
    check_adapter(adapter, base, renderer.hash)
    with open_engine(config.engine, config.model, base, [adapter]) as engine:
        asked = [renderer.render(problem, "answer") for problem in problems]
        requests = requests_for(engine, asked, adapter)
        read = [
            PromptTokens(problem_id=prompt.problem_id, text=text, token_ids=request.prompt_ids)
            for prompt, text, request in zip(
                asked, prompt_texts(engine.tokenizer, asked), requests, strict=True
            )
        ]
        write_jsonl(out / "prompts.jsonl", read)
        drawn = draw(
            engine,
            requests,
            config.sample,
            out / "samples.jsonl",
            title="samples",
            n=config.sample.n,
            seed=config.seed,
        )
    return StageResult(counts={"problems": len(problems), "samples": sum(map(len, drawn))})


STAGE = Stage(
    name="samples",
    command="dpo-pairs",
    run=run,
    sections=("model", "prompt", "engine", "sample", "seed"),
    inputs=(
        "prepare/train.jsonl",
        "prepare/shots.jsonl",
        "prepare/base.json",
        "sft/adapter",
        "engine.script",
    ),
    looks_at=HELD_OUT,
)
