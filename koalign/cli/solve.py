"""solve: koalign solve: the test split of a run, or a file of problems, answered within a budget."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koalign.cli.budget import budget_settings
from koalign.cli.learned import tell_learned
from koalign.cli.options import (
    ANSWERING,
    DEFAULT_RUN,
    Files,
    Force,
    RunDir,
    Settings,
    read_config,
    refuse_existing,
    refuse_other_suffix,
    refuse_own_input,
    refuse_twice,
    sources_of,
    tell_unread,
)
from koalign.cli.shards import ShardOption, draw_part, drawing, read_shard, tell_outdated
from koalign.cli.stages import run_stages
from koalign.jsonl import open_alone, read_jsonl, read_record
from koalign.records import Base, KoalignError, Problem
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.config.sections import Config
    from koalign.evaluation.solving.solutions import Solution
    from koalign.parts import Shard
    from koalign.stages.solve import SolveJob


def solve(
    problems: Annotated[
        str | None, typer.Argument(help="Problems: a file or a source. Without: the test split.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", help="Answers, JSONL. Without, for the test split with hints: in the run folder."
        ),
    ] = None,
    adapters: Annotated[
        str | None,
        typer.Option(
            "--adapters",
            help="One step, or two: hints or a search query, then answers with what that gives.",
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget",
            min=1,
            help="Answers of a problem that vote: half of them each with a hint of its own, or all with "
            "the passages (of an odd number the greater half), the others bare; 1 is --greedy. Without: "
            "solve.hints, solve.answers and solve.bare.",
        ),
    ] = None,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="One hint and one answer, the likeliest.")
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Say whether abstractions, or passages, pay on these problems, beside -o; they need "
            "answers, and it costs twice as much again.",
        ),
    ] = False,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
    shard: ShardOption = None,
    any_template: Annotated[
        bool, typer.Option("--any-template", help="Take adapters trained with other prompts.")
    ] = False,
    force: Force = False,
) -> None:
    """Answer the test split of a run, or a file of problems: a line for each row, in its order.

    Exit code 1: some rows could not be asked, and their lines say why.
    """
    settings = budget_settings(budget, greedy, settings or [])
    if adapters is not None:
        refuse_twice("--adapters", ["solve.adapters"], settings)
    part = read_shard(shard, force)
    if report and part:
        raise KoalignError("--shard with --report: the report is made of all parts; leave one out")
    if problems is None and out is None:
        if any_template:
            raise KoalignError(
                "--any-template is for a file, or with -o; the adapters of a run have its own template"
            )
        _solve_test_split(adapters, files, settings, run_dir, report, force, part)
        return
    if out is None:
        raise KoalignError(f"{problems}: say where the answers go with -o answers.jsonl")
    refuse_other_suffix(out)
    _solve_file(
        problems, out, adapters, files or [], settings, run_dir, report, any_template, force, part
    )


def _solve_test_split(
    adapters: str | None,
    files: list[Path] | None,
    settings: list[str],
    run_dir: Path,
    report: bool,
    force: bool,
    shard: Shard | None,
) -> None:
    from koalign.evaluation.solving.solutions import Solution
    from koalign.manifests import read_manifest
    from koalign.reports.solving import summary
    from koalign.stages.pipeline import stages_of
    from koalign.stages.solve import ROLES

    config = _with_adapters(read_config(files, settings), adapters)
    section = config.solve
    if section.adapters != ROLES or section.passages:
        _test_split(config, run_dir)
        given = "solve.passages" if section.passages else f"--adapters {section.adapters}"
        raise KoalignError(f"{given} on the test split: name the answers with -o answers.jsonl")
    if report:
        raise KoalignError(
            "--report is for a file, or with -o; of the test split `koalign evaluate` makes it"
        )
    settings = [*settings, f"solve.adapters={ROLES}"]
    if shard:
        config = read_config(files, settings)
        draw_part("solve", shard, stages_of("solve", config), config, run_dir, settings)
        return
    if (run_dir / "prepare").exists():  # else the command that makes it is named
        _find_steps(config, run_dir)
    run_stages("solve", files, settings, run_dir, force)
    done = read_manifest(run_dir / "solve")
    assert done is not None  # run_stages has seen to it
    path = run_dir / "solve" / "answers.jsonl"
    solutions = read_jsonl(path, Solution)
    say(summary(solutions, done.seconds))
    _warn_of_cut_hints(solutions)
    say(f"answers are in {path}")
    _exit_for_rows_not_asked(solutions)


def _solve_file(
    problems: str | None,
    out: Path,
    adapters: str | None,
    files: list[Path],
    settings: list[str],
    run_dir: Path,
    report: bool,
    any_template: bool,
    force: bool,
    shard: Shard | None,
) -> None:
    from koalign.adapters.cards import adapter_id, check_adapter
    from koalign.adapters.names import find_adapters
    from koalign.cli.passages import find_passages
    from koalign.config.files import parse_source
    from koalign.config.sections import resolve_path
    from koalign.data.formats.sources import read_rows
    from koalign.engines.opening import base_of_run
    from koalign.locking import locked
    from koalign.manifests import output_of
    from koalign.parts import refuse_other_total
    from koalign.plans import begun_with, write_plan
    from koalign.renderer import open_renderer
    from koalign.reports.solving import summary
    from koalign.stages.pipeline import stages_of
    from koalign.stages.solve import (
        ANSWERS,
        SolveJob,
        can_continue,
        plan_of_file,
        refuse_other_parts,
        refuse_report,
    )
    from koalign.stages.solve import solve as solve_problems

    config = _with_adapters(read_config(files, settings), adapters)
    tell_unread("solve", settings, config, ANSWERING)
    if not (run_dir / "prepare").exists():
        raise KoalignError(f"{run_dir}: no run here; run `koalign sft` first (or `koalign run`)")
    base = read_record(output_of(run_dir, "prepare/base.json", "solve"), Base)
    if problems is None:
        tell_outdated(stages_of("sft", config)[1:], config, run_dir)
    source = parse_source(problems or _test_split(config, run_dir))
    refuse_own_input(out, [source.path, *sources_of(config)])
    rows = read_rows(resolve_path(source.path), **source.options)
    query, steps = _find_steps(config, run_dir)
    if query and shard:
        raise KoalignError("--shard: one process writes the queries of --adapters; leave one out")
    if problems and (with_gold := [r for r in rows if isinstance(r, Problem) and r.answers]):
        tell_learned(config, run_dir, steps, with_gold)
    if report:
        refuse_report(rows, steps, config.solve.passages)
    policy = find_adapters("dpo", run_dir, config.dpo.rounds)[0] if report else None
    base = base_of_run(config.engine, config.model, base, run_dir)
    renderer = open_renderer(config.prompt, output_of(run_dir, "prepare/shots.jsonl", "solve"))
    checked = {step: adapter_id(step) for step in steps if step is not None}
    for step in checked:
        check_adapter(step, base, None if any_template else renderer.hash)
    problems_of_rows = {row.id: row for row in rows if isinstance(row, Problem)}
    passages, queries = find_passages(config, run_dir, base, [*problems_of_rows.values()], query)
    work = run_dir / "solving"
    job = SolveJob(config, base, renderer, rows, steps, work, out, passages, queries)
    name, plan = plan_of_file(job, [query, *steps] if query else steps)
    job = replace(job, work=work / name, checked=checked)
    refuse_other_total(job.work, shard)
    refuse_other_parts(job.work, plan, source.path)
    if shard:
        with locked(run_dir, shared=True), drawing(job.work, shard) as part:
            write_plan(part, plan)
            own = begun_with(config, job.work, f"remove {job.work}")
            solve_problems(replace(job, config=own, work=part, answers=part / ANSWERS))
        return
    started = time.monotonic()
    with locked(run_dir):
        reported = out.with_suffix(".report.json")
        if not out.exists():
            refuse_existing(reported, force)
        if out.exists():
            if force and not out.is_dir():
                with open_alone(out):
                    out.unlink()
            elif out.is_dir() or not can_continue(job):
                raise KoalignError(
                    f"{out} is there already; take another -o, or --force to replace it"
                )
        if force:  # it is of other answers
            reported.unlink(missing_ok=True)
        job = replace(job, config=begun_with(config, job.work, f"remove {job.work}"))
        solutions = solve_problems(job)
        if report:
            _report(job, policy)
        shutil.rmtree(job.work)
    say(f"{out}: {summary(solutions, time.monotonic() - started)}")
    _warn_of_cut_hints(solutions)
    _exit_for_rows_not_asked(solutions)


def _with_adapters(config: Config, adapters: str | None) -> Config:
    """The config with the steps that `--adapters` names, if it was given."""
    section = config.solve.model_copy(update={"adapters": adapters or config.solve.adapters})
    return config.model_copy(update={"solve": section})


def _find_steps(config: Config, run_dir: Path) -> tuple[Path | None, list[Path | None]]:
    """The query adapter, if one is the first of `solve.adapters`, and the steps behind it.

    Raises KoalignError for steps that are not there or do not go together.
    """
    from koalign.adapters.names import find_adapters, steps_of
    from koalign.answering.passages import part_query, refuse_steps
    from koalign.stages.solve import ROLES

    section = config.solve
    if section.adapters == ROLES:  # to train them would not help
        refuse_steps(section, steps_of(ROLES))
    steps = find_adapters(section.adapters, run_dir, config.dpo.rounds)
    query, steps = part_query(section.adapters, steps, section)
    refuse_steps(section, steps)
    return query, steps


def _test_split(config: Config, run_dir: Path) -> str:
    """The file of a run's test problems; raises KoalignError for missing adapters, then for no problem."""
    from koalign.manifests import output_of

    _find_steps(config, run_dir)
    path = output_of(run_dir, "prepare/test.jsonl", "solve")
    if not path.stat().st_size:
        raise KoalignError(f"{path}: no test problems; set data.test, or name a FILE of problems")
    return str(path)


def _warn_of_cut_hints(solutions: Sequence[Solution]) -> None:
    from koalign.evaluation.solving.solutions import cut_hints

    if warning := cut_hints(solutions):
        say(f"warning: {warning}", err=True)


def _exit_for_rows_not_asked(solutions: Sequence[Solution]) -> None:
    """Exit code 1 and the first such row, where the model was not asked for every row."""
    rows = [solution for solution in solutions if not solution.asked]
    if rows:
        say(
            f"rows not asked: {len(rows):,} of {len(solutions):,}; their lines have `why` and "
            f"`detail`. The first: {rows[0].detail}",
            err=True,
        )
        raise typer.Exit(1)


def _report(job: SolveJob, policy: Path | None) -> None:
    from koalign.jsonl import write_json
    from koalign.reports.solving import print_report
    from koalign.stages.solve import report_on

    report = report_on(job, policy)
    written = job.answers.with_suffix(".report.json")
    write_json(written, report.model_dump(mode="json"))
    print_report(report)
    say(f"the same as JSON: {written}")
