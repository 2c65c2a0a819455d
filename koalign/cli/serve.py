"""serve: koalign serve, the adapters of a run behind an OpenAI-compatible server."""

from __future__ import annotations

from typing import Annotated

import typer

from koalign.cli.options import (
    ANSWERING,
    DEFAULT_RUN,
    Files,
    RunDir,
    Settings,
    read_config,
    refuse_twice,
    tell_unread,
)
from koalign.records import KoalignError


def serve(
    adapters: Annotated[
        str | None,
        typer.Option("--adapters", help="Steps of the model `koalign`. Without: solve.adapters."),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; another one needs --token-env.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0: a free one, which is printed.")
    ] = 8000,
    token_env: Annotated[
        str | None,
        typer.Option("--token-env", help="Environment variable with the token that clients send."),
    ] = None,
    queue: Annotated[
        int, typer.Option("--queue", min=1, help="Requests under way; further ones get a 429.")
    ] = 256,
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="Serve where stored answers do not come out as stored."),
    ] = False,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
) -> None:
    """Serve a run over HTTP as OpenAI's clients ask it: `koalign` states an abstraction, then answers."""
    try:
        from koalign.serving.api import Service
        from koalign.serving.guards import read_token
        from koalign.serving.served import open_run
        from koalign.serving.start import bind
        from koalign.serving.start import serve as start
    except ModuleNotFoundError as error:
        raise KoalignError(f"{error.name} is not installed; pip install 'koalign[web]'") from None

    if adapters is not None:
        refuse_twice("--adapters", ["solve.adapters"], settings)
    config = read_config(files, settings)
    tell_unread("serve", settings, config, ANSWERING)
    token = read_token(host, token_env)
    run = open_run(run_dir, config, adapters)
    with bind(host, port) as bound:
        start(Service(run, queue), bound, token, checked=not unchecked)
