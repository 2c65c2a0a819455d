"""A run on questions with long answers, and a judge behind a real HTTP server."""

import json
import re
from collections import Counter
from contextlib import contextmanager

import yaml

from koalign.engines import call_queue
from koalign.jsonl import read_jsonl
from koalign.records import Drop
from support.command import RUN
from support.faulty_server import Server, faulty_server
from support.problems import LONG_ANSWERS, write_lines

BASE, SFT, DPO = 3, 2, 4
"""Grades of the greedy answers; a sample has one of 1 to 4."""


def graded(number: int) -> str:
    return f"{number}등급의 설명이다. 절차의 기한을 살피고 그 근거를 남긴다."


def with_long_answers(scripted, monkeypatch):
    """A run on questions with long answers, with a model that writes answers of four grades."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(call_queue, "FIRST_WAIT", 0.02)
    for name, rows in (
        ("train", LONG_ANSWERS[:12]),
        ("dev", LONG_ANSWERS[12:15]),
        ("test", LONG_ANSWERS[15:]),
    ):
        write_lines(scripted / f"{name}.jsonl", rows)
    script = [
        {"adapter": "sft", "texts": [graded(n) for n in (SFT, 1, 3, 4)]},
        {"adapter": "dpo", "texts": [graded(DPO)]},
        {"texts": [graded(BASE)]},
    ]
    (scripted / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    return scripted


SETTINGS = (
    "-s", "data.hints=null", "-s", "data.train=train.jsonl", "-s", "data.dev=dev.jsonl", "-s", "data.test=test.jsonl",
    "-s", "data.leaks=drop", "-s", "prompt.template=mna",
)  # fmt: skip


def grades(body) -> tuple[int, int]:
    prompt = body["messages"][-1]["content"]
    first, second = (re.search(rf"답안 {side}>\n(\d)등급", prompt)[1] for side in "AB")
    return int(first), int(second)


def by_grade(body) -> str:
    first, second = grades(body)
    return f"등급을 보았다.\n[[{'A' if first > second else 'B' if second > first else 'C'}]]"


@contextmanager
def judging(text=by_grade, **keys):
    """A judge, and the settings that name it."""
    with faulty_server(Server(text=text, **keys)) as server:
        yield server, (*SETTINGS, "-s", f"judge.url={server.url}", "-s", "judge.model=judge-1")


def read_result(name: str) -> dict:
    return json.loads((RUN / name).read_text(encoding="utf-8"))


def reasons() -> Counter:
    return Counter(drop.reason for drop in read_jsonl(RUN / "pairs" / "dropped.jsonl", Drop))
