"""retrieve: problems and an index -> passages for each, frozen in a file that later stages read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from koalign.adapters.cards import read_card
from koalign.answering.queries import greedy_queries
from koalign.config.sections import Config
from koalign.data.preparing.preparation import SPLITS
from koalign.engines.embedding import open_dense
from koalign.guard import write_drops
from koalign.hashing import WORK, hash_path
from koalign.jsonl import JsonlAppender, read_jsonl, read_record, write_json, write_jsonl
from koalign.progress import bar
from koalign.records import Base, Drop, KoalignError, Problem, count_reasons
from koalign.retrieval.chunk_file import ChunkFile
from koalign.retrieval.records import Retrieved
from koalign.retrieval.screens import EvaluatedText
from koalign.retrieval.search import GROUP, LEAK, Search, open_index
from koalign.run import Inputs, Stage, StageResult


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    splits = {s: read_jsonl(inputs[f"prepare/{s}.jsonl"], Problem) for s in SPLITS}
    problems = [problem for split in SPLITS for problem in splits[split]]
    section, corpus = config.retrieve, inputs["index/chunks.jsonl"]
    index = open_index(inputs["index/lexical"], inputs["index/index.json"], hash_path(corpus))
    dense = open_dense(config, corpus.parent)
    evaluated = EvaluatedText(splits["dev"] + splits["test"], section.leak_overlap)
    written = _written(config, inputs, problems, out)
    path = out / WORK / "retrieved.jsonl"
    with ChunkFile(corpus) as chunks, JsonlAppender(path, Retrieved) as file:
        search = Search(
            index,
            chunks,
            evaluated,
            passages=section.passages,
            depth=section.depth,
            dense=dense,
            written=written,
        )
        retrieved = {done.problem_id: done for done in file.done}
        with bar("retrieve", len(problems), len(retrieved)) as advance:
            for start in range(0, len(problems), GROUP):
                group = problems[start : start + GROUP]
                if all(problem.id in retrieved for problem in group):
                    continue
                missing = [one for one in search.of_group(group) if one.problem_id not in retrieved]
                file.append(missing)
                retrieved |= {one.problem_id: one for one in missing}
                advance(len(missing))
    found = [retrieved[problem.id] for problem in problems]
    drops = [
        Drop(stage="retrieve", reason=reason, problem_id=one.problem_id, detail=f"chunk {chunk}")
        for one in found
        for reason, chunk in one.refused
    ]
    write_jsonl(out / "passages.jsonl", (passage for one in found for passage in one.passages))
    write_drops(out, drops, problems)
    report = {split: _describe(own, retrieved) for split, own in splits.items() if own}
    leaking = {chunk for one in found for reason, chunk in one.refused if reason == LEAK}
    write_json(out / "report.json", {"splits": report, "leaking_chunks": len(leaking)})
    counts = {
        "problems": len(problems),
        "passages": sum(len(one.passages) for one in found),
        "without": sum(not one.passages for one in found),
        "leaking_chunks": len(leaking),
    }
    if written:
        counts["without_query"] = sum(not query for query in written.values())
    return StageResult(counts | count_reasons(drops, "dropped_"))


def _written(
    config: Config, inputs: Inputs, problems: Sequence[Problem], out: Path
) -> dict[str, str]:
    """Problem id -> the greedy query of `retrieve.adapter`, empty where it writes none."""
    if config.retrieve.adapter is None:
        return {}
    base, adapter = read_record(inputs["prepare/base.json"], Base), inputs["retrieve.adapter"]
    role = read_card(adapter).role
    if role != "query":
        raise KoalignError(
            f"retrieve.adapter: {adapter} is of the role {role}, and not query; `koalign query` trains one"
        )
    queries = greedy_queries(config, base, adapter, problems, out / "queries.jsonl")
    return {name: query.text for name, query in queries.items()}


def _describe(problems: Sequence[Problem], retrieved: dict[str, Retrieved]) -> dict[str, Any]:
    """Of a split: how many problems have passages, from which sources, and by which query."""
    passages = [p for problem in problems for p in retrieved[problem.id].passages]
    return {
        "problems": len(problems),
        "with_passages": sum(bool(retrieved[problem.id].passages) for problem in problems),
        "sources": dict(sorted(Counter(p.chunk.source for p in passages).items())),
        "queries": dict(sorted(Counter(p.query.partition(" ")[0] for p in passages).items())),
    }


STAGE = Stage(
    name="retrieve",
    command="retrieve",
    run=run,
    sections=("corpus", "retrieve"),
    inputs=(
        "prepare/train.jsonl", "prepare/dev.jsonl", "prepare/test.jsonl", "index/chunks.jsonl",
        "index/index.json",
    ),
    looks_at=("index/lexical",),
    prompts=False,
)  # fmt: skip
