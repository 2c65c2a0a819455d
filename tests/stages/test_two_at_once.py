"""Two commands at once: one is refused in a line, or both are right; no file is mixed or half."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.command import ROOT, RUN, koalign
from support.meetings import meeting, operations
from support.problems import problem, write_lines
from support.refusals import refused

from koalign.adapters.export import begun
from koalign.hashing import WORK
from koalign.jsonl import JsonlAppender, write_atomically
from koalign.locking import alone, locked
from koalign.records import Drop, KoalignError

BUSY = "another koalign is at work in this run folder"
WRITERS = {
    "run": ["run"], "sft": ["sft"], "dpo-pairs": ["dpo-pairs"], "evaluate": ["evaluate"],
    "abstractions": ["abstractions"], "index": ["index"], "retrieve": ["retrieve"],
    "forced": ["dpo", "--force"], "a shard": ["dpo-pairs", "--shard", "1/2"],
    "solve": ["solve", "test.jsonl", "-o", "a.jsonl"], "mine": ["mine", "-o", "m.jsonl"],
    "distill": ["distill", "-o", "d.jsonl"], "prune": ["adapters", "prune", "--yes"],
}  # fmt: skip
READERS = (
    ["show"], ["show", "--json"], ["adapters", "list"], ["adapters", "show", "sft"],
    ["run", "--dry-run"], ["compare", str(RUN)],
)  # fmt: skip


@pytest.mark.parametrize("command", WRITERS.values(), ids=WRITERS)
def test_what_writes_into_a_run_is_refused_while_another_does(ran, command):
    before = {path: path.stat().st_mtime_ns for path in RUN.rglob("*") if path.is_file()}
    with locked(RUN):
        said = koalign(*command, code=2).stderr.splitlines()
    assert said[-1] == f"koalign: {RUN}: {BUSY}"
    assert {p: p.stat().st_mtime_ns for p in RUN.rglob("*") if p.is_file()} == before
    assert not [path for path in ("a.jsonl", "m.jsonl", "d.jsonl") if Path(path).exists()]


def test_the_lock_of_a_stopped_process_holds_and_that_of_a_killed_one_is_free(scripted):
    program = "import sys, time, pathlib\nfrom koalign.locking import locked\n" \
        f"with locked(pathlib.Path('{RUN}')): print(1, flush=True); time.sleep(300)"  # fmt: skip
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert holder.stdout and holder.stdout.readline()
    holder.send_signal(signal.SIGSTOP)
    assert BUSY in koalign("prepare", code=2).stderr
    holder.kill()
    holder.wait()
    koalign("prepare", code=0)


def test_readers_beside_a_writer_end_in_a_line_and_change_nothing(folder, scripted_run):
    for name in ("whole", "read"):
        shutil.copytree(scripted_run, folder / name)
    force = ("dpo-pairs", "--force", "-s", "sample.n=6")
    total = operations(folder, lambda: koalign(*force, cwd=folder / "whole", code=0))
    assert total > 30
    said = []

    def read(number: int) -> None:
        if number % 7 == 0:
            said.extend(koalign(*command, cwd=folder / "read") for command in READERS)

    with meeting(folder, read):
        koalign(*force, cwd=folder / "read", code=0)
    assert len(said) >= len(READERS) * 4
    assert not [s.stderr for s in said if s.returncode not in (0, 2) or "Traceback" in s.stderr]
    files = [{p.relative_to(folder / f): p.read_bytes() for p in (folder / f / RUN).glob("pairs/*.jsonl")}
             for f in ("whole", "read")]  # fmt: skip
    assert files[0] == files[1] and files[0]


def _no_lock(file: int, kind: int) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def _lock_of_nfs(file: int, kind: int, flock=fcntl.flock) -> None:
    """NFS makes byte-range locks of them: one that is exclusive takes a file that is open for writing."""
    if kind & fcntl.LOCK_EX and not fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    flock(file, kind)


@pytest.mark.parametrize("lock", [fcntl.flock, _lock_of_nfs, _no_lock])
def test_the_last_of_two_writers_of_a_file_stays_and_it_is_whole(tmp_path, monkeypatch, lock):
    monkeypatch.setattr(fcntl, "flock", lock)
    path, left = tmp_path / "x.json", tmp_path / "x.json.part"
    left.touch()
    write_atomically(path, "first")
    assert left.exists() == (lock is _no_lock)  # where nobody knows whether it is still written
    left.unlink(missing_ok=True)
    for at in range(1, 1 + operations(tmp_path, lambda: write_atomically(path, "first"))):
        act = lambda number, at=at: number == at and write_atomically(path, ["sec", "ond"])  # noqa: E731
        with meeting(tmp_path, act):
            write_atomically(path, ["fir", "st"])
        assert path.read_text("utf-8") in ("first", "second")
        assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_of_two_that_write_nothing_over_one_is_refused_and_the_other_stays(tmp_path):
    write_atomically(tmp_path / "0" / "x.json", "first", over=False)
    total = operations(tmp_path, lambda: write_atomically(tmp_path / "n" / "x", "", over=False))
    for at in range(2, 1 + total):
        path, done = tmp_path / str(at) / "x.json", []

        def write(text, path=path, done=done):
            try:
                write_atomically(path, text, over=False)
                done.append(text)
            except KoalignError as error:
                assert str(error) == f"{path} is there already; nothing is written over"

        with meeting(tmp_path, lambda number, at=at, write=write: number == at and write("second")):
            write("first")
        assert [path.read_text("utf-8")] == done
        assert [p.name for p in path.parent.iterdir()] == ["x.json"]


def test_threads_that_write_one_file_a_thousand_times_leave_it_whole(tmp_path):
    path, found = tmp_path / "x", []

    def work(letter: str) -> None:
        try:
            for _ in range(300):
                write_atomically(path, [letter * 3000, letter * 3000])
                text = path.read_text("utf-8")
                assert len(text) == 6000 and len(set(text)) == 1
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=work, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not found and [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_file_is_appended_to_by_one_process(tmp_path):
    drop = Drop(stage="prepare", reason="empty")
    with JsonlAppender(tmp_path / "x.jsonl", Drop) as file:
        file.append([drop])
        with refused("x.jsonl: another koalign is at work on this file"):
            JsonlAppender(tmp_path / "x.jsonl", Drop)
    with JsonlAppender(tmp_path / "x.jsonl", Drop) as file:
        assert file.done == [drop]


def test_a_file_that_was_replaced_while_it_was_opened_is_not_appended_to(tmp_path, monkeypatch):
    path, flock = tmp_path / "x.jsonl", fcntl.flock

    def replaced(file: int, kind: int) -> None:
        (tmp_path / "new").write_text("of another process\n", "utf-8")
        (tmp_path / "new").rename(path)
        flock(file, kind)

    path.write_text("old\nhalf", "utf-8")
    monkeypatch.setattr(fcntl, "flock", replaced)
    with refused("x.jsonl: another koalign is at work on this file"):
        JsonlAppender(path, Drop)
    assert path.read_text("utf-8") == "of another process\n"


def test_two_runs_do_not_answer_into_one_file(ran):
    shutil.copytree(RUN, "runs/other")
    command = ("solve", "test.jsonl", "-o", "a.jsonl")
    with JsonlAppender(Path("a.jsonl"), Drop):
        for force in ((), ("--force",)):
            said = koalign(*command, "--run-dir", "runs/other", *force, code=2)
            assert "a.jsonl: another koalign is at work on this file" in said.stderr
    koalign(*command, code=0)


OUTPUTS = {
    "init": ["init", "new.yaml"],
    "init --data": ["init", "new.yaml", "--data", "train.jsonl"],
    "grade": ["grade", "done.jsonl", "-o", "g.jsonl"],
    "compare": ["compare", str(RUN), "--out", "c"],
}


@pytest.mark.parametrize("command", OUTPUTS.values(), ids=OUTPUTS)
def test_of_two_commands_with_one_output_one_writes_it_and_the_other_says_so(ran, command):
    if command[0] == "grade":
        koalign("solve", "test.jsonl", "-o", "done.jsonl", code=0)
    koalign(*command, code=0)
    out = Path(command[-1] if command[0] != "init" else "new.yaml")
    whole = _content(out)
    for at in range(1, 12, 2):
        shutil.rmtree(out) if out.is_dir() else out.unlink()
        second = []
        act = lambda n, at=at, done=second: n == at and done.append(koalign(*command))  # noqa: E731
        with meeting(Path.cwd(), act):
            first = koalign(*command)
        assert _content(out) == whole
        ended = sorted([first.returncode, *(one.returncode for one in second)])
        assert ended in ([0], [0, 2])
        for one in (first, *second):
            assert "Traceback" not in one.stderr
            if one.returncode:
                assert (
                    "is there already" in one.stderr or "another koalign is at work" in one.stderr
                )


def _content(path: Path) -> dict[str, bytes]:
    paths = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {p.name: p.read_bytes() for p in paths}


def test_a_folder_that_two_make_is_made_by_one_and_holds_nothing_of_a_killed_one(tmp_path):
    out, left = tmp_path / "out", tmp_path / "out.part"
    left.mkdir()
    (left / "half").touch()
    with begun(out) as new:
        assert not [*new.iterdir()]
        (new / "whole").touch()
        with refused("another koalign is at work there"), begun(out):
            pass
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "whole"]
    with refused("is there already"), begun(out):
        pass


def test_what_a_folder_is_made_in_is_no_link_to_somebody_s_files(tmp_path):
    mine = tmp_path / "mine"
    write_atomically(mine / "x", "mine")
    (tmp_path / "out.part").symlink_to(mine)
    with refused("out.part: a link to "), begun(tmp_path / "out"):
        pass
    assert (mine / "x").read_text("utf-8") == "mine"


def test_a_folder_for_an_output_is_held_by_one_and_nothing_is_left_in_it(tmp_path):
    with alone(tmp_path / "c"), refused("another koalign is at work there"), alone(tmp_path / "c"):
        pass
    with alone(tmp_path / "c"):
        assert not [*(tmp_path / "c").iterdir()]


def test_a_folder_for_an_output_is_made_again_where_it_was_renamed_while_it_was_opened(
    tmp_path, monkeypatch
):
    folder, done, flock = tmp_path / "c", tmp_path / "done", fcntl.flock

    def renamed(file: int, kind: int) -> None:
        if not done.exists():
            folder.rename(done)
        flock(file, kind)

    monkeypatch.setattr(fcntl, "flock", renamed)
    with alone(folder):
        assert folder.is_dir() and done.is_dir()


def test_a_lock_is_taken_again_where_the_folder_was_removed_while_it_was_waited_for(tmp_path):
    work, order = tmp_path / WORK, []

    def wait() -> None:
        with locked(work, wait=True):
            order.append((work / ".lock").exists())

    with locked(work):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.2)
        shutil.rmtree(work)
    waiting.join(10)
    assert order == [True]


def test_two_shards_draw_at_once_and_one_shard_is_not_drawn_twice(ran):
    shutil.rmtree(RUN / "evaluate")
    command, second = ("evaluate", "--shard"), []

    def other(number: int) -> None:
        if not second and (RUN / "evaluate" / WORK / "1-of-2" / "plan.json").exists():
            second.append(koalign(*command, "2/2"))
            second.append(koalign(*command, "1/2"))

    with meeting(RUN, other):
        koalign(*command, "1/2", code=0)
    assert [one.returncode for one in second] == [0, 2], second
    assert BUSY in second[1].stderr and "Traceback" not in second[1].stderr
    koalign("evaluate", code=0)


def test_a_lock_of_another_user_is_a_line(scripted, monkeypatch):
    write_lines(Path("more.jsonl"), [problem(1)])
    koalign("prepare", code=0)
    opened = os.open

    def forbidden(path, *arguments, **options):
        if Path(path).name == ".lock":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", forbidden)
    said = koalign("sft", code=2).stderr
    assert said.endswith(f"koalign: {RUN}: cannot be written (Permission denied)\n")
    koalign("show", code=0)
