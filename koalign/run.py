"""run: a folder of stages; each runs once for its inputs, leaves a manifest last, and can be continued."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from pydantic import field_validator

import koalign
from koalign.config.inputs import Section
from koalign.config.sections import Config, resolve_path
from koalign.data.formats.files import contents
from koalign.jsonl import read_record, write_json
from koalign.plans import PLAN, Plan, other_plan, void_plan, write_plan
from koalign.provenance import device, git_commit, measured, package_versions
from koalign.records import KoalignError, Record, content_hash
from koalign.renderer import open_renderer

HUB = "hf://"
PROMPTED = ("prepare/shots.jsonl", "prepare/base.json")
"""Inputs of a stage that prompts the model."""
PREPARED = ("prepare/train.jsonl", *PROMPTED)
"""Inputs of a stage that prompts it with training problems."""
ROUND = "-"
"""Between the name of a stage and the number of its round, from the second on: `dpo-2`."""
SEED = "seed-"
"""Before the number of a further seed: the folder of its run, below that of the first."""
MANIFEST = "manifest.json"
WORK = "unfinished"
"""Sub-folder of a stage for what only its own continuation needs; not an output."""
Inputs = Mapping[str, Path]
"""Input of a stage -> its file or folder."""


@dataclass(frozen=True)
class StageResult:
    """What a stage says of its outputs."""

    counts: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A function from declared inputs to a folder with a manifest."""

    name: str
    """Also the folder below the run."""
    command: str
    """The koalign command that a user is told to run for it."""
    run: Callable[[Config, Inputs, Path], StageResult]
    """(the config with the declared sections alone, the inputs by name, the folder to write) -> result."""
    sections: tuple[str, ...]
    """Config sections that the stage may read; a change in one makes its result stale."""
    inputs: tuple[str, ...]
    """`stage/file` below the run, or a config key that names files outside it; the files of a list of
    sources go by `key.0`, `key.1`, and what is on the hub has no file."""
    at: Mapping[str, str] = field(default_factory=dict)
    """Input -> the file below the run that stands for it: in the second round of DPO, what the first
    round made stands for `sft/adapter`."""
    continues: bool = True
    """Whether an unfinished folder holds work that the next run goes on from."""
    keeps: tuple[str, ...] = ()
    """Files that outlive `--force`: logs whose lines were paid for and are known by what was asked."""
    looks_at: tuple[str, ...] = ()
    """Files below the run that it checks its inputs against: a change in one makes nothing stale."""
    version: int = 1
    """Raised when the same inputs give another result."""


class Manifest(Record):
    """Proof that the outputs of a stage are whole, and where they come from."""

    stage: str
    fingerprint: str
    template: str
    """Hash of the prompt template that the stage rendered with."""
    outputs: dict[str, str]
    counts: dict[str, int]
    metrics: dict[str, float]
    koalign: str
    git: str | None
    """Commit of koalign's own checkout; none where it is installed."""
    packages: dict[str, str]
    seconds: float
    peak_memory_mb: float
    """Resident memory of the process and its children, sampled five times a second."""
    device: str = ""
    """The card that it ran on; empty: not recorded by that version."""
    peak_gpu_memory_mb: float = 0
    """What torch reserved on the GPU in the process of the stage; 0: nothing."""

    @field_validator("outputs")
    @classmethod
    def _below_the_stage(cls, outputs: dict[str, str]) -> dict[str, str]:
        for path in map(PurePath, outputs):
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{path} is not below the stage")
        return outputs


def execute(
    stage: Stage,
    config: Config,
    run_dir: Path,
    force: bool = False,
    announce: Callable[[], None] = lambda: None,
) -> tuple[Manifest, bool]:
    """Make the stage's folder, or find it made; returns its manifest and whether it ran.

    `announce` is called before a stage runs, and not for one that is made or refused.
    Raises KoalignError for a missing input, and for a folder made with other settings or inputs
    unless `force` says to make it again.
    """
    inputs = _find_inputs(stage, stage.inputs, config, run_dir)
    looked_at = _find_inputs(stage, stage.looks_at, config, run_dir)
    plan = Plan(
        stage=stage.name,
        version=stage.version,
        template=open_renderer(config.prompt).hash,
        config={name: _plain(getattr(config, name)) for name in stage.sections},
        inputs={
            name: hash_path(path) if "/" in name else hash_source(path)
            for name, path in inputs.items()
        },
    )
    out = run_dir / stage.name
    if done := _usable(stage, out, plan, inputs, force):
        shutil.rmtree(out / WORK, ignore_errors=True)
        return done, False
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)
    write_plan(out, plan)
    # The stage sees the sections it declared and no others, so that a plan cannot miss a setting.
    visible = config.only({"tracking", *stage.sections})
    announce()
    with measured() as cost:
        result = stage.run(visible, {**inputs, **looked_at}, out)
    manifest = Manifest(
        stage=stage.name,
        fingerprint=plan.fingerprint,
        template=plan.template,
        outputs=_hash_files(out),
        counts=result.counts,
        metrics=result.metrics,
        koalign=koalign.__version__,
        git=git_commit(),
        packages=package_versions(),
        seconds=cost["seconds"],
        peak_memory_mb=cost["peak_memory_mb"],
        device=device(),
        peak_gpu_memory_mb=cost["peak_gpu_memory_mb"],
    )
    write_json(out / MANIFEST, manifest.model_dump(mode="json"))
    shutil.rmtree(out / WORK, ignore_errors=True)  # now: until it is whole it needs this
    return manifest, True


