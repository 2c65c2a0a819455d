"""abstraction: kept hints -> the adapter that states an abstraction, on top of the DPO adapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from koalign.adapters.cards import stacked_card, write_card
from koalign.data import prompts
from koalign.jsonl import parse_record, read_json, read_jsonl
from koalign.records import Abstraction, Base, KoalignError, Problem
from koalign.run import WORK, Stage, StageResult, hash_path


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    problems = {p.id: p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem)}
    hints = read_jsonl(inputs["hints/abstractions.jsonl"], Abstraction)
    kept = [hint for hint in hints if hint.kept]
    if not kept:
        raise KoalignError(
            f"none of {len(hints)} hints passed the screens; "
            f"see {inputs['hints/abstractions.jsonl']} for the verdicts"
        )
    section = config.abstraction
    card = stacked_card(
        inputs["dpo/adapter"],
        base,
        "abstraction",
        section.rank,
        {"abstractions.jsonl": hash_path(inputs["hints/abstractions.jsonl"])},
    )
    counts = {"examples": len(kept)}
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult(counts)

    from koalign.adapters.base import load_tokenizer
    from koalign.training.policy import masked_stack
    from koalign.training.sft import teach

    tokenizer = load_tokenizer(config.model)
    asked = prompts.prompt_ids_of_all(
        tokenizer, [prompts.render(problems[h.problem_id], "abstraction") for h in kept]
    )
    rows = [
        (ids, prompts.completion_ids(tokenizer, hint.text))
        for ids, hint in zip(asked, kept, strict=True)
    ]
    policy = masked_stack(
        config.model, inputs["dpo/adapter"], section.rank, config.seed, out / WORK
    )
    return StageResult(
        counts,
        teach(policy, tokenizer, rows, card, section, config.tracking, config.seed, out),
    )


STAGE = Stage(
    name="abstraction",
    command="abstractions",
    run=run,
    sections=("model", "abstraction", "seed"),
    inputs=("prepare/train.jsonl", "prepare/base.json", "hints/abstractions.jsonl", "dpo/adapter"),
)
