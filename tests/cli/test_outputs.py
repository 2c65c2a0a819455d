"""No output takes the place of a file that the command reads, --force or not."""

import os

import pytest
from support.command import koalign
from support.problems import problem, write_lines


@pytest.fixture
def answered(scripted):
    """With a run, answers to grade, a folder of data, and other names of the files."""
    koalign("sft", code=0)
    rows = [{"problem": problem(n), "text": "정답: 1"} for n in range(3)]
    write_lines(scripted / "answers.jsonl", rows)
    (scripted / "data").mkdir()
    write_lines(scripted / "data" / "more.jsonl", [problem(n) for n in range(50, 53)])
    (scripted / "link.jsonl").symlink_to("train.jsonl")
    os.link(scripted / "answers.jsonl", scripted / "twin.jsonl")
    return scripted


@pytest.mark.parametrize(
    "arguments",
    [
        ("grade", "answers.jsonl", "-o", "answers.jsonl"), ("grade", "answers.jsonl", "-o", "twin.jsonl"),
        ("grade", "{path: answers.jsonl}", "-o", "./answers.jsonl"), ("solve", "train.jsonl", "--adapters", "sft", "-o", "train.jsonl"),
        ("solve", "test.jsonl", "--adapters", "sft", "-o", "link.jsonl"), ("solve", "data", "--adapters", "sft", "-o", "data/more.jsonl"),
        ("solve", "--adapters", "sft", "-o", "hints.jsonl"), ("mine", "-o", "train.jsonl"), ("distill", "-o", "test.jsonl"),
    ],
)  # fmt: skip
def test_force_never_writes_over_what_the_command_reads(arguments, answered):
    names = ("answers.jsonl", "train.jsonl", "test.jsonl", "hints.jsonl", "data/more.jsonl")
    before = [(answered / name).read_bytes() for name in names]
    said = koalign(*arguments, "--force", code=2).stderr.splitlines()[-1]
    assert (
        f"{arguments[-1].removeprefix('./')}: this command reads it, and would write over it"
        in said
    )
    assert [(answered / name).read_bytes() for name in names] == before


def test_another_file_in_the_folder_of_the_data_may_be_written(answered):
    for _ in range(2):
        koalign("solve", "data/more.jsonl", "--adapters", "sft", "-o", "data/answers.jsonl", "--force", code=0)  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [("grade", "answers.jsonl"), ("solve", "test.jsonl", "--adapters", "sft"), ("mine",)],
)
def test_json_lines_go_to_no_file_that_says_it_is_a_table(arguments, answered):
    said = koalign(*arguments, "-o", "new.csv", code=2).stderr
    assert "-o new.csv: JSON lines are written; end the name in .jsonl" in said
    assert not (answered / "new.csv").exists()
