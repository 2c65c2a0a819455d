"""dpo: preference pairs -> their log-probabilities before DPO -> the policy adapter, continued.

The reference is the SFT adapter. Its log-probabilities are a stage, computed once for any number of
trainings: another base, policy, tokenizer, template or other pairs make it stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from koalign.adapters.cards import check_adapter, part, write_card
from koalign.config.sections import Config
from koalign.jsonl import read_jsonl, read_record
from koalign.records import Base, KoalignError, Logps, Pair, Problem
from koalign.renderer import open_renderer
from koalign.run import PREPARED, Inputs, Stage, StageResult, hash_path

LOGPS = "reference/logps.safetensors"
PAIRS = "pairs/pairs.jsonl"


def score_reference(config: Config, inputs: Inputs, out: Path) -> StageResult:
    base = read_record(inputs["prepare/base.json"], Base)
    check_adapter(inputs["sft/adapter"], base, open_renderer(config.prompt).hash)
    pairs = read_jsonl(inputs[PAIRS], Pair)
    for number, pair in enumerate(pairs, start=1):
        sides = (len(side.token_ids) for side in (pair.chosen, pair.rejected))
        if len(pair.prompt_ids) + max(sides) > base.context:
            raise KoalignError(
                f"{inputs[PAIRS]}:{number}: longer than the context of {base.context} tokens; "
                "run `koalign dpo-pairs --force`"
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


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    base = read_record(inputs["prepare/base.json"], Base)
    pairs = read_jsonl(inputs[PAIRS], Pair)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    parent = check_adapter(inputs["sft/adapter"], base, renderer.hash)
    card = parent.model_copy(
        update={
            "name": "dpo",
            "parents": (part(inputs["sft/adapter"]),),
            "data": {"pairs.jsonl": hash_path(inputs[PAIRS])},
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
    start = partial(continued_policy, config.model, inputs["sft/adapter"])
    watch = Watch(config.probe, out / "probe.json", probe, config.dpo)
    job = Job(
        start,
        tokenizer,
        card,
        config.dpo,
        config.training,
        config.tracking,
        config.seed,
        out,
        watch,
    )
    return StageResult(counts, train_dpo(job, pairs, read_logps(inputs[LOGPS])))


def write_logps(path: Path, logps: Sequence[Logps]) -> None:
    """All tokens in order, in float32, and the length of every side."""
    sides = [side for pair in logps for side in pair]
    save_file(
        {
            "logps": np.array([value for side in sides for value in side], dtype=np.float32),
            "lengths": np.array([len(side) for side in sides], dtype=np.int64),
        },
        path,
    )


def read_logps(path: Path) -> list[Logps]:
    """The log-probabilities that `write_logps` wrote, one entry a pair."""
    tensors = load_file(path)
    ends = tensors["lengths"].cumsum()
    sides = [side.tolist() for side in np.split(tensors["logps"], ends[:-1])] if len(ends) else []
    return list(zip(sides[::2], sides[1::2], strict=True))


REFERENCE = Stage(
    name="reference",
    command="dpo",
    run=score_reference,
    sections=("model", "prompt", "training"),
    inputs=("prepare/base.json", PAIRS, "sft/adapter"),
    continues=False,
)
STAGE = Stage(
    name="dpo",
    command="dpo",
    run=run,
    sections=("model", "prompt", "training", "probe", "dpo", "seed"),
    inputs=(*PREPARED, "prepare/dev.jsonl", PAIRS, LOGPS, "sft/adapter"),
    version=3,
)
