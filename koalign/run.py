"""run: a folder of stages; each runs once for its inputs, leaves a manifest last, and can be continued."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import koalign
from koalign.config.narrowing import settings_of
from koalign.config.sections import Config
from koalign.hashing import MANIFEST, PLAN, WORK, hash_files, hashes_of
from koalign.jsonl import read_record, write_json
from koalign.locking import held, locked, refuse_moved
from koalign.manifests import (
    CALLS_FAILED,
    ROUND,
    Manifest,
    missing_outputs,
    output_of,
    read_manifest,
    refuse_changed,
)
from koalign.parts import PartDrawn, Shard, parts_of, refuse_other_total
from koalign.plans import (
    Plan,
    begun_with,
    is_blank,
    other_plan,
    outside_of,
    refuse_written,
    write_plan,
)
from koalign.provenance import device, git_commit, measured, package_versions
from koalign.records import KoalignError
from koalign.remaking import clear, restored
from koalign.renderer import open_renderer
from koalign.tracking.events import EventLog

REMOVED = "take another --run-dir, or remove that folder"
PROMPTED = ("prepare/shots.jsonl", "prepare/base.json")
"""Inputs of a stage that prompts the model."""
PREPARED = ("prepare/train.jsonl", *PROMPTED)
"""Inputs of a stage that prompts it with training problems."""
ENGINE = ("engine.script", "engine.vllm.weights")
"""Inputs of a stage that samples: files beside the base that decide what is drawn."""
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
    """Config sections that the stage may read, or single keys of one (`engine.script`); a change in one
    makes its result stale."""
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
    draws: bool = False
    """Whether its work is samples, which shards can draw."""
    prompts: bool = True
    """Whether a prompt template may play a part in its result."""


def execute(
    stage: Stage,
    config: Config,
    run_dir: Path,
    force: bool = False,
    announce: Callable[[], None] = lambda: None,
    asks_again: bool = False,
) -> tuple[Manifest, bool]:
    """Make the stage's folder, or find it made; returns its manifest and whether it ran.

    `announce` is called before a stage runs, and not for one that is made or refused. `asks_again`: one
    that is made runs too where calls of it failed; its log has the others.
    Raises KoalignError for a missing input, and for a folder made with other settings or inputs
    unless `force` says to make it again.
    """
    inputs = find_inputs(stage, stage.inputs, config, run_dir)
    looked_at = find_inputs(stage, stage.looks_at, config, run_dir)
    plan = plan_of(stage, config, hashes_of(inputs))
    out = run_dir / stage.name
    events = EventLog(run_dir)
    done = _usable(stage, out, plan, inputs, force)
    if done and not (asks_again and done.counts.get(CALLS_FAILED)):
        shutil.rmtree(out / WORK, ignore_errors=True)
        events.end(done)  # it may have been killed behind its manifest
        return done, False
    _refuse_other_parts(out, plan, inputs)
    out.mkdir(parents=True, exist_ok=True)
    with held(out) as made_in, restored(out, stage.keeps):
        (out / MANIFEST).unlink(missing_ok=True)
        write_plan(out, plan)
        # The stage sees the sections it declared and no others, so that a plan cannot miss a setting.
        visible = begun_with(config.only(stage.sections), out)
        announce()
        events.append("begun", stage.name, plan.fingerprint)
        name = stage.name, plan.fingerprint
        with events.stopped(*name), events.warnings(*name), measured() as cost:
            result = stage.run(visible, {**inputs, **looked_at}, out)
            refuse_moved(out, made_in)
            refuse_written(out, plan, inputs, stage.command)
    manifest = Manifest(
        stage=stage.name,
        fingerprint=plan.fingerprint,
        template=plan.template,
        outputs=hash_files(out),
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
    write_json(out / MANIFEST, manifest.sealed.model_dump(mode="json"))
    events.end(manifest)
    shutil.rmtree(out / WORK, ignore_errors=True)  # now: until it is whole it needs this
    return manifest, True


def execute_part(
    stage: Stage, config: Config, run_dir: Path, shard: Shard, announce: Callable[[], None]
) -> tuple[Manifest, bool]:
    """Draw the shard's part of a stage; where all parts are whole, the stage itself, as `execute` does.

    Raises PartDrawn where other parts are not whole, and KoalignError for a stage or a part that was begun
    with other settings, inputs or another number of parts.
    """
    inputs = find_inputs(stage, stage.inputs, config, run_dir)
    looked_at = find_inputs(stage, stage.looks_at, config, run_dir)
    plan = plan_of(stage, config, hashes_of(inputs))
    whole = run_dir / stage.name
    other = other_plan(whole, plan, inputs) if (whole / PLAN).exists() else None
    if (
        other
        and (stage.continues or (whole / MANIFEST).exists())
        and not is_blank(whole, stage.keeps)
    ):
        raise KoalignError(f"{whole} was made with {other}; {REMOVED}")  # others may be drawing
    if read_manifest(whole) is None and stage.draws:
        part = shard.folder(whole)
        with locked(part):
            try:
                if read_manifest(whole) is None:
                    _refuse_other_parts(whole, plan, inputs, shard)
                    write_plan(part, plan)
                    announce()
                    with EventLog(run_dir).warnings(stage.name, plan.fingerprint):
                        stage.run(
                            begun_with(config.only(stage.sections), whole),
                            {**inputs, **looked_at},
                            part,
                        )
            except PartDrawn:
                # Else another shard has merged the parts meanwhile.
                if read_manifest(whole) is None:
                    raise
    with locked(whole / WORK, wait=True):
        return execute(stage, config, run_dir, announce=announce)


def _refuse_other_parts(
    whole: Path, plan: Plan, inputs: Inputs, shard: Shard | None = None
) -> None:
    """Raises KoalignError where a stage has parts by another plan, or another number of them."""
    refuse_other_total(whole, shard)
    for part in parts_of(whole).values():
        if other := other_plan(part, plan, inputs):
            raise KoalignError(f"{part} was made with {other}; {REMOVED}")


def outdated(stage: Stage, config: Config, run_dir: Path) -> str | None:
    """With what other settings or inputs a finished stage was made, in words; none: with those of now.

    None too where it is not finished. Where what it was made of is gone, the settings alone are compared.
    """
    out = run_dir / stage.name
    if read_manifest(out) is None:
        return None
    inputs: Inputs = {}
    hashes: dict[str, str] = {}
    try:
        inputs = find_inputs(stage, stage.inputs, config, run_dir)
        hashes = hashes_of(inputs)
    except KoalignError:  # told where a stage needs it
        with suppress(KoalignError):  # `other_plan` says that it cannot be read
            hashes = read_record(out / PLAN, Plan).inputs
    return other_plan(out, plan_of(stage, config, hashes), inputs)


def outdated_note(stage: Stage, config: Config, run_dir: Path) -> str | None:
    """What to say of a finished stage that is used though it was made with other settings or inputs."""
    other = outdated(stage, config, run_dir)
    return other and (
        f"{run_dir / stage.name} was made with {other}; it is used as it is, and "
        f"`koalign {stage.command} --force` makes it again"
    )


def plan_of(stage: Stage, config: Config, hashes: dict[str, str]) -> Plan:
    """What a stage is to do, with the hash of each input."""
    return Plan(
        stage=stage.name,
        version=stage.version,
        template=open_renderer(config.prompt).hash if stage.prompts else "",
        config=settings_of(config, stage.sections),
        inputs=hashes,
    )


def _usable(stage: Stage, out: Path, plan: Plan, inputs: Inputs, force: bool) -> Manifest | None:
    """The manifest of a stage that is made, if it is whole; what cannot be gone on from is cleared.

    Raises KoalignError for what only `force` may clear. It also clears an unfinished or damaged stage.
    """
    for name in (PLAN, MANIFEST):
        if (out / name).is_dir():
            raise KoalignError(
                f"{out / name}: a folder, and koalign writes a file there; remove it"
            )
    if force:
        for part in parts_of(out).values():
            shutil.rmtree(part)
    if is_blank(out, stage.keeps):
        return None
    # Without a plan no stage wrote what is there.
    if (out / PLAN).exists() and not (out / MANIFEST).exists() and not stage.continues:
        clear(out, stage.keeps)
        return None
    other = other_plan(out, plan, inputs)
    if other and not (force or _is_of_nothing(out)):
        raise KoalignError(
            f"{out} was made with {other}; take another --run-dir, or --force to make it again"
        )
    if other or (force and _is_damaged(out)):
        clear(out, stage.keeps)
        return None
    done = read_manifest(out)
    if done is None:
        return None
    refuse_changed(out, done, out)
    return None if missing_outputs(out, done, out) else done


def _is_of_nothing(out: Path) -> bool:
    """Whether a finished stage found no pair, or was trained on none: nothing is lost with it."""
    done = read_manifest(out)
    return done is not None and 0 in (done.counts.get("pairs"), done.counts.get("examples"))


def _is_damaged(out: Path) -> bool:
    """Whether a stage is unfinished, or its files are not those that its manifest names."""
    try:
        done = read_manifest(out)
        if done is not None:
            refuse_changed(out, done, out)
    except KoalignError:
        return True
    return done is None or bool(missing_outputs(out, done, out))


def find_inputs(
    stage: Stage, names: Sequence[str], config: Config, run_dir: Path
) -> dict[str, Path]:
    """The paths of inputs of a stage. Raises KoalignError for one that is not there."""
    found = {}
    for name in names:
        if "/" in name:
            found[name] = output_of(run_dir, stage.at.get(name, name), stage.name)
        else:
            found |= outside_of(name, config)
    return found


def in_round(name: str, number: int) -> str:
    """The folder of a stage in a round of DPO, counted from 1."""
    return name if number == 1 else f"{name}{ROUND}{number}"
