"""dense: chunks -> their vectors in a file, and the chunks nearest to a query by cosine.

Exact: every vector is compared, a block at a time, so that neither the file nor the scores of a large
corpus have to fit into memory. Vectors are float16, which is finer than embedding models are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from koalign.records import KoalignError
from koalign.retrieval.lexical import Hit

Encode = Callable[[Sequence[str]], np.ndarray]
"""Texts -> unit vectors, float32, a row each."""
BATCH = 128
"""Texts that are encoded at once, always the same ones: the last bits of a vector depend on its batch."""
BLOCK = 1 << 14
"""Vectors that are compared at once."""
_DTYPE = np.dtype("<f2")
_STEPS = 100_000
"""Scores are rounded to so many steps between 0 and 1: the order of a sum changes what is finer."""
_PLACE_BITS = 40


class VectorFile:
    """A .npy file of vectors that is being written, gone on with behind its last whole batch."""

    def __init__(self, path: Path, total: int) -> None:
        """`total`: the vectors that it is to hold."""
        self._path, self._total = path, total
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        begins, row = _layout(path)
        rows = min(total, (path.stat().st_size - begins) // row) if row else 0
        self.done = rows if rows == total else rows // BATCH * BATCH
        os.truncate(path, begins + self.done * row if self.done else 0)

    def write(self, text_of: Callable[[int], str], encode: Encode) -> None:
        """Append the vectors that are missing; texts and model are those of the vectors before."""
        with self._path.open("ab") as file:
            while self.done < self._total:
                numbers = range(self.done, min(self.done + BATCH, self._total))
                vectors = encode([text_of(number) for number in numbers]).astype(_DTYPE)
                if not self.done:
                    shape = self._total, vectors.shape[1]
                    header = {"descr": _DTYPE.str, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(vectors.tobytes())
                file.flush()
                self.done = numbers.stop


def _layout(path: Path) -> tuple[int, int]:
    """Bytes of the header and of a vector; nothing where a killed process has not written the header."""
    with path.open("rb") as file:
        try:
            np.lib.format.read_magic(file)
            shape, _, _ = np.lib.format.read_array_header_1_0(file)
        except ValueError:
            return 0, 0
        return file.tell(), shape[1] * _DTYPE.itemsize


class DenseIndex:
    """The vectors of a corpus, compared with those of queries."""

    def __init__(self, path: Path) -> None:
        """Raises KoalignError for a file that holds none."""
        try:
            self._vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, EOFError, ValueError):
            raise KoalignError(
                f"{path}: no vectors of chunks; `koalign index --force` makes them again"
            ) from None

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, queries: np.ndarray, limit: int) -> list[list[Hit]]:
        """The nearest chunks of each query vector, best first; of equal ones the first in the corpus."""
        best = np.empty((len(queries), 0), dtype=np.int64)
        for start in range(0, len(self._vectors), BLOCK):
            block = self._vectors[start : start + BLOCK].astype(np.float32)
            scores = np.rint((queries @ block.T) * _STEPS).astype(np.int64)
            # One number a chunk, none twice: the score, then the place in the corpus.
            keys = (scores << _PLACE_BITS) - np.arange(start, start + len(block))
            best = np.concatenate([best, keys], axis=1)
            if best.shape[1] > limit:
                best = np.partition(best, -limit, axis=1)[:, -limit:]
        best = -np.sort(-best, axis=1)
        steps = -(-best >> _PLACE_BITS)
        numbers = (steps << _PLACE_BITS) - best
        return [
            [Hit(int(number), int(step) / _STEPS) for number, step in zip(*own, strict=True)]
            for own in zip(numbers, steps, strict=True)
        ]


@dataclass(frozen=True)
class Dense:
    """What a dense search adds to a lexical one."""

    index: DenseIndex
    encode: Encode
    """Of queries, by the model that the vectors of the chunks are from."""
    weight: float
    """Of its ranks, up to 1; those of the lexical index weigh what is left of 1."""
