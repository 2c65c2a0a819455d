"""project: a folder with problems, hints, a script that plays a model, and the config of a run."""

from __future__ import annotations

from pathlib import Path

import yaml

from koalign.data.formats.sources import read_source
from support.problems import CITIES, problem, write_lines


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
        "pairs": {"guess_level": None},  # the script is a guesser
    }
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return folder
