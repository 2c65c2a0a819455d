"""search: a problem and an index -> the first passages that may be shown, and what may not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from koalign.jsonl import read_json
from koalign.records import KoalignError, Problem
from koalign.retrieval.chunk_file import ChunkFile
from koalign.retrieval.dense import Dense
from koalign.retrieval.fusion import FusedHit, fused
from koalign.retrieval.lexical import Hit, LexicalIndex, analyser_hash
from koalign.retrieval.queries import queries_of
from koalign.retrieval.records import Chunk, Passage, Retrieved
from koalign.retrieval.screens import EvaluatedText, states_an_answer

GROUP = 64
"""Problems whose queries are embedded and compared at once: the vectors are read once for them."""
LEAK = "holds_an_evaluated_question"
ANSWER = "states_an_answer"


class Search:
    """An index, its chunks, and what may not be shown of them."""

    def __init__(
        self,
        index: LexicalIndex,
        chunks: ChunkFile,
        evaluated: EvaluatedText,
        *,
        passages: int,
        depth: int,
        dense: Dense | None = None,
        written: Mapping[str, str] | None = None,
    ) -> None:
        """`passages` of a problem are kept; each of its queries finds `depth` chunks in each index.

        `written`: problem id -> the query that takes the place of the problem's own ones; empty: none.
        """
        self._index, self._chunks, self._evaluated = index, chunks, evaluated
        self._most, self._depth, self._dense = passages, depth, dense
        self._written = written or {}
        self._leaks: dict[int, bool] = {}

    def passages(self, problem: Problem) -> Retrieved:
        """The first chunks over all queries of a problem that may be shown, and those that may not."""
        return self.of_group([problem])[0]

    def of_group(self, problems: Sequence[Problem]) -> list[Retrieved]:
        """Of each problem the first chunks over all its queries that may be shown, and those that may not.

        The last bits of a vector depend on the texts beside it: what is to be repeated to the byte is
        asked in the same groups again.
        """
        asked = [
            (number, name, text)
            for number, problem in enumerate(problems)
            for name, text in self._queries(problem).items()
        ]
        rankings: list[list[tuple[str, float, Sequence[Hit]]]] = [[] for _ in problems]
        weight = self._dense.weight if self._dense else 0.0
        if weight < 1:
            for number, name, text in asked:
                hits = self._index.search(text, self._depth)
                rankings[number].append((name, 1 - weight, hits))
        if self._dense:
            vectors = self._dense.encode([text for _, _, text in asked])
            found = self._dense.index.search(vectors, self._depth)
            for (number, name, _), hits in zip(asked, found, strict=True):
                rankings[number].append((name, weight, hits))
        return [
            self._shown(problem, fused(own))
            for problem, own in zip(problems, rankings, strict=True)
        ]

    def _queries(self, problem: Problem) -> dict[str, str]:
        written = self._written.get(problem.id)
        return {"written": written} if written else queries_of(problem)

    def _shown(self, problem: Problem, order: Sequence[FusedHit]) -> Retrieved:
        kept: list[Passage] = []
        refused: list[tuple[str, str]] = []
        for hit in order:
            if len(kept) == self._most:
                break
            chunk = self._chunks[hit.chunk]
            if reason := self._refusal(problem, hit.chunk, chunk):
                refused.append((reason, chunk.id))
                continue
            kept.append(
                Passage(
                    problem_id=problem.id,
                    rank=len(kept) + 1,
                    score=hit.score,
                    query=hit.query,
                    written=self._written.get(problem.id, ""),
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


def open_index(folder: Path, identity: Path, corpus: str) -> LexicalIndex:
    """The index in a folder, with `identity` beside it, of chunks whose file has the hash `corpus`.

    Raises KoalignError for one that another analyser, or of other chunks, made.
    """
    known = read_json(identity)
    if known["analyser"] != analyser_hash():
        raise KoalignError(
            f"{folder}: made by another analyser (another version of koalign or Unicode); "
            "`koalign index --force` makes it again"
        )
    index = LexicalIndex(folder)
    if len(index) != known["chunks"] or corpus != known["corpus"]:
        raise KoalignError(
            f"{folder}: is not the index of {folder.parent / 'chunks.jsonl'}; `koalign index --force` "
            "makes it again"
        )
    return index
