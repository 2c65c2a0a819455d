"""abstraction: kept hints -> the adapter that states an abstraction, on top of the DPO adapter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from koalign.adapters.cards import stacked_card, write_card
from koalign.config.sections import Config
from koalign.data.prompting import tokens
from koalign.guard import within_context
from koalign.jsonl import read_jsonl, read_record
from koalign.mining.hints.uplift_screens import best_hints
from koalign.records import Abstraction, Base, KoalignError, Problem
from koalign.renderer import open_renderer
from koalign.run import WORK, Stage, StageResult, hash_path


def run(config: Config, inputs: Mapping[str, Path], out: Path) -> StageResult:
    base = read_record(inputs["prepare/base.json"], Base)
    problems = {p.id: p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem)}
    hints = read_jsonl(inputs["hints/abstractions.jsonl"], Abstraction)
    kept = best_hints(hints, config.abstraction.per_problem)
    if not kept:
        raise KoalignError(
            f"none of {len(hints)} hints passed the screens; "
            f"see {inputs['hints/abstractions.jsonl']} for the verdicts"
        )
    section = config.abstraction
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    card = stacked_card(
        inputs["dpo/adapter"],
        base,
        "abstraction",
        section.rank,
        {"abstractions.jsonl": hash_path(inputs["hints/abstractions.jsonl"])},
        renderer.hash,
    )
    counts = {"examples": len(kept), "kept_not_used": sum(h.kept for h in hints) - len(kept)}
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult(counts)

    from koalign.adapters.base import load_tokenizer
    from koalign.training.fit import Job
    from koalign.training.policy import masked_stack
    from koalign.training.sft import train_sft

    tokenizer = load_tokenizer(config.model)
    prompts = [renderer.render(problems[hint.problem_id], "abstraction") for hint in kept]
    completions = tokens.completion_ids(tokenizer, prompts, [hint.text for hint in kept])
    rows = list(zip(tokens.prompt_ids(tokenizer, prompts), completions, strict=True))
    names = [hint.problem_id for hint in kept]
    fitting = within_context(rows, names, base, config.training.too_long, out)
    dropped, rows = len(rows) - len(fitting), [rows[number] for number in fitting]
    counts |= {"examples": len(rows), "dropped_too_long": dropped}
    build = partial(
        masked_stack, config.model, inputs["dpo/adapter"], section.rank, config.seed, out / WORK
    )
    metrics = train_sft(
        Job(build, tokenizer, card, section, config.training, config.tracking, config.seed, out),
        rows,
    )
    return StageResult(counts, metrics)


STAGE = Stage(
    name="abstraction",
    command="abstractions",
    run=run,
    sections=("model", "prompt", "training", "abstraction", "seed"),
    inputs=(
        "prepare/train.jsonl",
        "prepare/shots.jsonl",
        "prepare/base.json",
        "hints/abstractions.jsonl",
        "dpo/adapter",
    ),
    version=3,
)
