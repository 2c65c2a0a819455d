"""dpo: preference pairs -> their log-probabilities before DPO -> the policy adapter, continued; and `rft`.

The reference is the SFT adapter. Its log-probabilities are a stage, computed once for any number of
trainings: another base, policy, tokenizer, template or other pairs make it stale. `rft` is the control of
DPO: SFT on the chosen sides alone (RFT, arXiv 2308.01825), from the same adapter in as many steps.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from safetensors.numpy import load_file, save_file

from koalign.adapters.cards import check_adapter, part, write_card
from koalign.config.sections import Config
from koalign.config.training import Dpo
from koalign.hashing import hash_path
from koalign.jsonl import read_jsonl, read_record
from koalign.mining.pairs.importance import importance
from koalign.records import Base, KoalignError, Logps, Pair, Problem, Sample
from koalign.renderer import open_renderer
from koalign.run import PREPARED, Inputs, Stage, StageResult
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.training.fit import Job

LOGPS = "reference/logps.safetensors"
PAIRS_FILE = "/pairs.jsonl"
PAIRS = f"pairs{PAIRS_FILE}"
SAMPLES = "samples/samples.jsonl"


def score_reference(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Metrics: how far the engine that sampled is from the model in training; see `Importance`."""
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
    if pairs and not base.scripted:
        from koalign.training.policy import continued_policy
        from koalign.training.scoring import reference_logps

        start = partial(continued_policy, config.model, inputs["sft/adapter"])
        logps = reference_logps(start, pairs, config.training)
    write_logps(out / "logps.safetensors", logps)
    counts = {"pairs": len(pairs), "tokens": sum(len(side) for pair in logps for side in pair)}
    drawn = (
        sample
        for name, path in inputs.items()
        if name.endswith(SAMPLES)  # of a run with a judge also those of long answers
        for sample in read_jsonl(path, Sample)
    )
    ratios = importance(pairs, logps, drawn) if logps else None
    if ratios is None:
        return StageResult(counts)
    for line in ratios.lines:
        say(f"reference: {line}", err=True)
    return StageResult(counts, ratios.model_dump())


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    pairs = read_jsonl(inputs[PAIRS], Pair)
    counts = {"pairs": len(pairs)}
    job = _job("dpo", config, inputs, out, pairs, config.dpo)
    if job is None:
        return StageResult(counts)

    from koalign.training.dpo import train_dpo

    return StageResult(counts, train_dpo(job, pairs, read_logps(inputs[LOGPS])))


def run_rft(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Examples: the chosen side of every pair of every round of DPO."""
    rounds = [read_jsonl(path, Pair) for name, path in inputs.items() if name.endswith(PAIRS_FILE)]
    pairs = [pair for of_round in rounds for pair in of_round]
    counts = {"examples": len(pairs)}
    section = config.dpo
    if pairs:
        section = section.model_copy(update={"epochs": rft_epochs(section, rounds)})
    job = _job("rft", config, inputs, out, pairs, section)
    if job is None:
        return StageResult(counts)

    from koalign.training.sft import train_sft

    rows = [(pair.prompt_ids, pair.chosen.token_ids) for pair in pairs]
    return StageResult(counts, train_sft(job, rows))


def rft_epochs(section: Dpo, rounds: Sequence[Sequence[Pair]]) -> float:
    """Epochs over the pairs of all rounds together that make as many steps as DPO makes in all rounds."""
    per_step = section.batch_size * section.gradient_accumulation_steps

    def steps(pairs: Iterable[Pair]) -> int:
        """Of one epoch; the pairs of a prompt are one example."""
        return math.ceil(len({pair.prompt_ids for pair in pairs}) / per_step)

    wanted = sum(math.ceil(steps(pairs) * section.epochs) for pairs in rounds)
    # Trainers round steps up; half a step less is safe from rounding errors.
    return (wanted - 0.5) / steps(pair for pairs in rounds for pair in pairs)


def _job(
    name: Literal["dpo", "rft"],
    config: Config,
    inputs: Inputs,
    out: Path,
    pairs: Sequence[Pair],
    section: Dpo,
) -> Job | None:
    """The training on these pairs that continues the SFT adapter.

    Without pairs there is none, and the SFT adapter is kept under the new name; of a scripted base a card.
    """
    base = read_record(inputs["prepare/base.json"], Base)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    parent = check_adapter(inputs["sft/adapter"], base, renderer.hash)
    data = {
        given.removeprefix("pairs/"): hash_path(path)
        for given, path in inputs.items()
        if given.endswith(PAIRS_FILE)
    }
    card = parent.model_copy(
        update={
            "name": name,
            "parents": (part(inputs["sft/adapter"]),),
            "data": data,
            "metrics": {},
        }
    )
    if not pairs:
        say(f"{name}: no pairs, so it keeps the weights of the SFT adapter", err=True)
        shutil.copytree(inputs["sft/adapter"], out / "adapter", dirs_exist_ok=True)
    if base.scripted or not pairs:
        write_card(out / "adapter", card)
        return None

    from koalign.adapters.base import load_tokenizer
    from koalign.engines.probe import open_probe
    from koalign.training.fit import Job
    from koalign.training.guards import Watch
    from koalign.training.policy import continued_policy

    tokenizer = load_tokenizer(config.model)
    paired = {pair.problem_id for pair in pairs}
    trained = [p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem) if p.id in paired]
    held_out = read_jsonl(inputs["prepare/dev.jsonl"], Problem)
    probe = open_probe(name, config.probe, renderer, tokenizer, base, trained, held_out)
    start = partial(continued_policy, config.model, inputs["sft/adapter"])
    dpo = section if name == "dpo" else None
    watch = Watch(config.probe, out / "probe.json", probe, from_adapter=True, dpo=dpo)
    return Job(
        start,
        tokenizer,
        card,
        section,
        config.training,
        config.seed,
        out,
        watch,
    )


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
    inputs=("prepare/base.json", PAIRS, SAMPLES, "sft/adapter"),
    continues=False,
    version=2,
)
WITH_JUDGE = replace(REFERENCE, inputs=(*REFERENCE.inputs, f"long_{SAMPLES}"))
STAGE = Stage(
    name="dpo",
    command="dpo",
    run=run,
    sections=("model", "prompt", "training", "probe", "dpo", "seed"),
    inputs=(*PREPARED, "prepare/dev.jsonl", PAIRS, LOGPS, "sft/adapter"),
    version=5,
)
RFT = Stage(
    name="rft",
    command="evaluate",
    run=run_rft,
    sections=STAGE.sections,
    inputs=(*PREPARED, "prepare/dev.jsonl", PAIRS, "sft/adapter"),
    version=2,
)
