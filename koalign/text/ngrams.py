"""ngrams: texts -> sets of character n-grams, and the pairs of texts that may be alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np

from koalign.text.korean import fold

BATCH = 4096
"""Texts that are worked on at once: what bounds the memory."""
PAIRS = 1 << 20
"""Pairs of texts that are listed at once."""
COMMON = 20
"""An n-gram that more texts hold is of a template, not of one text. A passage has six questions."""
_BASE = 0x9E3779B97F4A7C15
_RARITY_BITS = 22
_OUTSIDE_BMP = 0x10000


@dataclass(frozen=True)
class NGrams:
    """The n-grams of some texts as 64-bit hashes, one text after another."""

    hashes: np.ndarray
    """uint64; every n-gram of a text once, ascending within the text; where `joined`, of each part."""
    starts: np.ndarray
    """int64, one more than there are texts: where each text begins, and the end."""

    def __getitem__(self, text: int) -> np.ndarray:
        return self.hashes[self.starts[text] : self.starts[text + 1]]

    @property
    def sizes(self) -> np.ndarray:
        """How many n-grams each text has."""
        return np.diff(self.starts)

    @property
    def postings(self) -> Postings:
        """Every n-gram beside the number of its text."""
        return Postings(self.hashes, np.repeat(np.arange(len(self.starts) - 1), self.sizes))

    def select(self, texts: np.ndarray) -> NGrams:
        """The n-grams of these texts only, in this order."""
        sizes = self.sizes[texts]
        return NGrams(self.hashes[_ranges(self.starts[texts], sizes)], _starts(sizes))


@dataclass(frozen=True)
class Postings:
    """Which texts hold which n-grams: two columns."""

    hashes: np.ndarray
    texts: np.ndarray

    def by_hash(self) -> Postings:
        """The same rows, ascending by n-gram."""
        return self.where(np.argsort(self.hashes, kind="stable"))

    def meet(self, others: Postings) -> Iterator[tuple[int, int]]:
        """The pairs of a text here and one of the others (by hash) that share an n-gram, ascending.

        The rows here are ascending by text.
        """
        for here, there in self.blocks_of_pairs(others):
            yield from zip(here.tolist(), there.tolist(), strict=True)

    def blocks_of_pairs(self, others: Postings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The same as two columns, about PAIRS at a time."""
        span = int(others.texts.max(initial=0)) + 1
        for rows in _blocks(self.texts, np.ones(len(self.texts), np.int64)):
            texts, order = self.texts[rows], np.argsort(self.hashes[rows])
            hashes = self.hashes[rows][order]  # lookups in order stay in the processor's cache
            first, counts = np.empty((2, len(order)), np.int64)
            first[order] = np.searchsorted(others.hashes, hashes, "left")
            counts[order] = np.searchsorted(others.hashes, hashes, "right")
            counts -= first
            for block in _blocks(texts, counts):
                met = others.texts[_ranges(first[block], counts[block])]
                pairs = np.unique(np.repeat(texts[block], counts[block]) * span + met)
                yield np.divmod(pairs, span)

    def of(self, numbers: np.ndarray) -> Postings:
        """The same rows with these numbers in the place of 0, 1, …"""
        return Postings(self.hashes, numbers[self.texts])

    def first_of_each(self, most: int = COMMON) -> tuple[Postings, Postings]:
        """Of each n-gram the first rows, at most so many, and the others; both by hash."""
        rows = self.by_hash()
        rank = np.arange(len(rows.hashes)) - np.searchsorted(rows.hashes, rows.hashes, "left")
        return rows.where(rank < most), rows.where(rank >= most)

    def where(self, rows: np.ndarray) -> Postings:
        """These rows, by number or by mark."""
        return Postings(self.hashes[rows], self.texts[rows])


