"""sft: problems with answers -> the policy adapter that writes answers in the asked form."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import koalign
from koalign.adapters.card import AdapterCard
from koalign.adapters.cards import base_of, write_card
from koalign.config.sections import Config
from koalign.config.training import Sft
from koalign.data.prompting.examples import example_ids, examples_of, teachable
from koalign.guard import HELD_OUT, refuse_leaks, within_context
from koalign.hashing import hash_path
from koalign.jsonl import read_jsonl, read_record
from koalign.records import Base, Problem
from koalign.renderer import open_renderer
from koalign.run import PREPARED, Inputs, Stage, StageResult


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    return _train("sft", config.sft, config, inputs, out)


def run_plateau(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """The same to its plateau, as the control of a number of epochs."""
    section = config.sft.model_copy(update={"epochs": "auto"})
    return _train("plateau", section, config, inputs, out)


def _train(
    name: Literal["sft", "plateau"], section: Sft, config: Config, inputs: Inputs, out: Path
) -> StageResult:
    base = read_record(inputs["prepare/base.json"], Base)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    train = read_jsonl(inputs["prepare/train.jsonl"], Problem)
    problems = teachable(renderer, train)
    without = len(train) - len(problems)
    left_out = {"without_rationale": without} if without else {}
    problems = problems[: section.limit]
    refuse_leaks(problems, inputs)
    card = AdapterCard(
        name=name,
        role="policy",
        origin="trained",
        base=base_of(base),
        parents=(),
        rank=section.rank,
        template_hash=renderer.hash,
        data={"train.jsonl": hash_path(inputs["prepare/train.jsonl"])},
        koalign=koalign.__version__,
    )
    examples = examples_of(renderer, problems)
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult({"examples": len(examples), **left_out})

    from koalign.adapters.base import load_tokenizer
    from koalign.engines.probe import open_probe
    from koalign.training.fit import Job
    from koalign.training.guards import Watch
    from koalign.training.policy import fresh_policy
    from koalign.training.sft import train_sft

    tokenizer = load_tokenizer(config.model)
    rows = example_ids(renderer, tokenizer, examples)
    taught = [problem for problem, _ in examples]
    kept = within_context(rows, taught, base, config.training.too_long, out)
    problems = list({taught[number].id: taught[number] for number in kept}.values())
    held_out = read_jsonl(inputs["prepare/dev.jsonl"], Problem)
    to_plateau = section.epochs == "auto"
    probe = open_probe(
        name, config.probe, renderer, tokenizer, base, problems, held_out, needed=to_plateau
    )
    start = partial(fresh_policy, config.model, section.rank, section.alpha, config.seed)
    watch = Watch(config.probe, out / "probe.json", probe, to_plateau=to_plateau)
    job = Job(
        start,
        tokenizer,
        card,
        section,
        config.training,
        config.seed,
        out,
        watch,
    )
    metrics = train_sft(job, [rows[number] for number in kept])
    counts = {"examples": len(kept), "dropped_too_long": len(rows) - len(kept), **left_out}
    return StageResult(counts, metrics)


STAGE = Stage(
    name="sft",
    command="sft",
    run=run,
    sections=("model", "prompt", "training", "probe", "sft", "seed"),
    inputs=(*PREPARED, "prepare/dev.jsonl"),
    looks_at=HELD_OUT,
    version=3,
)
PLATEAU = replace(STAGE, name="plateau", command="evaluate", run=run_plateau, version=2)
