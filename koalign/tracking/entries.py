"""entries: the events of a run -> what a tracker holds of each stage, named by the stage's plan."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from koalign.config.sections import Tracking
from koalign.evaluation.results import PREDICTIONS, RESULTS
from koalign.hashing import MANIFEST, PLAN, hash_path
from koalign.jsonl import iter_json_lines, read_json, read_record
from koalign.manifests import Manifest, read_manifest, refuse_changed, refuse_remade
from koalign.plans import Plan
from koalign.records import KoalignError, content_hash
from koalign.tracking.events import EVENTS, Event, EventReader, without_secrets
from koalign.tracking.withheld import withheld_splits

NAMES = UUID("2f0c3c1e-6f0b-5d0e-9a51-6b1f3c8b0f61")
"""Namespace of the ids."""
ITEMS = 200
"""Items of an evaluation that go along."""
SOLVING = "solving.json"
STEPS = ("solve", "dpo", "sft", "base")
"""Systems of an evaluation, the last step first; the items are of the first that is there."""
OPEN = ("id", "key", "correct", "why")
"""Fields of an item that hold no text of the data."""
COLUMNS = (*OPEN, "question", "answer", "gold", "text", "hint")
Rows = list[dict[str, Any]]


@dataclass
class Entry:
    """A stage as a tracker knows it."""

    stage: str
    plan: str
    began: datetime
    """When it was first begun, as in the events."""
    rows: list[Event] = field(default_factory=list)
    """The steps of its training, each once."""
    ended: Event | None = None

    def id(self, tracking: Tracking) -> UUID:
        """By its plan alone, or also by when it was first begun; see `tracking.identity`."""
        own = self.began.isoformat() if tracking.identity == "timestamp" else ""
        return uuid5(NAMES, f"{self.stage} {self.plan} {own}")

    def name(self, tracking: Tracking) -> str:
        """Its stage, and with `timestamp` when it was first begun."""
        own = f" {self.began:%Y-%m-%dT%H:%M:%S}" if tracking.identity == "timestamp" else ""
        return self.stage + own

    def part_id(self, tracking: Tracking, *part: object) -> UUID:
        """Of something inside of it."""
        return uuid5(self.id(tracking), content_hash(*part))


class Entries:
    """The entries of a run, in the order in which they were begun."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.reader = EventReader(run_dir / EVENTS)
        self._known: dict[tuple[str, str], Entry] = {}
        self._rows: set[tuple[object, ...]] = set()

    def read(self) -> list[Entry]:
        """All entries, as far as the file goes now."""
        for event in self.reader.read_new():
            if not event.stage or event.kind == "warning":
                continue
            entry = self._known.setdefault(
                (event.stage, event.plan), Entry(event.stage, event.plan, event.time)
            )
            if event.kind in ("metrics", "evaluation"):
                if event.key not in self._rows:  # of a file that was replaced all are read again
                    self._rows.add(event.key)
                    entry.rows.append(event)
            elif event.kind == "ended" and entry.ended is None:
                entry.ended = event
        return list(self._known.values())

    def unsaid(self) -> list[str]:
        """The stages that are whole and of which no event says so, as after the file was cut."""
        ended = {key for key, entry in self._known.items() if entry.ended}
        folders = sorted(path.parent for path in self.run_dir.glob(f"*/{MANIFEST}"))
        made = [(folder.name, read_manifest(folder)) for folder in folders]
        return [name for name, one in made if one and (name, one.fingerprint) not in ended]

    def contents(self, entry: Entry) -> Contents:
        """What the files of the entry's stage say beside its events."""
        return Contents(self.run_dir, entry)