class Texts:
    """The n-grams of many texts: held if that takes at most `held` bytes, else computed when asked for."""

    def __init__(
        self,
        size: int,
        text: Callable[[int], str],
        n: int,
        held: int,
        fold: Callable[[str], str] = fold,
    ) -> None:
        self.size, self._text, self._n, self._fold = size, text, n, fold
        letters = sum(len(text(number)) for number in range(size))
        # 8 bytes a letter, and twice that while they are made.
        self._held = self._compute(range(size)) if 16 * letters <= held else None
        self._get = lru_cache(COMMON)(lambda number: self._compute([number])[0])

    def __getitem__(self, number: int) -> np.ndarray:
        return self._get(number) if self._held is None else self._held[number]

    def select(self, numbers: np.ndarray) -> NGrams:
        """The n-grams of these texts, in this order."""
        if self._held is not None:
            return self._held.select(numbers)
        each, places = np.unique(numbers, return_inverse=True)
        return self._compute(each.tolist()).select(places)

    def batches(
        self, first: int = 0, end: int | None = None
    ) -> Iterator[tuple[np.ndarray, NGrams]]:
        """The numbers and the n-grams of BATCH texts at a time, from the first on."""
        end = self.size if end is None else end
        for start in range(first, end, BATCH):
            numbers = np.arange(start, min(start + BATCH, end))
            yield numbers, self.select(numbers)

    def _compute(self, numbers: Sequence[int]) -> NGrams:
        return character_ngrams([self._text(number) for number in numbers], self._n, self._fold)


def character_ngrams(texts: Sequence[str], n: int, fold: Callable[[str], str] = fold) -> NGrams:
    """The character n-grams of each text, folded and without white space and punctuation.

    Those are what copies of one text differ in; marks (①, ㉠) and signs (+, =) stay. A text of fewer
    than n letters is one n-gram as a whole, an empty one has none. Equal in every process.
    """
    starts = range(0, len(texts), BATCH)
    return _in_a_row([_of_batch(texts[start : start + BATCH], n, fold) for start in starts])


def joined(ngrams: NGrams, others: NGrams) -> NGrams:
    """The n-grams of two parts of each text, those of the first before those of the second."""
    both = np.concatenate((ngrams.postings.texts, others.postings.texts))
    order = np.argsort(both, kind="stable")
    hashes = np.concatenate((ngrams.hashes, others.hashes))[order]
    return NGrams(hashes, ngrams.starts + others.starts)


def united(ngrams: NGrams, bounds: Sequence[int]) -> NGrams:
    """The n-grams of whole texts from those of their parts: whole i is parts bounds[i] to bounds[i+1]."""
    ends = ngrams.starts[np.asarray(bounds)].tolist()
    sets = [np.unique(ngrams.hashes[start:end]) for start, end in pairwise(ends)]
    return _in_a_row([NGrams(one, np.array([0, len(one)])) for one in sets])


def rarity(batches: Iterable[NGrams]) -> np.ndarray:
    """How many texts hold an n-gram, by its `bucket`, which a few n-grams share."""
    counts = np.zeros(1 << _RARITY_BITS, np.int64)
    for batch in batches:
        counts += np.bincount(bucket(batch.hashes), minlength=len(counts))
    return counts


def common(batches: Iterable[NGrams], counts: np.ndarray) -> np.ndarray:
    """The n-grams that more than COMMON of the texts hold, ascending; `counts` is their `rarity`."""
    hashes, held = np.empty(0, np.uint64), np.empty(0, np.int64)
    for batch in batches:
        likely = batch.hashes[counts[bucket(batch.hashes)] > COMMON]
        held = np.concatenate((held, np.ones(len(likely), np.int64)))
        hashes, places = np.unique(np.concatenate((hashes, likely)), return_inverse=True)
        held = np.bincount(places, held, len(hashes)).astype(np.int64)
    return hashes[held > COMMON]


def enough(sizes: np.ndarray, share: float) -> np.ndarray:
    """Of so many n-grams, how many cannot all be missing where `share` of them are there."""
    # A slip of the last bit must not make it one too few: 0.8 * 15 is above 12 in floats.
    return sizes - np.ceil(share * sizes - 1e-9).astype(np.int64) + 1


def rarest(ngrams: NGrams, counts: np.ndarray, numbers: np.ndarray) -> Postings:
    """So many of each text's rarest n-grams; `counts` is a `rarity`.

    With `enough`, a text that holds `share` of another holds one of these of it. Of two texts that
    share so much of each other, the rarest of both meet too: the prefix filter of Bayardo, Ma and
    Srikant, "Scaling Up All Pairs Similarity Search" (2007). No pair is missed, and what a template
    puts into every text is hardly looked at.
    """
    rows = ngrams.postings
    # Stable: n-grams of one count are in one order everywhere. By text, then count: faster than lexsort.
    order = np.argsort(rows.texts << 32 | counts[bucket(rows.hashes)], kind="stable")
    rank = np.arange(len(order)) - np.repeat(ngrams.starts[:-1], ngrams.sizes)
    return rows.where(order[rank < np.repeat(numbers, ngrams.sizes)])


