"""kill -9 in the middle, the same command again: the same bytes as an uninterrupted run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.kills import content, kill_when, lines_in, small_run

from koalign.jsonl import read_json

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder with a small real run, never interrupted: sft, pairs, dpo, and a solved file."""
    small = {"batch_size": 8, "gradient_accumulation_steps": 1, "save_steps": 3}
    folder = small_run(
        tmp_path_factory.mktemp("whole"), {"train": 48, "dev": 16, "test": 12},
        engine={"backend": "hf", "batch_size": 16}, probe={"problems": 8, "max_tokens": 16},
        sft={**small, "learning_rate": 3e-3, "epochs": 2},
        sample={"n": 4, "temperature": 1.0, "top_p": 1.0, "max_tokens": 24},
        dpo={**small, "learning_rate": 1e-3, "epochs": 3}, solve={"max_tokens": 24},
    )  # fmt: skip
    for line in (["sft"], ["dpo-pairs"], ["dpo"], SOLVE):
        done = koalign(*line, cwd=folder, code=0)
        assert done.stderr.count("sft: step ") == (6 if line == ["sft"] else 0)  # of the probe
    return folder


SOLVE = ["solve", "--adapters", "sft,dpo", "test.jsonl", "-o", "answers.jsonl"]


def checkpoints(stage: str) -> Callable[[Path], int]:
    return lambda folder: len(list(folder.glob(f"{RUN}/{stage}/unfinished/checkpoint-*/whole")))


CASES = {
    "samples": (
        ["dpo-pairs"], ["samples", "pairs"], lines_in(f"{RUN}/samples/samples.jsonl"), 40,
        ["samples/prompts.jsonl", "samples/samples.jsonl", "pairs/pairs.jsonl", "pairs/dropped.jsonl",
         "pairs/items.jsonl", "pairs/report.json"],
    ),
    "dpo": (["dpo"], ["dpo"], checkpoints("dpo"), 1, ["dpo/adapter", "dpo/probe.json"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_killed_stage_goes_on_and_ends_in_the_same_bytes(name, whole, tmp_path):
    command, stages, progress, enough, outputs = CASES[name]
    folder = tmp_path / "killed"
    shutil.copytree(whole, folder)
    for stage in stages:
        shutil.rmtree(folder / RUN / stage)
    kill_when(command, folder, lambda: progress(folder) >= enough)
    assert not (folder / RUN / stages[0] / "manifest.json").exists()
    koalign(*command, cwd=folder, code=0)
    for output in outputs:
        assert content(folder / RUN / output) == content(whole / RUN / output)


@pytest.fixture(scope="module")
def to_plateau(tmp_path_factory) -> Path:
    """A folder with an SFT to its plateau, never interrupted: two rounds at least, then the fall."""
    folder = small_run(
        tmp_path_factory.mktemp("plateau"), {"train": 16, "dev": 16, "test": 4},
        probe={"problems": 16, "max_tokens": 16, "patience": 1},
        sft={"batch_size": 1, "gradient_accumulation_steps": 1, "save_steps": 8, "learning_rate": 3e-3},
    )  # fmt: skip
    koalign("sft", cwd=folder, code=0)
    return folder


@pytest.mark.parametrize("part", ["stable", "fall"])
def test_an_sft_to_its_plateau_killed_in_either_part_ends_in_the_same_bytes(
    part, to_plateau, tmp_path
):
    report = read_json(to_plateau / RUN / "sft" / "probe.json")
    assert report["steps"] == report["rate_falls_from"] + 16
    folder = tmp_path / "killed"
    shutil.copytree(to_plateau, folder)
    shutil.rmtree(folder / RUN / "sft")
    step = report["rate_falls_from"] + (8 if part == "fall" else -8)
    saved = folder / RUN / "sft" / "unfinished" / f"checkpoint-{step}" / "whole"
    kill_when(["sft"], folder, saved.exists)
    assert not (folder / RUN / "sft" / "manifest.json").exists()
    koalign("sft", cwd=folder, code=0)
    for output in ("sft/adapter", "sft/probe.json"):
        assert content(folder / RUN / output) == content(to_plateau / RUN / output)


def test_a_killed_solve_goes_on_and_ends_in_the_same_answers(whole, tmp_path):
    folder = tmp_path / "killed"
    shutil.copytree(whole, folder)
    (folder / "answers.jsonl").unlink()
    written = lines_in(f"{RUN}/solving/*/attempts.jsonl")
    kill_when(SOLVE, folder, lambda: written(folder) >= 1)
    assert 1 <= written(folder) < 12
    koalign(*SOLVE, cwd=folder, code=0)
    assert content(folder / "answers.jsonl") == content(whole / "answers.jsonl")


def test_a_training_goes_on_from_before_a_checkpoint_that_was_cut_off(whole, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / RUN / "sft")
    kill_when(["sft"], folder, lambda: checkpoints("sft")(folder) >= 2)
    newest = max(
        (folder / RUN / "sft" / "unfinished").glob("checkpoint-*"),
        key=lambda p: int(p.name.split("-")[1]),
    )
    (newest / "whole").unlink(missing_ok=True)
    (newest / "optimizer.pt").write_bytes(b"cut off")
    assert not (folder / RUN / "sft" / "manifest.json").exists()
    koalign("sft", cwd=folder, code=0)
    for output in ("sft/adapter", "sft/probe.json"):
        assert content(folder / RUN / output) == content(whole / RUN / output)


def test_partial_work_of_another_setting_is_refused(whole, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree(whole, folder)
    (folder / RUN / "samples" / "manifest.json").unlink()
    refused = koalign("dpo-pairs", "-s", "sample.temperature=0.5", cwd=folder, code=2)
    assert "sample.temperature = 1.0, and it is now 0.5" in refused.stderr
