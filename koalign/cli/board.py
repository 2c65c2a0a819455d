"""board: `koalign board`: all runs below a folder, in a browser or as files."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koalign.cli.options import refuse_in_stage
from koalign.records import KoalignError
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.serving.board.site import Site

CACHE = Path(".cache/koalign/board")
"""Below the home folder: indexes of files, and charts."""
LEAST = 16
"""Characters of a token: fewer can be guessed."""


def board(
    context: typer.Context,
    runs: Annotated[Path, typer.Argument(help="Folder that holds the runs.")] = Path("runs"),
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on; another than this machine's own needs --token-env.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")
    ] = 8010,
    token_env: Annotated[
        str | None,
        typer.Option(
            "--token-env",
            metavar="NAME",
            help="Environment variable with the token that a reader must give; --server gets it too.",
        ),
    ] = None,
    server: Annotated[
        str,
        typer.Option("--server", metavar="URL", help="The `koalign serve` to try problems on."),
    ] = "http://127.0.0.1:8000",
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="DIR",
            help="Write the pages as files instead, without texts that may not be passed on.",
        ),
    ] = None,
) -> None:
    """Runs, results, exam papers, comparisons and data, as pages to look at."""
    if export is not None:
        _refuse_options_of_a_server(context)
        refuse_in_stage(export)
    token = _token(token_env)
    site = _site(runs, server, token)
    if export is not None:
        from koalign.serving.board.export import export as write_site

        say(f"{write_site(site, export):,} pages: {export / 'index.html'}")
        return
    from koalign.serving.board.server import serve

    serve(site, host, port, token)


def _site(runs: Path, server: str, token: str) -> Site:
    try:
        import_module("altair")
        import_module("fastapi")
    except ImportError as error:
        raise KoalignError(
            f"koalign board needs {error.name}; pip install 'koalign[web]'"
        ) from None
    from koalign.config.inputs import refuse_secrets
    from koalign.serving.board.site import Site

    try:
        refuse_secrets(server, "no address")
    except ValueError as error:
        raise KoalignError(f"--server {server}: {error}") from None
    address = server.rstrip("/").removesuffix("/v1")
    return Site(runs, Path.home() / CACHE, address, token)


def _refuse_options_of_a_server(context: typer.Context) -> None:
    for name in ("host", "port", "token_env", "server"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise KoalignError(f"--export writes files and starts no server; leave {option} out")


def _token(name: str | None) -> str:
    if name is None:
        return ""
    token = os.environ.get(name, "")
    if len(token) < LEAST:
        state = f"has {len(token)} characters" if token else "is not set"
        raise KoalignError(f"--token-env {name}: {state}; set it to {LEAST} characters or more")
    return token
