"""Hints through real engines and trainings: killed screens go on."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.kills import content, kill_when, lines_in, small_run
from support.problems import exam, write_lines

from koalign.config.sections import ASSETS
from koalign.jsonl import read_jsonl
from koalign.manifests import read_manifest
from koalign.records import Hint

pytestmark = pytest.mark.slow

PROBLEMS = 40


@pytest.fixture(scope="module")
def policy(tmp_path_factory) -> Path:
    """A small real run with the hints that the exam has for its problems, some good and some not."""
    folder = tmp_path_factory.mktemp("policy")
    known = {problem.id for problem in exam("train")[:PROBLEMS]}
    hints = read_jsonl(ASSETS / "exam" / "hints.jsonl", Hint)
    rows = [hint.model_dump(mode="json") for hint in hints if hint.problem_id in known]
    write_lines(folder / "hints.jsonl", rows)
    small = {"batch_size": 8, "gradient_accumulation_steps": 1, "learning_rate": 1e-3, "epochs": 1}
    draws = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 16}
    data = {name: f"{name}.jsonl" for name in ("train", "test", "hints")}
    small_run(
        folder, {"train": PROBLEMS, "test": 4}, data=data, engine={"backend": "hf", "batch_size": 16},
        sft=small, sample={"n": 4, **draws}, dpo=small, probe={"problems": 0},
        candidates={"per_problem": 2, "max_tokens": 24},
        hints={"n": 4, "bare_n": 8, "z": 0, "replication_n": 4, "false_discovery_rate": 0.49, **draws},
        abstraction={**small, "rank": 4}, answer={**small, "rank": 4},
        solve={"hints": 1, "bare": 0, **draws},
    )  # fmt: skip
    koalign("run", cwd=folder, code=0)
    return folder


def test_the_control_of_dpo_takes_as_many_steps(policy):
    steps = [read_manifest(policy / RUN / name).metrics["steps"] for name in ("dpo", "rft")]
    assert steps[0] == steps[1] > 0


def written(folder: Path, file: str, enough: int) -> bool:
    """Whether a screen has so many answers."""
    return lines_in(f"{RUN}/hints/{file}.jsonl")(folder) >= enough


def test_screens_that_are_killed_again_and_again_end_in_the_same_bytes(policy, tmp_path):
    folder = tmp_path / "killed"
    shutil.copytree(policy, folder)
    for stage in ("hints", "abstraction", "answer"):
        shutil.rmtree(folder / RUN / stage)
    for file, enough in (("bare", 20), ("hinted", 40), ("replication", 5)):
        kill_when(["abstractions"], folder, partial(written, folder, file, enough))
        assert not (folder / RUN / "hints" / "manifest.json").exists()
    koalign("abstractions", cwd=folder, code=0)
    whole = policy / RUN / "hints"
    for path in whole.glob("*.jsonl"):
        assert content(folder / RUN / "hints" / path.name) == content(path)
    assert content(folder / RUN / "answer/adapter") == content(policy / RUN / "answer/adapter")
