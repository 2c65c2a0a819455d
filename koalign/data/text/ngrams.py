"""ngrams: texts -> sets of character n-grams, and the pairs of texts that may be alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from koalign.data.text.korean import fold

BATCH = 4096
"""Texts that are worked on at once: what bounds the memory."""
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
        order = np.argsort(self.hashes, kind="stable")
        return Postings(self.hashes[order], self.texts[order])

    def meet(self, others: Postings) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of a text here and one of the others (by hash) that share an n-gram, ascending."""
        here = self.by_hash()  # lookups in ascending order stay in the processor's cache
        first = np.searchsorted(others.hashes, here.hashes, "left")
        counts = np.searchsorted(others.hashes, here.hashes, "right") - first
        span = int(others.texts.max(initial=0)) + 1
        pairs = np.repeat(here.texts, counts) * span + others.texts[_ranges(first, counts)]
        return np.divmod(np.unique(pairs), span)


def character_ngrams(texts: Sequence[str], n: int) -> NGrams:
    """The character n-grams of each text, folded and without white space and punctuation.

    Those are what copies of one text differ in; marks (①, ㉠) and signs (+, =) stay. A text of fewer
    than n letters is one n-gram as a whole, an empty one has none. Equal in every process.
    """
    starts = range(0, len(texts), BATCH)
    return _in_a_row([_of_batch(texts[start : start + BATCH], n) for start in starts])


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


def rarity(ngrams: NGrams) -> np.ndarray:
    """How many texts hold an n-gram, by its first bits, which a few n-grams share."""
    return np.bincount(_bucket(ngrams.hashes), minlength=1 << _RARITY_BITS)


def rarest(ngrams: NGrams, counts: np.ndarray, share: float) -> Postings:
    """So many of each text's rarest n-grams that a text which holds `share` of all holds one of them.

    Of two texts that share so much of each other, the rarest of both meet too: the prefix filter of
    Bayardo, Ma and Srikant, "Scaling Up All Pairs Similarity Search" (2007). No pair is missed, and
    what a template puts into every text is hardly looked at. `counts` is a `rarity`.
    """
    sizes, rows = ngrams.sizes, ngrams.postings
    # A slip of the last bit must not make it one too few: 0.8 * 15 is above 12 in floats.
    enough = sizes - np.ceil(share * sizes - 1e-9).astype(np.int64) + 1
    # Stable: n-grams of one count are in one order everywhere.
    order = np.lexsort((counts[_bucket(rows.hashes)], rows.texts))
    rank = np.arange(len(order)) - np.repeat(ngrams.starts[:-1], sizes)
    chosen = order[rank < np.repeat(enough, sizes)]
    return Postings(rows.hashes[chosen], rows.texts[chosen])


def contained(part: np.ndarray, whole: np.ndarray) -> float:
    """The share of one text's n-grams that another has; of an empty text 1."""
    return _shared(part, whole) / len(part) if len(part) else 1.0


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """The share of the n-grams of either text that both have; of two empty texts 1."""
    shared = _shared(one, other)
    either = len(one) + len(other) - shared
    return shared / either if either else 1.0


def _shared(one: np.ndarray, other: np.ndarray) -> int:
    if not len(other):
        return 0
    places = np.searchsorted(other, one)
    return int(np.count_nonzero(other[np.minimum(places, len(other) - 1)] == one))


def _of_batch(texts: Sequence[str], n: int) -> NGrams:
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


def _bucket(hashes: np.ndarray) -> np.ndarray:
    return (hashes >> np.uint64(64 - _RARITY_BITS)).view(np.int64)


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)))


def _ranges(first: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`first[i], first[i] + 1, …`, `counts[i]` of them, for each i in turn."""
    return np.repeat(first - _starts(counts)[:-1], counts) + np.arange(counts.sum())
