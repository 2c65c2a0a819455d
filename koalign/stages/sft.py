"""sft: problems with answers -> the policy adapter that writes answers in the asked form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from koalign.adapters.cards import write_card
from koalign.data import prompts
from koalign.jsonl import parse_record, read_json, read_jsonl
from koalign.records import AdapterCard, Base, Problem
from koalign.run import Stage, StageResult, hash_path


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    problems = read_jsonl(inputs["prepare/train.jsonl"], Problem)[: config.sft.limit]
    card = AdapterCard(
        name="sft",
        role="policy",
        base=base,
        parents=(),
        rank=config.sft.rank,
        template_hash=prompts.TEMPLATE_HASH,
        data={"train.jsonl": hash_path(inputs["prepare/train.jsonl"])},
    )
    counts = {"examples": len(problems)}
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult(counts)

    from koalign.adapters.base import load_tokenizer
    from koalign.training.policy import fresh_policy
    from koalign.training.sft import teach

    tokenizer = load_tokenizer(config.model)
    asked = prompts.prompt_ids_of_all(tokenizer, [prompts.render(p, "answer") for p in problems])
    rows = [
        (ids, prompts.completion_ids(tokenizer, prompts.target(problem)))
        for ids, problem in zip(asked, problems, strict=True)
    ]
    policy = fresh_policy(config.model, config.sft.rank, config.sft.alpha, config.seed)
    return StageResult(
        counts,
        teach(policy, tokenizer, rows, card, config.sft, config.tracking, config.seed, out),
    )


STAGE = Stage(
    name="sft",
    command="sft",
    run=run,
    sections=("model", "sft", "seed"),
    inputs=("prepare/train.jsonl", "prepare/base.json"),
)
