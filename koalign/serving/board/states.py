"""states: the files of a run's stages -> what is done, running, unfinished, stale or damaged."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from koalign.hashing import MANIFEST, PLAN
from koalign.manifests import command_of, other_inputs

LOCKS = Path("/proc/locks")
RECENT = 120
"""Seconds since the last write within which an unfinished stage counts as running, where the system
does not say who holds a lock."""
LARGEST = 1 << 26
"""Bytes of a JSON file that is read whole."""

State = tuple[int, ...]
"""Of a file: equal as long as nobody wrote to it or put another in its place."""


@dataclass(frozen=True)
class StageState:
    """One stage of a run, as its files say."""

    name: str
    state: str
    """done, running, unfinished, stale, or damaged."""
    why: str = ""
    seconds: float = 0
    peak_mb: float = 0
    gpu_mb: float = 0
    cost: float = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    koalign: str = ""
    device: str = ""


def read_object(path: Path | str) -> dict[str, Any]:
    """The JSON object of a file; empty where there is none that can be read, and for a link or a pipe."""
    try:
        with open(path, "rb", opener=_open_file) as file:
            value = json.loads(file.read(min(LARGEST, os.fstat(file.fileno()).st_size)))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _open_file(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def stages_of(folder: Path, names: list[str], locked: bool | None) -> Iterator[StageState]:
    """The state of each of these stages."""
    manifests = {name: read_object(f"{folder}/{name}/{MANIFEST}") for name in names}
    started = False
    for name in names:
        manifest = manifests[name]
        if not manifest:
            exists = (folder / name / MANIFEST).exists()
            running = not exists and not started and _is_running(folder / name, locked)
            started = started or running
            state = "damaged" if exists else "running" if running else "unfinished"
            yield StageState(name, state, f"koalign {command_of(folder / name)}")
            continue
        inputs = read_object(f"{folder}/{name}/{PLAN}").get("inputs")
        changed = other_inputs(inputs, manifests)
        remedy = f"koalign {command_of(folder / name)} --force" if changed else ""
        try:
            yield StageState(
                name,
                "stale" if changed else "done",
                f"{', '.join(changed)}: {remedy}" if changed else "",
                seconds=float(manifest["seconds"]),
                peak_mb=float(manifest["peak_memory_mb"]),
                gpu_mb=float(manifest.get("peak_gpu_memory_mb", 0)),
                cost=sum(v for k, v in manifest["metrics"].items() if k.endswith("cost")),
                counts={str(k): int(v) for k, v in manifest["counts"].items()},
                koalign=str(manifest["koalign"]),
                device=str(manifest.get("device", "")),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            yield StageState(name, "damaged", f"koalign {command_of(folder / name)} --force")


def _is_running(stage: Path, locked: bool | None) -> bool:
    if locked is not None:
        return locked
    newest = max((modified_at(path) for path in stage.rglob("*")), default=0.0)
    return time.time() - newest < RECENT


def held_inodes() -> set[int] | None:
    """The inodes of files that some process has locked; none: the system does not say."""
    try:
        lines = LOCKS.read_text("utf-8").splitlines()
    except OSError:
        return None
    fields = (line.split() for line in lines)
    return {int(f[5].rpartition(":")[2]) for f in fields if len(f) > 5 and f[1] == "FLOCK"}


def is_held(folder: Path, held: set[int] | None) -> bool | None:
    if held is None:
        return None
    try:
        return (folder / ".lock").stat().st_ino in held
    except OSError:
        return False


def state_of(path: Path | str) -> State:
    """What another content changes; empty for no file. A copy keeps the time, and not that of its inode."""
    try:
        stat = os.stat(path)
    except OSError:
        return ()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def modified_at(path: Path | str) -> float:
    """When a file was last written; 0 for none."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
