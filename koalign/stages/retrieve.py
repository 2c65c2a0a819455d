"""retrieve: problems and an index -> passages for each, frozen in a file that later stages read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from koalign.config.retrieval import Retrieve
from koalign.config.sections import Config
from koalign.guard import write_drops
from koalign.hashing import WORK, hash_path
from koalign.jsonl import JsonlAppender, read_json, read_jsonl, write_json, write_jsonl
from koalign.progress import bar
from koalign.records import Drop, KoalignError, Problem, Record, count_reasons
from koalign.retrieval.chunk_file import ChunkFile
from koalign.retrieval.lexical import LexicalIndex, analyser_hash
from koalign.retrieval.queries import fused, queries_of
from koalign.retrieval.records import Chunk, Passage
from koalign.retrieval.screens import EvaluatedText, states_an_answer
from koalign.run import Inputs, Stage, StageResult

SPLITS = ("train", "dev", "test")


class Retrieved(Record):
    """All that was found for a problem: what a killed process goes on from."""

    problem_id: str
    passages: tuple[Passage, ...]
    refused: tuple[tuple[str, str], ...]
    """Reason and id of the chunks that ranked among the kept and may not be shown."""


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    splits = {s: read_jsonl(inputs[f"prepare/{s}.jsonl"], Problem) for s in SPLITS}
    problems = [problem for split in SPLITS for problem in splits[split]]
    index = open_index(inputs["index/lexical"], inputs["index/index.json"])
    evaluated = EvaluatedText(splits["dev"] + splits["test"], config.retrieve.leak_overlap)
    path = out / WORK / "retrieved.jsonl"
    with ChunkFile(inputs["index/chunks.jsonl"]) as chunks, JsonlAppender(path, Retrieved) as file:
        search = _Search(config.retrieve, index, chunks, evaluated)
        retrieved = {done.problem_id: done for done in file.done}
        missing = [problem for problem in problems if problem.id not in retrieved]
        with bar("retrieve", len(problems), len(problems) - len(missing)) as advance:
            for problem in missing:
                retrieved[problem.id] = search.passages(problem)
                file.append([retrieved[problem.id]])
                advance()
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
    return StageResult(counts | count_reasons(drops, "dropped_"))


LEAK = "holds_an_evaluated_question"
ANSWER = "states_an_answer"


class _Search:
    """An index, its chunks, and what may not be shown of them."""

    def __init__(
        self, section: Retrieve, index: LexicalIndex, chunks: ChunkFile, evaluated: EvaluatedText
    ) -> None:
        self._section, self._index, self._chunks = section, index, chunks
        self._evaluated = evaluated
        self._leaks: dict[int, bool] = {}

    def passages(self, problem: Problem) -> Retrieved:
        """The first chunks over all queries of the problem that may be shown, and those that may not."""
        hits = {
            name: self._index.search(query, self._section.depth)
            for name, query in queries_of(problem).items()
        }
        kept: list[Passage] = []
        refused: list[tuple[str, str]] = []
        for found in fused(hits):
            if len(kept) == self._section.passages:
                break
            chunk = self._chunks[found.chunk]
            if reason := self._refusal(problem, found.chunk, chunk):
                refused.append((reason, chunk.id))
                continue
            kept.append(
                Passage(
                    problem_id=problem.id,
                    rank=len(kept) + 1,
                    score=found.score,
                    query=found.query,
                    chunk_id=chunk.id,
                    chunk=chunk,
                )
            )
        return Retrieved(problem_id=problem.id, passages=tuple(kept), refused=tuple(refused))

    def _refusal(self, problem: Problem, number: int, chunk: Chunk) -> str | None:
        if number not in self._leaks:
            self._leaks[number] = self._evaluated.is_in(chunk.text)
        if self._leaks[number]:
            return LEAK
        return ANSWER if states_an_answer(problem, chunk.text) else None


def open_index(folder: Path, identity: Path) -> LexicalIndex:
    """The index of a run; raises KoalignError for one that another analyser, or of other chunks, made."""
    known = read_json(identity)
    if known["analyser"] != analyser_hash():
        raise KoalignError(
            f"{folder}: made by another analyser (another version of koalign or Unicode); "
            "`koalign index --force` makes it again"
        )
    chunks = folder.parent / "chunks.jsonl"
    index = LexicalIndex(folder)
    if len(index) != known["chunks"] or hash_path(chunks) != known["corpus"]:
        raise KoalignError(
            f"{folder}: is not the index of {chunks}; `koalign index --force` makes it again"
        )
    return index


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
    sections=("retrieve",),
    inputs=(
        "prepare/train.jsonl", "prepare/dev.jsonl", "prepare/test.jsonl", "index/chunks.jsonl",
        "index/index.json",
    ),
    looks_at=("index/lexical",),
    prompts=False,
)  # fmt: skip
