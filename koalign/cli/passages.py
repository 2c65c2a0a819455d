"""passages: the problems of koalign solve -> what is shown with them, and the queries that found it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from koalign.hashing import WORK
from koalign.jsonl import write_jsonl
from koalign.naming import counted
from koalign.records import Base, Problem, content_hash
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.answering.queries import SampledQuery
    from koalign.config.sections import Config
    from koalign.retrieval.records import Passage

Passages = dict[str, tuple["Passage", ...]]
"""Problem id -> passages, best first."""


def find_passages(
    config: Config, run_dir: Path, base: Base, problems: Sequence[Problem], adapter: Path | None
) -> tuple[Passages, dict[str, SampledQuery]]:
    """What is shown with each problem, with `solve.passages`; and what `adapter` wrote to find it.

    With an adapter its queries, the passages and the problems stay in a folder below `solving` of the run,
    by which another `koalign solve` on them goes on.
    """
    from koalign.answering.queries import greedy_queries
    from koalign.locking import locked
    from koalign.plans import begun_with
    from koalign.stages.pipeline import refuse_outdated_passages

    if not config.solve.passages:
        return {}, {}
    refuse_outdated_passages(config, run_dir)
    if adapter is None:
        return _found(config, run_dir, problems, {}), {}
    out = _folder(config, run_dir, problems, adapter)
    with locked(run_dir):
        own = begun_with(config, out, f"remove {out}")
        queries = greedy_queries(own, base, adapter, problems, out / "queries.jsonl")
        written = {name: query.text for name, query in queries.items()}
        passages = _found(config, run_dir, problems, written)
        write_jsonl(out / "problems.jsonl", problems)
        write_jsonl(out / "passages.jsonl", (one for own in passages.values() for one in own))
        shutil.rmtree(out / WORK, ignore_errors=True)
    without = sum(not text for text in written.values())
    own_text = f"; {without:,} without a query are looked for by their own text" if without else ""
    say(f"queries and passages of {counted(len(problems), 'problem')}: {out}{own_text}", err=True)
    return passages, queries


def _found(
    config: Config, run_dir: Path, problems: Sequence[Problem], written: Mapping[str, str]
) -> Passages:
    from koalign.answering.passages import PassageFinder
    from koalign.progress import bar

    found = {}
    with (
        PassageFinder(config, run_dir, problems, written) as finder,
        bar("passages", len(problems)) as advance,
    ):
        for problem in problems:
            found[problem.id] = finder.passages(problem)
            advance()
    return found


def _folder(config: Config, run_dir: Path, problems: Sequence[Problem], adapter: Path) -> Path:
    """Named by all that decides what is found; raises KoalignError where the run has no index."""
    from koalign.adapters.cards import adapter_id
    from koalign.answering.passages import USER
    from koalign.config.narrowing import settings_of
    from koalign.hashing import hash_path
    from koalign.manifests import output_of
    from koalign.retrieval.queries import query_renderer

    name = content_hash(
        [problem.id for problem in problems],
        adapter_id(adapter),
        config.queries.greedy.model_dump(),
        config.retrieve.model_dump(),
        config.solve.passages,
        hash_path(output_of(run_dir, "index/index.json", USER)),
        settings_of(config, ("model", "engine")),
        config.seed,
        query_renderer(config.prompt.thinking).hash,
    )
    return run_dir / "solving" / name
