"""Runs and folders that the tests of the board share, and charts that are drawn at once."""

from __future__ import annotations

import json
import re
import shutil
from html import escape
from pathlib import Path

import pytest
import yaml
from support.command import koalign
from support.problems import problem, write_lines


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> Path:
    """Indexes and charts, drawn once for all tests."""
    return tmp_path_factory.mktemp("board")


@pytest.fixture
def quick_charts(monkeypatch) -> None:
    """A chart is the words of its marks; `test_board_browser` draws real ones."""

    from koalign.serving.board import charts

    def draw(kind, rows, options) -> str:
        marks = (
            f'<path aria-label="{escape(str(row["words"]))}" role="graphics-symbol"/>'
            for row in rows
        )
        return f"<svg>{''.join(marks)}</svg>"

    monkeypatch.setattr(charts, "_draw", draw)


@pytest.fixture(scope="session")
def hostile_run(scripted_run, tmp_path_factory) -> Path:
    """The scripted run with a script in each question, passage, choice, key, source and answer."""
    from support.board import SCRIPT

    folder = tmp_path_factory.mktemp("hostile") / "project"
    shutil.copytree(scripted_run, folder, ignore=shutil.ignore_patterns("runs"))

    def hostile(number: int) -> dict:
        given = problem(number)
        return given | {
            "question": f"{SCRIPT} {given['question']}",
            "passage": f"{SCRIPT} {given['passage']}",
            "choices": [f"{choice} {SCRIPT}" for choice in given["choices"]],
            "key": f"{SCRIPT}{number}",
            "subject": SCRIPT,
        }

    write_lines(folder / "train.jsonl", [hostile(n) for n in range(24)])
    write_lines(folder / "test.jsonl", [hostile(n) for n in range(100, 116)])
    write_lines(folder / "hints.jsonl", [])
    text = (folder / "koalign.yaml").read_text("utf-8")
    text = text.replace("  hints: hints.jsonl\n", "  leak_overlap: 1\n  near_duplicates: 1\n")
    (folder / "koalign.yaml").write_text(text, "utf-8")
    script = yaml.safe_load((folder / "script.yaml").read_text("utf-8"))
    for line in script:
        line["texts"] = [re.sub("(고른 답: .+)", rf"\1 {SCRIPT}", text) for text in line["texts"]]
    (folder / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    done = koalign("run", cwd=folder)
    assert done.returncode == 0, done.stderr
    run = folder / "runs" / "default"
    abstraction = {
        "problem_id": "0" * 16, "text": SCRIPT, "counts": {"bare": {"right": 1, "n": 2}}, "score": None,
        "verdicts": {"static": SCRIPT}, "kept": False,
    }  # fmt: skip
    (run / "hints").mkdir(exist_ok=True)
    write_lines(run / "hints" / "abstractions.jsonl", [abstraction])
    first = json.loads((run / "prepare" / "test.jsonl").read_text("utf-8").splitlines()[0])
    leak = {"kind": SCRIPT, "share": 1.0, "learned": first, "evaluated": first}
    (run / "prepare" / "leaks.json").write_text(
        json.dumps({"overlap": 0.8, "found": [leak]}), "utf-8"
    )
    drop = {
        "stage": "prepare",
        "reason": SCRIPT,
        "problem_id": "",
        "key": SCRIPT,
        "place": SCRIPT,
        "detail": SCRIPT,
    }
    write_lines(run / "prepare" / "dropped.jsonl", [drop])
    return folder / "runs"


@pytest.fixture
def benchmarks(scripted_run, tmp_path) -> Path:
    """Two folders as `koalign benchmark` leaves them, without a run."""
    root = tmp_path / "results"
    for name in ("base", "sft"):
        shutil.copytree(scripted_run / "runs" / "default" / "evaluate" / name, root / name)
    return root


@pytest.fixture
def written(scripted_run, tmp_path) -> Path:
    """What `benchmark --diagnose`, `solve --report` and `mine` leave beside their output."""
    from support.diagnosed import run as diagnosed

    from koalign.evaluation.results import Prediction
    from koalign.jsonl import write_json
    from koalign.mining.mistakes.mistakes import AnsweredProblem, select_mistakes
    from koalign.records import Problem

    root = tmp_path / "results"
    (root / "eval").mkdir(parents=True)
    diagnosed(root / "eval", "diagnosis")
    solving = scripted_run / "runs" / "default" / "evaluate" / "solving.json"
    shutil.copyfile(solving, root / "answers.report.json")
    choices = ("서울", "부산")
    problems = [Problem(question=f"{n}번?", choices=choices, answers=(1,)) for n in range(12)]
    wrong = [
        Prediction(
            id=p.id, answer="2", gold=("1",), correct=False, why="mismatch", scores={"acc": 0.0}
        )
        for p in problems
    ]
    answered = [AnsweredProblem(*pair) for pair in zip(problems, wrong, strict=True)]
    mining = select_mistakes(answered, take=4, clusters=None, replay=0.25, seed=0)
    write_json(root / "hard.clusters.json", mining.mined.model_dump(mode="json"))
    return root
