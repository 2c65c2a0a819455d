"""events: events.jsonl of a run, read without koalign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def events_of(run: Path) -> list[dict[str, Any]]:
    return [*map(json.loads, (run / "events.jsonl").read_text("utf-8").splitlines())]


def steps_of(stage: Path) -> list[dict[str, Any]]:
    """What was logged of each step of the training in this folder."""
    events = [event for event in events_of(stage.parent) if event["stage"] == stage.name]
    return [{"step": e["step"], **e["values"]} for e in events if e["step"] is not None]


def event(number: int, **changes: Any) -> dict[str, Any]:
    """A step of a training, as koalign writes it."""
    made = {"sequence": number, "time": "2026-01-01T00:00:00+00:00", "kind": "metrics", "stage": "sft",
            "plan": "p", "step": number, "values": {"loss": 1 / number}, "text": ""}  # fmt: skip
    return made | changes
