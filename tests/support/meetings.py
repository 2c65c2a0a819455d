"""What another process may do between any two file operations of a command, done at each of them in turn."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

OPERATIONS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Meeting:
    """The folder that is watched, and what is done before an operation there; none: nothing is watched."""

    folder = Path()
    act: Callable[[int], None] | None = None
    seen = 0

    def hook(self, event: str, arguments: tuple) -> None:
        if self.act is None or not self._counts(event, arguments):
            return
        act, self.act = self.act, None  # what it does itself is not watched
        self.seen += 1
        try:
            act(self.seen)
        finally:
            self.act = act

    def _counts(self, event: str, arguments: tuple) -> bool:
        if event == "open":
            path, _, flags = arguments
            if not flags & WRITES:
                return False
        elif event in OPERATIONS:
            path = arguments[0]
        else:
            return False
        return isinstance(path, str | os.PathLike) and Path(path).absolute().is_relative_to(
            self.folder
        )


_MEETING = _Meeting()
sys.addaudithook(_MEETING.hook)


@contextmanager
def meeting(folder: Path, act: Callable[[int], None]) -> Iterator[None]:
    """`act` is called with 1, 2, … before each operation that writes in the folder."""
    _MEETING.folder, _MEETING.act, _MEETING.seen = folder.resolve(), act, 0
    try:
        yield
    finally:
        _MEETING.act = None


def operations(folder: Path, command: Callable[[], object]) -> int:
    """How many such operations a command has."""
    with meeting(folder, lambda number: None):
        command()
        return _MEETING.seen
