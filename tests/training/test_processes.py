"""Training in two processes is training in one: the same adapter, the same logs, through kills too."""

import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.events import steps_of
from support.problems import exam
from support.stacks import only_the_new_ranks_moved
from support.training import (
    MODEL,
    QUICK,
    QUICK_DPO,
    RENDERER,
    TRAINING,
    base_of_tests,
    card,
    job,
    pairs_of,
    rows_of,
)

from koalign.adapters.stack import widen
from koalign.config.training import Probing, Training
from koalign.engines.probe import open_probe
from koalign.hashing import WORK
from koalign.jsonl import read_json
from koalign.training.checkpoints import last_whole
from koalign.training.dpo import train_dpo
from koalign.training.fit import Job
from koalign.training.guards import Watch
from koalign.training.policy import continued_policy, masked_stack
from koalign.training.scoring import token_logps
from koalign.training.sft import train_sft

pytestmark = pytest.mark.slow

STACK = card("answer", 12, frozen_rank=8)
SECTION = {
    "learning_rate": 1e-3, "epochs": 2.0, "batch_size": 2, "gradient_accumulation_steps": 3,
    "save_steps": 2, "warmup_ratio": 0.0,
}  # fmt: skip
CLOSE = 1e-5
HOW = {
    "one": {}, "two": {"processes": 2}, "fsdp": {"processes": 2, "shard": "fsdp"},
}  # fmt: skip


def stacking(tokenizer, parent: Path, section, out: Path, how: str, watch=None) -> Job:
    """Rows of a group or two each, so that a step of six has an odd number of them at times."""
    start = partial(masked_stack, MODEL, parent, 4, 0, out / WORK)
    section, training = section.model_copy(update=SECTION), Training(**HOW[how], row_tokens=130)
    return job(start, tokenizer, STACK, section, out, training, watch)


def learn(tokenizer, parent: Path, out: Path, how: str) -> dict:
    """SFT of a masked stack, 13 problems in steps of six: the last step of an epoch has one row, and so
    nothing for a second process."""
    problems, dev = exam("train")[:13], exam("dev")[:12]
    probing = Probing(problems=12, max_tokens=16, evaluations=3)
    probe = open_probe("answer", probing, RENDERER, tokenizer, base_of_tests(), problems, dev)
    watch = Watch(probing, out / "probe.json", probe)
    learning = stacking(tokenizer, parent, QUICK, out, how, watch)
    return train_sft(learning, rows_of(tokenizer, problems))


def prefer(tokenizer, pairs, reference, parent: Path, out: Path, how: str) -> dict:
    """DPO of a masked stack against its parent, likewise."""
    return train_dpo(stacking(tokenizer, parent, QUICK_DPO, out, how), pairs, reference)


def saved(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "adapter" / "adapter_model.safetensors")


def apart(one: Path, other: Path) -> float:
    """The largest difference between two saved adapters."""
    a, b = saved(one), saved(other)
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def logged(out: Path) -> list[dict]:
    """What was logged of every step, without what depends on the clock."""
    return [line for line in steps_of(out) if "train_runtime" not in line]


def same_logs(one: Path, other: Path) -> bool:
    return len(logged(one)) == len(logged(other)) and all(
        a.keys() == b.keys() and all(b[k] == pytest.approx(v, abs=CLOSE, rel=CLOSE) for k, v in a.items())
        for a, b in zip(logged(one), logged(other), strict=True)
    )  # fmt: skip


def keeps_the_parent(parent: Path, out: Path, work: Path) -> bool:
    """Bit for bit, and every new part of every tensor moved."""
    widen(parent, work, 4, 0)
    start = load_file(work / "adapter_model.safetensors")
    return only_the_new_ranks_moved(start, out / "adapter")


@pytest.fixture(scope="module")
def taught(tokenizer, parent, tmp_path_factory) -> dict[str, Path]:
    """The folder of an SFT in one process, in two, and in two with shards, probed; with its checkpoints."""
    folders = {how: tmp_path_factory.mktemp(f"sft-{how}") for how in HOW}
    for how, out in folders.items():
        learn(tokenizer, parent, out, how)
    return folders


def test_a_masked_stack_from_two_processes_is_that_of_one(taught, parent, tmp_path):
    assert apart(taught["one"], taught["two"]) <= CLOSE
    assert apart(taught["two"], taught["fsdp"]) == 0  # shards add no rounding
    for out in taught.values():
        assert keeps_the_parent(parent, out, tmp_path / out.name)


def test_every_step_is_logged_once_with_the_numbers_of_one_process(taught):
    for how in ("two", "fsdp"):
        assert [line["step"] for line in logged(taught[how]) if "loss" in line] == [
            1,
            2,
            3,
            4,
            5,
            6,
        ]
        assert same_logs(taught["one"], taught[how])


def test_the_probe_finds_and_keeps_the_same(taught):
    reports = [read_json(out / "probe.json") for out in taught.values()]
    assert reports[0] == reports[1] == reports[2] and len(reports[0]["evaluations"]) == 4


@pytest.mark.parametrize("before, after", [("one", "fsdp"), ("two", "one"), ("fsdp", "one")])
def test_the_number_of_processes_may_change(before, after, taught, tokenizer, parent, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(taught[before], out)
    shutil.rmtree(out / "adapter")
    for folder in (out / WORK).glob("checkpoint-*"):
        if folder.name > "checkpoint-4":
            shutil.rmtree(folder)
    assert last_whole(out / WORK).name == "checkpoint-4"
    learn(tokenizer, parent, out, after)
    assert apart(taught["one"], out) <= CLOSE
    assert read_json(out / "probe.json") == read_json(taught["one"] / "probe.json")


def test_dpo_of_a_masked_stack_from_two_processes_is_that_of_one(tokenizer, parent, tmp_path):
    pairs = pairs_of(tokenizer, exam("train")[:13], each=2)[:-1]
    reference = token_logps(continued_policy(MODEL, parent), pairs, TRAINING)
    for how in HOW:
        prefer(tokenizer, pairs, reference, parent, tmp_path / how, how)
        assert keeps_the_parent(parent, tmp_path / how, tmp_path / f"start-{how}")
    for how in ("two", "fsdp"):
        assert apart(tmp_path / "one", tmp_path / how) <= CLOSE
        assert same_logs(tmp_path / "one", tmp_path / how)
    first = logged(tmp_path / "fsdp")[0]
    assert first["rewards/margins"] == pytest.approx(0, abs=1e-4)
