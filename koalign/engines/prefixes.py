"""prefixes: token sequences -> the tree of their shared prefixes; each is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

MIN_SAVED = 256
"""Tokens that a cached prefix must save over all its sequences; for fewer, the smaller batches cost more.
A rule of thumb, not tuned."""
MIN_LONGER = 16
"""Tokens by which a prefix inside another must be longer. A rule of thumb."""


@dataclass
class Shared:
    """A shared prefix of `length` tokens."""

    length: int
    example: int
    """Index of a sequence that begins with it."""
    members: list[int] = field(default_factory=list)
    """Indices of the sequences whose longest kept prefix this is."""
    inside: list[Shared] = field(default_factory=list)
    """Longer prefixes that begin with this one."""


def shared_prefixes(sequences: Sequence[tuple[int, ...]]) -> Shared:
    """The tree of prefixes worth caching, from the empty one. Every sequence is a member of one node.

    A member has at least one token after the prefix, even where two sequences are equal. Sequences must
    not be empty.
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
        if longer >= MIN_LONGER and longer * (high - low - 1) >= MIN_SAVED:
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
