"""ask: koalign ask: one question to a served run, or to one that is opened here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koalign.cli.options import (
    ANSWERING,
    DEFAULT_RUN,
    Files,
    RunDir,
    Settings,
    read_config,
    tell_unread,
)
from koalign.records import KoalignError
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.serving.client import Client, Turn

Url = Annotated[
    str | None,
    typer.Option("--url", help="A server of `koalign serve`. Without: the run, in this process."),
]
Model = Annotated[
    str, typer.Option("--model", help="koalign, koalign-vote, or an adapter of the run.")
]
TokenEnv = Annotated[
    str | None,
    typer.Option("--token-env", help="Environment variable with the token of that server."),
]


def ask(
    question: Annotated[
        str | None,
        typer.Argument(help="Text, or a problem with its choices. Without, or -: standard input."),
    ] = None,
    model: Model = "koalign",
    url: Url = None,
    token_env: TokenEnv = None,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
) -> None:
    """Ask a model of a run one question: the hint goes to stderr, the answer to stdout."""
    text = _question(question)
    with opened("ask", url, token_env, files, settings, run_dir) as client:
        messages = [{"role": "user", "content": text}]
        answered(client, messages, model, lambda hint: say(f"hint: {hint}", err=True))


def _question(given: str | None) -> str:
    """The argument, or standard input; raises KoalignError where there is no question."""
    if given is None and sys.stdin.isatty():
        raise KoalignError("ask: no question; give it as an argument, or on standard input")
    if given in (None, "-"):
        take_any_bytes()
        given = sys.stdin.read()
    text = decoded(given or "").strip()
    if not text:
        raise KoalignError("ask: the question is empty")
    return text


def take_any_bytes() -> None:
    """Let bytes on standard input that are no text be refused here, by decoded."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")


def decoded(text: str) -> str:
    """The text; raises KoalignError for bytes that were not decoded."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise KoalignError(
            "the text is not in the encoding of this terminal, mostly UTF-8; `iconv -f cp949 -t utf-8` "
            "converts a Korean file of Windows"
        ) from None
    return text


def answered(
    client: Client, messages: list[dict[str, str]], model: str, on_hint: Callable[[str], None]
) -> Turn:
    """The answer, printed: on a terminal as it comes, in a file or pipe when it is whole."""
    live = sys.stdout.isatty()

    def show(piece: str) -> None:
        if live:
            say(piece, end="")

    try:
        turn = client.chat(messages, model, on_hint, show)
    except BaseException:
        if live:
            say("")  # what follows begins a line
        raise
    say("" if live else turn.text)
    return turn


@contextmanager
def opened(
    command: str,
    url: str | None,
    token_env: str | None,
    files: list[Path] | None,
    settings: list[str] | None,
    run_dir: Path,
) -> Iterator[Client]:
    """The client of a server, or of the run on an engine of our own."""
    try:
        from koalign.serving.client import own_engine, remote
        from koalign.serving.served import open_run
    except ModuleNotFoundError as error:
        raise KoalignError(f"{error.name} is not installed; pip install 'koalign[web]'") from None

    if url is None:
        if token_env:
            raise KoalignError("--token-env is for --url; leave it out")
        config = read_config(files, settings)
        tell_unread(command, settings, config, ANSWERING)
        with own_engine(open_run(run_dir, config)) as client:
            yield client
    else:
        if files or settings:
            raise KoalignError("--url: the server has settings of its own; leave -c and -s out")
        with remote(url, token_env) as client:
            yield client
