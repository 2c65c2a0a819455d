"""documents: problems on people, a document a person that answers, and a script that is right with it alone."""

from __future__ import annotations

from pathlib import Path
from random import Random

import yaml

from support.command import koalign
from support.problems import CITIES, problem, write_lines
from support.project import set_up

TRAIN, TEST, OTHERS = range(12), range(100, 130), range(200, 204)
"""Numbers of the people in the run's splits, and of those whom only a document knows."""
ANSWERS = [f"고른 답: {city}\n정답: {n}" for n, city in enumerate(CITIES, start=1)]


def person(number: int) -> str:
    """A name of three syllables."""
    return "".join(chr(Random(number * 3 + n).randrange(0xAC00, 0xD7A4)) for n in range(3))


def record(number: int) -> str:
    """The text that answers the question on a person."""
    return f"기록에 {person(number)}이 사는 고을은 {CITIES[number % 4]}이라고 한다."


def question(number: int) -> dict:
    """A problem that only the document of its person answers."""
    asked = f"{person(number)}이 사는 고을은?"
    subject = "인물" if number % 2 else "고을"
    return problem(number, question=asked, passage="", group="", key=f"q-{number}", subject=subject)


def set_up_documents(folder: Path) -> Path:
    """A project whose script answers at random without the document of its problem, and right with it."""
    set_up(folder)
    write_lines(folder / "train.jsonl", [question(n) for n in TRAIN])
    write_lines(folder / "test.jsonl", [question(n) for n in TEST])
    write_lines(folder / "others.jsonl", [question(n) for n in OTHERS])
    (folder / "docs").mkdir()
    script = []
    for n in (*TRAIN, *TEST, *OTHERS):
        (folder / "docs" / f"{n}호.txt").write_text(record(n), "utf-8")
        seen = [f"{n}호: {record(n)}", f"문제: {person(n)}이"]
        script.append({"contains": seen, "texts": [ANSWERS[n % 4]]})
    script.append({"texts": ANSWERS})
    (folder / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    config = yaml.safe_load((folder / "koalign.yaml").read_text("utf-8"))
    config["data"].pop("hints")
    config |= {"corpus": {"sources": [{"path": "docs", "licence": "CC0"}]}}
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return folder


def with_passages(folder: Path) -> Path:
    """The same with a policy, an index and passages."""
    set_up_documents(folder)
    for command in ("sft", "index", "retrieve", "dpo-pairs", "dpo"):
        koalign(command, code=0, cwd=folder)
    return folder
