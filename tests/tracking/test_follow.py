"""A run that trackers follow: told in seconds what would fail, and never stopped by what fails later."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from support.command import KOALIGN, RUN, koalign
from support.events import events_of
from support.tracker_server import tracker_server

LIVE = ("-s", "tracking.trackio=true", "-s", "tracking.langsmith=true")


def test_a_run_that_is_followed_is_sent_when_its_command_ends(scripted):
    with tracker_server() as server:
        done = koalign("run", *LIVE, code=0, **server.variables)
        stages = [e["stage"] for e in events_of(RUN) if e["kind"] == "ended"]
        assert [r["name"] for r in server.runs.values() if "parent_run_id" not in r] == stages
        assert "track" not in done.stderr


@pytest.mark.parametrize("fault", [500, 429, 30.0])
def test_a_tracker_that_fails_on_the_way_is_one_warning_and_the_run_is_made(scripted, fault):
    def of_langsmith(path: str, number: int) -> int | float | None:
        return fault if path == "/runs" else None

    with tracker_server(fault=of_langsmith) as server:
        done = subprocess.run([*KOALIGN, "prepare", *LIVE], env={**os.environ, **server.variables},
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0 and (RUN / "prepare" / "manifest.json").exists()
        assert done.stderr.count("warning: langsmith") == 1
        assert "not all of the run was sent; `koalign track push runs/default`" in done.stderr
        (warning,) = [e for e in events_of(RUN) if e["kind"] == "warning"]
        assert "langsmith" in warning["text"]
        assert [line["run"] for line in server.lines.values()] == ["prepare"]
        server.fault = lambda path, number: None
        koalign("track", "push", *LIVE, code=0, **server.variables)
        assert [run["name"] for run in server.runs.values()] == ["prepare"]


NOT_READY = {
    "no key": (("wandb=online",), {"WANDB_API_KEY": ""}, "online, and WANDB_API_KEY is not set"),
    "wrong key": (("wandb=online",), {}, "wandb: 127.0.0.1:.* does not know this WANDB_API_KEY"),
    "no network": (("wandb=online",), {"WANDB_BASE_URL": "http://127.0.0.1:9"}, "cannot be reached"),
    "no address": (("trackio=true",), {"TRACKIO_SERVER_URL": ""}, "TRACKIO_SERVER_URL is not set"),
    "silence": (("langsmith=true",), {}, "langsmith: .*(no answer|cannot be reached)"),
}  # fmt: skip


@pytest.mark.parametrize("command", ["sft", "run"])
@pytest.mark.parametrize("case", NOT_READY)
def test_what_would_fail_is_one_line_in_seconds_and_nothing_is_begun(
    scripted, case, command, monkeypatch
):
    monkeypatch.setenv("NETRC", "none")
    monkeypatch.setenv("HOME", str(scripted))
    keys, changes, expected = NOT_READY[case]
    settings = [part for key in keys for part in ("-s", f"tracking.{key}")]
    silent = (lambda path, number: 60.0) if case == "silence" else (lambda path, number: None)
    with tracker_server(fault=silent) as server:
        started = time.monotonic()
        said = koalign(command, *settings, code=2, **server.variables | changes).stderr
        assert time.monotonic() - started < 15
    assert re.search(expected, said) and "Traceback" not in said and not (RUN / "sft").exists()


def test_a_killed_run_ends_what_follows_it_and_the_next_one_completes(scripted):
    with tracker_server(fault=lambda path, number: 0.05) as server:
        variables = {**os.environ, **server.variables}
        with subprocess.Popen([*KOALIGN, "run", *LIVE], env=variables, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as run:  # fmt: skip
            until = time.monotonic() + 60
            while not (RUN / "sft" / "manifest.json").exists():
                assert run.poll() is None and time.monotonic() < until
                time.sleep(0.005)
            run.send_signal(signal.SIGKILL)
        koalign("run", *LIVE, code=0, **server.variables)
        names = [r["name"] for r in server.runs.values() if "parent_run_id" not in r]
        events = events_of(RUN)
        assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
        assert sorted(names) == sorted({e["stage"] for e in events if e["kind"] == "ended"})
        pushed = json.loads((RUN / "tracking" / "pushed.json").read_text("utf-8"))
        assert all(len(keys) == len(names) for keys in pushed.values())
