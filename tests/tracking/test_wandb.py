"""A real W&B, offline: a stage is one run of it, whole, however often it is killed and sent again."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import RUN, koalign

from koalign.config.sections import Tracking
from koalign.plans import Plan, write_plan
from koalign.tracking.events import EventLog
from koalign.tracking.push import Pusher, pusher

pytestmark = pytest.mark.slow
OFFLINE = Tracking(wandb="offline", project="시험")
PLAN = Plan(stage="dpo", version=1, template="t", config={"dpo": {"beta": 0.1}, "model": {"path": "/data/my-8b"}},
            inputs={})  # fmt: skip
SECRET = "secret-key-that-must-not-be-written"


def steps(run: Path, *numbers: int) -> None:
    write_plan(run / "dpo", PLAN)
    log = EventLog(run)
    for number in numbers:
        values = {"rewards/margins": number / 10}
        log.append("metrics", "dpo", PLAN.fingerprint, step=number, values=values)


def push(run: Path) -> None:
    with pusher(run, OFFLINE) as sender:
        send(sender)


def send(sender: Pusher) -> None:
    (tracker,) = sender.trackers
    sender.push(tracker)
    tracker.close()


def test_a_resumed_stage_is_the_same_run_with_every_step_once(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    ids = []
    for numbers in ((1, 2, 3), (2, 3, 4, 5), (5, 6)):  # what a training repeats after a kill
        steps(tmp_path, *numbers)
        push(tmp_path)
        (path,) = tmp_path.glob("tracking/wandb/offline-run-*/run-*.wandb")
        ids.append(path.stem)
    assert len({*ids}) == 1
    run, rows = read(path)
    assert rows == [{"trainer/step": n, "rewards/margins": n / 10} for n in (1, 2, 3, 4, 5, 6)]
    assert (run["project"], run["name"], run["group"]) == ("시험", "dpo", tmp_path.name)
    assert run["config"]["dpo"] == {"beta": 0.1} and run["config"]["model"] == {"path": "my-8b"}
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()


LIVE = """
import os, signal, sys; from pathlib import Path; from koalign.config.sections import Tracking
from koalign.locking import locked; from koalign.tracking.events import EventLog
from koalign.tracking.push import Pusher
run, plan = Path(sys.argv[1]), sys.argv[2]
sender = Pusher(run, Tracking(wandb="offline", project="시험"))
for step in (3, 4):
    sender.push(sender.trackers[0])
    with locked(run): pass  # no link leads out of a run that is followed
    EventLog(run).append("metrics", "dpo", plan, step=step, values={"rewards/margins": step / 10})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_live_run_whose_follower_is_killed_is_written_anew_and_whole(tmp_path):
    steps(tmp_path, 1, 2)
    killed = subprocess.run(
        [sys.executable, "-c", LIVE, str(tmp_path), PLAN.fingerprint],
        env={k: v for k, v in os.environ.items() if "WANDB" not in k},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    (half,) = tmp_path.glob("tracking/wandb/offline-run-*/run-*.wandb")
    push(tmp_path)
    (path,) = tmp_path.glob("tracking/wandb/offline-run-*/run-*.wandb")
    assert path.name == half.name and [row["trainer/step"] for row in read(path)[1]] == [1, 2, 3, 4]


def test_a_run_is_a_group_with_tables_of_its_evaluation(ran):
    push_offline = ("track", "push", str(RUN), "--to", "wandb", "-s", "tracking.wandb=offline")
    assert "stages sent" in koalign(*push_offline, code=0).stdout
    folder = RUN / "tracking" / "wandb"
    tables = {path.name.partition("_")[0] for path in folder.rglob("*.table.json")}
    assert tables == {"results", "solving", "items"}
    (items,) = folder.glob("offline-run-*/files/media/table/items_*.table.json")
    assert len(json.loads(items.read_text("utf-8"))["data"]) == 16
    made = sorted(folder.glob("offline-run-*"))
    koalign(*push_offline, code=0)
    assert sorted(folder.glob("offline-run-*")) == made
    koalign("run", code=0)  # the folder is still one that koalign works in
    shutil.copytree(RUN, "runs/copy", symlinks=True)
    koalign("run", "--run-dir", "runs/copy", code=0)


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run of a .wandb file, and its rows. The process that writes it closes it a moment after finish()."""
    until = time.monotonic() + 30
    while not any(r.HasField("exit") for r in wandb_records(path)) and time.monotonic() < until:
        time.sleep(0.1)
    run, rows = {}, []
    for record in wandb_records(path):
        if record.HasField("run") and not run:
            config = {item.key: json.loads(item.value_json) for item in record.run.config.update}
            run = {"project": record.run.project, "name": record.run.display_name,
                   "group": record.run.run_group, "config": config}  # fmt: skip
        if record.HasField("history"):
            row = {(i.key or "/".join(i.nested_key)): i.value_json for i in record.history.item}
            rows.append({k: json.loads(v) for k, v in row.items() if not k.startswith("_")})
    return run, rows


def wandb_records(path: Path) -> Iterator[Any]:
    """The records of a .wandb file: a LevelDB log of protobufs after a header of seven bytes."""
    from wandb.proto import wandb_internal_pb2

    data, place, parts, block = path.read_bytes(), 7, b"", 32768
    first, last, whole = 2, 4, 1
    while place + 7 <= len(data):
        if block - place % block < 7:
            place += block - place % block
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        piece = data[place + 7 : place + 7 + length]
        parts = piece if kind in (whole, first) else parts + piece
        place += 7 + length
        if kind in (whole, last):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            yield record
