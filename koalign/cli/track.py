"""track: koalign track push, the events of a run to W&B, trackio or LangSmith, later or again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from koalign.cli.options import DEFAULT_RUN, Files, Settings, read_config, tell_unread
from koalign.records import KoalignError
from koalign.text.visible import say

app = typer.Typer(help="Send a run to trackers.", no_args_is_help=True)


@app.callback()
def track() -> None:
    """Keeps `push` a command of its own."""


@app.command("push")
def push(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")] = DEFAULT_RUN,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to", help="wandb, trackio or langsmith, repeatable. Without: those of `tracking`."
        ),
    ] = None,
    files: Files = None,
    settings: Settings = None,
) -> None:
    """Send to trackers what they lack of a run; a second time changes nothing."""
    from koalign.naming import counted
    from koalign.tracking.events import EVENTS
    from koalign.tracking.http import TrackerError
    from koalign.tracking.push import NAMES, pusher, refuse_unready, trackers_of

    config = read_config(files, settings)
    tell_unread("track push", settings, config, ("tracking",))
    tracking = config.tracking
    if unknown := [name for name in to or () if name not in NAMES]:
        raise KoalignError(f"--to {unknown[0]}: no such tracker; known are {', '.join(NAMES)}")
    if to:
        mode = "online" if tracking.wandb == "off" else tracking.wandb
        others = {name: name in to for name in NAMES[1:]}
        wanted = {"wandb": mode if "wandb" in to else "off", **others}
        tracking = tracking.model_copy(update=wanted)
    if not trackers_of(tracking, run):
        raise KoalignError("no tracker is named; say --to wandb, or set tracking.wandb")
    if not (run / EVENTS).is_file():
        raise KoalignError(
            f"{run / EVENTS} is not there; `koalign run` writes it, and for a run of an older version too"
        )
    refuse_unready(tracking)
    failures = []
    with pusher(run, tracking) as sender:
        for tracker in sender.trackers:
            try:
                sent = sender.push(tracker)
                tracker.close()
                say(f"{tracker.name}: {counted(sent, 'stage')} sent")
            except (TrackerError, KoalignError) as error:
                failures.append(str(error))
        reader = sender.entries.reader
        if (lost := reader.last - reader.events - len(reader.damaged)) > 0:
            say(f"{run / EVENTS}: {counted(lost, 'line')} of {reader.last:,} gone", err=True)
        if unsaid := sender.entries.unsaid():
            say(
                f"{run / EVENTS}: lacks the end of {', '.join(unsaid)}; `koalign run` writes it again",
                err=True,
            )
        if damaged := reader.damaged:
            say(
                f"{run / EVENTS}:{damaged[0]}: no event; {counted(len(damaged), 'damaged line')} left out",
                err=True,
            )
    if failures:
        raise KoalignError(f"{'; '.join(failures)}; the same command sends the rest")
