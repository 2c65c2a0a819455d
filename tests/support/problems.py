"""Small problems in the shape of a user's file, and those of the built-in exam."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.records import Problem

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
