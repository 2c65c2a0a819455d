"""queries: problems -> search queries that a model writes for them, appended to a file as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.config.retrieval import Queries
from koalign.config.sections import Config
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import draw, fits, requests_for
from koalign.engines.engine import Engine, Request
from koalign.engines.opening import open_engine
from koalign.records import Base, Problem
from koalign.retrieval.queries import query_renderer, written_query


@dataclass(frozen=True)
class SampledQuery:
    """A search query that a model wrote for a problem, and what it cost."""

    text: str
    """Empty: it was cut off, is no text, or was not asked for."""
    request: Request | None
    """That asked for it; none: the context has no room for one."""
    tokens: int
    """Generated, end of turn included."""


def greedy_queries(
    config: Config, base: Base, adapter: Path, problems: Sequence[Problem], path: Path
) -> dict[str, SampledQuery]:
    """Problem id -> the query of the adapter. Raises KoalignError where it does not fit base or prompts."""
    renderer = query_renderer(config.prompt.thinking)
    check_adapter(adapter, base, renderer.hash)
    section = config.queries.greedy
    with open_engine(config.engine, config.model, base, [adapter]) as engine:
        drawn = draw_queries(
            engine, renderer, problems, adapter, section, path, n=1, seed=config.seed
        )
    return {problem.id: query for problem, (query,) in zip(problems, drawn, strict=True)}


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
) -> list[list[SampledQuery]]:
    """`n` queries of each problem."""
    prompts = [renderer.render(problem, "answer") for problem in problems]
    requests = requests_for(engine, prompts, adapter, n=n)
    asked = [request for request in requests if fits(engine, request, section)]
    drawn = draw(engine, asked, section, path, title="queries", seed=seed)
    samples = {r.problem_id: own for r, own in zip(asked, drawn, strict=True)}
    return [
        [
            SampledQuery(
                text=written_query(sample.text) if sample.finish_reason == "stop" else "",
                request=request,
                tokens=len(sample.token_ids),
            )
            for sample in samples[request.problem_id]
        ]
        if request.problem_id in samples
        else [SampledQuery("", None, 0)] * n
        for request in requests
    ]
