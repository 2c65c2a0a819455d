"""chain: the commands that make a run, a stage at a time, and solve with what it made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer

from koalign.cli.options import DEFAULT_RUN, Files, Force, RunDir, Settings
from koalign.jsonl import parse_record, read_json, write_jsonl
from koalign.records import Base, KoalignError

ROLES = "abstraction,answer"

STAGE_COMMANDS = {
    "prepare": "Check the data and identify the base model; sft does it too.",
    "sft": "Supervised fine-tuning: the policy adapter.",
    "dpo-pairs": "Sample the policy, verify by rule, pair right with wrong.",
    "dpo": "Sharpen the policy on the pairs.",
    "abstractions": "Screen hints by what they do; train the abstraction and answer adapters.",
    "run": "All of it: every stage that is not done yet.",
}


def stage_command(command: str) -> Callable[..., None]:
    """The command of one or several stages, for Typer."""

    def run(
        files: Files = None,
        settings: Settings = None,
        run_dir: RunDir = DEFAULT_RUN,
        force: Force = False,
    ) -> None:
        run_stages(command, files, settings, run_dir, force)

    return run


def run_stages(
    command: str,
    files: list[Path] | None,
    settings: list[str] | None,
    run_dir: Path,
    force: bool,
) -> None:
    """Run what is not done of the stages of a command, and show what they found."""
    from koalign.config_files import load_config
    from koalign.run import execute, locked
    from koalign.stages import stages_of
    from koalign.views import describe, print_results

    config = load_config(files or [], settings or [])
    with locked(run_dir):
        for stage in stages_of(command, config):
            manifest, ran = execute(stage, config, run_dir, force)
            typer.echo(describe(manifest, ran))
    if command == "prepare":
        from koalign.reports.data import print_dataset

        print_dataset(read_json(run_dir / "prepare" / "report.json"))
        typer.echo(f"the same with plots: {run_dir / 'prepare' / 'report.html'}")
    if command == "dpo-pairs":
        from koalign.reports.data import print_pairs

        print_pairs(read_json(run_dir / "pairs" / "report.json"))
        typer.echo(f"the same with plots and pairs: {run_dir / 'pairs' / 'report.html'}")
    if command in ("run", "evaluate"):
        print_results(read_json(run_dir / "evaluate" / "results.json"))
        typer.echo(f"the run is in {run_dir}")


def solve(
    problems: Annotated[
        Path | None, typer.Argument(help="Problems, any known format. Without: the test split.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", help="Answers, JSONL. Without a file: in the run folder.")
    ] = None,
    adapters: Annotated[
        str, typer.Option("--adapters", help="One step, or two: a hint, then the answer with it.")
    ] = ROLES,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
    any_template: Annotated[
        bool, typer.Option("--any-template", help="Take adapters trained with other prompts.")
    ] = False,
    force: Force = False,
) -> None:
    """State an abstraction of each problem, then answer with it."""
    if problems is None and out is None:
        if adapters != ROLES:
            raise KoalignError(f"--adapters {adapters} on the test split: name the answers with -o")
        run_stages("solve", files, settings, run_dir, force)
        typer.echo(f"answers are in {run_dir / 'solve' / 'answers.jsonl'}")
        return
    if out is None:
        raise KoalignError(f"{problems}: say where the answers go with -o answers.jsonl")
    if out.exists() and not force:
        raise KoalignError(f"{out} is there already; take another -o, or --force to replace it")
    _solve_file(problems, out, adapters, files or [], settings or [], run_dir, any_template)


def _solve_file(
    problems: Path | None,
    out: Path,
    adapters: str,
    files: list[Path],
    settings: list[str],
    run_dir: Path,
    any_template: bool,
) -> None:
    from koalign.adapters.cards import adapter_id, check_adapter
    from koalign.adapters.names import find_adapters
    from koalign.config_files import load_config
    from koalign.data.formats.sources import read_problems
    from koalign.engines import describe_base
    from koalign.records import content_hash
    from koalign.renderer import open_renderer
    from koalign.run import locked
    from koalign.stages.solve import count_solutions, solve

    config = load_config(files, settings)
    base_file = run_dir / "prepare" / "base.json"
    if not base_file.exists():
        raise KoalignError(f"{run_dir}: no run here; run `koalign sft` first (or `koalign run`)")
    base = parse_record(Base, read_json(base_file), str(base_file))
    asked = read_problems(problems or run_dir / "prepare" / "test.jsonl")
    steps = find_adapters(adapters, run_dir, config.dpo.rounds)
    now, _ = describe_base(config.engine, config.model)
    if now.weight_hash != base.weight_hash:
        raise KoalignError(
            f"model.path: {now.path} is not the base of {run_dir} ({base.path}); "
            "give the config of that run with -c"
        )
    renderer = open_renderer(config.prompt, run_dir / "prepare" / "shots.jsonl")
    for step in steps:
        if step is not None:
            check_adapter(step, base, None if any_template else renderer.hash)
    visible = SimpleNamespace(
        model=config.model, engine=config.engine, solve=config.solve, seed=config.seed
    )
    # The same question continues in the same folder; another one never meets its samples.
    name = content_hash(
        [problem.id for problem in asked],
        [adapter_id(step) if step else "" for step in steps],
        config.solve.model_dump(),
        config.engine.backend,
        config.seed,
        renderer.hash,
        renderer.shots,
    )
    work = run_dir / "solving" / name
    with locked(run_dir):
        solutions = solve(visible, base, renderer, asked, steps, work)
        write_jsonl(out, solutions)
        shutil.rmtree(work)
    counts = ", ".join(f"{key} {value:,}" for key, value in count_solutions(solutions).items())
    typer.echo(f"{out}: {counts}")