@dataclass(frozen=True)
class Contents:
    """Config, tables and adapters of a stage; empty where its folder was made anew by another plan."""

    run_dir: Path
    entry: Entry

    @cached_property
    def _plan(self) -> Plan | None:
        path = self._folder / PLAN
        plan = read_record(path, Plan) if path.exists() else None
        return plan if plan and plan.fingerprint == self.entry.plan else None

    @property
    def _folder(self) -> Path:
        return self.run_dir / self.entry.stage

    @property
    def is_gone(self) -> bool:
        """Whether the folder holds nothing of the entry any more."""
        return self._plan is None

    def refuse_changing(self) -> None:
        """Raises KoalignError where the stage has ended and is being made again, or has changed since."""
        if self.entry.ended and self._plan and self._made is None:
            raise KoalignError(f"{self._folder}: is made again, and not whole yet")
        _ = self.tables
        if self._made:
            refuse_remade(self._folder, self._made)

    @property
    def run(self) -> str:
        """The name of the run's folder, by which trackers group its stages."""
        return self.run_dir.absolute().name

    @property
    def config(self) -> dict[str, Any]:
        """The plan of the stage: settings, version, template, hashes of the inputs."""
        if self._plan is None:
            return {}
        plan = self._plan.model_dump(mode="json")
        return {**portable(plan.pop("config")), **portable(plan)}

    @property
    def adapter(self) -> dict[str, str]:
        """File of its adapter -> hash; the weights stay here."""
        outputs = self._made.outputs if self._made else {}
        return {name: known for name, known in outputs.items() if name.startswith("adapter/")}

    @cached_property
    def tables(self) -> dict[str, Rows]:
        """results, solving and items of an evaluation."""
        folder, made = self._folder, self._made
        if made is None or RESULTS not in made.outputs:
            return {}
        steps = (name for name in STEPS if f"{name}/{PREDICTIONS}" in made.outputs)
        system = next(steps, None)
        for path in (RESULTS, SOLVING, *([f"{system}/{PREDICTIONS}"] if system else [])):
            refuse_changed(folder, made, folder / path)
        results = read_json(folder / RESULTS)
        rows = [{"system": name, **_flat(row)} for name, row in results.items()]
        tables = {"results": rows}
        if SOLVING in made.outputs:
            said = _flat(read_json(folder / SOLVING))
            tables["solving"] = [{"name": name, "value": value} for name, value in said.items()]
        if system:
            tables["items"] = self._items(folder / system / PREDICTIONS, system)
        return tables

    @cached_property
    def _made(self) -> Manifest | None:
        made = read_manifest(self._folder) if self._plan else None
        return made if made and made.fingerprint == self.entry.plan else None

    def _items(self, path: Path, system: str) -> Rows:
        """The same of each evaluation; texts are left out where their source may not be passed on."""
        lines = [line for _, line in iter_json_lines(path)]
        drawn = sorted(lines, key=lambda line: content_hash(str(line.get("id"))))[:ITEMS]
        columns = OPEN if self._withheld else COLUMNS
        return [{"system": system, **{c: _cell(line.get(c)) for c in columns}} for line in drawn]

    @property
    def _withheld(self) -> bool:
        """Whether the texts of the test split stay here; so too where it is no longer what was asked."""
        test = self.run_dir / "prepare" / "test.jsonl"
        asked = self._plan.inputs.get("prepare/test.jsonl") if self._plan else None
        same = test.is_file() and hash_path(test) == asked
        return not same or "test" in withheld_splits(self.run_dir)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as one, the names joined by a slash."""
    if not isinstance(value, dict):
        return {prefix[:-1]: _cell(value)}
    return {
        k: v for key, inner in value.items() for k, v in _flat(inner, f"{prefix}{key}/").items()
    }


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def portable(value: Any) -> Any:
    """A setting without what is of this machine or secret: of an absolute path its last part."""
    if isinstance(value, dict):
        return {key: portable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [portable(inner) for inner in value]
    if isinstance(value, str):
        return Path(value).name if value.startswith(("/", "~")) else without_secrets(value)
    return value


def finite(values: dict[str, float]) -> dict[str, float]:
    """Without what JSON has no number for."""
    return {name: value for name, value in values.items() if math.isfinite(value)}
