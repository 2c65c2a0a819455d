"""events: what happens in a run -> events.jsonl, a line each, whole and numbered, whoever is killed."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from pydantic import AwareDatetime, Field

from koalign.hashing import PLAN
from koalign.jsonl import parse_record, to_json_line
from koalign.manifests import Manifest, read_made
from koalign.plans import Plan
from koalign.records import KoalignError, Record
from koalign.text.visible import shown, warnings_kept

EVENTS = "events.jsonl"
Kind = Literal["begun", "metrics", "evaluation", "ended", "stopped", "warning"]
ONCE = ("metrics", "evaluation", "ended", "warning")
"""Of one plan these are written once: what a resumed stage repeats is in the file."""
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.I)
"""Variables of the environment whose values are kept out of the file."""
SHORTEST = 8
"""Characters of a value that counts as a secret."""


class Event(Record):
    """A line of events.jsonl."""

    sequence: int
    """From 1, without a gap."""
    time: AwareDatetime
    """UTC, ISO 8601."""
    kind: Kind
    stage: str = Field(pattern=r"^([^/\\.][^/\\]*(/[^/\\.][^/\\]*)*)?$")
    """The folder of the stage, in the run (`mine/3-folds/sft`); empty: of no stage."""
    plan: str = ""
    """Fingerprint of the stage's plan."""
    step: int | None = None
    """Of `metrics` and `evaluation`: the optimizer step."""
    values: dict[str, float] = Field(default_factory=dict)
    """Name -> number; of `ended` also counts/… and cost/… of the stage (seconds, MB)."""
    text: str = ""
    """Of `stopped` and `warning`: why."""

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for what a resumed stage says again."""
        return self.kind, self.stage, self.plan, self.step, self.text, *sorted(self.values)


class Log(Protocol):
    def __call__(self, metrics: Mapping[str, float], step: int) -> None: ...


class EventReader:
    """Reads the whole lines that a file has more than the last time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[int] = []
        """Numbers of lines that are no events; they are left out."""
        self.last = 0
        """The sequence of the last event: how many there were."""
        self.events = 0
        """How many were read."""
        self._end, self._lines = 0, 0
        self._last = b""
        """The last whole line."""

    def read_new(self) -> list[Event]:
        """The events since the last call; of a file that no longer has the last line in its place all."""
        try:
            with open(self.path, "rb", opener=_open_file) as file:
                return self.read_from(file.fileno())
        except FileNotFoundError:
            return []

    def read_from(self, file: int) -> list[Event]:
        """The same of an open file."""
        size = os.fstat(file).st_size
        os.lseek(file, max(0, self._end - len(self._last)), os.SEEK_SET)
        if size < self._end or _read(file, len(self._last)) != self._last:
            self._end, self._lines, self._last, self.damaged = 0, 0, b"", []
            self.last = self.events = 0
        os.lseek(file, self._end, os.SEEK_SET)
        data = _read(file, size - self._end)
        whole = data[: data.rfind(b"\n") + 1]
        self._end += len(whole)
        if whole:
            self._last = whole[whole.rfind(b"\n", 0, -1) + 1 :]
        return list(self._parsed(whole))

    @property
    def end(self) -> int:
        """Bytes of the whole lines so far."""
        return self._end

    def _parsed(self, whole: bytes) -> Iterator[Event]:
        for line in whole.split(b"\n")[:-1]:
            self._lines += 1
            try:
                event = parse_record(Event, json.loads(line), f"{self.path}:{self._lines}")
            except (ValueError, RecursionError, KoalignError):
                self.damaged.append(self._lines)
            else:
                self.last, self.events = max(self.last, event.sequence), self.events + 1
                yield event


