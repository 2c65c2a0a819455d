"""runs: the runs and evaluations below a folder, the states of their stages, costs and headlines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from koalign.hashing import MANIFEST, PLAN
from koalign.manifests import PRODUCERS, ROUND, SEED
from koalign.records import KoalignError
from koalign.serving.board.states import (
    StageState,
    held_inodes,
    is_held,
    modified_at,
    read_object,
    stages_of,
    state_of,
)
from koalign.stages.pipeline import names_in
from koalign.text.visible import warn

DEPTH = 4
"""Folders below the root in which a run may lie."""
MOST = 5000
"""Folders that are looked into; what lies behind them is named on the page, and not shown."""
STEPS = ("base", "sft", "dpo", "solve")
WRITTEN = {
    "diagnosis.json": "diagnosis",
    ".report.json": "solving",
    ".clusters.json": "mistakes",
}
"""End of the name of a report of `benchmark --diagnose`, `solve --report` or `mine` -> its kind."""


@dataclass(frozen=True)
class Run:
    """A folder of stages."""

    slug: str
    """Its name in addresses."""
    name: str
    """Its path below the root."""
    path: Path
    stages: tuple[StageState, ...]
    results: Mapping[str, Any]
    """results.json of its evaluation as it stands; empty: none yet."""
    modified: float

    @cached_property
    def stage(self) -> dict[str, StageState]:
        return {stage.name: stage for stage in self.stages}

    @property
    def is_seed(self) -> bool:
        return self.path.name.startswith(SEED)

    @property
    def state(self) -> str:
        """The state that a user must know first: running, damaged, stale, unfinished, done."""
        states = {stage.state for stage in self.stages}
        return next(
            (s for s in ("running", "damaged", "stale", "unfinished") if s in states), "done"
        )

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def peak_mb(self) -> float:
        return max((stage.peak_mb for stage in self.stages), default=0)

    @property
    def gpu_mb(self) -> float:
        return max((stage.gpu_mb for stage in self.stages), default=0)

    @property
    def headline(self) -> tuple[str, Mapping[str, Any]] | None:
        """The last step of its results, and that row."""
        steps = [(name, self.results[name]) for name in STEPS if _is_row(self.results.get(name))]
        return steps[-1] if steps else None

    @property
    def evaluations(self) -> list[str]:
        """The systems of its evaluation that have predictions, in the order of its results."""
        folder = self.path / "evaluate"
        names = [name for name in self.results if (folder / name / "results.json").is_file()]
        return [name for name in names if "/" not in name and ".." not in name]

    @property
    def last_step(self) -> str:
        """The last step of its evaluation that has predictions."""
        there = self.evaluations
        return next((name for name in reversed(STEPS) if name in there), there[-1] if there else "")


@dataclass(frozen=True)
class Benchmark:
    """A folder that `koalign benchmark` wrote."""

    slug: str
    name: str
    path: Path
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Written:
    """A report that a command wrote beside its output."""

    slug: str
    name: str
    path: Path
    kind: str
    """A value of WRITTEN."""


@dataclass(frozen=True)
class Found:
    """What is below the root."""

    runs: dict[str, Run]
    benchmarks: dict[str, Benchmark]
    written: dict[str, Written]
    cut: bool
    """Whether there are more folders than were looked into."""


class Root:
    """The folder with all runs. Only what is found below it has an address."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise KoalignError(f"{path}: no such folder; name the folder that holds your runs")
        self.path = path.resolve()
        self._known: dict[Path, tuple[object, Run]] = {}

    def inside(self, path: Path) -> Path:
        """The path itself. Raises KoalignError for one that a link leads out of the root."""
        if not self.holds(path):
            raise KoalignError(f"{path.name}: a link that leads out of the folder of the runs")
        return path

    def holds(self, path: Path) -> bool:
        """Whether a path stays below the root; one that leads to itself does not."""
        try:
            return path.resolve().is_relative_to(self.path)
        except (OSError, RuntimeError):
            return False

    def find(self) -> Found:
        """All runs and benchmarks, the last written first."""
        runs: list[Run] = []
        benchmarks: list[Benchmark] = []
        written: list[Written] = []
        seen, held = 0, held_inodes()
        for folder, children in self._walk():
            seen += 1
            if _is_run(children):
                runs.append(self._run(folder, held))
                continue
            for name in children:
                kind = next((kind for end, kind in WRITTEN.items() if name.endswith(end)), None)
                if kind and self.holds(folder / name):
                    title = (folder / name).relative_to(self.path).as_posix()
                    written.append(Written(_slug(title), title, folder / name, kind))
            if {"results.json", "predictions.jsonl"} <= children.keys():
                report = read_object(folder / "results.json")
                if "protocol" in report:
                    name = self._name(folder)
                    benchmarks.append(Benchmark(_slug(name), name, folder, report))
        runs.sort(key=lambda run: (-run.modified, run.name))
        benchmarks.sort(key=lambda b: b.name)
        written.sort(key=lambda w: w.name)
        return Found(
            {r.slug: r for r in runs},
            {b.slug: b for b in benchmarks},
            {w.slug: w for w in written},
            seen >= MOST,
        )

    def _walk(self) -> Iterator[tuple[Path, dict[str, os.DirEntry[str]]]]:
        waiting, seen = [(self.path, 0)], 0
        while waiting and seen < MOST:
            folder, depth = waiting.pop()
            seen += 1
            try:
                children = {entry.name: entry for entry in os.scandir(folder)}
            except OSError:
                continue
            yield folder, children
            run = _is_run(children)
            for name, entry in sorted(children.items(), reverse=True):
                if (
                    depth < DEPTH
                    and not name.startswith(".")
                    and (not run or name.startswith(SEED))
                ):
                    path = folder / name
                    if entry.is_symlink() and not self.holds(path):
                        if entry.is_dir():
                            warn(
                                f"{path}: a link to {os.readlink(path)}, outside {self.path}, is not "
                                "shown; give that folder to `koalign board`",
                                once=True,
                            )
                        continue
                    if entry.is_dir() and not (
                        entry.is_symlink() and path.resolve() in folder.parents
                    ):
                        waiting.append((path, depth + 1))

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self.path).as_posix() if folder != self.path else folder.name

    def _run(self, folder: Path, held: set[int] | None) -> Run:
        try:
            names = [n for n in names_in(folder, None) if not os.path.islink(folder / n)]
        except OSError:
            names = []
        files, locked = _files(folder, names), is_held(folder, held)
        state = (tuple(names), tuple(map(state_of, files)), locked)
        known = self._known.get(folder)
        if known is None or known[0] != state or locked is None:
            run = self._read(folder, names, locked, max(map(modified_at, files)))
            known = self._known[folder] = (state, run)
        return known[1]

    def _read(self, folder: Path, names: list[str], locked: bool | None, modified: float) -> Run:
        name = self._name(folder)
        results = folder / "evaluate" / "results.json"
        rows = read_object(results) if self.holds(results) else {}
        stages = tuple(stages_of(folder, names, locked))
        return Run(_slug(name), name, folder, stages, rows, modified)


def _files(folder: Path, names: list[str]) -> list[str]:
    """Those that a run's page stands on, whether or not they are there."""
    files = [f"{folder}/{name}/{file}" for name in names for file in (MANIFEST, PLAN)]
    return [*files, f"{folder}/evaluate/results.json"]


def _is_run(children: Mapping[str, os.DirEntry[str]]) -> bool:
    stages = (n for n in children if n.partition(ROUND)[0] in PRODUCERS)
    return any(
        os.path.exists(os.path.join(children[name].path, file))
        for name in stages
        for file in (PLAN, MANIFEST)
    )


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("accuracy"), int | float)


def _slug(name: str) -> str:
    return name.replace("~", "~~").replace("/", "~")
