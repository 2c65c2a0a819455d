"""distill: koalign distill, a teacher's and the policy's own verified rationales -> data to train on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from koalign.cli.options import (
    DEFAULT_RUN,
    Files,
    Force,
    RunDir,
    Settings,
    read_config,
    refuse_existing,
    refuse_other_suffix,
    refuse_own_input,
    sources_of,
)
from koalign.cli.shards import tell_outdated, tell_unread_by
from koalign.cli.stages import execute_each
from koalign.text.visible import say


def distill(
    out: Annotated[
        Path | None,
        typer.Option("-o", help="Problems with rationales, JSONL. Without: in the run folder."),
    ] = None,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
    force: Force = False,
) -> None:
    """Ask a teacher for rationales; keep what verifies, with the policy's own, to train on."""
    if out is not None:
        refuse_other_suffix(out)
    refuse_existing(out, force)

    from koalign.jsonl import read_json, write_atomically
    from koalign.locking import locked
    from koalign.manifests import well_formed
    from koalign.mining.distilling.explaining import REASONING
    from koalign.renderer import open_renderer
    from koalign.stages.distill import stage_for
    from koalign.stages.pipeline import stages_of

    config = read_config(files, settings)
    if out is not None:
        refuse_own_input(out, sources_of(config))
    with locked(run_dir):
        stage = stage_for(config, run_dir)
        stages = (*stages_of("prepare", config), stage)
        tell_unread_by("distill", settings, stages, config)
        tell_outdated(stages, config, run_dir)
        execute_each(stages, config, run_dir, force)
        folder = run_dir / stage.name
        if out is not None:
            with (folder / "rationales.jsonl").open(encoding="utf-8", newline="\n") as lines:
                write_atomically(out, lines, over=force)
    with well_formed(folder / "report.json"):
        _print_report(read_json(folder / "report.json"))
    reasons = open_renderer(config.prompt).teaches_rationales
    template = "" if reasons else f" -s prompt.template={REASONING}"
    say(
        "train on it in a run of its own: koalign sft --run-dir runs/distilled "
        f"-s 'data.train=[{out or folder / 'rationales.jsonl'}]'{template}"
    )


def _print_report(report: Mapping[str, Any]) -> None:
    from rich.table import Table

    from koalign.reports.views import console

    screen = console()
    table = Table("by", "drawn", "right", "verified", "kept", "Hangul in the letters, %")
    for kind, draws in report["yield"].items():
        if draws:
            sums = [
                sum(draw[key] for draw in draws.values()) for key in ("drawn", "right", "verified")
            ]
            shares = {k.partition(" ")[0]: n for k, n in report["hangul"][kind].items() if n}
            table.add_row(
                kind,
                *(f"{number:,}" for number in sums),
                f"{report['kept'][kind]:,}",
                ", ".join(f"{share}+: {count:,}" for share, count in shares.items()),
            )
    screen.print(table)
    lost = Table("dropped, because", "times")
    for reason, count in report["dropped"].items():
        lost.add_row(reason, f"{count:,}")
    if lost.row_count:
        screen.print(lost)
    share, teacher = report["own_per_teacher"], report["teacher"]
    if share is not None:
        say(
            f"own for each of the teacher's: {share:g} (at least {report['own_per_teacher_wanted']:g})"
        )
    if teacher:
        say(
            f"teacher: {', '.join(teacher['models']) or 'no reply'}; {teacher['prompt_tokens']:,} tokens "
            f"read, {teacher['completion_tokens']:,} written, cost {teacher['cost']:g}"
        )
        for alarm in teacher["alarms"]:
            say(f"suspicious: {alarm}")
