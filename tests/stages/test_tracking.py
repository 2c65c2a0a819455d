"""Curves go to metrics.jsonl always, and to a real W&B run, offline, where the config says so."""

import json
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from koalign.config.sections import Tracking
from koalign.tracking import open_log


def test_without_wandb_the_curve_is_a_jsonl_file_and_wandb_is_not_imported(tmp_path: Path):
    import sys

    before = "wandb" in sys.modules
    with open_log(Tracking(), "sft", {"rank": 8}, tmp_path) as log:
        log({"loss": 2.0}, 1)
        log({"loss": 1.0}, 2)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").open(encoding="utf-8")]
    assert rows == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]
    assert ("wandb" in sys.modules) == before
    assert sorted(os.listdir(tmp_path)) == ["metrics.jsonl"]


@pytest.mark.slow
def test_offline_wandb_writes_a_run_with_the_curve_and_the_settings(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "secret-key-that-must-not-be-written")
    with open_log(Tracking(wandb="offline", project="시험"), "dpo", {"beta": 0.1}, tmp_path) as log:
        for step in (1, 2, 3):
            log({"rewards/margins": step / 10}, step)
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    # The writer of W&B is a process of its own; it closes the file a moment after finish().
    until = time.monotonic() + 30
    while not any(r.HasField("exit") for r in wandb_records(path)) and time.monotonic() < until:
        time.sleep(0.1)
    seen, project, settings = [], None, {}
    for record in wandb_records(path):
        if record.HasField("run"):
            project = record.run.project
            settings |= {item.key: item.value_json for item in record.run.config.update}
        if record.HasField("history"):
            row = {(i.key or "/".join(i.nested_key)): i.value_json for i in record.history.item}
            seen.append(json.loads(row["rewards/margins"]))
    assert project == "시험"
    assert settings["beta"] == "0.1"
    assert seen == [0.1, 0.2, 0.3]
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"secret-key-that-must-not-be-written" not in file.read_bytes()


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
