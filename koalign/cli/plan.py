"""plan: koalign plan: memory, hours, tokens, disk and money of a run before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koalign.cli.options import (
    DEFAULT_RUN,
    AsJson,
    Files,
    RunDir,
    Settings,
    read_config,
    refuse_twice,
)
from koalign.records import KoalignError
from koalign.text.visible import say, say_json

if TYPE_CHECKING:
    from koalign.config.sections import Config
    from koalign.planning.counts import Counts
    from koalign.planning.estimate import Estimate
    from koalign.run import Stage


def plan(
    gpu: Annotated[
        str | None,
        typer.Option(
            "--gpu", help="A card, such as A100-80, or its memory: 24GB. Without: this machine."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Folder or hub id. Without: model.path.")
    ] = None,
    as_json: AsJson = False,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
) -> None:
    """Memory, hours, tokens, disk and money of every stage of `run`, before it begins."""
    from koalign.config.sections import ASSETS
    from koalign.reports import plan as report

    if model:
        refuse_twice("--model", ["model.path"], settings)
    if model and not files and not Path("koalign.yaml").exists():
        files = [ASSETS / "no_data.yaml"]  # and not the example, which is made for a tiny model
    config = read_config(files, [*(settings or []), *([f"model.path={model}"] if model else [])])
    planned = estimate_of(config, run_dir, gpu)
    estimate, change = planned.estimate, planned.change()
    if as_json:
        say_json(report.as_json(estimate, config.model.path, change))
    else:
        report.print_estimate(estimate, config.model.path, change)


@dataclass(frozen=True)
class Planned:
    """An estimate and what it was made of."""

    estimate: Estimate
    config: Config
    counts: Counts
    done: dict[str, float]

    def change(self) -> list[str] | None:
        """The smallest change with which the run fits, where it does not."""
        from koalign.planning.changes import smallest_change

        made = self.estimate
        if made.fits:
            return None
        return smallest_change(self.config, made.shape, self.counts, made.card, self.done)


def estimate_of(
    config: Config, run_dir: Path, gpu: str | None = None, *, force: bool = False
) -> Planned:
    """What a run needs on a card, or on this machine; with `force` what is made counts as to do.

    Raises KoalignError for what cannot be planned.
    """
    from koalign.engines.opening import is_endpoint
    from koalign.planning.cards import card_here, card_named
    from koalign.planning.counts import counts_of
    from koalign.planning.estimate import estimate
    from koalign.planning.history import manifests, speeds
    from koalign.planning.shape import read_shape
    from koalign.stages.pipeline import stale_in

    if is_endpoint(config.model.path):
        raise KoalignError(
            f"model.path: {config.model.path} is a server, which is not trained; name a folder or a hub id"
        )
    card = card_here() if gpu is None else card_named(gpu)
    if gpu is None and not card.cpu and card.seen < config.training.processes:
        raise KoalignError(
            f"training.processes: {config.training.processes}, and {card.seen} GPUs are seen here; lower it"
        )
    finished, stale = manifests(run_dir), stale_in(run_dir, config)
    shape, counts = read_shape(config.model), counts_of(config, run_dir, stale)
    done = {n: m.seconds for n, m in finished.items() if not force and n not in stale}
    speed = speeds(config, shape, card, run_dir)
    return Planned(estimate(config, shape, counts, card, done, speed, stale), config, counts, done)


def refuse_findings(
    config: Config,
    chains: Sequence[tuple[Sequence[Stage], Config]],
    folders: Sequence[Path],
    force: bool,
    anyway: bool,
    dry_run: bool,
) -> None:
    """Print the plan's total; raises KoalignError where anything would stop the run, all of it listed.

    `chains`: the stages and the config of each seed, in the folder of that number.
    """
    from koalign.hashing import MANIFEST
    from koalign.locking import refuse_links
    from koalign.planning.changes import refuse_too_large
    from koalign.preflight import findings
    from koalign.reports.plan import total_line
    from koalign.stages.pipeline import left_in

    for folder in folders:
        refuse_links(folder)  # before anything in it is read
    planned, found = None, list[str]()
    try:
        if config.engine.backend != "scripted":
            planned = estimate_of(config, folders[0], force=force)
            say(total_line(planned.estimate, len(folders)), err=True)
            if not anyway:
                refuse_too_large(planned.estimate, config, planned.counts, planned.done)
    except KoalignError as error:
        found.append(str(error))
    for (stages, seeded), folder in zip(chains, folders, strict=True):
        found += findings(
            seeded,
            stages,
            folder,
            force=force,
            shape=planned.estimate.shape if planned else None,
            disk=planned.estimate.disk_needed(len(folders)) if planned else 0,
            read_all=dry_run,
        )
    refuse(found)
    if dry_run:
        left = chains[0][0] if force else left_in(chains[0][0], folders[0], config)
        to_do = [
            stage.name
            for stage in left
            if force or not all((folder / stage.name / MANIFEST).exists() for folder in folders)
        ]
        say(f"nothing stops this run; to do: {', '.join(to_do) or 'nothing'}")


def refuse_without_room(
    stages: Sequence[Stage], config: Config, run_dir: Path, force: bool
) -> None:
    """Raises KoalignError where one of the stages trains, and the memory here cannot take its base.

    On a Ray cluster the bases wait in other machines.
    """
    from koalign.manifests import read_manifest

    training = config.training
    to_do = any(
        "training" in stage.sections and (force or read_manifest(run_dir / stage.name) is None)
        for stage in stages
    )
    if (
        training.shard == "fsdp-offload"
        and training.launcher != "ray"
        and config.engine.backend != "scripted"
        and to_do
    ):
        from koalign.planning.changes import refuse_offload_without_room
        from koalign.planning.shape import read_shape

        refuse_offload_without_room(config, read_shape(config.model))


def refuse(found: Sequence[str]) -> None:
    """Raises KoalignError for findings, which are listed where there are several."""
    found = list(dict.fromkeys(found))
    if len(found) > 1:
        for number, finding in enumerate(found, start=1):
            say(f"{number}. {finding}", err=True)
        raise KoalignError(f"{len(found)} findings stop this run")
    if found:
        raise KoalignError(found[0])
