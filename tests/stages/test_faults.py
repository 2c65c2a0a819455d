"""Any file of a finished run, damaged in any way: each command says one line, or gives what it gave before."""

import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command import RUN, koalign

Damage = Callable[[Path, random.Random], None]


def cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_lines(path: Path, chance: random.Random) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))


def emptied(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def flipped(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes() or b"\n")
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def braces(path: Path, chance: random.Random) -> None:
    path.write_text("{}", encoding="utf-8")


def deleted(path: Path, chance: random.Random) -> None:
    path.unlink()


def a_folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


def a_link_out(path: Path, chance: random.Random) -> None:
    outside = Path("outside.txt")
    outside.write_bytes(path.read_bytes() + b"\n")
    path.unlink()
    path.symlink_to(os.path.relpath(outside, path.parent))


def a_link_inside(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.symlink_to(os.path.relpath(RUN / "prepare" / "report.html", path.parent))


DAMAGES = [cut, cut_lines, emptied, flipped, braces, deleted, a_folder, a_link_out, a_link_inside]
COMMANDS = [
    ["show"], ["show", "--json"], ["adapters", "list"], ["dpo-pairs"], ["evaluate"], ["run"],
    ["solve", "test.jsonl", "-o", "answers.jsonl"], ["compare", str(RUN), "--out", "compared"],
]  # fmt: skip
"""Those that only read first: `run` may make again what is gone."""
UNREAD = re.compile(r"README\.md$|\.html$|\.lock$")
"""Pages for people, which no command reads."""
PASSING = re.compile(r"\(nothing to do\)|\(?\d+\.\d s\)?|; \d+ s$", re.M)
"""What differs from one call to the next: times."""


@pytest.fixture(scope="module")
def whole(scripted_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished run of this file's own."""
    folder = tmp_path_factory.mktemp("faults") / "whole"
    shutil.copytree(scripted_run, folder)
    return folder


def printed(done) -> str:
    return PASSING.sub("", done.stdout)


def asked(folder: Path, command: list[str]):
    for made in ("answers.jsonl", "compared"):
        path = folder / made
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return koalign(*command, cwd=folder)


@pytest.fixture(scope="module")
def expected(whole: Path) -> dict[str, str]:
    """What each command prints of the whole run."""
    answers = {}
    for command in COMMANDS:
        done = asked(whole, command)
        assert done.returncode == 0, done.stderr
        answers[" ".join(command)] = printed(done)
    return answers
