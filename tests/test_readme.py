"""README and docs are true: every shell block runs as written, and the built-in example runs whole."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.command import ROOT, koalign
from support.pages import ENGLISH, blocks, run_block
from support.problems import exam, write_lines
from support.project import set_up

from koalign.jsonl import write_jsonl

EXAM = ROOT / "koalign" / "assets"
ROWS = ("base", "sft", "dpo", "solve", "votes_written")
WITH_BLOCKS = [page for page in ENGLISH if blocks(page)]


@pytest.fixture(scope="session")
def example(tmp_path_factory) -> Path:
    """A folder after `koalign run` on the built-in example with fewer problems, and files for other commands."""
    folder = tmp_path_factory.mktemp("example")
    config = yaml.safe_load((EXAM / "example.yaml").read_text(encoding="utf-8"))
    for source in ("csat/dev", "csat/test", "kmmlu/Reading-dev", "kmmlu/Reading-test"):
        with (EXAM / "exam" / f"{source}.csv").open(encoding="utf-8", newline="") as file:
            title, *rows = csv.reader(file)
        (folder / "exam" / source).parent.mkdir(parents=True, exist_ok=True)
        with (folder / "exam" / f"{source}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([title, *rows[: len(rows) * 2 // 5]])
    for split in ("dev", "test"):
        config["data"][split] = ["exam/csat", "exam/kmmlu"]
    for section, limit in (("sft", 1000), ("sample", 1500), ("hints", 400)):
        config[section]["limit"] = limit
    config["abstraction"]["epochs"] = 24  # as many steps on fewer hints
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = koalign("run", cwd=folder)
    assert done.returncode == 0, done.stderr

    problems = exam("dev")[:20]
    write_jsonl(folder / "problems.jsonl", problems)
    answered = {"problem": problems[0].model_dump(mode="json"), "text": "정답은 2번"}
    write_lines(folder / "completions.jsonl", [answered])
    for split, count in (("dev", 5), ("test", 40)):  # short enough for five shots in 512 tokens
        rows = [f"{split} {n}번은?,{n % 4 + 1},{n},{n + 1},{n + 2},{n + 3}" for n in range(count)]
        file = folder / "KMMLU" / "data" / f"Law-{split}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["question,answer,A,B,C,D", *rows, ""]), encoding="utf-8")
    return folder


def prepare(name: str, folder: Path, request: pytest.FixtureRequest) -> None:
    """Make the folder that a page names in `<!-- folder: NAME -->`."""
    folder.mkdir()
    if name == "scripted":
        set_up(folder)
    elif name == "clone":
        shutil.copytree(ROOT / "configs", folder / "configs")
    elif name in ("scripted_run", "example"):
        shutil.copytree(request.getfixturevalue(name), folder, dirs_exist_ok=True)
    else:
        assert name == "empty", f"no folder is called {name}"


def told_places(page: Path) -> dict[str, list[int]]:
    """Shots -> how often each place was answered, by the table of the KMMLU example."""
    rows = re.findall(r"^\| (\d) \|.*\| ([\d, ]+) \|$", page.read_text("utf-8"), re.M)
    return {shots: [int(n) for n in places.split(", ")] for shots, places in rows}


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_shell_block_of_a_page_runs(page, tmp_path, request):
    for block in blocks(page):
        folder = tmp_path / block.folder
        if not folder.exists():
            prepare(block.folder, folder, request)
        done = run_block(block, folder, tmp_path / "bin")
        assert done.returncode == 0, f"{block.script}\n{done.stdout}\n{done.stderr}"
    if page.name == "quickstart.md":
        for name in ("base", "sft"):
            text = (folder / "results" / name / "results.json").read_text(encoding="utf-8")
            assert json.loads(text)["n"] == 60
        assert (folder / "sft-adapter" / "adapter_model.safetensors").exists()
    if page.name == "examples-kmmlu.md":
        for shots, places in told_places(page).items():
            lines = (folder / f"results/shots-{shots}/predictions.jsonl").read_text("utf-8")
            answers = [json.loads(line)["answer"] for line in lines.splitlines()]
            found = [answers.count(str(n)) + answers.count("ABCD"[n - 1]) for n in range(1, 5)]
            assert np.allclose(found, places, atol=4), (
                shots,
                found,
            )  # another processor rounds otherwise


@pytest.mark.slow
def test_each_row_of_the_example_is_above_guessing_and_none_solves_the_exam(example):
    text = (example / "runs/default/evaluate/results.json").read_text(encoding="utf-8")
    results = json.loads(text)
    accuracy = {row: results[row]["accuracy"] for row in ROWS}
    assert all(results[row]["n"] == 399 for row in ROWS)
    assert min(accuracy.values()) > 0.3  # guessing: 0.215
    assert max(accuracy.values()) < 0.8
    probe = json.loads((example / "runs/default/dpo/probe.json").read_text(encoding="utf-8"))
    if not probe["kept_step"]:  # DPO kept its start
        assert accuracy["dpo"] == accuracy["sft"]
