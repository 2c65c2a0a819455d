"""The READMEs are true: every command runs as written, and the built-in example reaches its figures."""

import json
import re
import shlex
from pathlib import Path

import pytest
from support.command import ROOT, koalign
from support.problems import exam, write_lines

from koalign.data.formats.families import FORMATS
from koalign.data.prompting.prompts import template_names
from koalign.evaluation.protocols import protocol_names
from koalign.jsonl import write_jsonl

READMES = ("README.md", "README.ko.md")
ENTRIES = ("base", "sft", "dpo", "solve_bare", "solve")


def commands(name: str) -> list[list[str]]:
    """The koalign commands in the indented blocks of a README, in order."""
    found = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("    koalign "):
            found += [shlex.split(part, comments=True)[1:] for part in line.split("&&")]
    return found


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Path:
    """An empty folder in which the README's commands were run, in order, and nothing else."""
    folder = tmp_path_factory.mktemp("newcomer")
    write_jsonl(folder / "problems.jsonl", exam("dev")[:20])
    said = {"problem": exam("dev")[0].model_dump(mode="json"), "text": "정답은 2번"}
    write_lines(folder / "said.jsonl", [said])
    for split, count in (("dev", 5), ("test", 40)):  # short enough for five shots in 512 tokens
        rows = "".join(
            f"{split} {n}번은?,{n % 4 + 1},{n},{n + 1},{n + 2},{n + 3}\n" for n in range(count)
        )
        file = folder / "KMMLU" / "data" / f"Law-{split}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"question,answer,A,B,C,D\n{rows}", "utf-8")
    for command in commands("README.md"):
        where = folder / "own" if command[0] in ("init", "preview", "doctor") else folder
        where.mkdir(exist_ok=True)
        done = koalign(*command, cwd=where)
        assert done.returncode == 0, (command, done.stderr)
    return folder


def test_both_readmes_name_the_same_commands_options_and_files():
    first, second = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)
    assert commands("README.md") == commands("README.ko.md")
    # The same table: the Korean one may word its titles otherwise, but not its figures.
    numbers = [re.findall(r"\d+\.\d %|< 0\.001|\d\.\d{3}", text) for text in (first, second)]
    assert numbers[0] == numbers[1] and len(numbers[0]) >= 15


def test_both_readmes_list_every_format_template_and_protocol():
    for name in READMES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for known in [*(one.name for one in FORMATS), *template_names(), *protocol_names()]:
            assert f"`{known}`" in text, f"{name}: {known}"


@pytest.mark.slow
def test_every_command_of_the_readme_runs_in_an_empty_folder(chain):
    assert len((chain / "answers.jsonl").read_text(encoding="utf-8").splitlines()) == 20
    assert (chain / "own" / "koalign.yaml").exists()


@pytest.mark.slow
def test_the_example_reaches_its_figures_on_problems_it_never_saw(chain):
    done = koalign("evaluate", cwd=chain)
    assert done.returncode == 0, done.stderr
    path = chain / "runs" / "default" / "evaluate" / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    accuracy = {name: results[name]["accuracy"] for name in ENTRIES}
    assert all(results[name]["n"] == 1000 for name in ENTRIES)
    assert accuracy["base"] < 0.35
    assert accuracy["sft"] >= accuracy["base"] + 0.15
    assert accuracy["dpo"] > accuracy["sft"] and results["dpo"]["p_value"] < 0.05
    assert accuracy["solve"] >= accuracy["solve_bare"] + 0.10
    assert results["solve"]["p_value"] < 0.001
