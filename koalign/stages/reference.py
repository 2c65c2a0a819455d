"""reference: preference pairs -> what the policy says of them before DPO, token by token."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.config.sections import Config
from koalign.jsonl import read_jsonl, read_record
from koalign.mining.pairs.logps import Logps, write_logps
from koalign.records import Base, KoalignError, Pair
from koalign.renderer import open_renderer
from koalign.run import Stage, StageResult


def run(config: Config, inputs: Mapping[str, Path], out: Path) -> StageResult:
    """Computed once for any number of trainings: another base, policy, tokenizer, template, or other
    pairs make it stale as they make any stage."""
    base = read_record(inputs["prepare/base.json"], Base)
    check_adapter(inputs["sft/adapter"], base, open_renderer(config.prompt).hash)
    pairs = read_jsonl(inputs["pairs/pairs.jsonl"], Pair)
    for number, pair in enumerate(pairs, start=1):
        sides = (len(side.token_ids) for side in (pair.chosen, pair.rejected))
        if len(pair.prompt_ids) + max(sides) > base.context:
            raise KoalignError(
                f"{inputs['pairs/pairs.jsonl']}:{number}: longer than the context of {base.context} "
                "tokens; run `koalign dpo-pairs --force`"
            )
    logps: list[Logps] = []
    if not base.scripted:
        from koalign.training.policy import continued_policy
        from koalign.training.scoring import token_logps

        policy = continued_policy(config.model, inputs["sft/adapter"])
        logps = token_logps(policy, pairs, config.training)
    write_logps(out / "logps.safetensors", logps)
    tokens = sum(len(side) for pair in logps for side in pair)
    return StageResult({"pairs": len(pairs), "tokens": tokens})


STAGE = Stage(
    name="reference",
    command="dpo",
    run=run,
    sections=("model", "prompt", "training"),
    inputs=("prepare/base.json", "pairs/pairs.jsonl", "sft/adapter"),
    continues=False,
)
