"""cli: the koalign command. One file a family of commands, as stages, benchmark, adapters, inspect."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from io import StringIO, TextIOWrapper
from itertools import pairwise
from typing import Annotated

import typer
from safetensors import SafetensorError

import koalign
from koalign.cli import (
    adapters,
    ask,
    benchmark,
    board,
    chat,
    compare,
    distill,
    export,
    init,
    inspect,
    mine,
    plan,
    serve,
    solve,
    stages,
    track,
)
from koalign.cli.options import Command
from koalign.cli.stages import stage_command
from koalign.faults import machine_fault
from koalign.records import KoalignError
from koalign.text.visible import say

app = typer.Typer(
    name="koalign",
    help="Alignment of Korean language models for exam-style work.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CHAIN, RETRIEVAL = "The chain", "Retrieval"
OWN_OPTIONS: dict[str, Callable[..., None]] = {"run": stages.run, "solve": solve.solve}
for _command, _help in {
    "run": "All of it: every stage that is not done yet.",
    "prepare": "Check the data and identify the base model; sft does it too.",
    "sft": "Supervised fine-tuning: the policy adapter.",
    "dpo-pairs": "Sample the policy, verify by rule, pair right with wrong.",
    "dpo": "Train the policy on the pairs.",
    "abstractions": "Screen hints by their effect; train the abstraction and answer adapters.",
    "solve": "State abstractions, answer with them and without, and let the answers vote.",
    "evaluate": "Measure every step of the run on its test split.",
}.items():
    _function = OWN_OPTIONS.get(_command) or stage_command(_command)
    app.command(_command, help=_help, rich_help_panel=CHAIN)(_function)
for _command, _help in {
    "index": "Cut documents into chunks and index them (corpus.sources).",
    "retrieve": "Find passages for every problem of the run, and freeze them in a file.",
    "passages": "Sample the policy with passages and without: gold, distractor or poison.",
    "query": "Train the query adapter: it writes a search query that finds gold passages.",
    "reader": "Train the reader: it answers with gold passages among distractors.",
}.items():
    app.command(_command, help=_help, rich_help_panel=RETRIEVAL)(stage_command(_command))
for _panel, _functions in {
    "Look": (plan.plan, inspect.show, board.board, inspect.preview, init.init, inspect.doctor),
    "Measure": (benchmark.benchmark, compare.compare, inspect.grade),
    "Make training data": (mine.mine, distill.distill, export.export),
    "Serve": (serve.serve, chat.chat, ask.ask),
}.items():
    for _function in _functions:
        app.command(rich_help_panel=_panel)(_function)
app.add_typer(adapters.app, name="adapters", rich_help_panel="Adapters")
app.add_typer(track.app, name="track", rich_help_panel="Track")
for _app in (app, adapters.app, track.app):
    for _info in _app.registered_commands:
        _info.cls = Command


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"koalign {koalign.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print it.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Take what is said before a command."""


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Raises KoalignError for an empty value: as a path it would be the working folder."""
    for before, argument in pairwise(arguments):
        option, equals, value = argument.partition("=")
        if not (value if equals and option.startswith("--") else argument).strip():
            name = option.strip() or before
            raise KoalignError(f"an empty value behind {name}: is a variable of the shell not set?")


def main() -> None:
    """The console script: errors that a user can put right are one line and exit code 2."""
    sys.stdout = sys.stdout or StringIO()  # `>&-` closes it
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a console in cp949 has no sign for some characters
            stream.reconfigure(errors="replace")
            os.environ["PYTHONIOENCODING"] = (
                f"{stream.encoding}:replace"  # of training processes too
            )
    try:
        _refuse_empty(sys.argv)
        app()
    except (
        KoalignError,
        OSError,
        MemoryError,
        RuntimeError,
        ImportError,
        SafetensorError,
    ) as error:
        reason = str(error) if isinstance(error, KoalignError) else machine_fault(error)
        if reason is None:
            raise
        say(f"koalign: {reason}", err=True)
        sys.exit(2)
    except SystemExit as end:
        if end.code == 130:  # what Typer makes of Ctrl-C
            anew = " without --force" if "--force" in sys.argv else ""
            keeps = sys.argv[1:2] not in (["ask"], ["board"], ["chat"], ["serve"])
            goes_on = f"; the same command{anew} goes on from here" if keeps else ""
            say(f"koalign: stopped{goes_on}", err=True)
        raise
