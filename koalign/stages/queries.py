"""queries: problems with gold passages -> search queries, and at which rank each finds gold. Expensive."""

from __future__ import annotations

from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.answering.queries import draw_queries
from koalign.config.sections import Config
from koalign.engines.opening import open_engine
from koalign.guard import HELD_OUT, refuse_leaks
from koalign.hashing import hash_path
from koalign.jsonl import read_jsonl, read_record, write_jsonl
from koalign.records import Base, KoalignError, Problem
from koalign.renderer import open_renderer
from koalign.retrieval.chunk_file import ChunkFile
from koalign.retrieval.queries import WrittenQuery, query_renderer, rank_of_gold, reciprocal_ranks
from koalign.retrieval.records import ScreenedPassage, gold_chunks
from koalign.retrieval.search import open_index
from koalign.run import ENGINE, PREPARED, Inputs, Stage, StageResult


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """`queries.n` queries of each problem; each searches the index alone."""
    section, base = config.queries, read_record(inputs["prepare/base.json"], Base)
    gold = gold_chunks(read_jsonl(inputs["passages/passages.jsonl"], ScreenedPassage))
    train = read_jsonl(inputs["prepare/train.jsonl"], Problem)
    with_gold = [problem for problem in train if problem.id in gold]
    problems = with_gold[: section.limit]
    if not problems:
        raise KoalignError(
            f"{inputs['passages/passages.jsonl']}: no passage of a training problem is gold, so there is "
            "nothing that a query should find"
        )
    refuse_leaks(problems, inputs)
    adapter = None
    if section.source == "policy":
        adapter = inputs["dpo/adapter"]
        check_adapter(adapter, base, open_renderer(config.prompt).hash)
    renderer = query_renderer(config.prompt.thinking)
    path = out / "samples.jsonl"
    with open_engine(config.engine, config.model, base, [adapter]) as engine:
        drawn = draw_queries(
            engine, renderer, problems, adapter, section, path, n=section.n, seed=config.seed
        )
    corpus, depth = inputs["index/chunks.jsonl"], config.retrieve.depth
    index = open_index(inputs["index/lexical"], inputs["index/index.json"], hash_path(corpus))
    with ChunkFile(corpus) as chunks:

        def rank(problem: Problem, query: str) -> int | None:
            return rank_of_gold(index, chunks, query, gold[problem.id], depth)

        written = [
            WrittenQuery(problem_id=problem.id, text=one.text, rank=rank(problem, one.text))
            for problem, own in zip(problems, drawn, strict=True)
            for one in own
        ]
        of_stems = {problem.id: rank(problem, problem.question) for problem in problems}
    write_jsonl(out / "queries.jsonl", written)
    counts = {
        "problems": len(problems),
        "queries": len(written),
        "find_gold": sum(one.rank is not None for one in written),
        "empty": sum(not one.text for one in written),
    }
    if left := len(with_gold) - len(problems):
        counts["not_asked"] = left  # beyond the limit
    return StageResult(counts, reciprocal_ranks(written, of_stems))


STAGE = Stage(
    name="queries",
    command="query",
    run=run,
    sections=("model", "prompt", "engine", "retrieve", "queries", "seed"),
    inputs=(
        *PREPARED, "index/chunks.jsonl", "index/index.json", "passages/passages.jsonl", "dpo/adapter",
        *ENGINE,
    ),
    looks_at=(*HELD_OUT, "index/lexical"),
)  # fmt: skip
