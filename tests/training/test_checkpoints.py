"""Whenever a training is killed, it goes on from a checkpoint that is whole."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from koalign.jsonl import write_json
from koalign.training.checkpoints import (
    WHOLE,
    checkpoint,
    last_whole,
    mark_whole,
    remove_cut_off,
    rotate,
)

FILES = ("adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth")
OPERATIONS = ("unlink", "rmdir", "rename", "replace", "fsync", "open")


def saved(work: Path, step: int, best: int | None = None) -> None:
    """What transformers leaves of a step before it is marked."""
    folder = checkpoint(work, step)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (folder / name).write_text(f"{name} {step}", encoding="utf-8")
    write_json(folder / "trainer_state.json", {"global_step": step, "best_global_step": best})


def whole(work: Path, step: int, best: int | None = None) -> None:
    saved(work, step, best)
    mark_whole(checkpoint(work, step))


def steps(work: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in work.glob("checkpoint-*"))


def is_intact(folder: Path) -> bool:
    step = folder.name.split("-")[1]
    return all((folder / name).read_text("utf-8") == f"{name} {step}" for name in FILES)


class Killed(BaseException):
    """The process is gone: nothing after this is done."""


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Do the work and end it before its file operation of that number; whether it came so far."""
    count = 0

    def counted(real):
        def operation(*arguments, **options):
            nonlocal count
            count += 1
            if count > number:
                raise Killed
            return real(*arguments, **options)

        return operation

    patches = [mock.patch.object(os, name, counted(getattr(os, name))) for name in OPERATIONS]
    for patch in patches:
        patch.start()
    try:
        work()
    except Killed:
        return True
    finally:
        for patch in patches:
            patch.stop()
    return False


@pytest.mark.parametrize("best", [None, 3, 6, 9])
def test_a_kill_at_any_file_operation_of_a_save_leaves_a_whole_checkpoint(tmp_path, best):
    def save() -> None:
        mark_whole(checkpoint(work, 9))
        rotate(work, 9, best)

    number = 0
    while True:
        work = tmp_path / str(number)
        whole(work, 3)
        whole(work, 6, 3 if best == 3 else None)
        saved(work, 9, best)
        if not killed_at(number, save):
            break
        start = last_whole(work)
        assert start is not None and is_intact(start), f"killed at {number}"
        remove_cut_off(work)
        assert last_whole(work) == start and all(map(is_intact, work.glob("checkpoint-*")))
        number += 1
    assert number > 8
    assert steps(work) == ([3, 9] if best == 3 else [6, 9])


def test_a_kill_while_the_work_of_a_finished_stage_is_removed_leaves_no_half_of_a_checkpoint(
    tmp_path,
):
    number = 0
    while True:
        work = tmp_path / str(number)
        whole(work, 3)
        whole(work, 6)
        if not killed_at(number, partial(shutil.rmtree, work)):
            break
        start = last_whole(work)
        assert start is None or is_intact(start)
        number += 1
    assert number > 8


@pytest.mark.parametrize("name", [*FILES, "trainer_state.json"])
@pytest.mark.parametrize("how", ["gone", "cut", "changed", "empty"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, name, how):
    whole(tmp_path, 3)
    whole(tmp_path, 6)
    path = checkpoint(tmp_path, 6) / name
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-1], "changed": data[:-1] + b"?"}.get(how, b""))
    if how == "gone":
        path.unlink()
    assert last_whole(tmp_path) == checkpoint(tmp_path, 3)
    remove_cut_off(tmp_path)
    assert steps(tmp_path) == [3]


@pytest.mark.parametrize("mark", ["", "{", "[]", "{}"])
def test_a_damaged_mark_is_no_mark(tmp_path, mark):
    whole(tmp_path, 9)
    whole(tmp_path, 10)
    whole(tmp_path, 100)
    (checkpoint(tmp_path, 100) / WHOLE).write_text(mark, encoding="utf-8")
    assert last_whole(tmp_path) == checkpoint(tmp_path, 10)
    remove_cut_off(tmp_path)
    assert steps(tmp_path) == [9, 10] and last_whole(tmp_path / "none") is None


def test_no_training_goes_on_whose_best_checkpoint_is_not_whole(tmp_path):
    whole(tmp_path, 3)
    whole(tmp_path, 6)
    whole(tmp_path, 9, best=6)
    (checkpoint(tmp_path, 6) / FILES[0]).unlink()
    assert last_whole(tmp_path) == checkpoint(tmp_path, 3)
