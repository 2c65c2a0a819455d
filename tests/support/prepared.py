"""prepared: `koalign prepare` and what it wrote, read again."""

from pathlib import Path

from koalign.jsonl import read_json, read_jsonl
from koalign.records import Problem
from support.command import koalign

OUT = Path("runs/default/prepare")


def prepare(*arguments: str, code: int = 0):
    return koalign("prepare", "-s", "data.hints=null", *arguments, code=code)


def report() -> dict:
    return read_json(OUT / "report.json")


def reasons() -> dict[str, int]:
    return report()["dropped"]


def rows(split: str) -> list[Problem]:
    return read_jsonl(OUT / f"{split}.jsonl", Problem)
