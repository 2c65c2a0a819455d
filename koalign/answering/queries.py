"""queries: problems -> search queries that a model writes for them, appended to a file as they come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koalign.config.retrieval import Queries
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import draw, requests_for
from koalign.engines.engine import Engine
from koalign.records import Problem
from koalign.retrieval.querying import written_query


def draw_queries(
    engine: Engine,
    renderer: Renderer,
    problems: Sequence[Problem],
    adapter: Path | None,
    section: Queries,
    path: Path,
    *,
    n: int,
    seed: int,
) -> list[list[str]]:
    """`n` queries of each problem; one that was cut off, or is no text, is empty."""
    prompts = [renderer.render(problem, "answer") for problem in problems]
    requests = requests_for(engine, prompts, adapter, n=n)
    drawn = draw(engine, requests, section, path, title="queries", seed=seed)
    return [
        [written_query(s.text) if s.finish_reason == "stop" else "" for s in samples]
        for samples in drawn
    ]
