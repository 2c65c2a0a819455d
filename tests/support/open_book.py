"""open_book: the open-book subject of the built-in exam, and a reader that looks facts up in its documents."""

from __future__ import annotations

import json
import re
from functools import cache

from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.records import Problem

FOLDER = ASSETS / "open-book"
KINDS = {"records": "기록", "notices": "소식", "rumours": "소문"}
"""File of documents -> what their titles end with."""


@cache
def questions(split: str) -> list[Problem]:
    """The questions of a split, read as a user's run reads them."""
    return [*read_source(str(FOLDER / "questions"), split).problems]


@cache
def documents(kind: str) -> dict[str, str]:
    """Title -> text of the documents of a file."""
    lines = (FOLDER / "documents" / f"{kind}.jsonl").read_text("utf-8").splitlines()
    return {row["title"]: row["text"] for row in map(json.loads, lines)}


def village_of(problem: Problem) -> str:
    """The village that a question is about: `솔골 마을`."""
    return re.match(r"\w+ 마을", problem.question)[0]


def document_of(problem: Problem, kind: str) -> str:
    """The text of that kind about the village; empty: there is none."""
    return documents(kind).get(f"{village_of(problem)} {KINDS[kind]}", "")


def look_up(problem: Problem, text: str) -> int | None:
    """The number of the choice that a text has for the person of the question, if it has one."""
    person = re.match(r"\w+ 마을의 (\w\w)", problem.question)[1]
    for sentence in re.split(r"(?<=[.]) ", text):
        for number, choice in enumerate(problem.choices, start=1):
            if f" {person}" in f" {sentence}" and f" {choice}" in f" {sentence}":
                return number
    return None
