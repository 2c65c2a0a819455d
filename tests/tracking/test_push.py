"""koalign track push: a tracker holds each thing once, however often it is sent and whatever goes wrong."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.command import KOALIGN, RUN, koalign
from support.events import event, events_of
from support.tracker_server import KEY, TOKEN, tracker_server

from koalign.jsonl import write_json

BOTH = ("--to", "trackio", "--to", "langsmith")
PUSH = ("track", "push", str(RUN), *BOTH)


def kept(server) -> tuple[dict, dict]:
    return dict(server.runs), dict(server.lines)


def test_every_stage_and_200_items_arrive_and_a_second_push_changes_nothing(ran):
    with tracker_server() as server:
        said = koalign(*PUSH, code=0, **server.variables).stdout
        first = kept(server)
        stages = [e["stage"] for e in events_of(RUN) if e["kind"] == "ended"]
        assert f"langsmith: {len(stages)} stages sent" in said
        parents = [run for run in server.runs.values() if "parent_run_id" not in run]
        assert [run["name"] for run in parents] == stages
        items = [run for run in server.runs.values() if "parent_run_id" in run]
        assert len(items) == 16  # the test split
        evaluated = parents[-1]
        assert {run["parent_run_id"] for run in items} == {evaluated["id"]}
        assert items[0]["inputs"]["question"] and items[0]["outputs"]["gold"]
        results = json.loads((RUN / "evaluate" / "results.json").read_text("utf-8"))
        rows = {row["system"]: row["accuracy"] for row in evaluated["outputs"]["results"]}
        assert rows == {name: row["accuracy"] for name, row in results.items()}
        assert evaluated["outputs"]["solving"] and evaluated["inputs"]["seed"] == 0
        asked = len(server.statuses)
        assert "0 stages sent" in koalign(*PUSH, code=0, **server.variables).stdout
        assert len(server.statuses) == asked + 2  # the checks alone
        shutil.rmtree(RUN / "tracking")  # without a memory all is sent again, and 409 is no error
        koalign(*PUSH, code=0, **server.variables)
        assert 409 in server.statuses and kept(server) == first


def test_steps_of_a_training_arrive_once_and_in_order(tmp_path):
    lines = [event(n) for n in range(1, 701)]
    lines.append(event(701, kind="ended", step=None, values={"loss": 0.1}))
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in lines), "utf-8")
    with tracker_server(fault=lambda path, number: 500 if number == 3 else None) as server:
        push = ("track", "push", str(tmp_path), "--to", "trackio")
        failed = koalign(*push, code=2, **server.variables)
        assert "trackio: 127.0.0.1" in failed.stderr and "answers 500" in failed.stderr
        assert len(server.lines) == 500
        koalign(*push, code=0, **server.variables)
        assert [line["step"] for line in server.lines.values()] == [*range(1, 701), 700]
        assert {line["run"] for line in server.lines.values()} == {"sft"}


@pytest.mark.parametrize("identity, entries", [("unique", 1), ("timestamp", 2)])
def test_unique_is_one_entry_whatever_folder_and_timestamp_one_for_each(
    tmp_path, identity, entries
):
    with tracker_server() as server:
        for number in (1, 2):
            run = tmp_path / str(number)
            run.mkdir()
            at = f"2026-01-0{number}T00:00:00+00:00"
            end = event(1, kind="ended", step=None, time=at)
            (run / "events.jsonl").write_text(json.dumps(end) + "\n", "utf-8")
            for _ in range(2):
                koalign("track", "push", str(run), "--to", "langsmith", "-s", f"tracking.identity={identity}",
                        code=0, **server.variables)  # fmt: skip
        assert len(server.runs) == entries


def test_a_push_killed_in_the_middle_is_completed_by_the_next(ran):
    with tracker_server(fault=lambda path, number: 0.02) as server:
        variables = {**os.environ, **server.variables}
        with subprocess.Popen([*KOALIGN, *PUSH], env=variables, stdout=subprocess.DEVNULL) as push:
            until = time.monotonic() + 60
            while len(server.runs) < 15:  # it has begun with the items
                assert push.poll() is None and time.monotonic() < until
                time.sleep(0.005)
            push.send_signal(signal.SIGKILL)
        assert len(server.runs) < 20
        koalign(*PUSH, code=0, **server.variables)
        completed = kept(server)
    with tracker_server() as other:
        shutil.rmtree(RUN / "tracking")
        koalign(*PUSH, code=0, **other.variables)
        assert completed[0] == other.runs and completed[1].keys() == other.lines.keys()


def test_texts_of_data_that_may_not_be_passed_on_stay_here(ran):
    plan = json.loads((RUN / "prepare" / "plan.json").read_text("utf-8"))
    plan["config"]["data"]["test"][0]["redistribute"] = False
    write_json(RUN / "prepare" / "plan.json", plan)
    question = json.loads((RUN / "prepare" / "test.jsonl").read_text("utf-8").splitlines()[0])[
        "question"
    ]
    with tracker_server() as server:
        koalign(*PUSH, code=0, **server.variables)
        items = [run for run in server.runs.values() if "parent_run_id" in run]
        assert len(items) == 16
        assert {*items[0]["outputs"]} == {"system", "key", "correct", "why"}
        assert question not in json.dumps(kept(server), ensure_ascii=False)


def test_no_key_and_no_path_of_this_machine_is_sent_or_kept(ran):
    with tracker_server() as server:
        koalign(*PUSH, code=0, **server.variables)
        sent = json.dumps(kept(server), ensure_ascii=False)
    here = "".join(
        p.read_text("utf-8") for p in (RUN / "events.jsonl", *RUN.glob("tracking/*.json"))
    )
    for secret in (KEY, TOKEN, str(Path.home()) + "/", str(ran)):
        assert secret not in sent + here


REFUSED = {
    "key": ({"LANGSMITH_API_KEY": "wrong-key"}, "langsmith: .* answers 401: the key is refused"),
    "token": ({"TRACKIO_SERVER_URL": "{url}/?write_token=wrong"}, "trackio: .* refuses the write_token"),
    "address": ({"TRACKIO_SERVER_URL": "ftp://x"}, "TRACKIO_SERVER_URL is no http address"),
    "nobody": ({"LANGSMITH_ENDPOINT": "http://127.0.0.1:9"}, "127.0.0.1:9 cannot be reached"),
    "no key": ({"LANGSMITH_API_KEY": ""}, "LANGSMITH_API_KEY is not set"),
    "line end": ({"LANGSMITH_API_KEY": "a\nb"}, "check address and key"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_tracker_will_not_take_is_one_line_before_anything_is_sent(ran, case):
    changes, expected = REFUSED[case]
    with tracker_server() as server:
        variables = server.variables | {k: v.format(url=server.url) for k, v in changes.items()}
        said = koalign(*PUSH, code=2, **variables).stderr
        assert said.count("\n") == 1 and re.search(expected, said)
        assert "wrong-key" not in said and not server.runs and not server.lines


def test_a_second_push_at_once_is_refused(ran):
    from koalign.config.sections import Tracking
    from koalign.tracking.push import pusher

    with tracker_server() as server, pusher(RUN, Tracking()):
        assert "another koalign is at work" in koalign(*PUSH, code=2, **server.variables).stderr


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"x": 1}', "\x00", '{"x": [1, null]}'])
def test_a_damaged_memory_of_what_was_sent_costs_a_second_sending_alone(ran, damage):
    with tracker_server() as server:
        koalign(*PUSH, code=0, **server.variables)
        first = kept(server)
        (RUN / "tracking" / "pushed.json").write_text(damage, "utf-8")
        koalign(*PUSH, code=0, **server.variables)
        assert kept(server) == first


def test_a_damaged_line_is_named_and_the_rest_is_sent(ran):
    with (RUN / "events.jsonl").open("ab") as file:
        file.write(b"broken\n")
    lines = len((RUN / "events.jsonl").read_bytes().splitlines())
    with tracker_server() as server:
        said = koalign(*PUSH, code=0, **server.variables)
        assert f"events.jsonl:{lines}: no event; 1 damaged line left out" in said.stderr


def test_a_table_that_was_changed_since_is_not_sent(ran):
    (RUN / "evaluate" / "results.json").write_text("[]", "utf-8")
    with tracker_server() as server:
        said = koalign(*PUSH, code=2, **server.variables).stderr
        assert "results.json: changed since it was made" in said and "Traceback" not in said
        assert "evaluate" not in [run["name"] for run in server.runs.values()]


@pytest.mark.parametrize("arguments, expected", [
    (("--to", "mlflow"), "--to mlflow: no such tracker; known are wandb, trackio, langsmith"),
    ((), "no tracker is named"),
])  # fmt: skip
def test_a_push_to_nowhere_says_where_to(ran, arguments, expected):
    assert expected in koalign("track", "push", str(RUN), *arguments, code=2).stderr


def test_a_folder_without_events_is_named(folder):
    with tracker_server() as server:
        said = koalign("track", "push", "runs/none", *BOTH, code=2, **server.variables).stderr
    assert "runs/none/events.jsonl is not there" in said and not Path("runs").exists()
