"""Shared fixtures: small problem files, a script that plays a model, and the koalign command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from koalign.config import ASSETS
from koalign.data.formats.sources import read_source
from koalign.records import Problem

os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).parent.parent
KOALIGN = [sys.executable, "-c", "from koalign.cli import main; main()"]
CITIES = ("서울", "부산", "대구", "광주")


def problem(number: int, **changes: object) -> dict:
    """A problem with the answer 1, 2, 3 or 4, in the shape of a user's file."""
    return {
        "question": f"{number}번 사람이 사는 곳은?",
        "passage": f"어느 마을의 기록이다. {number}번 사람은 {CITIES[number % 4]}에 산다.",
        "choices": list(CITIES),
        "answer": number % 4 + 1,
        "group": f"g{number}",
        **changes,
    }


def write_lines(path: Path, rows: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


@cache
def exam(split: str) -> list[Problem]:
    """The problems of the built-in exam, read as a user's run reads them."""
    return read_source(str(ASSETS / "exam"), split).problems


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Tests of GPUs are left out, not skipped, where there is none."""
    if collection_path.name != "gpu":
        return None
    import torch

    return None if torch.cuda.is_available() else True


LONGEST = [
    f"test_{name}.py"
    for name in ("readme", "processes", "kill", "hint_training", "lm_eval_agreement", "engines")
]
"""Files in the order of what they take, the longest first: minutes each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first, so that two workers end together."""
    items.sort(
        key=lambda item: (
            LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)
        )
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests of a file, because some thousand folders take longer to make than to read."""
    return tmp_path_factory.mktemp("corrupt")


@pytest.fixture
def scripted(folder: Path) -> Path:
    """A folder with a koalign.yaml, forty problems, hints, and a script instead of a model.

    The script answers alone at random; with the hint that names the place it is always right.
    """
    return set_up(folder)


@pytest.fixture(scope="session")
def scripted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = set_up(tmp_path_factory.mktemp("scripted"))
    done = koalign("run", cwd=made)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def ran(folder: Path, scripted_run: Path) -> Path:
    """As `scripted`, after `koalign run`."""
    shutil.copytree(scripted_run, folder, dirs_exist_ok=True)
    return folder


def set_up(folder: Path) -> Path:
    write_lines(folder / "train.jsonl", [problem(n) for n in range(24)])
    write_lines(folder / "test.jsonl", [problem(n) for n in range(100, 116)])
    hints = []
    for one in read_source(str(folder / "train.jsonl"), "train").problems:
        number = int(one.answers[0])
        hints += [
            {"problem_id": one.id, "text": f"기록의 {number}째 고을을 본다."},
            {"problem_id": one.id, "text": "기록을 천천히 읽어 본다."},
            {"problem_id": one.id, "text": f"정답은 {number}번이다."},
        ]
    write_lines(folder / "hints.jsonl", hints)
    answers = [f"고른 답: {city}\n정답: {n}" for n, city in enumerate(CITIES, start=1)]
    script = [
        {"contains": ["풀이의 실마리를 쓰시오"], "texts": ["기록의 1째 고을을 본다."]},
        {"contains": ["문제: 알맞은 것은?"], "texts": answers},
        *(
            {"contains": [f"실마리: 기록의 {n}째"], "texts": [answers[n - 1]]}
            for n in range(1, 5)
        ),
        {"texts": answers},
    ]  # fmt: skip
    (folder / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    config = {
        "model": {"path": "none"},
        "data": {"train": "train.jsonl", "test": "test.jsonl", "hints": "hints.jsonl"},
        "engine": {"backend": "scripted", "script": "script.yaml"},
        "sample": {"n": 8},
    }
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return folder


def koalign(
    *arguments: str, cwd: Path | None = None, **changes: str
) -> subprocess.CompletedProcess:
    """The command as a user runs it, in a process of its own."""
    return subprocess.run(
        [*KOALIGN, *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "160", **changes},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
