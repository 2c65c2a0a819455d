"""Messages say what to do next, on any console."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.command import KOALIGN, koalign, koalign_process
from support.problems import problem, write_lines

from koalign.evaluation.stats.wording import in_words


def test_reasons_are_words():
    assert in_words({"all_right": 1200, "too_long": 3}) == "all right 1,200, too long 3"
    assert in_words({}) == "none"


def test_a_console_without_a_sign_for_a_character_stops_nothing(scripted):
    rows = [problem(n, question=f"🚀 {n}번 – 사람이 사는 곳은? \u200b𠮷 é") for n in range(4)]
    write_lines(Path("train.jsonl"), rows)
    for encoding, command, code in [
        ("cp949", ["preview"], 0), ("ascii", ["preview"], 0), ("cp949", ["grade", "없는 🚀.jsonl"], 2),
    ]:  # fmt: skip
        environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
        done = subprocess.run([*KOALIGN, *command], env=environment, capture_output=True)
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr


def test_json_is_whole_where_the_console_lacks_a_character(folder):
    row = {"problem": problem(1, key="문항 🚀"), "text": "정답: 1"}
    write_lines(Path("answers.jsonl"), [row])
    for encoding in ("cp949", "ascii", "utf-8"):
        done = koalign_process("grade", "answers.jsonl", PYTHONIOENCODING=encoding)
        assert done.returncode == 0 and json.loads(done.stdout)["key"] == "문항 🚀"
        assert ("문항" in done.stdout) == (encoding == "utf-8")


def test_a_folder_without_a_config_is_told_that_the_example_is_used(tmp_path):
    write_lines(tmp_path / "train.jsonl", [problem(1)])
    preview = ["preview", "-s", "data.train=train.jsonl"]
    line = "no koalign.yaml here: the built-in example is used"
    assert koalign(*preview, code=0, cwd=tmp_path).stderr.count(line) == 1
    assert line not in koalign("preview", "-s", "data.trian=x", code=2, cwd=tmp_path).stderr
    for name in ("own.yaml", "koalign.yaml"):
        koalign("init", name, code=0, cwd=tmp_path)
    assert line not in koalign(*preview, code=0, cwd=tmp_path).stderr
    (tmp_path / "koalign.yaml").unlink()
    assert line not in koalign(*preview, "-c", "own.yaml", code=0, cwd=tmp_path).stderr


@pytest.mark.parametrize("command", ["solve test.jsonl -o o.jsonl", "benchmark direct"])
def test_swapped_roles_are_refused_with_the_right_order(ran, command):
    done = koalign(*command.split(), "--adapters", "answer,abstraction", code=2)
    assert "the first step writes the hint" in done.stderr
    assert "give `--adapters abstraction,answer`" in done.stderr


def test_hints_that_are_cut_off_are_told_with_what_they_cost(ran):
    command = ["solve", "test.jsonl", "-o", "o.jsonl"]
    assert "cut off" not in koalign(*command, code=0).stderr
    done = koalign(*command, "--force", "-s", "solve.max_tokens=20", code=0)
    assert "hints were cut off at solve.max_tokens" in done.stderr
    assert "Raise solve.max_tokens" in done.stderr


@pytest.mark.parametrize(
    "command", ["prepare --run-dir=", "prepare --run-dir ·", "adapters prune ·"]
)
def test_an_empty_value_is_refused_and_no_name_of_the_working_folder(command, folder):
    arguments = ["" if part == "·" else part for part in command.split()]
    said = koalign(*arguments, code=2).stderr
    assert said.endswith("is a variable of the shell not set?\n") and said.count("\n") == 1
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "command",
    ["benchmark csat --data a.csv --data b.csv", "adapters export dpo -o a -o b", "serve --port 1 --port 2"],
)  # fmt: skip
def test_an_option_of_one_value_is_not_taken_twice(command, folder):
    said = koalign(*command.split(), code=2).stderr
    assert "is given twice, and takes one value" in said and said.count("\n") == 1


def test_a_closed_stdout_is_no_traceback(folder):
    write_lines(Path("answers.jsonl"), [{"problem": problem(1), "text": "정답: 1"}])
    closed = ["bash", "-c", 'exec "$@" >&-', "bash", *KOALIGN, "grade", "answers.jsonl"]
    done = subprocess.run(closed, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    assert done.returncode == 0 and "Traceback" not in done.stderr
