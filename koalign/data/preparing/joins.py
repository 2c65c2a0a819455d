"""joins: n-grams of more rows than memory holds -> the pairs of rows that share one, in order.

Rows meet one range of n-grams at a time (a Grace hash join), and the sorted pairs of all ranges are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from koalign.text.ngrams import Postings, in_a_row

MEMORY = 1 << 31
"""Bytes that finding duplicates and leaks may hold, beside a few numbers a row."""
WORKED = 100
"""Bytes that a posting takes while its range is sorted and met: about six copies of 16 bytes."""


class Shelves(Sequence[Postings]):
    """Postings by ranges of their n-grams, in the order of adding; beyond `held` bytes on disk."""

    def __init__(self, ranges: int, held: int) -> None:
        self._held, self._size, self._file = held, 0, _Numbers()
        self._pending: list[list[Postings]] = [[] for _ in range(ranges)]
        self._blocks: list[list[tuple[int, int]]] = [[] for _ in range(ranges)]

    def add(self, rows: Postings) -> None:
        """Put postings behind the others of their ranges."""
        ranges = np.uint64(len(self))
        places = ((rows.hashes >> np.uint64(32)) * ranges >> np.uint64(32)).astype(np.int64)
        rows = rows.where(np.argsort(places, kind="stable"))
        ends = np.cumsum(np.bincount(places, minlength=len(self))).tolist()
        for pending, (start, end) in zip(self._pending, pairwise([0, *ends]), strict=True):
            if end > start:
                pending.append(Postings(rows.hashes[start:end], rows.texts[start:end]))
        self._size += 16 * len(places)
        if self._size > self._held:
            self._spill()

    def _spill(self) -> None:
        for pending, blocks in zip(self._pending, self._blocks, strict=True):
            rows = in_a_row(pending)
            both = np.concatenate((rows.hashes.view(np.int64), rows.texts))
            blocks.append((self._file.append(both), len(both)))
            pending.clear()
        self._size = 0

    def __len__(self) -> int:
        return len(self._pending)

    def __getitem__(self, number: int) -> Postings:  # type: ignore[override]
        halves = [self._file.read(*block).reshape(2, -1) for block in self._blocks[number]]
        parts = [Postings(hashes.view(np.uint64), texts) for hashes, texts in halves]
        return in_a_row([*parts, *self._pending[number]])


class Runs:
    """Runs of ascending numbers in a temporary file -> all of them, ascending, each once."""

    def __init__(self, held: int) -> None:
        self._held, self._file = held, _Numbers()
        self._bounds: list[tuple[int, int]] = []

    def add(self, blocks: Iterable[np.ndarray]) -> None:
        """One more run: blocks of int64, ascending from the first to the last."""
        start = self._file.size
        for block in blocks:
            self._file.append(block)
        self._bounds.append((start, self._file.size))

    def __iter__(self) -> Iterator[np.ndarray]:
        size = max(1, self._held // 8 // max(1, len(self._bounds)))
        starts = [start for start, _ in self._bounds]
        heads = [np.empty(0, np.int64) for _ in starts]
        while True:
            for run, (_, end) in enumerate(self._bounds):
                if not len(heads[run]):
                    heads[run] = self._file.read(starts[run], min(size, end - starts[run]))
                    starts[run] += len(heads[run])
            lasts = [int(head[-1]) for head in heads if len(head)]
            if not lasts:
                return
            cuts = [int(np.searchsorted(head, min(lasts), "right")) for head in heads]
            yield np.unique(np.concatenate([h[:cut] for h, cut in zip(heads, cuts, strict=True)]))
            heads = [head[cut:] for head, cut in zip(heads, cuts, strict=True)]


class _Numbers:
    """Numbers of 8 bytes in a temporary file (TMPDIR), which is gone with the process."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] | None = None

    def append(self, numbers: np.ndarray) -> int:
        """Write int64 behind the others; returns the place of the first."""
        self._file = self._file or TemporaryFile()  # noqa: SIM115  (open as long as the numbers)
        self._file.seek(8 * self.size)
        self._file.write(numbers.tobytes())
        self.size += len(numbers)
        return self.size - len(numbers)

    def read(self, start: int, count: int) -> np.ndarray:
        if self._file is None:
            return np.empty(0, np.int64)
        self._file.seek(8 * start)
        return np.frombuffer(self._file.read(8 * count), np.int64)
