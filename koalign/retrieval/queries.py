"""queries: a problem -> what is looked for, and the chunks that several queries found -> one order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from koalign.records import Problem
from koalign.retrieval.lexical import Hit

_RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""


@dataclass(frozen=True)
class Found:
    """A chunk with its place in the fused order."""

    chunk: int
    score: float
    query: str
    """The query that ranked it best; of equal ones the first."""


def queries_of(problem: Problem) -> dict[str, str]:
    """Name -> text: the stem, the stem with each choice, and the 보기. The passage is read anyway."""
    queries = {"stem": problem.question}
    for number, choice in enumerate(problem.choices, start=1):
        queries[f"choice {number}"] = f"{problem.question} {choice}"
    if problem.box:
        queries["box"] = problem.box
    return queries


def fused(rankings: Iterable[tuple[str, float, Sequence[Hit]]]) -> list[Found]:
    """Chunks by weighted reciprocal rank fusion; of equal ones the first in the corpus.

    Each ranking has the name of its query and its weight. Ranks and not scores are added: BM25 of a long
    query is larger for its length alone, and a cosine is no BM25.
    """
    scores: dict[int, float] = {}
    best: dict[int, tuple[int, str]] = {}
    for name, weight, found in rankings:
        for rank, hit in enumerate(found, start=1):
            scores[hit.chunk] = scores.get(hit.chunk, 0.0) + weight / (_RRF + rank)
            if hit.chunk not in best or rank < best[hit.chunk][0]:
                best[hit.chunk] = rank, name
    order = sorted(scores, key=lambda chunk: (-round(scores[chunk], 9), chunk))
    return [Found(chunk, round(scores[chunk], 9), best[chunk][1]) for chunk in order]
