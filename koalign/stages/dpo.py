"""dpo: preference pairs -> the policy adapter, continued; the reference is the SFT adapter."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from koalign.adapters.cards import adapter_id, check_adapter, write_card
from koalign.jsonl import parse_record, read_json, read_jsonl
from koalign.records import Base, Pair
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult, hash_path


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    pairs = read_jsonl(inputs["pairs/pairs.jsonl"], Pair)
    template = open_renderer(config.prompt).hash
    parent = check_adapter(inputs["sft/adapter"], base, template)
    card = parent.model_copy(
        update={
            "name": "dpo",
            "parents": (adapter_id(inputs["sft/adapter"]),),
            "data": {"pairs.jsonl": hash_path(inputs["pairs/pairs.jsonl"])},
        }
    )
    counts = {"pairs": len(pairs)}
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult(counts)

    from koalign.adapters.base import load_tokenizer
    from koalign.training.dpo import sharpen
    from koalign.training.policy import continued_policy

    print("dpo: policy = base + sft (learning), reference = base + sft (as it is)", file=sys.stderr)
    policy = continued_policy(config.model, inputs["sft/adapter"])
    tokenizer = load_tokenizer(config.model)
    return StageResult(
        counts,
        sharpen(policy, tokenizer, pairs, card, config.dpo, config.tracking, config.seed, out),
    )


STAGE = Stage(
    name="dpo",
    command="dpo",
    run=run,
    sections=("model", "prompt", "dpo", "seed"),
    inputs=("prepare/base.json", "pairs/pairs.jsonl", "sft/adapter"),
)
