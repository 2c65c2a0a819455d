"""query_probe: how well the greedy queries of a model in training find gold passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from koalign.data.prompting.prompts import Thinking
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.engine import Request
from koalign.engines.modes import evaluating
from koalign.engines.probe import greedy_samples
from koalign.hashing import hash_path
from koalign.records import Base, KoalignError, Problem
from koalign.retrieval.chunk_file import ChunkFile
from koalign.retrieval.measures import reciprocal
from koalign.retrieval.queries import query_renderer, rank_of_gold, written_query
from koalign.retrieval.search import open_index


@dataclass(frozen=True)
class QueryProbe:
    """Problems and the index of a run. Called with a PEFT model, it measures the active adapter.

    Picklable: the index is opened where the probe is called.
    """

    tokenizer: Any
    base: Base
    max_tokens: int
    batch_size: int
    sides: Mapping[str, Sequence[Request]]
    """Requests of `train` and of `held_out`."""
    gold: Mapping[str, frozenset[str]]
    """Problem id -> ids of its gold chunks."""
    chunks: Path
    """chunks.jsonl, with the index and index.json beside it."""
    depth: int

    def __call__(self, model: Any) -> dict[str, float]:
        """Mean reciprocal ranks of gold `train` (of `train_n` problems) and `held_out`, from 0 to 1.

        `train_error` and `held_out_error` are their standard errors over problems. Over both: `finds_gold`,
        the share of queries that find it, and the mean length `tokens`.
        """
        requests = [r for side in self.sides.values() for r in side]
        with evaluating(model):
            drawn = greedy_samples(
                model, self.tokenizer, self.base, requests, self.max_tokens, self.batch_size
            )
        folder = self.chunks.parent
        index = open_index(folder / "lexical", folder / "index.json", hash_path(self.chunks))
        ranks: dict[str, float] = {}
        with ChunkFile(self.chunks) as chunks:
            for sample in drawn:
                query = written_query(sample.text) if sample.finish_reason == "stop" else ""
                gold = self.gold[sample.problem_id]
                rank = rank_of_gold(index, chunks, query, gold, self.depth)
                ranks[sample.problem_id] = reciprocal(rank)
        measures: dict[str, float] = {}
        for side, asked in self.sides.items():
            own = [ranks[request.problem_id] for request in asked]
            spread = stdev(own) if len(own) > 1 else 0.0
            measures |= {
                side: fmean(own),
                f"{side}_n": float(len(own)),
                f"{side}_error": spread / sqrt(len(own)),
            }
        return measures | {
            "finds_gold": fmean(rank > 0 for rank in ranks.values()),
            "tokens": fmean(len(sample.token_ids) for sample in drawn),
        }


def query_requests(
    tokenizer: Any, base: Base, problems: Sequence[Problem], thinking: Thinking
) -> list[Request]:
    """The prompts of these problems, but for those that leave no room in the context.

    Raises KoalignError where none is left.
    """
    renderer = query_renderer(thinking)
    ids = prompt_ids(tokenizer, [renderer.render(problem, "answer") for problem in problems])
    fitting = [
        Request(problem.id, tuple(tokens))
        for problem, tokens in zip(problems, ids, strict=True)
        if len(tokens) < base.context
    ]
    if not fitting:
        raise KoalignError(
            f"query_dpo: no problem leaves room for a query in the context of {base.context} tokens; raise "
            "model.max_length"
        )
    return fitting