class EventLog:
    """Appends events to the file of a run; several processes may."""

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / EVENTS
        self._reader = EventReader(self.path)
        self._last = 0
        self._known: set[tuple[object, ...]] = set()

    def append(
        self,
        kind: Kind,
        stage: str,
        plan: str = "",
        *,
        step: int | None = None,
        values: Mapping[str, float] | None = None,
        text: str = "",
    ) -> None:
        """Write an event, unless a resumed stage says again what is there.

        A line that a killed process left half written is cut off. Raises OSError where it cannot be written
        whole, and leaves the file as it was.
        """
        event = Event(
            sequence=0,
            time=datetime.now(UTC),
            kind=kind,
            stage=stage,
            plan=plan,
            step=step,
            values=dict(values or {}),
            text=without_secrets(text),
        )
        with self._held() as file:
            for other in self._reader.read_from(file):
                self._last = max(self._last, other.sequence)
                self._known.add(other.key)
            end = self._reader.end
            if os.fstat(file).st_size > end:
                os.ftruncate(file, end)
            if plan and kind in ONCE and event.key in self._known:
                return
            line = to_json_line(event.model_copy(update={"sequence": self._last + 1})) + "\n"
            try:
                _write(file, end, line.encode("utf-8"))
            except OSError:
                os.ftruncate(file, end)
                raise

    def end(self, made: Manifest) -> None:
        """The end of a stage: its metrics, counts and cost."""
        counts = {f"counts/{name}": float(number) for name, number in made.counts.items()}
        cost = {
            "cost/seconds": made.seconds,
            "cost/peak_memory_mb": made.peak_memory_mb,
            "cost/peak_gpu_memory_mb": made.peak_gpu_memory_mb,
        }
        self.append("ended", made.stage, made.fingerprint, values=made.metrics | counts | cost)

    @contextmanager
    def stopped(self, stage: str, plan: str) -> Iterator[None]:
        """Write why the body stops, where it does."""
        try:
            yield
        except BaseException as error:
            with suppress(OSError):  # a full disk may be the very reason
                self.append("stopped", stage, plan, text=_reason(error))
            raise

    @contextmanager
    def warnings(self, stage: str, plan: str) -> Iterator[None]:
        """Write the warnings of the body, each once for a plan."""

        def keep(line: str) -> None:
            with suppress(OSError):  # a full disk, which the stage itself says
                self.append("warning", stage, plan, text=line)

        with warnings_kept(keep):
            yield

    @contextmanager
    def _held(self) -> Iterator[int]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = _open_file(str(self.path), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def training_log(stage: Path) -> Log:
    """Writes the steps of a training to the events of its run; `stage` is the folder of its stage.

    A step that a resumed training repeats is written once.
    """
    events, plan = EventLog(stage.absolute().parent), _plan_of(stage)

    def log(metrics: Mapping[str, float], step: int) -> None:
        probed = any(name.startswith("probe/") for name in metrics)
        kind: Kind = "evaluation" if probed else "metrics"
        events.append(kind, stage.name, plan, step=step, values=metrics)

    return log


def training_warnings(stage: Path) -> AbstractContextManager[None]:
    """Writes the warnings of a training's process to the events of its run, as `training_log` its steps."""
    return EventLog(stage.absolute().parent).warnings(stage.name, _plan_of(stage))


def _plan_of(stage: Path) -> str:
    return read_made(stage / PLAN, Plan).fingerprint if (stage / PLAN).exists() else ""


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Ctrl-C"
    line = shown(str(error))
    return line if isinstance(error, KoalignError) else f"{type(error).__name__}: {line}"


def without_secrets(text: str) -> str:
    """The text without the values of variables that hold keys, and without the name of the home folder."""
    for name, value in os.environ.items():
        if SECRET.search(name) and len(value) >= SHORTEST:
            text = text.replace(value, f"[{name}]")
    home = os.path.expanduser("~").rstrip("/")
    return text.replace(home, "~") if home else text


def _open_file(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)


def _read(file: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(file, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(file: int, place: int, data: bytes) -> None:
    os.lseek(file, place, os.SEEK_SET)
    while data:
        data = data[os.write(file, data) :]
