"""inspect: the commands that show: a run, a problem's tokens, verdicts, a config, the machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from koalign.cli.options import (
    DEFAULT_RUN,
    AsJson,
    Files,
    Force,
    Settings,
    read_config,
    refuse_existing,
    refuse_other_suffix,
    refuse_own_input,
    tell_unread,
)
from koalign.jsonl import write_jsonl
from koalign.naming import counted
from koalign.records import KoalignError
from koalign.text.visible import print_json, say, say_json

if TYPE_CHECKING:
    from koalign.config.sections import Config
    from koalign.records import Problem


def show(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")] = DEFAULT_RUN,
    as_json: AsJson = False,
    files: Files = None,
    settings: Settings = None,
) -> None:
    """The stages of a run: what is done, what it cost, and the results."""
    from koalign.manifests import command_of, missing_outputs, read_manifest
    from koalign.reports.seeds import print_seeds
    from koalign.reports.views import print_run, run_summary
    from koalign.serving.board.states import held_inodes, is_held, stages_of
    from koalign.stages.pipeline import names_in
    from koalign.stages.seeds import read_report, seed_folders

    config = _config_or_none(files, settings)
    summary = run_summary(run, names_in(run, config))
    stale = set()
    begun = {row["stage"]: row for row in summary["stages"] if row["state"] != "missing"}
    for stage in stages_of(run, [*begun], is_held(run, held_inodes()) or False):
        if stage.state == "running":
            begun[stage.name]["state"] = stage.state
        if stage.state == "stale":
            stale.add(stage.name)
            inputs, _, remedy = stage.why.rpartition(": ")
            say(f"{stage.name} was made of another {inputs}; `{remedy}` makes it again", err=True)
    if config and (files or settings or Path("koalign.yaml").exists()):
        _say_outdated(run, config, stale, settings or [])
    for name in (row["stage"] for row in summary["stages"]):
        made = read_manifest(run / name)
        for path in missing_outputs(run / name, made, run / name) if made else ():
            say(
                f"{path} is gone; `koalign {command_of(run / name)} --force` makes it again",
                err=True,
            )
    folders = seed_folders(run)
    report = read_report(folders)
    if as_json:
        seeds = report.model_dump(mode="json") if report else None
        say_json({**summary, "seeds": seeds})
        return
    print_run(summary)
    if summary["results"]:
        _print_passages_by_subject(run / "evaluate")
    for number, folder in enumerate(folders[1:], start=2):
        done = [read_manifest(folder / name) is not None for name in names_in(folder, config)]
        say(f"seed {number} of {len(folders)}: {sum(done)} of {len(done)} stages in {folder}")
    if report:
        print_seeds(report)
    elif len(folders) > 1:
        say("no results over these seeds yet; `koalign run` makes them")


def _say_outdated(
    run: Path, config: Config, told: Collection[str], settings: Sequence[str]
) -> None:
    """Say which stages were made with other settings than those of the config, but for those told.

    The folder of a seed is held against the config of that seed, unless `-s` names one.
    """
    from koalign.stages.pipeline import outdated_notes
    from koalign.stages.seeds import config_in

    try:
        if not any(setting.startswith("seed=") for setting in settings):
            config = config_in(run, config)
        notes = outdated_notes(run, config)
    except KoalignError as error:  # the template, which a stage that needs it names as well
        notes = {"": str(error)}
    for name, note in notes.items():
        if name not in told:
            say(note, err=True)


def _print_passages_by_subject(evaluated: Path) -> None:
    from koalign.evaluation.solving.report import SolvingReport
    from koalign.manifests import read_made
    from koalign.reports.solving import subjects_in_words
    from koalign.reports.titles import ROW_TITLES
    from koalign.stages.evaluate import READING

    for name in READING:
        path = evaluated / f"{name}.json"
        if path.exists() and (subjects := subjects_in_words(read_made(path, SolvingReport))):
            say(f"{ROW_TITLES[name]}, by subject: {subjects}")


def _config_or_none(files: list[Path] | None, settings: list[str] | None) -> Config | None:
    """The config; none where nobody named one and that of the current folder cannot be read."""
    from koalign.config.files import load_config

    try:
        return load_config(files or [], settings or [])
    except KoalignError as error:
        if files or settings:
            raise
        say(f"{error}; only the stages that were begun are listed", err=True)
        return None


def preview(
    number: Annotated[int, typer.Argument(help="Which training problem, from 1.", min=1)] = 1,
    files: Files = None,
    settings: Settings = None,
) -> None:
    """A problem's exact tokens, and which of them carry the loss."""
    from koalign.engines.opening import describe_base
    from koalign.renderer import open_renderer
    from koalign.reports.views import print_tokens

    config = read_config(files, settings)
    read = ("model", "data.train", f"data.{config.prompt.shots_from}", "prompt", "engine")
    tell_unread("preview", settings, config, read)
    problems = _problems_of(config, "train")
    if number > len(problems):
        count = counted(len(problems), "problem")
        raise KoalignError(f"data.train has {count}; there is no number {number}")
    _, tokenizer = describe_base(config.engine, config.model)
    renderer = open_renderer(config.prompt)
    if config.prompt.shots:
        pool = problems if config.prompt.shots_from == "train" else _problems_of(config, "dev")
        renderer = replace(renderer, pool=tuple(pool))
    print_tokens(tokenizer, renderer, problems[number - 1])


def _problems_of(config: Config, split: str) -> list[Problem]:
    from koalign.config.sections import resolve_path
    from koalign.data.formats.sources import read_source

    return [
        problem
        for source in getattr(config.data, split)
        for problem in read_source(resolve_path(source.path), split, **source.options).problems
    ]


def grade(
    answers: Annotated[
        str,
        typer.Argument(
            help="JSONL lines with `problem` and `text`, what solve wrote, or a table with answers."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("-o", help="Verdicts, JSONL. Without: to the screen.")
    ] = None,
    force: Force = False,
) -> None:
    """Grade stored text again, by rule and without a model: answer, correct and why of each line."""
    from koalign.config.files import parse_source
    from koalign.evaluation.solving.solutions import read_grade_lines
    from koalign.evaluation.stats.wording import listed
    from koalign.grading.grade import NotAsked, regrade, tally
    from koalign.jsonl import to_json_line

    refuse_existing(out, force)
    source = parse_source(answers)
    if out is not None:
        refuse_other_suffix(out)
        refuse_own_input(out, [source.path])
    lines = read_grade_lines(source.path, **source.options)
    graded = list(regrade(lines))
    if out is None:
        print_json("".join(to_json_line(line) + "\n" for line in graded))
    else:
        write_jsonl(out, graded, over=force)
    total = tally(lines, graded)
    aside = f"; not graded: {listed(total.not_graded)}" if total.not_graded else ""
    first = next(
        (f", the first: {v.detail}" for v in graded if v.detail and v.why in get_args(NotAsked)), ""
    )
    reasons = listed(total.reasons) or "no line"
    say(f"{total.right:,} of {total.n:,} right ({reasons}){aside}{first}", err=True)


def doctor() -> None:
    """Versions, devices, what works here and what is missing."""
    from koalign.reports.views import print_machine

    print_machine()
