"""progress: a bar with ETA on a terminal, a plain line every ten percent elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

SECONDS_BEFORE_FIRST_LINE = 2.0
"""What takes less needs no line."""


class Advance(Protocol):
    def __call__(self, steps: int = 1, note: str = "") -> None: ...


@contextmanager
def bar(title: str, total: int, done: int = 0) -> Iterator[Advance]:
    """Yields a function to call with the number of steps just done, out of `total`, and a note on them.

    `done` of them were there before, and say nothing of how long the others take.
    """
    if not sys.stderr.isatty():
        yield _plain_lines(title, total, done)
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
        TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total, completed=done, note="")
        yield lambda steps=1, note="": progress.update(task, advance=steps, note=note)


def _plain_lines(title: str, total: int, before: int) -> Advance:
    started = time.monotonic()
    done, tenths = before, 10 * before // max(1, total)

    def advance(steps: int = 1, note: str = "") -> None:
        nonlocal done, tenths
        done += steps
        seconds = time.monotonic() - started
        reached = 10 * done // total
        if reached > tenths and done < total and seconds >= SECONDS_BEFORE_FIRST_LINE:
            left = _duration(seconds / (done - before) * (total - done))
            parts = (
                f"{title}: {done:,}/{total:,} ({100 * done // total} %)",
                note,
                f"about {left} left",
            )
            print(", ".join(filter(None, parts)), file=sys.stderr, flush=True)
            tenths = reached

    return advance


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