def _usable(stage: Stage, out: Path, plan: Plan, inputs: Inputs, force: bool) -> Manifest | None:
    """The manifest of a stage that is made, if it is whole; what cannot be gone on from is cleared.

    Raises KoalignError for what only `force` may clear. It also clears an unfinished or damaged stage.
    """
    if not (out / PLAN).exists():
        return None
    if not (out / MANIFEST).exists() and not stage.continues:
        _clear(out)
        return None
    other = other_plan(out, plan, inputs)
    if other and not force:
        raise KoalignError(
            f"{out} was made with {other}; take another --run-dir, or --force to make it again"
        )
    if other or (force and _is_damaged(out)):
        _clear(out, stage.keeps)
        return None
    done = read_manifest(out)
    return done if done and all((out / name).exists() for name in done.outputs) else None


def _is_damaged(out: Path) -> bool:
    """Whether a stage is unfinished, or its files are not those that its manifest names."""
    try:
        done = read_manifest(out)
    except KoalignError:
        return True
    return done is None or any(
        not (out / name).is_file() or hash_path(out / name) != recorded
        for name, recorded in done.outputs.items()
    )


def _clear(folder: Path, keeps: Sequence[str] = ()) -> None:
    """Remove all but the kept files and a void plan, which a kill leaves too."""
    void_plan(folder)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in {*keeps, PLAN}:
            path.unlink()


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a stage folder; none if the stage is not whole.

    Raises KoalignError for one that is not as koalign wrote it.
    """
    path = folder / MANIFEST
    try:
        return read_record(path, Manifest) if path.exists() else None
    except KoalignError as error:
        command = PRODUCERS.get(folder.name.partition(ROUND)[0], "run")
        reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
        raise KoalignError(
            f"{path}: damaged ({reason}); `koalign {command} --force` makes the stage again"
        ) from None


def hash_path(path: Path) -> str:
    """SHA-256 (16 hex digits) of a file's bytes, or of the names and bytes below a folder.

    Of a folder what koalign reads: a `README.md` may be written on.
    """
    if path.is_dir():
        return content_hash(_hash_files(path))
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def hash_source(path: Path) -> str:
    """SHA-256 (16 hex digits) of a file's bytes, or of all that koalign reads below a folder.

    The names of files count as far as they may name a split, and not where the folder lies.
    """
    if not path.is_dir():
        return hash_path(path)
    return content_hash(
        [(name, hashlib.sha256(data).hexdigest()) for _, name, data in contents(path)]
    )


def _find_inputs(
    stage: Stage, names: Sequence[str], config: Config, run_dir: Path
) -> dict[str, Path]:
    found = {}
    for name in names:
        if "/" in name:
            path = run_dir / stage.at.get(name, name)
            folder = path.relative_to(run_dir).parts[0]
            maker = PRODUCERS.get(folder.partition(ROUND)[0], "run")
            # A folder without its manifest is a stage that was interrupted; weights may be pruned.
            done = read_manifest(run_dir / folder)
            if done is None or not path.exists() or _incomplete(path, run_dir / folder, done):
                raise KoalignError(
                    f"{stage.name} needs {path}, which is not there; "
                    f"run `koalign {maker}` first (or `koalign run` for everything)"
                )
            found[name] = path
        else:
            section, key = name.split(".")
            value = getattr(getattr(config, section), key)
            if isinstance(value, str):
                found[name] = _outside(name, value)
            elif value is not None:
                for number, source in enumerate(value):
                    if not source.path.startswith(HUB):
                        found[f"{name}.{number}"] = _outside(name, source.path)
    return found


def _incomplete(path: Path, folder: Path, done: Manifest) -> bool:
    """Whether an output of the stage at or below `path` is gone."""
    made = [folder / name for name in done.outputs]
    return any(file.is_relative_to(path) and not file.exists() for file in made)


def _outside(name: str, value: str) -> Path:
    path = Path(resolve_path(value))
    if not path.exists():
        raise KoalignError(f"{name}: {path}: no such file")
    return path


def in_round(name: str, number: int) -> str:
    """The folder of a stage in a round of DPO, counted from 1."""
    return name if number == 1 else f"{name}{ROUND}{number}"


PRODUCERS: dict[str, str] = {}
"""Stage name -> command; filled by stages/__init__.py, so that errors can name the remedy."""


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.model_dump(mode="json", exclude=set(value.same_result))
    return value


def _hash_files(folder: Path) -> dict[str, str]:
    """Names are relative; a page for people may be written on and makes nothing stale."""
    ours = {PLAN, MANIFEST}
    return {
        path.relative_to(folder).as_posix(): hash_path(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != "README.md"
        and path.relative_to(folder).parts[0] != WORK
        and path.relative_to(folder).as_posix() not in ours
    }
