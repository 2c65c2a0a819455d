"""stages: the commands that make a run, a stage at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koalign.cli.nodes import first_node
from koalign.cli.options import (
    DEFAULT_RUN,
    Files,
    Force,
    RunDir,
    Settings,
    name_board,
    read_config,
)
from koalign.cli.shards import (
    SHARDED,
    ShardOption,
    draw_part,
    read_shard,
    refuse_missing,
    tell_outdated,
    tell_unread_by,
)
from koalign.jsonl import read_json
from koalign.manifests import ROUND, read_made, well_formed
from koalign.naming import counted
from koalign.records import KoalignError
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.config.sections import Config
    from koalign.run import Stage

FEWEST_DEV = 30
"""Dev problems; on fewer the standard error of a share is up to 9 points and more."""


def stage_command(command: str) -> Callable[..., None]:
    """The command of one or several stages, for Typer."""

    def run(
        files: Files = None,
        settings: Settings = None,
        run_dir: RunDir = DEFAULT_RUN,
        force: Force = False,
    ) -> None:
        run_stages(command, files, settings, run_dir, force)

    def run_or_draw(
        files: Files = None,
        settings: Settings = None,
        run_dir: RunDir = DEFAULT_RUN,
        shard: ShardOption = None,
        force: Force = False,
    ) -> None:
        if part := read_shard(shard, force):
            config = read_config(files, settings)
            stages = _chosen_stages(command, config, run_dir)
            draw_part(command, part, stages, config, run_dir, settings)
        else:
            run_stages(command, files, settings, run_dir, force)

    return run_or_draw if command in SHARDED else run


def run(
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            help="Run so many seeds on the same prepared data: the second in seed-1 of the run folder, and "
            "so on. Without: as many as the run has.",
        ),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where the plan says that memory will not do.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check all that is knowable, print the plan, and stop."),
    ] = False,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
    force: Force = False,
) -> None:
    """All of it: every stage that is not done yet."""
    from koalign.stages.pipeline import stages_of

    config = read_config(files, settings)
    with first_node(config) as first:
        if first:
            tell_unread_by("run", settings, stages_of("run", config), config)
            _run(config, seeds, anyway, dry_run, run_dir, force)


def _run(
    config: Config, seeds: int | None, anyway: bool, dry_run: bool, run_dir: Path, force: bool
) -> None:
    from koalign.cli.plan import refuse_findings
    from koalign.locking import locked
    from koalign.reports.seeds import print_seeds
    from koalign.stages.pipeline import stages_of
    from koalign.stages.seeds import of_seed, seed_folders, write_report
    from koalign.tracking.follow import followed

    _warn_without_hints(config)
    folders = seed_folders(run_dir, seeds)
    chain = [of_seed(stages_of("run", config), config, number) for number in range(len(folders))]
    refuse_findings(config, chain, folders, force, anyway, dry_run)
    if dry_run:
        return
    if len(folders) == 1:
        _run_stages("run", config, run_dir, force)
        return
    with ExitStack() as locks:
        for folder in folders:
            locks.enter_context(locked(folder))
        for number, (folder, (stages, seeded)) in enumerate(zip(folders, chain, strict=True)):
            title = f"seed {number + 1} of {len(folders)}, "
            with followed(config.tracking, folder):
                execute_each(stages, seeded, folder, force, title)
        report = write_report(folders, config)
    print_seeds(report)
    name_board(run_dir)
    say(f"each seed by itself: {', '.join(f'koalign show {folder}' for folder in folders)}")


def _warn_without_hints(config: Config) -> None:
    if not config.has_hints and config.candidates.source != "none":
        say(
            "neither data.hints nor candidates.source gives hints, so the chain ends with DPO",
            err=True,
        )


def _chosen_stages(command: str, config: Config, run_dir: Path) -> Sequence[Stage]:
    """The stages of a command; an evaluation is without pairs, or a reader, where the run has none."""
    from koalign.stages.pipeline import has_no_gold, stages_of, without_pairs, without_reader

    stages = stages_of(command, config)
    if command == "evaluate" and _ends_with_sft(stages, config, run_dir):
        return without_pairs(stages)
    return without_reader(stages) if command == "evaluate" and has_no_gold(run_dir) else stages


def _ends_with_sft(stages: Sequence[Stage], config: Config, run_dir: Path) -> bool:
    """Whether stages that end with an evaluation would make pairs of nothing, which is said."""
    from koalign.stages.pipeline import makes_no_pairs

    evaluated = any(stage.name == "evaluate" for stage in stages)
    no_pairs = evaluated and makes_no_pairs(run_dir, config)
    if no_pairs:
        say(
            "all training problems have long answers, which no rule verifies, and there are no rankings "
            "and no judge: no pairs, so the chain ends with SFT"
        )
    return no_pairs


def execute_each(
    stages: Sequence[Stage], config: Config, run_dir: Path, force: bool, seed: str = ""
) -> None:
    """Run the stages that are not done; each is announced, and what came out of it is a line.

    Where no problem gives a pair, DPO keeps the policy as it is. Where no hint passes its screens, an
    evaluation at the end is of the steps before. Where no passage is gold, no reader is trained. Calls that
    failed in a stage are sent again while no later one is made of what it has.
    """
    from koalign.cli.plan import refuse, refuse_without_room
    from koalign.hashing import MANIFEST
    from koalign.locking import held, refuse_moved
    from koalign.preflight import data_findings
    from koalign.reports.views import describe
    from koalign.run import execute
    from koalign.stages.pairs import why_no_pairs
    from koalign.stages.pipeline import without_hints, without_pairs, without_reader

    refuse_without_room(stages, config, run_dir, force)
    refuse_missing(stages, config, run_dir)
    with held(run_dir) as began:
        for number, stage in enumerate(stages, start=1):
            refuse_moved(run_dir, began)  # the lock is of the folder that was moved
            title = f"{seed}stage {number} of {len(stages)}: {stage.name}"
            later = stages[number:]
            asks_again = not any((run_dir / one.name / MANIFEST).exists() for one in later)
            made, ran = execute(stage, config, run_dir, force, partial(say, title), asks_again)
            say(describe(made, ran))
            if stage.name == "prepare" and ran:
                _tell_small_dev(config, made.counts["dev"])
            if stage.name == "prepare" and ran and len(later) > 1:
                refuse(data_findings(config, stages, run_dir))
            if stage.name == "prepare" and _ends_with_sft(later, config, run_dir):
                execute_each(without_pairs(later), config, run_dir, force, seed)
                return
            if stage.name.partition(ROUND)[0] == "pairs" and not made.counts["pairs"]:
                why = why_no_pairs(run_dir / stage.name)
                if not later:
                    raise KoalignError(why)
                say(why, err=True)
            if stage.name == "passages" and later and not made.counts.get("gold"):
                say("none of the passages is gold, so no reader is trained")
                execute_each(without_reader(later), config, run_dir, force, seed)
                return
            if stage.name == "hints" and not made.counts["kept"] and later[-1].name == "evaluate":
                say("none of the hints passed, so the chain ends with DPO")
                execute_each(without_hints(later), config, run_dir, force, seed)
                return


def _tell_small_dev(config: Config, problems: int) -> None:
    """Say where dev is too small to choose a checkpoint by; sqrt(p (1 - p) / n) is largest at p = 1/2."""
    if 0 < problems < FEWEST_DEV and config.probe.problems and config.engine.backend != "scripted":
        say(
            f"dev has {counted(problems, 'problem')}: the standard error of an accuracy on so few is up to "
            f"{50 / sqrt(problems):.0f} points, too much to choose an epoch or a checkpoint by; raise "
            "data.dev_share or give more data, or set sft.epochs to a number and probe.problems to 0",
            err=True,
        )


def _tell_empty_splits(config: Config, splits: Mapping[str, Mapping[str, int]]) -> None:
    """Say which later command needs dev or test problems, where there are none."""
    needs = []
    trains = config.engine.backend != "scripted"
    if not splits["dev"]["problems"] and config.sft.epochs == "auto" and trains:
        share = "a larger data.dev_share" if config.data.dev_share else "data.dev_share"
        needs.append(f"no dev: `koalign sft` needs data.dev, {share} or a number as sft.epochs")
    if not splits["test"]["problems"]:
        needs.append(
            "no test: `koalign evaluate`, `run`, and `solve` without a file need data.test"
        )
    if needs:
        say("; ".join(needs), err=True)


def run_stages(
    command: str,
    files: list[Path] | None,
    settings: list[str] | None,
    run_dir: Path,
    force: bool,
) -> None:
    """Run what is not done of the stages of a command, and show what they found.

    Of several nodes the first does it, and the others join its trainings.
    """
    config = read_config(files, settings)
    with first_node(config) as first:
        if first:
            _run_stages(command, config, run_dir, force, settings)


def _run_stages(
    command: str,
    config: Config,
    run_dir: Path,
    force: bool,
    settings: Sequence[str] | None = None,
) -> None:
    from koalign.locking import locked
    from koalign.reports.views import print_results
    from koalign.tracking.follow import followed

    if command == "evaluate":
        _warn_without_hints(config)
    with locked(run_dir):
        stages = _chosen_stages(command, config, run_dir)
        tell_unread_by(command, settings, stages, config)
        tell_outdated(stages, config, run_dir)
        with followed(config.tracking, run_dir):
            execute_each(stages, config, run_dir, force)
    if command == "prepare":
        from koalign.reports.data import print_dataset

        path = run_dir / "prepare" / "report.json"
        with well_formed(path):
            report = read_json(path)
            print_dataset(report, path.with_name("dropped.jsonl"))
            name_board(run_dir)
            _tell_empty_splits(config, report["splits"])
    if command == "dpo-pairs":
        from koalign.reports.data import print_pairs

        path = run_dir / "pairs" / "report.json"
        with well_formed(path):
            print_pairs(read_json(path))
        name_board(run_dir)
    passages = run_dir / "passages" / "report.json"
    if command == "passages" or (command == "run" and passages.exists()):
        from koalign.reports.passages import print_passages

        with well_formed(passages):
            print_passages(read_json(passages))
    if command in ("run", "evaluate"):
        from koalign.evaluation.solving.report import SolvingReport
        from koalign.reports.solving import print_report
        from koalign.stages.evaluate import READING

        evaluated = run_dir / "evaluate"
        with well_formed(evaluated / "results.json"):
            print_results(read_json(evaluated / "results.json"))
        for name in ("solving", *READING):
            report = evaluated / f"{name}.json"
            if report.exists():
                print_report(read_made(report, SolvingReport), name)
        say(f"the run is in {run_dir}")
        name_board(run_dir)