def holds(hashes: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Whether each hash is among some others, which are ascending."""
    if not len(some):
        return np.zeros(len(hashes), bool)
    return some[np.minimum(np.searchsorted(some, hashes), len(some) - 1)] == hashes


def kept(ngrams: NGrams, marks: np.ndarray) -> NGrams:
    """The marked n-grams of each text."""
    return NGrams(ngrams.hashes[marks], _starts(marks)[ngrams.starts])


def in_a_row(parts: Sequence[Postings]) -> Postings:
    """The rows of all parts."""
    return Postings(
        np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.texts for part in parts)]),
    )


def contained(part: np.ndarray, whole: np.ndarray) -> float:
    """The share of one text's n-grams that another has; of an empty text 1."""
    return _shared(part, whole) / len(part) if len(part) else 1.0


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """The share of the n-grams of either text that both have; of two empty texts 1."""
    shared = _shared(one, other)
    either = len(one) + len(other) - shared
    return shared / either if either else 1.0


def _shared(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.count_nonzero(holds(one, other)))


def _of_batch(texts: Sequence[str], n: int, fold: Callable[[str], str]) -> NGrams:
    folded = [fold(text) for text in texts]
    codes = np.frombuffer("".join(folded).encode("utf-32-le", "surrogatepass"), np.uint32)
    kept = _is_letter()[np.minimum(codes, _OUTSIDE_BMP)]
    ends = np.cumsum([len(text) for text in folded])
    lengths = np.diff(_starts(kept)[ends], prepend=0)

    # n - 1 zeros after each text, so that no n-gram reaches into the next.
    padded = np.zeros(int((lengths + n - 1).sum()), np.uint64)
    padded_starts = _starts(lengths + n - 1)[:-1]
    padded[_ranges(padded_starts, lengths)] = codes[kept]
    sizes = np.where(lengths > 0, np.maximum(lengths - n + 1, 1), 0)
    starts = _starts(sizes)
    first = _ranges(padded_starts, sizes)
    hashes = np.zeros(len(first), np.uint64)
    for offset in range(n):
        hashes += padded[first + offset] * np.uint64(pow(_BASE, offset + 1, 1 << 64))
    hashes = _mixed(hashes)

    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        hashes[start:end].sort()
    new = np.ones(len(hashes), bool)
    new[1:] = hashes[1:] != hashes[:-1]
    new[starts[:-1][sizes > 0]] = True
    return NGrams(hashes[new], _starts(new)[starts])


def _in_a_row(parts: Sequence[NGrams]) -> NGrams:
    sizes = np.concatenate([np.empty(0, np.int64), *(part.sizes for part in parts)])
    return NGrams(
        np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)]), _starts(sizes)
    )


@cache
def _is_letter() -> np.ndarray:
    """For each code point of the BMP, and one for all beyond, whether it counts as a letter."""
    categories = [unicodedata.category(chr(code))[0] for code in range(_OUTSIDE_BMP)]
    return np.array([category not in "PZC" for category in categories] + [True])


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on every bit."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def bucket(hashes: np.ndarray) -> np.ndarray:
    """The place of an n-gram in a `rarity`."""
    return (hashes >> np.uint64(64 - _RARITY_BITS)).view(np.int64)


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)))


def _ranges(first: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`first[i], first[i] + 1, …`, `counts[i]` of them, for each i in turn."""
    return np.repeat(first - _starts(counts)[:-1], counts) + np.arange(counts.sum())


def _blocks(texts: np.ndarray, counts: np.ndarray) -> Iterator[slice]:
    """Rows, ascending by text, in blocks of whole texts with about PAIRS counts each."""
    starts = np.flatnonzero(np.diff(texts, prepend=-1))
    cuts = starts[np.flatnonzero(np.diff(_starts(counts)[starts] // PAIRS, prepend=-1))]
    for start, end in pairwise([*cuts.tolist(), len(texts)]):
        yield slice(start, end)
