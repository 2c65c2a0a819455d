"""spool: records -> a temporary file, read one at a time: millions of rows need little memory."""

from __future__ import annotations

import os
import pickle
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from tempfile import TemporaryFile
from typing import Any, TypeVar, overload

import numpy as np

from koalign.records import Record

T = TypeVar("T")
U = TypeVar("U")
PENDING = 1 << 20
"""Bytes that are held in memory before they are written."""


class Items(Sequence[T]):
    """A sequence that is equal to any other of the same items, and whose slices are lists."""

    def _get(self, number: int) -> T:
        raise NotImplementedError

    @overload
    def __getitem__(self, number: int) -> T: ...
    @overload
    def __getitem__(self, number: slice) -> list[T]: ...
    def __getitem__(self, number: int | slice) -> T | list[T]:
        if isinstance(number, slice):
            return [self._get(n) for n in range(*number.indices(len(self)))]
        return self._get(range(len(self))[number])

    def __iter__(self) -> Iterator[T]:
        return map(self._get, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]


class View(Items[T]):
    """What a function gives for some numbers, in an order of their own."""

    def __init__(self, get: Callable[[int], T], numbers: np.ndarray) -> None:
        self._of, self.numbers = get, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def _get(self, number: int) -> T:
        return self._of(int(self.numbers[number]))

    def take(self, rows: np.ndarray) -> View[T]:
        """These rows of it, by number or by mark."""
        return View(self._of, self.numbers[rows])


class Spool(Items[T]):
    """A list on disk that grows at its end; an item is read anew each time, in some 10 microseconds.

    What is more than PENDING bytes is in the system's folder for temporary files (TMPDIR), and gone with
    the process.
    """

    def __init__(self) -> None:
        self._starts, self._sizes, self._kinds = array("q"), array("l"), array("B")
        self._known: list[type] = []
        self._pending = bytearray()
        self._written = 0
        self._file: Any = None

    def append(self, item: T) -> None:
        """Add an item behind the others."""
        for numbers in (self._starts, self._sizes, self._kinds):
            numbers.append(0)
        self[len(self) - 1] = item

    def __setitem__(self, number: int, item: T) -> None:
        data = pickle.dumps(_packed(item), pickle.HIGHEST_PROTOCOL)
        if type(item) not in self._known:
            self._known.append(type(item))
        self._kinds[number] = self._known.index(type(item))
        self._starts[number], self._sizes[number] = self._written + len(self._pending), len(data)
        self._pending += data
        if len(self._pending) > PENDING:
            self._file = self._file or TemporaryFile()  # noqa: SIM115  (open as long as the list)
            self._file.write(self._pending)
            self._file.flush()
            self._written += len(self._pending)
            self._pending = bytearray()

    def __len__(self) -> int:
        return len(self._starts)

    def _get(self, number: int) -> T:
        start, size = self._starts[number], self._sizes[number]
        if start >= self._written:
            data: Any = memoryview(self._pending)[start - self._written :][:size]
        else:
            data = os.pread(self._file.fileno(), size, start)
        return _unpacked(pickle.loads(data))

    def of(self, kind: type[U]) -> View[U]:
        """Its items of a type."""
        kinds = np.frombuffer(self._kinds, np.uint8) if len(self) else np.empty(0, np.uint8)
        code = self._known.index(kind) if kind in self._known else len(self._known)
        get: Callable[[int], Any] = self._get
        return View(get, np.flatnonzero(kinds == code))


def chained(*parts: Sequence[T]) -> View[T]:
    """The items of one sequence after those of another."""
    ends = np.cumsum([len(part) for part in parts])

    def get(number: int) -> T:
        part = int(np.searchsorted(ends, number, "right"))
        return parts[part][number - int(ends[part]) + len(parts[part])]

    return View(get, np.arange(ends[-1]))


def firsts(keys: np.ndarray) -> np.ndarray:
    """For each key the number of the first one that equals it."""
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return first[place]


def _packed(item: Any) -> Any:
    """A record as its type and the values of its fields: half the time and the bytes."""
    return (type(item), *item.__dict__.values()) if isinstance(item, Record) else item


def _unpacked(packed: Any) -> Any:
    if not isinstance(packed, tuple):
        return packed
    kind, *values = packed
    record = kind.__new__(kind)
    record.__setstate__({
        "__dict__": dict(zip(_fields(kind), values, strict=True)), "__pydantic_fields_set__": set(),
        "__pydantic_extra__": None, "__pydantic_private__": None,
    })  # fmt: skip
    return record


@cache
def _fields(kind: type[Record]) -> tuple[str, ...]:
    return tuple(kind.model_fields)
