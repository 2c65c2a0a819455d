"""passages: problems -> passages: frozen ones for those of a run, searched in its index for others.

Where a query adapter is the first step, what it wrote is searched for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Self

from koalign.adapters.names import role_of, steps_of
from koalign.config.sections import Config, Solve
from koalign.data.preparing.preparation import SPLITS
from koalign.engines.embedding import open_dense
from koalign.hashing import hash_path
from koalign.jsonl import read_jsonl
from koalign.manifests import output_of, read_manifest, refuse_remade
from koalign.records import KoalignError, Problem
from koalign.retrieval.chunk_file import ChunkFile
from koalign.retrieval.records import Passage
from koalign.retrieval.screens import EvaluatedText
from koalign.retrieval.search import Search, open_index

USER = "solve.passages"
STAGES = ("prepare", "retrieve", "index")


class PassageFinder:
    """The first `solve.passages` passages of any problem, by the run's `koalign retrieve` and its index."""

    def __init__(
        self,
        config: Config,
        run_dir: Path,
        asked: Sequence[Problem] = (),
        written: Mapping[str, str] | None = None,
    ) -> None:
        """`asked`: problems whose questions no passage may hold, as those of the run's dev and test.

        `written`: problem id -> the query of an adapter; these problems are searched, those of the run too.
        """
        self._config, self._run_dir, self._most = config, run_dir, config.solve.passages
        self._made = {stage: read_manifest(run_dir / stage) for stage in STAGES}
        splits = {s: read_jsonl(self._output(f"prepare/{s}.jsonl"), Problem) for s in SPLITS}
        self._own = {problem.id for split in splits.values() for problem in split}
        held_out = {p.id: p for p in (*splits["dev"], *splits["test"], *asked)}
        self._evaluated, self._written = [*held_out.values()], written or {}
        self._open, self._lock = ExitStack(), Lock()

    def passages(self, problem: Problem) -> tuple[Passage, ...]:
        """Best first; none where nothing was found.

        Raises KoalignError where the run has not retrieved, or for another problem has no index, and for an
        index of another analyser; and for another problem where an adapter wrote the queries.
        """
        with self._lock:  # a server asks from several threads
            if problem.id in self._written:
                return self._search.passages(problem).passages
            if problem.id in self._own:
                return tuple(self._frozen.get(problem.id, ())[: self._most])
            if self._config.retrieve.adapter is not None:
                raise KoalignError(
                    f"solve.passages: problem {problem.name} is not of the run, and retrieve.adapter "
                    "has written queries for those alone; name that adapter as the first of --adapters, or "
                    "retrieve without it"
                )
            return self._search.passages(problem).passages

    def open(self) -> Self:
        """Read what any problem may need, so that nothing is missing when one is asked."""
        with self._lock:
            _ = self._frozen, self._search
        return self

    @cached_property
    def _frozen(self) -> dict[str, list[Passage]]:
        frozen: dict[str, list[Passage]] = {}
        for passage in read_jsonl(self._output("retrieve/passages.jsonl"), Passage):
            frozen.setdefault(passage.problem_id, []).append(passage)
        self._refuse_remade()
        return frozen

    @cached_property
    def _search(self) -> Search:
        """As `koalign retrieve` searches."""
        section, corpus = self._config.retrieve, self._output("index/chunks.jsonl")
        index = open_index(
            self._output("index/lexical"), self._output("index/index.json"), hash_path(corpus)
        )
        search = Search(
            index,
            self._open.enter_context(ChunkFile(corpus)),
            EvaluatedText(self._evaluated, section.leak_overlap),
            passages=self._most,
            depth=section.depth,
            dense=open_dense(self._config, corpus.parent),
            written=self._written,
        )
        self._refuse_remade()
        return search

    def _refuse_remade(self) -> None:
        """What is open stays as it was; what is opened must be of the same stages as all before."""
        for stage, before in self._made.items():
            refuse_remade(self._run_dir / stage, before)

    def _output(self, name: str) -> Path:
        return output_of(self._run_dir, name, USER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def part_query(
    names: str, steps: Sequence[Path | None], section: Solve
) -> tuple[Path | None, list[Path | None]]:
    """The query adapter that is the first of the steps that `--adapters` names, or none, and the others.

    Raises KoalignError for one that is not the first, for one alone, and where no passage is shown.
    """
    known = list(zip(steps_of(names), steps, [role_of(step) for step in steps], strict=True))
    if any(role == "query" for _, _, role in known[1:]):
        in_order = sorted(known, key=lambda step: step[2] != "query")
        raise KoalignError(
            f"--adapters {names}: the first step writes the query, the second answers with what it "
            f"finds; give `--adapters {','.join(name for name, _, _ in in_order)}`"
        )
    if not known or known[0][2] != "query":
        return None, list(steps)
    if len(known) == 1:
        raise KoalignError(
            f"--adapters {names}: it writes a search query and answers nothing; name who answers with what "
            f"it finds, such as `--adapters {names},reader`"
        )
    if not section.passages:
        raise KoalignError(
            f"--adapters {names}: the first step searches for passages, and solve.passages is 0; say how "
            "many are shown, such as -s solve.passages=3"
        )
    return steps[0], list(steps[1:])


def refuse_query(names: str, steps: Sequence[Path | None], user: str) -> None:
    """Raises KoalignError where a step writes search queries, for a command that does not search."""
    for name, step in zip(steps_of(names), steps, strict=True):
        if role_of(step) == "query":
            raise KoalignError(
                f"--adapters {names}: {name} writes search queries, and {user} does not search with them; "
                "`koalign solve` does"
            )


def refuse_steps(section: Solve, steps: Sequence[object]) -> None:
    """Raises KoalignError for three steps, and for passages beside the hints of the first of two."""
    if section.passages and len(steps) != 1:
        raise KoalignError(
            f"solve.passages: passages stand in the place of hints, and {len(steps)} steps write hints; "
            "name one step, such as --adapters dpo"
        )
    if len(steps) > 2:
        raise KoalignError(f"--adapters: {len(steps)} steps; give `answer` or `abstraction,answer`")
