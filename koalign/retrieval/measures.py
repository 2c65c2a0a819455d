"""measures: questions on known passages -> the ranks at which indexes find those, and what they say."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from koalign.evaluation.stats.intervals import Figure, paired_difference, share_figure
from koalign.records import KoalignError, Problem, content_hash
from koalign.retrieval.chunks import chunks
from koalign.retrieval.dense import DenseIndex, Encode, VectorFile
from koalign.retrieval.fusion import fused
from koalign.retrieval.lexical import Hit, LexicalIndex, build_index

CUTS = (1, 5, 20)
DEPTH = 100
"""Chunks that a question finds; of a passage that is in none of them the reciprocal rank is 0."""
GRID = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Weights of the dense ranks that are tried; 0 is the lexical index alone, 1 the dense one."""


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


@dataclass(frozen=True)
class Searched:
    """The chunks that each question found."""

    lexical: list[list[Hit]]
    dense: list[list[Hit]]
    """Empty where no model was given."""
    passage_of: list[int]
    """The passage of each chunk."""
    gold: list[int]
    """The passage that each question was asked about."""

    def ranks(self, weight: float) -> list[int]:
        """The rank of the passage of each question, 0 where it is not found; that of its best chunk.

        `weight`: of the dense ranks.
        """
        ranks = []
        for number, gold in enumerate(self.gold):
            rankings = [("", 1 - weight, self.lexical[number])] if weight < 1 else []
            if weight:
                rankings.append(("", weight, self.dense[number]))
            passages = list(dict.fromkeys(self.passage_of[hit.chunk] for hit in fused(rankings)))
            ranks.append(passages.index(gold) + 1 if gold in passages else 0)
        return ranks


@dataclass(frozen=True)
class Model:
    """An embedding model: of passages, and of what is looked for."""

    of_passages: Encode
    of_queries: Encode


def search_passages(
    problems: Sequence[Problem], characters: int, overlap: int, model: Model | None = None
) -> Searched:
    """Look for the passage of each problem with its question among all passages, in whole sentences."""
    passages = list(dict.fromkeys(problem.passage for problem in problems))
    texts: list[str] = []
    passage_of: list[int] = []
    for number, passage in enumerate(passages):
        spans = list(chunks(passage, characters, overlap))
        texts += [passage[start:end] for start, end in spans]
        passage_of += [number] * len(spans)
    places = {passage: number for number, passage in enumerate(passages)}
    questions = [problem.question for problem in problems]
    dense: list[list[Hit]] = []
    with tempfile.TemporaryDirectory() as folder:
        build_index(Path(folder) / "lexical", texts)
        index = LexicalIndex(Path(folder) / "lexical")
        lexical = [index.search(question, DEPTH) for question in questions]
        if model:
            path = Path(folder) / "vectors.npy"
            VectorFile(path, len(texts)).write(texts.__getitem__, model.of_passages)
            dense = DenseIndex(path).search(model.of_queries(questions), DEPTH)
    return Searched(lexical, dense, passage_of, [places[problem.passage] for problem in problems])


def retrieval_figures(
    problems: Sequence[Problem], ranks: Sequence[int], chunk_count: int
) -> RetrievalFigures:
    """Recall and MRR with intervals; whole passages are resampled, since they share their questions.

    Where every rank is 1 no draw differs. MRR, which is never below R@1, then has Wilson's interval too.
    """
    clusters = [problem.passage for problem in problems]
    return RetrievalFigures(
        passages=len({*clusters}),
        chunks=chunk_count,
        questions=len(problems),
        recall={
            cut: share_figure([float(0 < rank <= cut) for rank in ranks], clusters) for cut in CUTS
        },
        mrr=share_figure([*map(reciprocal, ranks)], clusters),
    )


@dataclass(frozen=True)
class Weighing:
    """What each weight of the dense ranks finds, and the one to take."""

    chosen: float
    """The best MRR on half of the passages; of equal ones the smallest."""
    chosen_on: int
    """Questions of that half."""
    figures: dict[float, RetrievalFigures]
    """Weight -> what it finds on the other half, among the passages of both."""
    gain: Figure
    """MRR of the chosen weight less that of the lexical index alone, on the other half."""


def weigh(problems: Sequence[Problem], searched: Searched, weights: Sequence[float]) -> Weighing:
    """Choose a weight on the questions of half of the passages, drawn by their hash; measure on the others.

    `weights`: ascending, 0 among them. Raises KoalignError where one half has no passage.
    """
    first = [int(content_hash(problem.passage), 16) % 2 == 0 for problem in problems]
    if len({*first}) < 2:
        raise KoalignError(
            "too few passages to choose retrieve.dense_weight on half of them; give more questions"
        )
    held = [problem for problem, is_first in zip(problems, first, strict=True) if not is_first]
    score: dict[float, float] = {}
    ranks: dict[float, list[int]] = {}
    for weight in weights:
        own = list(zip(searched.ranks(weight), first, strict=True))
        score[weight] = sum(reciprocal(rank) for rank, is_first in own if is_first)
        ranks[weight] = [rank for rank, is_first in own if not is_first]
    chosen = max(weights, key=lambda weight: score[weight])
    chosen_ranks, lexical_ranks = ([*map(reciprocal, ranks[one])] for one in (chosen, 0.0))
    return Weighing(
        chosen=chosen,
        chosen_on=sum(first),
        figures={
            weight: retrieval_figures(held, ranks[weight], len(searched.passage_of))
            for weight in weights
        },
        gain=paired_difference(chosen_ranks, lexical_ranks, [one.passage for one in held])[0],
    )


def reciprocal(rank: int | None) -> float:
    """1 / rank; 0 where nothing was found."""
    return 1 / rank if rank else 0.0
