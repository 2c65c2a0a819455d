"""manifests: the files of a finished stage with their hashes, written last and held against when read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from pydantic import field_validator

from koalign.hashing import MANIFEST, PLAN, hash_path
from koalign.jsonl import R, read_json, read_record
from koalign.records import KoalignError, Record, content_hash
from koalign.text.visible import shown, warn

ROUND = "-"
"""Between the name of a stage and the number of its round, from the second on: `dpo-2`."""
SEED = "seed-"
"""Before the number of a further seed: the folder of its run, below that of the first."""
MINE = "mine"
"""The folder of a run for its folds, which are runs of their own."""
CALLS_FAILED = "calls_failed"
"""A count of a manifest: calls to a server that brought no reply, which may be sent again."""
PRODUCERS: dict[str, str] = {}
"""Stage name -> command; filled by stages/pipeline.py, so that errors can name the remedy."""


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

    seal: str = ""
    """Hash of all the rest; empty: not recorded by that version."""

    @field_validator("outputs")
    @classmethod
    def _below_the_stage(cls, outputs: dict[str, str]) -> dict[str, str]:
        for path in map(PurePath, outputs):
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{path} is not below the stage")
        return outputs

    @property
    def sealed(self) -> Manifest:
        """The same with the hash of what it holds now."""
        held = self.model_dump(mode="json", exclude={"seal"})
        return self.model_copy(update={"seal": content_hash(held)})


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a stage folder; none if the stage is not whole.

    Raises KoalignError for one that is not as koalign wrote it.
    """
    path = folder / MANIFEST
    if path.is_dir():
        raise KoalignError(f"{path}: a folder, and koalign writes a file there; remove it")
    try:
        done = read_record(path, Manifest) if path.exists() else None
        if done and done.seal not in ("", done.sealed.seal):
            raise KoalignError(f"{path}: changed since it was written")
        return done
    except KoalignError as error:
        reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
        raise KoalignError(
            f"{path}: damaged ({reason}); `koalign {command_of(folder)} --force` makes the stage again"
        ) from None


def read_made(path: Path, record: type[R]) -> R:
    """The record in a JSON file at the top of a stage; raises KoalignError with what makes it again."""
    try:
        return read_record(path, record)
    except KoalignError as error:
        reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
        raise KoalignError(
            f"{path}: damaged ({reason}); `koalign {command_of(path.parent)} --force` makes the stage again"
        ) from None


@contextmanager
def unchanged(run_dir: Path, *stages: str) -> Iterator[None]:
    """Raises KoalignError where a stage of a run is made again while the body reads several of its files.

    A stage has no manifest while it is made, and one that is made again another.
    """
    made = {stage: read_manifest(run_dir / stage) for stage in stages}
    yield
    for stage, before in made.items():
        refuse_remade(run_dir / stage, before)


def refuse_remade(stage: Path, before: Manifest | None) -> None:
    """Raises KoalignError where a stage has no longer this manifest."""
    if read_manifest(stage) != before:
        raise KoalignError(
            f"{stage}: is made again while this command reads it; the same command once it is done"
        )


@contextmanager
def well_formed(path: Path) -> Iterator[None]:
    """Raises KoalignError where what is done inside does not find the shape that a stage's file has."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
        raise KoalignError(
            f"{path}: is not as koalign writes it ({shown(repr(error))}); remove {path.parent}, and "
            f"`koalign {command_of(path.parent)}` makes it again"
        ) from None


def command_of(stage: Path) -> str:
    """The command that makes the stage of a folder."""
    if stage.parent.parent.name == MINE:
        return "mine"
    if stage.parent.name.startswith(SEED):
        return "run"
    return PRODUCERS.get(stage.name.partition(ROUND)[0], "run")


def hashes_in(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Each output of a stage and each folder at its top -> hash, as a plan names its inputs."""
    outputs = manifest.get("outputs")
    if not isinstance(outputs, dict):
        return {}
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    digests = {path: str(digest) for path, digest in outputs.items()}
    for path, digest in digests.items():
        top, _, rest = path.partition("/")
        if rest:
            folders[top][rest] = digest
    return {**digests, **{top: content_hash(files) for top, files in folders.items()}}


