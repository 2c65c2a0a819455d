"""fusion: the chunks that several queries and indexes found -> one order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from koalign.retrieval.lexical import Hit

_RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""


@dataclass(frozen=True)
class FusedHit:
    """A chunk with its place in the fused order."""

    chunk: int
    score: float
    query: str
    """The query that ranked it best; of equal ones the first."""


def fused(rankings: Iterable[tuple[str, float, Sequence[Hit]]]) -> list[FusedHit]:
    """Chunks by weighted reciprocal rank fusion; of equal ones the first in the corpus.

    Each ranking has the name of its query and its weight. Ranks and not scores are added: BM25 of a long
    query is larger for its length alone, and a cosine is no BM25.
    """
    scores: dict[int, float] = {}
    best: dict[int, tuple[int, str]] = {}
    for name, weight, hits in rankings:
        for rank, hit in enumerate(hits, start=1):
            scores[hit.chunk] = scores.get(hit.chunk, 0.0) + weight / (_RRF + rank)
            if hit.chunk not in best or rank < best[hit.chunk][0]:
                best[hit.chunk] = rank, name
    order = sorted(scores, key=lambda chunk: (-round(scores[chunk], 9), chunk))
    return [FusedHit(chunk, round(scores[chunk], 9), best[chunk][1]) for chunk in order]
