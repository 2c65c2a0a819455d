"""Training in two processes is training in one: the same adapter, the same logs, through kills too."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch
import yaml
from safetensors.torch import load_file
from support.command import KOALIGN, koalign, koalign_process
from support.kills import RUN, content
from support.problems import exam
from support.process_tasks import die_in, fail_in, places, refuse_in
from support.stacks import only_the_new_ranks_moved
from support.training_helpers import (
    MODEL,
    OFF,
    QUICK,
    QUICK_DPO,
    RENDERER,
    TRAINING,
    base_of_tests,
    card,
    pairs_of,
    rows_of,
    trained_adapter,
)

from koalign.adapters.stack import widen
from koalign.config.sections import Probing, Training
from koalign.engines.probe import open_probe
from koalign.jsonl import read_json, write_jsonl
from koalign.records import KoalignError
from koalign.run import WORK
from koalign.training.checkpoints import last_whole
from koalign.training.dpo import train_dpo
from koalign.training.fit import Job
from koalign.training.guards import Watch
from koalign.training.policy import continued_policy, masked_stack
from koalign.training.processes import in_processes
from koalign.training.scoring import token_logps
from koalign.training.sft import train_sft

pytestmark = pytest.mark.slow

STACK = card("answer", 12, frozen_rank=8)
SECTION = {
    "learning_rate": 1e-3, "epochs": 2, "batch_size": 2, "gradient_accumulation_steps": 3,
    "save_steps": 2, "warmup_ratio": 0.0,
}  # fmt: skip
CLOSE = 1e-5


@pytest.fixture(scope="module")
def parent(tmp_path_factory) -> Path:
    return trained_adapter(tmp_path_factory.mktemp("parent") / "adapter", rank=8, seed=3)


def shared(count: int) -> Training:
    """Rows of a group or two each, so that a step of six has an odd number of them at times."""
    return Training(processes=count, row_tokens=130)


def learn(tokenizer, parent: Path, out: Path, count: int) -> dict:
    """SFT of a masked stack, 13 problems in steps of six: the last step of an epoch has one row, and so
    nothing for a second process."""
    problems = exam("train")[:13]
    probing = Probing(problems=12, max_tokens=16, evaluations=3)
    probe = open_probe(
        "answer", probing, RENDERER, tokenizer, base_of_tests(), problems, exam("dev")[:12]
    )
    watch = Watch(probing, out / "probe.json", probe)
    return train_sft(
        Job(
            partial(masked_stack, MODEL, parent, 4, 0, out / WORK),
            tokenizer,
            STACK,
            QUICK.model_copy(update=SECTION),
            shared(count),
            OFF,
            0,
            out,
            watch,
        ),
        rows_of(tokenizer, problems),
    )


def prefer(tokenizer, pairs, reference, parent: Path, out: Path, count: int) -> dict:
    """DPO of a masked stack against its parent, likewise."""
    return train_dpo(
        Job(
            partial(masked_stack, MODEL, parent, 4, 0, out / WORK),
            tokenizer,
            STACK,
            QUICK_DPO.model_copy(update=SECTION),
            shared(count),
            OFF,
            0,
            out,
        ),
        pairs,
        reference,
    )


def saved(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "adapter" / "adapter_model.safetensors")


def apart(one: Path, other: Path) -> float:
    """The largest difference between two saved adapters."""
    a, b = saved(one), saved(other)
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def logged(out: Path) -> list[dict]:
    """What was logged of every step, without what depends on the clock."""
    lines = map(json.loads, (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if "train_runtime" not in line]


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
def taught(tokenizer, parent, tmp_path_factory) -> dict[int, Path]:
    """The folder of an SFT in one process, and in two, probed; each with its checkpoints."""
    folders = {count: tmp_path_factory.mktemp(f"sft-{count}") for count in (1, 2)}
    for count, out in folders.items():
        learn(tokenizer, parent, out, count)
    return folders


def test_a_masked_stack_from_two_processes_is_that_of_one(taught, parent, tmp_path):
    assert apart(taught[1], taught[2]) <= CLOSE
    for out in taught.values():
        assert keeps_the_parent(parent, out, tmp_path / out.name)


def test_every_step_is_logged_once_with_the_numbers_of_one_process(taught):
    assert [line["step"] for line in logged(taught[2]) if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert same_logs(taught[1], taught[2])


def test_the_probe_finds_and_keeps_the_same(taught):
    reports = [read_json(out / "probe.json") for out in taught.values()]
    assert reports[0] == reports[1] and len(reports[0]["evaluations"]) == 4


@pytest.mark.parametrize("before, after", [(1, 2), (2, 1)])
def test_a_training_goes_on_in_another_number_of_processes(
    before, after, taught, tokenizer, parent, tmp_path
):
    out = tmp_path / "out"
    shutil.copytree(taught[before], out)
    shutil.rmtree(out / "adapter")
    for folder in (out / WORK).glob("checkpoint-*"):
        if folder.name > "checkpoint-4":
            shutil.rmtree(folder)
    assert last_whole(out / WORK).name == "checkpoint-4"
    learn(tokenizer, parent, out, after)
    assert apart(taught[1], out) <= CLOSE
    assert read_json(out / "probe.json") == read_json(taught[1] / "probe.json")


def test_dpo_of_a_masked_stack_from_two_processes_is_that_of_one(tokenizer, parent, tmp_path):
    pairs = pairs_of(tokenizer, exam("train")[:13], each=2)[:-1]
    reference = token_logps(continued_policy(MODEL, parent), pairs, TRAINING)
    for count in (1, 2):
        prefer(tokenizer, pairs, reference, parent, tmp_path / str(count), count)
        assert keeps_the_parent(parent, tmp_path / str(count), tmp_path / f"start-{count}")
    assert apart(tmp_path / "1", tmp_path / "2") <= CLOSE
    assert same_logs(tmp_path / "1", tmp_path / "2")
    first = logged(tmp_path / "2")[0]
    assert first["rewards/margins"] == pytest.approx(0, abs=1e-4)


def children() -> list[psutil.Process]:
    """Processes of ours that are alive, but for the one that multiprocessing keeps for itself."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline())
    ]  # fmt: skip


