"""samples: training problems -> n completions of each by the SFT policy. Expensive: samples the model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.config.sections import Config
from koalign.data.prompting.orders import choice_orders, render_in_order, shared_out
from koalign.data.prompting.tokens import prompt_texts
from koalign.engines.drawing import draw, requests_for
from koalign.engines.opening import open_engine
from koalign.guard import HELD_OUT, refuse_leaks
from koalign.jsonl import read_jsonl, read_record, write_jsonl
from koalign.records import Base, Problem, PromptTokens
from koalign.renderer import open_renderer
from koalign.run import ENGINE, PREPARED, Inputs, Stage, StageResult


def run(config: Config, inputs: Inputs, out: Path, *, long: bool = False) -> StageResult:
    """The `n` samples of a problem are shared out evenly among the orders of its choices.

    `long`: of problems with long answers, of which only a judge makes pairs; else of those that a rule
    verifies.
    """
    base = read_record(inputs["prepare/base.json"], Base)
    train = read_jsonl(inputs["prepare/train.jsonl"], Problem)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    if long and "long" in renderer.template.kinds:
        problems = [problem for problem in train if problem.kind == "long"]
    else:
        problems = [] if long else list(filter(renderer.can_verify, train))
    problems = problems[: config.sample.limit]
    adapter = inputs["sft/adapter"]
    refuse_leaks(problems, inputs)
    check_adapter(adapter, base, renderer.hash)
    if not problems:
        write_jsonl(out / "prompts.jsonl", [])
        write_jsonl(out / "samples.jsonl", [])
        return StageResult({"problems": 0, "samples": 0})
    n = config.sample.n
    orders = choice_orders(problems, min(config.sample.permutations, n), config.seed)
    shares = [
        (problem, order, share)
        for problem, own in zip(problems, orders, strict=True)
        for order, share in shared_out(n, own)
    ]
    title = LONG.name if long else STAGE.name
    with open_engine(config.engine, config.model, base, [adapter]) as engine:
        prompts = [render_in_order(renderer, problem, order) for problem, order, _ in shares]
        requests = [
            replace(request, permutation=order, n=share)
            for request, (_, order, share) in zip(
                requests_for(engine, prompts, adapter), shares, strict=True
            )
        ]
        tokens = [
            PromptTokens(
                problem_id=request.problem_id,
                text=text,
                token_ids=request.prompt_ids,
                permutation=request.permutation,
            )
            for request, text in zip(requests, prompt_texts(engine.tokenizer, prompts), strict=True)
        ]
        requests.sort(key=lambda request: -request.n)
        path = out / "samples.jsonl"
        drawn = draw(engine, requests, config.sample, path, title=title, seed=config.seed)
    write_jsonl(out / "prompts.jsonl", tokens)
    return StageResult(
        {
            "problems": len(problems),
            "in_several_orders": sum(len(own) > 1 for own in orders),
            "samples": sum(map(len, drawn)),
        }
    )


STAGE = Stage(
    name="samples",
    command="dpo-pairs",
    run=run,
    sections=("model", "prompt", "engine", "sample", "seed"),
    inputs=(*PREPARED, "sft/adapter", *ENGINE),
    looks_at=HELD_OUT,
    version=3,
    draws=True,
)
LONG = replace(STAGE, name="long_samples", run=partial(run, long=True), version=1)