def other_inputs(inputs: Any, manifests: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The inputs of a stage, by its plan, for which its run has other files by now.

    `manifests`: those of the run by stage, as they are read; an empty one is of a stage that is not whole.
    In another round another stage stands for the one that an input names.
    """
    made: dict[str, set[str]] = defaultdict(set)
    for manifest in manifests.values():
        for file, digest in hashes_in(manifest).items():
            made[file].add(digest)
    return [
        name for name, digest in (inputs.items() if isinstance(inputs, dict) else ())
        if (known := made.get(name.partition("/")[2])) and str(digest) not in known
        and manifests.get(name.partition("/")[0])
    ]  # fmt: skip


def warn_of_older(run_dir: Path, stage: str) -> None:
    """Say where a finished stage, or one before it, was made of other files than its run has now."""
    places = [path.parent for path in run_dir.glob(f"*/{MANIFEST}")]
    manifests = {place.name: _object(place / MANIFEST) for place in places}
    seen: set[str] = set()
    wanted = [stage]
    while wanted:
        name = wanted.pop(0)
        if name in seen or not manifests.get(name):
            continue
        seen.add(name)
        inputs = _object(run_dir / name / PLAN).get("inputs")
        inputs = inputs if isinstance(inputs, dict) else {}
        if changed := other_inputs(inputs, manifests):
            warn(
                f"{run_dir / name} was made of another {', '.join(changed)}; it is used as it is, and "
                f"`koalign {command_of(run_dir / name)} --force` makes it again",
                once=True,
            )
        wanted += [key.partition("/")[0] for key in inputs]


def _object(path: Path) -> dict[str, Any]:
    """The JSON object of a file; empty for what is none: a command that needs it says so."""
    try:
        value = read_json(path)
    except (KoalignError, OSError):
        return {}
    return value if isinstance(value, dict) else {}


def output_of(run_dir: Path, name: str, user: str) -> Path:
    """A file or folder (`stage/file`) that a finished stage of a run made, as its manifest has it.

    Raises KoalignError where it is not there, and where it has changed; `user` is who needs it.
    """
    path = run_dir / name
    stage = run_dir / PurePath(name).parts[0]
    # A folder without its manifest is a stage that was interrupted; weights may be pruned.
    done = read_manifest(stage)
    if done is None or not path.exists() or missing_outputs(stage, done, path):
        raise KoalignError(
            f"{user} needs {path}, which is not there; "
            f"run `koalign {command_of(stage)}` first (or `koalign run` for everything)"
        )
    refuse_changed(stage, done, path)
    return path


def missing_outputs(stage: Path, done: Manifest, below: Path) -> list[Path]:
    """The outputs of a stage at or below a path that are gone."""
    return [path for path in _outputs(stage, done, below) if not path.exists()]


def refuse_changed(stage: Path, done: Manifest, below: Path) -> None:
    """Raises KoalignError for an output of a stage at or below a path that is not as it was made.

    Of the whole stage its plan too: a copy that broke off may have put another beside the outputs.
    """
    files = _outputs(stage, done, below)
    if below == stage:
        files[stage / PLAN] = done.fingerprint
    for path, recorded in files.items():
        hash_now = _hash_of_json if path == stage / PLAN else hash_path
        if path.exists() and (not path.is_file() or hash_now(path) != recorded):
            raise KoalignError(
                f"{path}: changed since it was made (its hash is not that of {stage / MANIFEST}); put "
                f"it back, or `koalign {command_of(stage)} --force` makes the stage again"
            )


def _hash_of_json(path: Path) -> str:
    return content_hash(read_json(path))


def _outputs(stage: Path, done: Manifest, below: Path) -> dict[Path, str]:
    paths = {stage / name: recorded for name, recorded in done.outputs.items()}
    return {path: recorded for path, recorded in paths.items() if path.is_relative_to(below)}
