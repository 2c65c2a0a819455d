"""The koalign command: in this process, or as a user runs it in a process of its own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

from koalign.cli.app import main

ROOT = Path(__file__).parents[2]
RUN = Path("runs/default")
KOALIGN = [sys.executable, "-c", "from koalign.cli.app import main; main()"]
WIDE = {"COLUMNS": "160"}


def koalign(
    *arguments: str, code: int | None = None, cwd: Path | None = None, **changes: str
) -> CompletedProcess:
    """The command in this process, with empty caches as in a new one; it must end with `code`, if given.

    Libraries stay imported, so what they read from the environment at import needs `koalign_process`.
    """
    out, err, ended = io.StringIO(), io.StringIO(), 0
    clear_caches()
    with (
        chdir(cwd or "."),
        mock.patch.dict(os.environ, {**WIDE, **changes}),
        mock.patch.object(sys, "argv", ["koalign", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            ended = end.code or 0
        except Exception:
            traceback.print_exc()
            ended = 1
    assert code in (None, ended), out.getvalue() + err.getvalue()
    return CompletedProcess(arguments, ended, out.getvalue(), err.getvalue())


def koalign_process(*arguments: str, cwd: Path | None = None, **changes: str) -> CompletedProcess:
    """The command in a process of its own, for tests of start-up, of the console and of signals."""
    return subprocess.run(
        [*KOALIGN, *arguments], cwd=cwd, env={**os.environ, **WIDE, **changes}, capture_output=True,
        text=True, encoding="utf-8",
    )  # fmt: skip


def hear_ctrl_c() -> None:
    """A shell has what it runs in the background ignore the key."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def hear_hang_up() -> None:
    """What runs under nohup ignores the end of its terminal."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def clear_caches() -> None:
    """Forget templates read before and messages said once."""
    for name, module in list(sys.modules.items()):
        if name.startswith("koalign."):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
