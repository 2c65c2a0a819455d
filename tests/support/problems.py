"""Small problems in the shape of a user's file, and those of the built-in exam."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.records import Problem

CITIES = ("서울", "부산", "대구", "광주")
TERMS = ("주식교환", "흡수합병", "영업양도", "공개매수")
SIDES = ("이사회", "채권자", "소수 주주", "자문사", "규제 당국")
LONG_ANSWERS = [
    {
        "question": f"{term}에서 {side}의 역할은 무엇인가?",
        "answer": f"{term}에서 {side}의 일은 절차의 기한과 계약의 조건을 살피고 그 근거를 서면으로 남기는 것이다.",
    }
    for term in TERMS
    for side in SIDES
]
"""Questions on M&A, in the shape of a user's file."""


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
    return [*read_source(str(ASSETS / "exam"), split).problems]
