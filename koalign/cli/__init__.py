"""cli: the koalign command: one command a stage, and run, solve, show, preview, doctor, init."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import typer

from koalign.cli.options import DEFAULT_RUN, Files, Force, RunDir, Settings
from koalign.jsonl import parse_record, read_json, write_jsonl
from koalign.records import Base, KoalignError

app = typer.Typer(
    name="koalign",
    help="Alignment of Korean language models for exam-style work.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ROLES = "abstraction,answer"

STAGE_COMMANDS = {
    "prepare": "Check the data and identify the base model; sft does it too.",
    "sft": "Supervised fine-tuning: the policy adapter.",
    "dpo-pairs": "Sample the policy, verify by rule, pair right with wrong.",
    "dpo": "Sharpen the policy on the pairs.",
    "abstractions": "Screen hints by what they do; train the abstraction and answer adapters.",
    "evaluate": "Held-out accuracy of every step, with intervals and paired tests.",
    "run": "All of it: every stage that is not done yet.",
}


def _stage_command(command: str) -> Callable[..., None]:
    def run_stages(
        files: Files = None,
        settings: Settings = None,
        run_dir: RunDir = DEFAULT_RUN,
        force: Force = False,
    ) -> None:
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
            from koalign.reports import print_dataset

            print_dataset(read_json(run_dir / "prepare" / "report.json"))
            typer.echo(f"the same with plots: {run_dir / 'prepare' / 'report.html'}")
        if command == "dpo-pairs":
            from koalign.reports import print_pairs

            print_pairs(read_json(run_dir / "pairs" / "report.json"))
            typer.echo(f"the same with plots and pairs: {run_dir / 'pairs' / 'report.html'}")
        if command in ("run", "evaluate"):
            print_results(read_json(run_dir / "evaluate" / "results.json"))
            typer.echo(f"the run is in {run_dir}")

    return run_stages


for _command, _help in STAGE_COMMANDS.items():
    app.command(_command, help=_help)(_stage_command(_command))


@app.command()
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
        _stage_command("solve")(files, settings, run_dir, force)
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
    from koalign.adapters.cards import adapter_id, check_adapter, find_adapters
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


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")] = DEFAULT_RUN,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """The stages of a run: what is done, what it cost, and the results."""
    from koalign.stages import names_in
    from koalign.views import print_run, run_summary

    summary = run_summary(run, names_in(run))
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False, indent=2))
    else:
        print_run(summary)


@app.command()
def preview(
    number: Annotated[int, typer.Argument(help="Which training problem, from 1.", min=1)] = 1,
    files: Files = None,
    settings: Settings = None,
) -> None:
    """A problem's exact tokens, and which of them carry the loss."""
    from koalign.config_files import load_config
    from koalign.engines import describe_base
    from koalign.renderer import open_renderer
    from koalign.views import print_tokens

    config = load_config(files or [], settings or [])
    problems = _problems_of(config, "train")
    if number > len(problems):
        raise KoalignError(f"data.train has {len(problems)} problems; there is no number {number}")
    _, tokenizer = describe_base(config.engine, config.model)
    renderer = open_renderer(config.prompt)
    if config.prompt.shots:
        pool = problems if config.prompt.shots_from == "train" else _problems_of(config, "dev")
        renderer = replace(renderer, pool=tuple(pool))
    print_tokens(tokenizer, renderer, problems[number - 1])


def _problems_of(config: Any, split: str) -> list[Any]:
    from koalign.config import resolve_path
    from koalign.data.formats.sources import read_source

    return [
        problem
        for source in getattr(config.data, split)
        for problem in read_source(
            resolve_path(source.path),
            split,
            format=source.format,
            split=source.split,
            columns=source.columns,
        ).problems
    ]


@app.command()
def grade(
    answers: Annotated[Path, typer.Argument(help="JSONL lines with `problem` and `text`.")],
    out: Annotated[
        Path | None, typer.Option("-o", help="Verdicts, JSONL. Without: to the screen.")
    ] = None,
    force: Force = False,
) -> None:
    """Grade stored text again, by rule and without a model: answer, correct and why of each line."""
    from koalign.data.grading import GradeLine, regrade
    from koalign.jsonl import read_jsonl, to_json_line

    if out is not None and out.exists() and not force:
        raise KoalignError(f"{out} is there already; take another -o, or --force to replace it")
    graded = list(regrade(read_jsonl(answers, GradeLine)))
    if out is None:
        typer.echo("".join(to_json_line(one) + "\n" for one in graded), nl=False)
    else:
        write_jsonl(out, graded)
    right = sum(one.correct for one in graded)
    reasons = Counter(one.why for one in graded)
    listed = ", ".join(f"{why} {count:,}" for why, count in sorted(reasons.items()))
    typer.echo(f"{right:,} of {len(graded):,} right ({listed or 'no line'})", err=True)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("koalign.yaml"),
) -> None:
    """Write a koalign.yaml with every key, its default and its sentence."""
    from koalign.config_files import documented_yaml
    from koalign.jsonl import write_atomically

    if path.exists():
        raise KoalignError(f"{path} is there already; nothing is written over")
    write_atomically(path, documented_yaml())
    typer.echo(f"{path}: set model.path and data.train to yours, then `koalign sft`")


@app.command()
def doctor() -> None:
    """Versions, devices, what works here and what is missing."""
    from koalign.views import print_machine

    print_machine()


def main() -> None:
    """The console script: errors that a user can put right are one line and exit code 2."""
    try:
        app()
    except KoalignError as error:
        print(f"koalign: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("koalign: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
