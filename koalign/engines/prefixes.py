"""prefixes: token sequences -> the beginnings that several share, as a tree; each is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

WORTH = 256
"""Tokens that keeping a beginning must save in all: many small batches cost more than they spare."""
STEP = 16
"""Tokens by which a beginning inside another must be longer."""


@dataclass
class Shared:
    """A beginning of `length` tokens."""

    length: int
    example: int
    """The number of a sequence that begins so."""
    members: list[int] = field(default_factory=list)
    """The numbers of the sequences that go on from here by themselves."""
    inside: list[Shared] = field(default_factory=list)
    """Longer beginnings that go on from here."""


def shared_prefixes(sequences: Sequence[tuple[int, ...]]) -> Shared:
    """The tree of beginnings worth keeping, from the empty one; every sequence is a member once.

    A member always has a token of its own left, even where two sequences are equal. Sequences must not
    be empty.
    """
    order = sorted(range(len(sequences)), key=lambda number: sequences[number])
    common = np.zeros(len(order), dtype=np.int64)  # with the one before
    for place in range(1, len(order)):
        common[place] = _common(sequences[order[place - 1]], sequences[order[place]])
    return _grow(order, common, 0, len(order), 0)


def _grow(order: list[int], common: np.ndarray, low: int, high: int, length: int) -> Shared:
    node = Shared(length, order[low] if order else -1)
    left = [(low, high)] if high > low else []
    while left:
        low, high = left.pop()
        if high - low == 1:
            node.members.append(order[low])
            continue
        inner = common[low + 1 : high]
        shortest = int(inner.min())
        longer = shortest - length
        if longer >= STEP and longer * (high - low - 1) >= WORTH:
            node.inside.append(_grow(order, common, low, high, shortest))
            continue
        cuts = [low, *(low + 1 + np.flatnonzero(inner == shortest)).tolist(), high]
        left.extend(pairwise(cuts))
    return node


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    most = min(len(one), len(other)) - 1
    for place in range(most):
        if one[place] != other[place]:
            return place
    return most