def test_processes_meet_and_the_first_answers():
    before = children()
    expected = ([(0, "가"), (1, "가"), (2, "가")], "first: 0")
    assert in_processes("sft", 3, places, "가") == expected
    assert in_processes("sft", 1, places, "가") == ([(0, "가")], "first: 0")
    assert children() == before


def test_what_a_process_refuses_is_refused_in_the_same_words():
    with pytest.raises(KoalignError) as raised:
        in_processes("sft", 2, refuse_in, 1)
    assert str(raised.value) == "sft: the loss of step 3 is not finite; lower it"


def test_an_error_of_any_process_arrives_with_its_traceback_and_ends_all():
    before = children()
    with pytest.raises(RuntimeError) as raised:
        in_processes("sft", 2, fail_in, 1)
    assert "sft: process 2 of 2 failed" in str(raised.value)
    assert "in fail_in" in str(raised.value) and "ranks have moved" in str(raised.value)
    assert children() == before


@pytest.mark.parametrize("place", [0, 1])
def test_a_killed_process_ends_all_with_one_line_that_says_so(place):
    before = children()
    with pytest.raises(KoalignError) as raised:
        in_processes("sft", 2, die_in, place)
    assert f"sft: process {place + 1} of 2 ended without an error (SIGKILL)" in str(raised.value)
    assert "\n" not in str(raised.value) and children() == before


def test_trl_batches_in_two_processes_are_refused_in_one_line(tmp_path):
    config = {"model": {"path": "builtin:tiny-ko"}, "data": {"train": "builtin:exam"}}
    (tmp_path / "koalign.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    changes = ("-s", "training.processes=2", "-s", "training.packing=trl")
    refused = koalign("sft", *changes, cwd=tmp_path)
    assert refused.returncode == 2 and len(refused.stderr.splitlines()) == 1
    assert "processes share the rows of packing groups" in refused.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder with an SFT in two processes, never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    write_jsonl(folder / "train.jsonl", exam("train")[:96])
    config = {
        "model": {"path": "builtin:tiny-ko"},
        "data": {"train": "train.jsonl"},
        "engine": {"backend": "hf"},
        "training": {"processes": 2, "row_tokens": 256},
        "sft": {"batch_size": 8, "gradient_accumulation_steps": 1, "save_steps": 3, "learning_rate": 3e-3, "epochs": 2},
    }  # fmt: skip
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = koalign_process("sft", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("policy = base + sft (learning, rank 32)") == 1
    assert "Traceback" not in done.stderr and "process group" not in done.stderr
    return folder


def interrupted(folder: Path, stop: Callable[[subprocess.Popen], None]):
    """Begin the SFT, or go on, and stop it some checkpoints later; its exit code, what it said and whom
    it left."""
    before = step_of(last_whole(folder / RUN / "sft" / WORK))
    with (folder / "said").open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [*KOALIGN, "sft"], cwd=folder, stderr=said, stdout=said, start_new_session=True,
            preexec_fn=hear_ctrl_c,
        )  # fmt: skip
        until = time.monotonic() + 600
        while step_of(last_whole(folder / RUN / "sft" / WORK)) < before + 6:
            assert process.poll() is None, (folder / "said").read_text(encoding="utf-8")
            assert time.monotonic() < until
            time.sleep(0.01)
        below = psutil.Process(process.pid).children(recursive=True)
        stop(process)
        code = process.wait(timeout=120)
    until = time.monotonic() + 60
    while (left := [p for p in below if alive(p)]) and time.monotonic() < until:
        time.sleep(0.1)
    return code, (folder / "said").read_text(encoding="utf-8"), left


def step_of(checkpoint: Path | None) -> int:
    return int(checkpoint.name.split("-")[1]) if checkpoint else 0


def hear_ctrl_c() -> None:
    """A shell has what it runs in the background ignore the key."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def alive(process: psutil.Process) -> bool:
    """Whether it runs; what nobody waits for stays in the table as a zombie."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_parent(process: subprocess.Popen) -> None:
    process.kill()


def press_ctrl_c(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGINT)


STOPS = (
    (press_ctrl_c, 130, "koalign: stopped; the same command goes on from here"),
    (kill_parent, -signal.SIGKILL, ""),
)


def test_a_training_stopped_by_ctrl_c_and_a_kill_leaves_nobody_and_ends_in_the_same_bytes(
    whole, tmp_path
):
    folder = tmp_path / "stopped"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / RUN / "sft")
    for stop, code, line in STOPS:
        found, said, left = interrupted(folder, stop)
        assert found == code and line in said and "Traceback" not in said and not left
        assert not (folder / RUN / "sft" / "manifest.json").exists()
    done = koalign_process("sft", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert content(folder / RUN / "sft/adapter") == content(whole / RUN / "sft/adapter")


def test_the_number_of_processes_makes_nothing_stale(whole):
    again = koalign("sft", "-s", "training.processes=1", cwd=whole)
    assert again.returncode == 0 and again.stdout.count("(nothing to do)") == 2, again.stdout
