"""A chain without pairs or hints is evaluated as far as it goes, by choice or since none passed."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from support.command import RUN, koalign

pytestmark = pytest.mark.slow  # each test is a whole run, or several

EVALUATED = RUN / "evaluate"
STEPS = ["base", "sft", "dpo", "rft"]


@pytest.fixture
def no_file(ran: Path) -> Path:
    """A finished run whose koalign.yaml names no hints any more, and whose evaluation is gone."""
    path = ran / "koalign.yaml"
    config = yaml.safe_load(path.read_text("utf-8"))
    del config["data"]["hints"]
    path.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    return ran


def rows() -> list[str]:
    return list(json.loads((EVALUATED / "results.json").read_text("utf-8")))


def test_a_run_without_a_source_of_hints_ends_with_dpo_and_says_so(no_file):
    run = koalign("run", "--run-dir", "runs/short", code=0)
    assert "so the chain ends with DPO" in run.stderr
    short = no_file / "runs" / "short"
    made = {path.parent.name for path in short.glob("*/manifest.json")}
    assert made == {
        "prepare", "sft", "samples", "pairs", "reference", "dpo", "rft", "evaluate"
    }  # fmt: skip
    results = json.loads((short / "evaluate" / "results.json").read_text("utf-8"))
    assert list(results) == STEPS
    assert not (short / "evaluate" / "solving.json").exists()
    assert "dpo: no gain over sft" in koalign("show", "runs/short", code=0).stdout
    assert "dpo against base" in koalign("compare", "runs/short", code=0).stdout


def test_a_run_whose_hints_all_fail_is_evaluated_without_them(ran):
    settings = ("-s", "hints.min_characters=1200")
    run = koalign("run", *settings, "--force", code=0)
    assert "none of the hints passed, so the chain ends with DPO" in run.stdout
    assert rows() == STEPS
    again = koalign("run", *settings, code=0)
    assert "nothing to do" in again.stdout and rows() == STEPS
    refused = koalign("abstractions", *settings, "--force", code=2)
    assert "koalign evaluate -s candidates.source=none" in refused.stderr


def test_a_run_in_which_no_problem_gives_a_pair_keeps_the_policy_and_is_evaluated(scripted):
    Path("script.yaml").write_text("[{texts: ['고른 답: 서울\n정답: 1']}]", encoding="utf-8")
    run = koalign("run", "-s", "dpo.rounds=2", "-s", "candidates.source=none", code=0)
    assert run.stderr.count("no problem gave a pair: ") == 2  # in each round
    assert run.stderr.count("train SFT longer (sft.epochs)") == 2
    kept = "no pairs, so it keeps the weights of the SFT adapter"
    assert run.stderr.count(f"dpo: {kept}") == 2 and f"rft: {kept}" in run.stderr
    results = json.loads((EVALUATED / "results.json").read_text("utf-8"))
    assert list(results) == STEPS
    assert "dpo: no gain over sft" in koalign("show", code=0).stdout
    assert "nothing to do" in koalign("run", "-s", "dpo.rounds=2", code=0).stdout
    for settings in (
        (),
        ("-s", "pairs.guess_level=0.5"),
    ):  # nothing is lost, so no --force is asked for
        done = koalign("dpo-pairs", *settings, code=2)
        assert "no problem gave a pair" in done.stderr and "--force" not in done.stderr


def test_a_run_without_a_kept_hint_goes_on_where_an_earlier_stage_is_gone(scripted):
    settings = ("-s", "hints.min_characters=1200", "-s", "controls=off")
    koalign("run", "--seeds", "2", *settings, code=0)
    folders = RUN, RUN / "seed-1"
    results = [(folder / "evaluate/results.json").read_bytes() for folder in folders]
    assert not any((folder / "hints/replication.jsonl").exists() for folder in folders)
    assert "to do: nothing" in koalign("run", "--dry-run", *settings, code=0).stdout
    for gone in ("dpo", "evaluate"):
        for folder in folders:
            shutil.rmtree(folder / gone)
        koalign("run", "--seeds", "3", *settings, code=0)
        assert [(f / "evaluate/results.json").read_bytes() for f in folders] == results


def test_the_steps_before_hints_are_evaluated_on_request(ran):
    koalign("evaluate", "-s", "candidates.source=none", "--force", code=0)
    assert rows() == STEPS
    refused = koalign("abstractions", "-s", "candidates.source=none", "--force", code=2)
    assert "candidates.source" in refused.stderr
    assert koalign("evaluate", "--force", code=0)
    assert "solve" in rows()
