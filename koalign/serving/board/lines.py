"""lines: a JSONL file of any size -> its lines by number, through an index of byte offsets."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from koalign.records import KoalignError

BLOCK = 1 << 24
"""Bytes read at once while indexing."""
EDGE = 4096
"""Bytes at the start and the end that tell a file from another of the same size and time."""
_HEAD = re.compile(rb'\{"(?:problem_)?id": "([^"\\]+)"')
_TAIL = re.compile(rb'"id": "([0-9a-f]{16})"\}\s*$')

Row = dict[str, Any]


class Lines:
    """The lines of a file that end in a newline; of a file that is being written, those so far."""

    def __init__(
        self, path: Path, inode: int, offsets: np.ndarray, cache: Path, state: str
    ) -> None:
        self.path, self._inode, self._offsets = path, inode, offsets
        self._cache, self._state = cache, state

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def raw(self, start: int, stop: int) -> list[bytes]:
        """The bytes of lines `start` (from 0) up to `stop`.

        Raises KoalignError where another file, or a shorter one, has taken the place of the file.
        """
        first, last = max(0, start), min(stop, len(self))
        if first >= last:
            return []
        begin, end = int(self._offsets[first]), int(self._offsets[last])
        with self.path.open("rb") as file:
            stat = os.fstat(file.fileno())
            if stat.st_ino != self._inode or stat.st_size < end:
                raise KoalignError(f"{self.path.name}: was written again; load the page again")
            file.seek(begin)
            block = file.read(end - begin)
        return block.split(b"\n")[: last - first]

    def rows(self, start: int, stop: int) -> list[Row]:
        """The same as JSON objects; a damaged line is `{"damaged": number}`, counted from 1."""
        return [
            parsed(line, n) for n, line in enumerate(self.raw(start, stop), start=max(0, start) + 1)
        ]

    def at(self, numbers: Sequence[int]) -> list[Row]:
        """The lines of these numbers, from 0."""
        return [row for number in numbers for row in self.rows(number, number + 1)]

    def field(self, name: str) -> tuple[list[str], np.ndarray]:
        """As `facet` by the text of a field, which no record inside of the record has too.

        Found in the bytes, ten times as fast: inside of a JSON string no quote stands bare.
        """
        written = re.compile(b'"%s": ("(?:[^"\\\\]|\\\\.)*")' % name.encode())

        def label(line: bytes) -> str:
            found = written.search(line, max(0, line.rfind(b'"%s": "' % name.encode())))
            return str(json.loads(found[1])) if found else ""

        return self._labelled(name, label)

    def facet(self, name: str, label: Callable[[Row], str]) -> tuple[list[str], np.ndarray]:
        """The labels of all lines, and for each line the place of its own; kept beside the index."""
        return self._labelled(name, lambda line: label(parsed(line, 0)))

    def _labelled(self, name: str, label: Callable[[bytes], str]) -> tuple[list[str], np.ndarray]:
        kept = self._cache.with_name(f"{self._cache.stem}.{name}.npz")
        if (known := _load(kept, self._state)) is not None:
            return json.loads(str(known["labels"])), known["codes"]
        places: dict[str, int] = {}
        codes = np.zeros(len(self), np.int32)
        for start in range(0, len(self), 10_000):
            for n, line in enumerate(self.raw(start, start + 10_000), start=start):
                codes[n] = places.setdefault(label(line), len(places))
        labels = np.array(json.dumps(list(places)))  # NumPy would cut a NUL off the end of a text
        _save(kept, self._state, labels=labels, codes=codes)
        return list(places), codes

    def number_of(self, name: str) -> int | None:
        """The first line whose `id` or `problem_id` this is."""
        return self._numbers.get(name)

    @property
    def _numbers(self) -> dict[str, int]:
        return _numbers(self.path, self._state, self)


def open_lines(path: Path, cache: Path) -> Lines:
    """The lines of a file, by the index in the folder `cache`, which is made or extended where needed."""
    stat = path.stat()
    times = stat.st_mtime_ns, stat.st_ctime_ns
    return _open(path, cache, stat.st_ino, stat.st_size, times)


@lru_cache(64)
def _open(path: Path, cache: Path, inode: int, size: int, times: tuple[int, int]) -> Lines:
    """A copy keeps the time of its content, and not that of its inode."""
    kept = cache / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:24]}.npz"
    with path.open("rb") as file:
        head = file.read(EDGE)
        file.seek(max(0, size - EDGE))
        tail = file.read(EDGE)
    known_by = b"%d %d %d %d %s %s" % (inode, size, *times, head, tail)
    state = hashlib.sha256(known_by).hexdigest()
    if (known := _load(kept, state)) is not None:
        return Lines(path, inode, known["offsets"], kept, state)
    offsets = _offsets(path, size)
    _save(kept, state, offsets=offsets)
    return Lines(path, inode, offsets, kept, state)


def _offsets(path: Path, size: int) -> np.ndarray:
    """Where each whole line starts, and at last where the next would."""
    found = [np.zeros(1, np.int64)]
    done = 0
    with path.open("rb") as file:
        while done < size and (block := file.read(min(BLOCK, size - done))):
            found.append(np.flatnonzero(np.frombuffer(block, np.uint8) == 10) + (done + 1))
            done += len(block)
    return np.concatenate(found)


def _load(path: Path, state: str) -> dict[str, np.ndarray] | None:
    """What was kept for this state of a file; none: nothing, or of another state."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return dict(held) if str(held["state"]) == state else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _save(path: Path, state: str, **arrays: np.ndarray) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez(file, state=np.array(state), **arrays)
        part.replace(path)
    except OSError:  # a full disk or a home that cannot be written: indexed again the next time
        part.unlink(missing_ok=True)


@lru_cache(16)
def _numbers(path: Path, state: str, lines: Lines) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for start in range(0, len(lines), 10_000):
        for n, line in enumerate(lines.raw(start, start + 10_000), start=start):
            named = _HEAD.match(line[:200]) or _TAIL.search(line[-80:])
            if named:
                numbers.setdefault(named[1].decode("utf-8", "replace"), n)
            else:
                row = parsed(line, n + 1)
                numbers.setdefault(str(row.get("id") or row.get("problem_id")), n)
    return numbers


def parsed(line: bytes, number: int) -> Row:
    """The JSON object of a line; `{"damaged": number}` where it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {"damaged": number}
    return row if isinstance(row, dict) else {"damaged": number}


def tail(path: Path, start: int, most: int = 1 << 22) -> tuple[list[Row], int]:
    """The whole lines from a byte on, and the byte to go on from; of a shorter file all from its start."""
    size = path.stat().st_size
    start = start if 0 <= start <= size else 0
    with path.open("rb") as file:
        file.seek(start)
        block = file.read(min(most, size - start))
    whole = block[: block.rfind(b"\n") + 1]
    rows = [parsed(line, 0) for line in whole.split(b"\n")[:-1]]
    return [row for row in rows if "damaged" not in row], start + len(whole)
