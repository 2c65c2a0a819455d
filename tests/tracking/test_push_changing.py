"""koalign track push beside a stage that is made again, and of a file of events that was cut: nothing unsaid."""

import json
import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.events import events_of
from support.tracker_server import tracker_server

from koalign.hashing import MANIFEST, PLAN
from koalign.tracking.events import EVENTS

PUSH = ("track", "push", str(RUN), "--to", "trackio", "--to", "langsmith")


def evaluated(server) -> list[dict]:
    return [run for run in server.runs.values() if run["name"] == "evaluate"]


@pytest.mark.parametrize("name", [MANIFEST, PLAN])
def test_a_stage_that_is_made_again_is_sent_with_its_tables_once_it_is_whole(ran, name):
    path = RUN / "evaluate" / name
    whole = path.read_bytes()
    path.unlink() if name == MANIFEST else path.write_text("{}", "utf-8")  # as --force does first
    with tracker_server() as server:
        said = koalign(*PUSH, code=2, **server.variables).stderr
        assert "evaluate" in said and "the same command sends the rest" in said
        assert not evaluated(server) and {"prepare", "solve"} <= {
            r["name"] for r in server.runs.values()
        }
        path.write_bytes(whole)
        koalign(*PUSH, code=0, **server.variables)
        (run,) = evaluated(server)
        assert run["outputs"]["results"] and run["inputs"]["seed"] == 0
        (line,) = [line for line in server.lines.values() if line["run"] == "evaluate"]
        assert line["metrics"]["results"]["_value"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_stage_whose_folder_holds_it_no_more_is_said(ran, gone):
    if gone:
        shutil.rmtree(RUN / "evaluate")
    else:
        plan = json.loads((RUN / "evaluate" / PLAN).read_text("utf-8"))
        (RUN / "evaluate" / PLAN).write_text(json.dumps(plan | {"version": 0}), "utf-8")
    with tracker_server() as server:
        said = koalign(*PUSH, code=0, **server.variables).stderr
        for tracker in ("trackio", "langsmith"):
            assert f"{tracker}: evaluate: its folder is gone or of other settings by now" in said
        assert len(evaluated(server)) == 1
        assert (
            "its folder" not in koalign(*PUSH, code=0, **server.variables).stderr
        )  # nothing is sent


def test_lines_and_ends_that_the_events_lack_are_counted_and_named(ran):
    lines = (RUN / EVENTS).read_bytes().splitlines(keepends=True)
    with tracker_server() as server:
        assert koalign(*PUSH, code=0, **server.variables).stderr == ""
        (RUN / EVENTS).write_bytes(b"".join(lines[:3] + lines[5:]))
        said = koalign(*PUSH, code=0, **server.variables).stderr
        assert f"2 lines of {len(lines)} gone" in said
        ends = [e["stage"] for e in events_of(RUN) if e["kind"] == "ended"]
        (RUN / EVENTS).write_bytes(b"".join(lines[:-1]))
        said = koalign(*PUSH, code=0, **server.variables).stderr
        assert f"lacks the end of {ends[-1]}; `koalign run` writes it again" in said
        koalign("run", code=0)
        assert koalign(*PUSH, code=0, **server.variables).stderr == ""
    assert len(Path(RUN / EVENTS).read_bytes().splitlines()) == len(lines)
