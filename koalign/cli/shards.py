"""shards: --shard: one process draws a part of what a command samples, beside others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koalign.cli.options import tell_unread
from koalign.records import KoalignError
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.config.sections import Config
    from koalign.parts import Shard
    from koalign.run import Stage

SHARDED = ("dpo-pairs", "abstractions", "passages", "evaluate")
"""Commands of stages that shards can draw; `solve` and `benchmark` have options of their own."""
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        help="Draw this part alone, such as 3/8, beside others. When all are drawn, leave it out.",
    ),
]


def read_shard(text: str | None, force: bool) -> Shard | None:
    """The shard of `--shard`; raises KoalignError for one that is none, and with `--force`."""
    from koalign.parts import Shard

    if text is None:
        return None
    if force:
        raise KoalignError(
            "--shard with --force: other shards may be drawing; remove the folder of the stage instead, or "
            "take another --run-dir"
        )
    return Shard.parse(text)


def draw_part(
    command: str,
    shard: Shard,
    stages: Sequence[Stage],
    config: Config,
    run_dir: Path,
    settings: Sequence[str] | None,
) -> None:
    """Draw a part of the stages of a command that sample, as far as the other parts let it."""
    from koalign.locking import locked
    from koalign.parts import PartDrawn
    from koalign.reports.views import describe
    from koalign.run import execute_part

    last = max(number for number, stage in enumerate(stages) if stage.draws)
    tell_unread_by(command, settings, stages, config)
    with locked(run_dir, shared=True):
        tell_outdated(stages, config, run_dir)
        refuse_missing(stages, config, run_dir)
        for stage in stages[: last + 1]:
            title = f"shard {shard}: {stage.name}"
            try:
                say(describe(*execute_part(stage, config, run_dir, shard, partial(say, title))))
            except PartDrawn as drawn:
                say(f"{title}: {drawn}; the same command goes on when they are")
                return
    shown = "shows what came of them" if stages[-1].draws else "goes on"
    say(f"shard {shard}: all parts are drawn and merged; `koalign {command}` {shown}")


@contextmanager
def drawing(whole: Path, shard: Shard) -> Iterator[Path]:
    """The folder of a part of what is no stage of a run; says which other parts are not whole."""
    from koalign.locking import locked
    from koalign.parts import PartDrawn, refuse_other_total

    part = shard.folder(whole)
    with locked(whole, shared=True), locked(part):
        refuse_other_total(whole, shard)
        try:
            yield part
            say(f"shard {shard}: all parts are drawn; the same command without --shard merges them")
        except PartDrawn as drawn:
            say(f"shard {shard}: {drawn}")


def tell_unread_by(
    command: str, settings: Sequence[str] | None, stages: Sequence[Stage], config: Config
) -> None:
    """Say which keys of `-s` no stage of a command reads, and none that these are made of."""
    from koalign.stages.pipeline import CHOOSE, stages_before

    read = {"engine", "tracking", *CHOOSE}
    for stage in (*stages_before(stages, config), *stages):
        read |= {*stage.sections, *(name for name in stage.inputs if "/" not in name)}
    tell_unread(command, settings, config, read)


def tell_outdated(stages: Sequence[Stage], config: Config, run_dir: Path) -> None:
    """Say which stages that these are made of have other settings or inputs than those of now.

    Raises KoalignError where the base is another by now.
    """
    from koalign.plans import PREPARE, refuse_other_base
    from koalign.run import outdated_note
    from koalign.stages.pipeline import stages_before

    for stage in stages_before(stages, config):
        if stage.name == PREPARE:
            refuse_other_base(run_dir, config)
        if note := outdated_note(stage, config, run_dir):
            say(note, err=True)


def refuse_missing(stages: Sequence[Stage], config: Config, run_dir: Path) -> None:
    """Raises KoalignError for what these stages need, none of them makes, and is not there.

    Before the first of them runs: evaluate trains its controls, and then needs what solve makes and
    test problems with answers. So too where the run's splits have changed since they were prepared: what
    is learned was checked against those that are gone.
    """
    from koalign.jsonl import read_jsonl
    from koalign.manifests import read_manifest, refuse_changed
    from koalign.records import Problem
    from koalign.run import find_inputs
    from koalign.stages.evaluate import refuse_unanswered

    own = {stage.name for stage in stages}
    for stage in stages:
        makers = {name: stage.at.get(name, name).partition("/") for name in stage.inputs}
        others = [name for name, (maker, slash, _) in makers.items() if slash and maker not in own]
        find_inputs(stage, others, config, run_dir)
    prepare = run_dir / "prepare"
    if "prepare" not in own and (made := read_manifest(prepare)):
        refuse_changed(prepare, made, prepare)
    if "evaluate" in own and "prepare" not in own:
        refuse_unanswered(read_jsonl(prepare / "test.jsonl", Problem))
