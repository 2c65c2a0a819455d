"""Commands that read a stage of a run say where it was made of other files than the run has now."""

from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.problems import problem, write_lines

DPO = "runs/default/dpo was made of another sft/adapter; it is used as it is, and `koalign dpo --force`"
EVALUATE = (
    "runs/default/evaluate was made of another sft/adapter; it is used as it is, and `koalign eva"
)


@pytest.fixture
def older(ran):
    """A run whose `sft` was made again, and nothing of what was made of it."""
    koalign("sft", "--force", "-s", "sft.rank=4", code=0)
    return ran


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("solve", "test.jsonl", "--adapters", "dpo", "-o", "o.jsonl"), [DPO]),
        (("solve", "test.jsonl", "--adapters", "abstraction,answer", "-o", "o.jsonl"), [DPO]),
        (("solve", "test.jsonl", "--adapters", "sft", "-o", "o.jsonl"), []),
        (("benchmark", "direct", "--data", "test.jsonl", "--mode", "generate"), [DPO]),
        (("adapters", "show", "dpo"), [DPO]),
        (("compare", "runs/default"), [EVALUATE, DPO]),
        (("compare", "runs/default/evaluate/base", "runs/default/evaluate/dpo"), [EVALUATE, DPO]),
        (("mine", "runs/default", "--problems", "dev.jsonl", "-o", "m.jsonl"), [EVALUATE, DPO]),
    ],
)  # fmt: skip
def test_what_a_command_takes_of_a_run_is_said_to_be_older(older, arguments, said):
    write_lines(Path("dev.jsonl"), [problem(n, split="dev") for n in range(100, 116)])
    err = koalign(*arguments).stderr
    assert [line for line in said if line not in err] == [], err
    assert ("was made of another" in err) == bool(said)
    assert err.count(DPO) <= 1


def test_nothing_is_older_in_a_run_that_is_made_again_as_it_was(ran):
    koalign("prepare", "--force", code=0)
    for arguments in (("compare", "runs/default"), ("adapters", "show", "answer")):
        assert "was made of another" not in koalign(*arguments, code=0).stderr


def test_a_damaged_stage_beside_it_is_no_business_of_another(ran):
    (RUN / "hints" / "manifest.json").write_text("[", "utf-8")
    koalign("adapters", "show", "dpo", code=0)


def test_another_file_that_is_not_there_is_said_to_play_no_part(ran):
    said = koalign("evaluate", "-s", "data.test=nope.jsonl", code=0).stderr
    assert "prepare was made with data.test = ['test.jsonl'], and it is now ['nope.jsonl']" in said
    Path("train.jsonl").unlink()
    assert "prepare was made" not in koalign("evaluate", code=0).stderr
