"""events.jsonl: whole lines, numbered without a gap, nothing twice, whoever is killed and whatever is broken."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.events import event, events_of

from koalign.plans import Plan, write_plan
from koalign.records import KoalignError
from koalign.tracking.entries import Entries
from koalign.tracking.events import EVENTS, EventLog, EventReader, training_log

OUTSIDE = json.dumps(event(9, stage="../other")).encode()
WRITER = """
import sys; from pathlib import Path; from koalign.tracking.events import EventLog
log = EventLog(Path(sys.argv[1]))
for step in range(int(sys.argv[3])): log.append("metrics", sys.argv[2], "p", step=step, values={"loss": 1.0})
"""


def write(run: Path, stage: str, lines: int, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(run), stage, str(lines)],
        stderr=subprocess.PIPE,
        **options,
    )


def sequences(run: Path) -> list[int]:
    return [event["sequence"] for event in events_of(run)]


def test_processes_that_write_at_once_leave_whole_lines_in_one_count(tmp_path):
    writers = [write(tmp_path, name, 200) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert sequences(tmp_path) == list(range(1, 601))
    for name in "abc":
        steps = [e["step"] for e in events_of(tmp_path) if e["stage"] == name]
        assert steps == list(range(200))


def test_a_training_killed_again_and_again_is_written_without_a_gap_or_a_repeat(tmp_path):
    for lines in (50, 150):
        writer = write(tmp_path, "sft", 100_000)
        until = time.monotonic() + 60
        events = tmp_path / EVENTS
        while not events.exists() or events.read_bytes().count(b"\n") < lines:
            assert time.monotonic() < until
            time.sleep(0.001)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        with (tmp_path / EVENTS).open("ab") as file:
            file.write(b'{"sequence": 9')  # as if it had been cut in a line
    assert write(tmp_path, "sft", 400).wait() == 0
    steps = [event["step"] for event in events_of(tmp_path)]
    assert steps == list(range(len(steps))) and len(steps) >= 400
    assert sequences(tmp_path) == list(range(1, len(steps) + 1))


def test_the_same_step_of_another_plan_is_another_event(tmp_path):
    for plan in ("p", "q", "p"):
        EventLog(tmp_path).append("metrics", "sft", plan, step=1, values={"loss": 2.0})
    assert [event["plan"] for event in events_of(tmp_path)] == ["p", "q"]


def test_steps_of_a_training_carry_the_plan_of_their_stage(tmp_path):
    plan = Plan(stage="sft", version=1, template="t", config={}, inputs={})
    write_plan(tmp_path / "sft", plan)
    log = training_log(tmp_path / "sft")
    log({"loss": 2.0}, 1)
    log({"probe/held_out": 0.5}, 1)
    log({"loss": 2.5}, 1)  # what a resumed training repeats
    first, second = events_of(tmp_path)
    assert (first["kind"], first["stage"], first["plan"]) == ("metrics", "sft", plan.fingerprint)
    assert (second["kind"], second["values"]) == ("evaluation", {"probe/held_out": 0.5})


@pytest.mark.parametrize(
    "damage",
    [b"\x00\xff garbage", b"[]", b"{}", b'{"sequence": "x"}', OUTSIDE, b"1e999", b"[" * 9999],
)
def test_a_damaged_line_is_left_out_and_the_count_goes_on(tmp_path, damage):
    EventLog(tmp_path).append("begun", "sft", "p")
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(damage + b"\n")
    EventLog(tmp_path).append("begun", "dpo", "p")
    reader = EventReader(tmp_path / EVENTS)
    assert [event.sequence for event in reader.read_new()] == [1, 2]
    assert reader.damaged == [2]


def test_a_full_disk_leaves_whole_lines_and_the_same_command_goes_on(tmp_path):
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    writer = write(tmp_path, "sft", 100, preexec_fn=limit)
    assert b"File too large" in writer.communicate()[1]
    data = (tmp_path / EVENTS).read_bytes()
    assert data.endswith(b"\n") and 0 < len(data) <= 5000
    assert write(tmp_path, "sft", 100).wait() == 0
    assert [event["step"] for event in events_of(tmp_path)] == list(range(100))


def test_a_folder_in_its_place_is_one_line(scripted):
    (RUN / EVENTS).mkdir(parents=True)
    said = koalign("prepare", code=2).stderr
    assert "events.jsonl: Is a directory; a file belongs there" in said and "Traceback" not in said


def test_a_link_that_leads_out_is_not_written_through(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / EVENTS).symlink_to(tmp_path / "other")
    with pytest.raises(OSError):
        EventLog(tmp_path / "run").append("begun", "sft")
    assert not (tmp_path / "other").exists()


def test_keys_of_the_environment_and_the_home_folder_are_not_written(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-very-secret-key")
    text = f"401 for sk-very-secret-key in {Path.home()}/x"
    EventLog(tmp_path).append("warning", "", text=text)
    assert events_of(tmp_path)[0]["text"] == "401 for [SOME_API_KEY] in ~/x"


def test_a_run_says_what_began_ended_and_cost_once_however_often_it_is_called(scripted):
    koalign("run", code=0)
    events = events_of(RUN)
    begun = [e["stage"] for e in events if e["kind"] == "begun"]
    ended = [e["stage"] for e in events if e["kind"] == "ended"]
    assert begun == ended and {"prepare", "sft", "dpo", "solve", "evaluate"} <= {*ended}
    for stage in ended:
        manifest = json.loads((RUN / stage / "manifest.json").read_text("utf-8"))
        (end,) = [e for e in events if e["stage"] == stage and e["kind"] == "ended"]
        assert end["values"]["cost/seconds"] == manifest["seconds"]
        assert end["plan"] == manifest["fingerprint"]
    koalign("run", code=0)
    assert events_of(RUN) == events
    os.remove(RUN / EVENTS)  # as of a run of an older version, or one killed behind a manifest
    koalign("run", code=0)
    assert [e["stage"] for e in events_of(RUN)] == ended


def test_a_stage_that_stops_says_why(tmp_path):
    log = EventLog(tmp_path)
    with pytest.raises(KoalignError), log.stopped("sft", "p"):
        raise KoalignError("no\nproblem")
    with pytest.raises(KeyboardInterrupt), log.stopped("sft", "p"):
        raise KeyboardInterrupt
    assert [(e["kind"], e["text"]) for e in events_of(tmp_path)] == [
        ("stopped", "no problem"),
        ("stopped", "Ctrl-C"),
    ]


@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_that_was_replaced_by_a_longer_one_is_read_from_its_start(tmp_path, in_place):
    def lines(first: int, last: int) -> bytes:
        return b"".join(json.dumps(event(n)).encode() + b"\n" for n in range(first, last))

    path = tmp_path / EVENTS
    path.write_bytes(lines(1, 5))
    reader = EventReader(path)
    assert [e.step for e in reader.read_new()] == [1, 2, 3, 4]
    path.write_bytes(lines(1, 6))  # what came behind the last line is new alone
    assert [e.step for e in reader.read_new()] == [5]
    if not in_place:
        path.rename(tmp_path / "events.1.jsonl")
    path.write_bytes(lines(20, 40))
    assert [e.step for e in reader.read_new()] == [*range(20, 40)]
    assert not reader.damaged and not reader.read_new()


def test_a_file_that_is_read_again_adds_no_step_to_an_entry_twice(tmp_path):
    path = tmp_path / EVENTS
    first, second = (json.dumps(event(n)) + "\n" for n in (1, 2))
    path.write_text(first + second, "utf-8")
    entries = Entries(tmp_path)
    assert [row.step for row in entries.read()[0].rows] == [1, 2]
    path.write_text(first, "utf-8")
    assert [row.step for row in entries.read()[0].rows] == [1, 2]
    path.write_text(first + json.dumps(event(3)) + "\n", "utf-8")
    assert [row.step for row in entries.read()[0].rows] == [1, 2, 3]
