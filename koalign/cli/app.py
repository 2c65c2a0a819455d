"""cli: the koalign command. One file a family of commands, as stages, benchmark, adapters, inspect."""

from __future__ import annotations

import sys

import typer

from koalign.cli import adapters, benchmark, compare, distill, inspect, mine, solve, stages
from koalign.records import KoalignError

app = typer.Typer(
    name="koalign",
    help="Alignment of Korean language models for exam-style work.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for _command, _help in stages.STAGE_COMMANDS.items():
    app.command(_command, help=_help)(stages.stage_command(_command))
for _function in (
    solve.solve,
    benchmark.benchmark,
    compare.compare,
    mine.mine,
    distill.distill,
    inspect.show,
    inspect.preview,
    inspect.grade,
    inspect.init,
    inspect.doctor,
):
    app.command()(_function)
app.add_typer(adapters.app, name="adapters")


def main() -> None:
    """The console script: errors that a user can put right are one line and exit code 2."""
    try:
        app()
    except KoalignError as error:
        print(f"koalign: {error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == 130:  # what Typer makes of Ctrl-C
            print("koalign: stopped; the same command goes on from here", file=sys.stderr)
        raise
