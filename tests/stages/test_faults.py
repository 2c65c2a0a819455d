"""Any file of a finished run, damaged in any way: each command says one line, or gives what it gave before."""

import os
import random
import re
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    path.symlink_to(os.path.relpath(RUN / ".lock", path.parent))


DAMAGES = [cut, cut_lines, emptied, flipped, braces, deleted, a_folder, a_link_out, a_link_inside]
LIST = ["adapters", "list"]
"""What is there; what is not there is not listed."""
COMMANDS = [
    LIST, ["show"], ["show", "--json"], ["adapters", "show", "dpo"], ["dpo-pairs"], ["evaluate"], ["run"],
    ["solve", "test.jsonl", "-o", "answers.jsonl"], ["compare", str(RUN), "--out", "compared"],
]  # fmt: skip
COPY = Path("copy")
UNREAD = re.compile(r"README\.md$|\.lock$")
"""Pages for people, which no command reads."""
PASSING = re.compile(r"\(nothing to do\)|\(?\d+\.\d s\)?|; \d+ s$", re.M)
"""What differs from one call to the next: times."""
SAYS_SO = re.compile(r"unfinished|broken: |stage \d+ of \d+|which is not in|not found")
"""That something is gone, or is made again."""


@pytest.fixture(scope="module")
def whole(scripted_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of this file's own, and a copy of its run folder to put back."""
    folder = tmp_path_factory.mktemp("faults") / "whole"
    shutil.copytree(scripted_run, folder)
    shutil.copytree(folder / RUN, folder / COPY)
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


@given(data=st.data(), damage=st.sampled_from(DAMAGES), seed=st.integers(0, 2**16))
def test_a_damaged_file_is_one_line_or_changes_nothing(whole, expected, data, damage, seed):
    paths = [path.relative_to(whole / COPY) for path in (whole / COPY).rglob("*") if path.is_file()]
    path = data.draw(st.sampled_from(sorted(p for p in paths if not UNREAD.search(p.as_posix()))))
    with chdir(whole):
        damage(RUN / path, random.Random(seed))
    try:
        for command in COMMANDS:
            one_line_or_unchanged(command, asked(whole, command), expected)
    finally:
        shutil.rmtree(whole / RUN)
        shutil.copytree(whole / COPY, whole / RUN)


def one_line_or_unchanged(command: list[str], done, expected: dict[str, str]) -> None:
    if done.returncode == 2:
        assert done.stderr.splitlines()[-1].startswith("koalign: ")
        return
    assert done.returncode == 0, done.stderr
    if command != LIST and not SAYS_SO.search(done.stdout):
        assert printed(done) == expected[" ".join(command)]
