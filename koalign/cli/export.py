"""export: koalign export, the training sets of a run for those who train elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from koalign.cli.options import (
    DEFAULT_RUN,
    Files,
    RunDir,
    Settings,
    read_config,
    refuse_in_stage,
)
from koalign.cli.shards import tell_outdated, tell_unread_by
from koalign.text.visible import say


def export(
    trl: Annotated[
        Path, typer.Option("--trl", help="New folder for TRL: rows, settings, accelerate files.")
    ],
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
) -> None:
    """The SFT and preference sets of a run, for training with TRL elsewhere."""
    from koalign.naming import counted
    from koalign.stages.pipeline import stages_of
    from koalign.training.trl_export import ROWS, export_trl, not_exported

    refuse_in_stage(trl)
    config = read_config(files, settings)
    tell_unread_by("export", settings, stages_of("dpo", config), config)
    tell_outdated(stages_of("dpo", config), config, run_dir)
    sets, sources = export_trl(config, run_dir, trl)
    say(f"{trl}: for TRL 1.16; the commands are in {trl / 'README.md'}")
    for name, one in sets.items():
        say(f"{trl / name}: {counted(one.rows, 'row')}")
        if one.other_ids and name == "sft":
            say(
                "note: sft: written as token ids, since TRL would cut its text into others",
                err=True,
            )
        elif one.other_ids:
            say(
                f"note: {name}: TRL reads {counted(len(one.other_ids), 'row')} as other tokens than "
                f"koalign, the first is row {one.other_ids[0] + 1} of {trl / name / ROWS}",
                err=True,
            )
    for note in not_exported(config):
        say(f"note: {note}", err=True)
    if "dpo" not in sets:
        say(f"no preference set: `koalign dpo-pairs` makes {run_dir / 'pairs'}")
    say(
        f"note: holds texts of {', '.join(sources)}; koalign does not know their licences, so check "
        "that you may pass them on",
        err=True,
    )
