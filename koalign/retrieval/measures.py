"""measures: questions on known passages -> the ranks at which an index finds those, and what they say."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from koalign.evaluation.stats.intervals import Figure, figure, share_figure
from koalign.records import Problem
from koalign.retrieval.chunks import chunks
from koalign.retrieval.lexical import LexicalIndex, build_index

CUTS = (1, 5, 20)
DEPTH = 100
"""Chunks that a question finds; of a passage that is in none of them the reciprocal rank is 0."""


@dataclass(frozen=True)
class RetrievalFigures:
    """How well an index finds the passages that questions were asked about."""

    passages: int
    chunks: int
    questions: int
    recall: dict[int, Figure]
    """k -> share of the questions whose passage is among the first k."""
    mrr: Figure
    """Mean of 1 / rank."""


def find_ranks(problems: Sequence[Problem], characters: int, overlap: int) -> tuple[list[int], int]:
    """The rank of the passage of each problem among all passages, 0 where it is not found; and the chunks.

    The rank of a passage is that of its best chunk. Only the question is asked.
    """
    passages = list(dict.fromkeys(problem.passage for problem in problems))
    texts: list[str] = []
    of_passage: list[int] = []
    for number, passage in enumerate(passages):
        spans = list(chunks(passage, characters, overlap))
        texts += [passage[start:end] for start, end in spans]
        of_passage += [number] * len(spans)
    places = {passage: number for number, passage in enumerate(passages)}
    with tempfile.TemporaryDirectory() as folder:
        build_index(Path(folder) / "lexical", texts)
        index = LexicalIndex(Path(folder) / "lexical")
        ranks = []
        for problem in problems:
            hits = index.search(problem.question, DEPTH)
            found = list(dict.fromkeys(of_passage[hit.chunk] for hit in hits))
            gold = places[problem.passage]
            ranks.append(found.index(gold) + 1 if gold in found else 0)
    return ranks, len(texts)


def retrieval_figures(
    problems: Sequence[Problem], ranks: Sequence[int], chunk_count: int
) -> RetrievalFigures:
    """Recall and MRR with intervals; whole passages are resampled, since they share their questions."""
    clusters = [problem.passage for problem in problems]
    return RetrievalFigures(
        passages=len({*clusters}),
        chunks=chunk_count,
        questions=len(problems),
        recall={
            cut: share_figure([float(0 < rank <= cut) for rank in ranks], clusters) for cut in CUTS
        },
        mrr=figure([1 / rank if rank else 0.0 for rank in ranks], clusters=clusters),
    )
