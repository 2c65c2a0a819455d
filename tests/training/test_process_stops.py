"""A process that ends, is killed or interrupted ends all, leaves nobody, and the training goes on."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.command import KOALIGN, RUN, hear_ctrl_c, koalign, koalign_process
from support.kills import content, small_run
from support.process_tasks import end_in, places

from koalign.config.training import Training
from koalign.hashing import WORK
from koalign.records import KoalignError
from koalign.training.checkpoints import WHOLE
from koalign.training.launch import launched

pytestmark = pytest.mark.slow


def children() -> set[psutil.Process]:
    """Processes of ours that are alive, but for the one that multiprocessing keeps for itself.

    Compare with `<=`: a process of an earlier test may end meanwhile.
    """
    return {
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline())
    }  # fmt: skip


def test_processes_meet_and_the_first_answers():
    before = children()
    expected = ([(0, "가"), (1, "가"), (2, "가")], "first: 0")
    assert launched("sft", Training(processes=3), places, "가") == expected
    assert launched("sft", Training(processes=1), places, "가") == ([(0, "가")], "first: 0")
    assert children() <= before


def test_what_a_process_refuses_is_refused_in_the_same_words():
    with pytest.raises(KoalignError) as raised:
        launched("sft", Training(processes=2), end_in, 1, "refuse")
    assert str(raised.value) == "sft: the loss of step 3 is not finite; lower it"


def test_an_error_of_any_process_arrives_with_its_traceback_and_ends_all():
    before = children()
    with pytest.raises(RuntimeError) as raised:
        launched("sft", Training(processes=2), end_in, 1, "fail")
    assert "sft: process 2 of 2 failed" in str(raised.value)
    assert "in end_in" in str(raised.value) and "ranks have moved" in str(raised.value)
    assert children() <= before


@pytest.mark.parametrize("place", [0, 1])
def test_a_killed_process_ends_all_with_one_line_that_says_so(place):
    before = children()
    with pytest.raises(KoalignError) as raised:
        launched("sft", Training(processes=2), end_in, place, "die")
    assert f"sft: process {place + 1} of 2 ended without an error (SIGKILL)" in str(raised.value)
    assert "\n" not in str(raised.value) and children() <= before


def test_trl_batches_in_two_processes_are_refused_in_one_line(tmp_path):
    small_run(tmp_path, {}, data={"train": "builtin:exam"})
    changes = ("-s", "training.processes=2", "-s", "training.packing=trl")
    refused = koalign("sft", *changes, cwd=tmp_path, code=2)
    assert len(refused.stderr.splitlines()) == 1
    assert "processes share the rows of packing groups" in refused.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder with an SFT in two processes, never interrupted."""
    folder = small_run(
        tmp_path_factory.mktemp("whole"), {"train": 96}, training={"processes": 2, "shard": "fsdp", "row_tokens": 256},
        sft={"batch_size": 8, "gradient_accumulation_steps": 1, "save_steps": 3, "learning_rate": 3e-3, "epochs": 2},
    )  # fmt: skip
    done = koalign_process("sft", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("policy = base + sft (learning, rank 32)") == 1
    assert "Traceback" not in done.stderr and "process group" not in done.stderr
    return folder


def interrupted(folder: Path, stop: Callable[[subprocess.Popen], None]):
    """Begin the SFT, or go on, and stop it some checkpoints later; its exit code, what it said and whom
    it left."""
    before = whole_step(folder)
    with (folder / "said").open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [*KOALIGN, "sft"], cwd=folder, stderr=said, stdout=said, start_new_session=True,
            preexec_fn=hear_ctrl_c,
        )  # fmt: skip
        until = time.monotonic() + 600
        while whole_step(folder) < before + 6:
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


def whole_step(folder: Path) -> int:
    """The last step marked as whole. Files are not read: the training removes old checkpoints meanwhile."""
    marks = (folder / RUN / "sft" / WORK).glob(f"checkpoint-*/{WHOLE}")
    return max((int(mark.parent.name.split("-")[1]) for mark in marks), default=0)


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


def kill_a_process(process: subprocess.Popen) -> None:
    """The second of those that train, who are the children of the command."""
    workers = [
        p for p in psutil.Process(process.pid).children() if "worker" in " ".join(p.cmdline())
    ]
    workers[1].kill()
    process.wait(timeout=10)


STOPS = (
    (kill_a_process, 2, "process 2 of 2 ended without an error (SIGKILL)"),
    (press_ctrl_c, 130, "koalign: stopped; the same command goes on from here"),
    (kill_parent, -signal.SIGKILL, ""),
)


def test_a_training_stopped_by_kills_and_ctrl_c_ends_in_the_same_bytes(whole, tmp_path):
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
    one = ("-s", "training.processes=1", "-s", "training.shard=none")
    again = koalign("sft", *one, cwd=whole, code=0)
    assert again.stdout.count("(nothing to do)") == 2, again.stdout
