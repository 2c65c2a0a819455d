"""A diagnosis takes the training problems from the run that trained the adapter, and from no other."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from support.command import koalign
from support.diagnosed import TRAIN, adapter_in
from support.meetings import meeting
from support.problems import problem, write_lines

from koalign.hashing import hash_path
from koalign.jsonl import read_json
from koalign.records import KoalignError
from koalign.stages.diagnose import trained_on


def prepared(folder: Path, rows: list, limit: int | None = None) -> Path:
    run_dir = folder / "run"
    path = write_lines(run_dir / "prepare" / "train.jsonl", rows)
    (run_dir / "sft").mkdir()
    config = {"sft": {"limit": limit}}
    plan = {"stage": "sft", "version": 1, "template": "", "config": config, "inputs": {}}
    (run_dir / "sft" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    return path


@pytest.mark.parametrize(("limit", "count"), [(None, 30), (12, 12)])
def test_the_problems_of_a_run_are_those_that_sft_was_limited_to(folder, limit, count):
    path = prepared(folder, [p.model_dump(mode="json") for p in TRAIN], limit)
    adapter = adapter_in(folder, **{"train.jsonl": hash_path(path)})
    assert trained_on(folder / "run", adapter) == TRAIN[:count]


def test_a_run_without_its_training_split_is_refused_in_one_line(folder):
    with pytest.raises(KoalignError, match=r"train\.jsonl: not there.*--run-dir") as refused:
        trained_on(folder / "run", adapter_in(folder))
    assert "\n" not in str(refused.value)


def test_a_broken_training_split_is_refused_with_file_and_line(folder):
    path = prepared(folder, [TRAIN[0].model_dump(mode="json"), {"question": ""}])
    adapter = adapter_in(folder)
    with pytest.raises(KoalignError, match=r"train\.jsonl:2: question"):
        trained_on(folder / "run", adapter)
    path.write_text('{"question": ', encoding="utf-8")
    with pytest.raises(KoalignError, match=r"train\.jsonl:1: not a line of JSON"):
        trained_on(folder / "run", adapter)


def test_the_training_split_of_another_run_is_refused(folder):
    prepared(folder, [p.model_dump(mode="json") for p in TRAIN])
    with pytest.raises(KoalignError, match=r"was trained on another train\.jsonl"):
        trained_on(folder / "run", adapter_in(folder, **{"train.jsonl": "0" * 16}))


DIAGNOSE = (
    "benchmark", "direct", "--data", "test.jsonl", "--adapters", "dpo", "--diagnose", "--out",
)  # fmt: skip


def test_a_diagnosis_that_is_killed_while_it_is_replaced_is_gone_or_has_its_plan(ran):
    koalign(*DIAGNOSE, "whole", code=0)
    plan, out = Path("out/diagnosis/plan.json"), Path("out")

    def stop(number: int, at: int) -> None:
        if number == at:
            raise KeyboardInterrupt

    for at in range(1, 12):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree("whole", out)
        with meeting(out, partial(stop, at=at)):
            koalign(*DIAGNOSE, "out", "--force", "-s", "solve.max_tokens=9", code=130)
        # Samples are known by their problem, so that those of the old plan would pass for new ones.
        assert plan.exists() or not plan.parent.exists()
    koalign(*DIAGNOSE, "out", "--force", "-s", "solve.max_tokens=9", code=0)
    assert read_json(plan)["max_tokens"] == 9


def test_a_policy_after_dpo_was_trained_on_what_its_sft_was(ran):
    koalign(*DIAGNOSE, "out", code=0)
    write_lines(Path("other.jsonl"), [problem(n) for n in range(300, 330)])
    koalign("prepare", "--force", "-s", "data.train=other.jsonl", "-s", "data.hints=null", code=0)
    said = koalign(*DIAGNOSE, "again", code=2).stderr
    assert "runs/default/sft/adapter was trained on another train.jsonl" in said


def test_a_file_to_measure_on_that_the_adapters_were_trained_on_is_said(scripted):
    koalign("sft", code=0)
    measured = ("benchmark", "direct", "--mode", "generate", "--data")
    told = "problems, or their passages, stand in the train split of runs/default too, the first"
    said = koalign(*measured, "train.jsonl", "--adapters", "sft", "--out", "a", code=0).stderr
    assert told in said and "(same): the adapters have learned them" in said
    assert (
        told in koalign("solve", "train.jsonl", "--adapters", "sft", "-o", "b.jsonl", code=0).stderr
    )
    for other in (("test.jsonl", "--adapters", "sft"), ("train.jsonl", "--adapters", "base")):
        assert (
            told not in koalign(*measured, *other, "--out", other[0][:2] + other[2], code=0).stderr
        )
