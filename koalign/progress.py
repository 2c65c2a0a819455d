"""progress: a bar with ETA on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BEFORE_FIRST_LINE = 2.0


class Advance(Protocol):
    def __call__(self, steps: int = 1) -> None: ...


@contextmanager
def bar(title: str, total: int) -> Iterator[Advance]:
    """Yields a function to call with the number of steps just done, out of `total`."""
    if not sys.stderr.isatty():
        yield _plain_lines(title, total)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda steps=1: progress.advance(task, steps)


def _plain_lines(title: str, total: int) -> Advance:
    started = time.monotonic()
    last = started - SECONDS_BETWEEN_LINES + SECONDS_BEFORE_FIRST_LINE
    done = 0

    def advance(steps: int = 1) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES and done < total:
            left = (now - started) / done * (total - done)
            print(f"{title}: {done}/{total}, about {left:.0f} s left", file=sys.stderr, flush=True)
            last = now

    return advance
