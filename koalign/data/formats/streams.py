"""streams: a file, or bytes out of a zip -> its text and its lines, read when they are asked for."""

from __future__ import annotations

import codecs
import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

Data = bytes | Path
"""What a file holds: in memory, or where it lies."""
BLOCK = 1 << 18
"""Bytes that are read at once; even, for UTF-16."""
_LF, _CR = 10, 13


def opened(data: Data) -> BinaryIO:
    """The bytes, from the first on."""
    return data.open("rb") if isinstance(data, Path) else io.BytesIO(data)


def whole(data: Data) -> bytes:
    """All bytes in memory, for a format that cannot be read in parts."""
    return data.read_bytes() if isinstance(data, Path) else data


def size_of(data: Data) -> int:
    """How many bytes there are."""
    return data.stat().st_size if isinstance(data, Path) else len(data)


@dataclass(frozen=True)
class Text:
    """A text that stays where it lies."""

    data: Data
    encoding: str
    """utf-8 or cp949, or utf-8-sig or utf-16, which begin with a byte order mark."""

    def whole(self) -> str:
        """All of it in memory."""
        return whole(self.data).decode(self.encoding)

    def lines(self) -> Iterator[str]:
        r"""What `\n` parts, one after the other; a `\r` ends none, for between JSON values it may stand."""
        with io.TextIOWrapper(opened(self.data), self.encoding, newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n")


class Lines:
    r"""The lines of a text in any order, with their ends: `\n`, `\r` or both. Held are 8 bytes a line."""

    def __init__(self, text: Text) -> None:
        self._file = opened(text.data)
        self._encoding, unit, first = _layout(text.encoding, self._file.read(2))
        self._starts = array("q")
        for starts in _line_starts(self._file, unit, first):
            self._starts.frombytes(starts.astype(np.int64).tobytes())

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> str:
        start, end = self._starts[number], self._starts[number + 1]
        self._file.seek(start)
        return self._file.read(end - start).decode(self._encoding)

    def between(self, first: int, end: int) -> Iterator[str]:
        """The lines from one on, up to another."""
        return map(self.__getitem__, range(first, end))

    def empty_first(self) -> None:
        """Take the first line for an empty one."""
        self._starts[0] = self._starts[1]

    def drop_last(self) -> None:
        """Take the last line for none."""
        self._starts.pop()


def _layout(encoding: str, beginning: bytes) -> tuple[str, str, int]:
    """How a line is decoded, the units of a line end, and the place of the first line."""
    if encoding != "utf-16":
        sized = len(codecs.BOM_UTF8) if encoding == "utf-8-sig" else 0
        return encoding.removesuffix("-sig"), "u1", sized
    little = beginning == codecs.BOM_UTF16_LE
    return ("utf-16-le", "<u2", 2) if little else ("utf-16-be", ">u2", 2)


def _line_starts(file: BinaryIO, unit: str, first: int) -> Iterator[np.ndarray]:
    """The place of each line, and that of the end; no byte of a cp949 character is a line end."""
    file.seek(first)
    place, last = first, _LF
    while block := file.read(BLOCK):
        codes = np.frombuffer(block, unit)
        before = np.empty_like(codes)
        before[0], before[1:] = last, codes[:-1]
        begin = (before == _LF) | ((before == _CR) & (codes != _LF))
        yield place + np.flatnonzero(begin) * codes.itemsize
        place, last = place + len(block), codes[-1]
    yield np.array([place])
