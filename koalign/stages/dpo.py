"""dpo: preference pairs -> the policy adapter, continued; the reference is the SFT adapter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from koalign.adapters.cards import check_adapter, part, write_card
from koalign.config.sections import Config
from koalign.jsonl import read_jsonl, read_record
from koalign.mining.pairs.logps import read_logps
from koalign.records import Base, Pair, Problem
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult, hash_path


def run(config: Config, inputs: Mapping[str, Path], out: Path) -> StageResult:
    base = read_record(inputs["prepare/base.json"], Base)
    pairs = read_jsonl(inputs["pairs/pairs.jsonl"], Pair)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    parent = check_adapter(inputs["sft/adapter"], base, renderer.hash)
    card = parent.model_copy(
        update={
            "name": "dpo",
            "parents": (part(inputs["sft/adapter"]),),
            "data": {"pairs.jsonl": hash_path(inputs["pairs/pairs.jsonl"])},
        }
    )
    counts = {"pairs": len(pairs)}
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult(counts)

    from koalign.adapters.base import load_tokenizer
    from koalign.engines.probe import open_probe
    from koalign.training.dpo import train_dpo
    from koalign.training.fit import Job
    from koalign.training.guards import Watch
    from koalign.training.policy import continued_policy

    tokenizer = load_tokenizer(config.model)
    paired = {pair.problem_id for pair in pairs}
    trained = [p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem) if p.id in paired]
    held_out = read_jsonl(inputs["prepare/dev.jsonl"], Problem)
    probe = open_probe("dpo", config.probe, renderer, tokenizer, base, trained, held_out)
    metrics = train_dpo(
        Job(
            partial(continued_policy, config.model, inputs["sft/adapter"]),
            tokenizer,
            card,
            config.dpo,
            config.training,
            config.tracking,
            config.seed,
            out,
            Watch(config.probe, out / "probe.json", probe, config.dpo),
        ),
        pairs,
        read_logps(inputs["reference/logps.safetensors"]),
    )
    return StageResult(counts, metrics)


STAGE = Stage(
    name="dpo",
    command="dpo",
    run=run,
    sections=("model", "prompt", "training", "probe", "dpo", "seed"),
    inputs=(
        "prepare/train.jsonl",
        "prepare/dev.jsonl",
        "prepare/shots.jsonl",
        "prepare/base.json",
        "pairs/pairs.jsonl",
        "reference/logps.safetensors",
        "sft/adapter",
    ),
    version=2,
)
