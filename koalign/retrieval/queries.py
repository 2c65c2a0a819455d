"""queries: a problem -> what to look for: its own texts, or the query of a model; which ones find gold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean

from koalign.data.prompting.prompts import Renderer, Template, Thinking
from koalign.evaluation.stats.resampling import clusters_of
from koalign.grading.visible import unquoted, visible_text
from koalign.records import KoalignError, Problem, Record, content_hash
from koalign.retrieval.chunk_file import ChunkFile
from koalign.retrieval.lexical import LexicalIndex
from koalign.retrieval.measures import reciprocal

LABEL = "검색어:"
_ASKING = Template(
    name="query",
    about="Asks for a search query that finds the text with which a problem is solved.",
    prompt="""\
다음 시험 문제를 푸는 데 필요한 글을 문서에서 찾으려고 한다.
찾을 글에 나올 말로 검색어를 한 줄 쓰시오. 풀이와 정답은 쓰지 않는다.

{% if passage %}
[지문]
{{ passage }}

{% endif %}
{% if box %}
[보기]
{{ box }}

{% endif %}
[문제]
{{ question }}
{% for choice in choices %}
{{ choice.label }}. {{ choice.text }}
{% endfor %}

검색어:""",
    target="",
)


class WrittenQuery(Record):
    """A search query that a model wrote for a training problem."""

    problem_id: str
    text: str
    rank: int | None
    """Of the best gold passage among what it finds alone, from 1; None: not among `retrieve.depth`."""


def queries_of(problem: Problem) -> dict[str, str]:
    """Name -> text: the stem, the stem with each choice, and the 보기. The passage is read anyway."""
    queries = {"stem": problem.question}
    for number, choice in enumerate(problem.choices, start=1):
        queries[f"choice {number}"] = f"{problem.question} {choice}"
    if problem.box:
        queries["box"] = problem.box
    return queries


class QueryPair(Record):
    """Two queries of one problem, of which the first finds gold clearly better."""

    problem_id: str
    chosen: WrittenQuery
    rejected: WrittenQuery


def query_renderer(thinking: Thinking) -> Renderer:
    """The prompts of the query adapter: one of its own, without shots."""
    return Renderer(_ASKING, thinking)


def written_query(completion: str) -> str:
    """The first line that a completion shows, without the label and quotes; empty: it writes none."""
    lines = (visible_text(completion) or "").splitlines()
    first = next((line.strip() for line in lines if line.strip() not in ("", LABEL)), "")
    return unquoted(first.removeprefix(LABEL).strip())


def rank_of_gold(
    index: LexicalIndex, chunks: ChunkFile, query: str, gold: Collection[str], depth: int
) -> int | None:
    """The rank of the first of the gold chunks, by id, among the `depth` that a query finds."""
    hits = index.search(query, depth) if query else []
    ranks = (rank for rank, hit in enumerate(hits, start=1) if chunks[hit.chunk].id in gold)
    return next(ranks, None)


def best_queries(written: Sequence[WrittenQuery], most: int) -> list[WrittenQuery]:
    """Of each problem the distinct queries that find gold at its best rank, the first `most`."""
    best: dict[str, int] = {}
    for query in written:
        if query.rank is not None:
            best[query.problem_id] = min(query.rank, best.get(query.problem_id, query.rank))
    kept: dict[str, dict[str, WrittenQuery]] = {}
    for query in written:
        if query.rank is not None and query.rank == best[query.problem_id]:
            kept.setdefault(query.problem_id, {}).setdefault(query.text, query)
    return [query for own in kept.values() for query in [*own.values()][:most]]


def query_pairs(written: Sequence[WrittenQuery], most: int) -> list[QueryPair]:
    """Of each problem at most `most` pairs: a query at its best rank, and one that finds gold at twice that
    rank or later, or not at all; the worst first. Each query that is rejected is in one pair."""
    of_problem: dict[str, dict[str, WrittenQuery]] = {}
    for one in written:
        if one.text:
            of_problem.setdefault(one.problem_id, {}).setdefault(one.text, one)
    pairs = []
    for problem_id, own in of_problem.items():
        best = max(reciprocal(one.rank) for one in own.values())
        chosen = [one for one in own.values() if best and reciprocal(one.rank) == best]
        worse = [one for one in own.values() if reciprocal(one.rank) <= best / 2]
        worse.sort(key=lambda one: reciprocal(one.rank))
        pairs += [
            QueryPair(problem_id=problem_id, chosen=chosen[n % len(chosen)], rejected=rejected)
            for n, rejected in enumerate(worse[:most] if chosen else ())
        ]
    return pairs


def part_problems(
    problems: Sequence[Problem], held_out: float
) -> tuple[list[Problem], list[Problem]]:
    """Those that are learned from, and the share `held_out`, in whole clusters; the same in any order.

    Raises KoalignError where nothing would be left to learn from.
    """
    clusters = dict(zip((p.id for p in problems), clusters_of(problems), strict=True))
    by_lot = sorted(set(clusters.values()), key=content_hash)
    sizes, out = Counter(clusters.values()), set[str]()
    for cluster in by_lot:
        if sum(sizes[name] for name in out) >= held_out * len(problems):
            break
        out.add(cluster)
    if len(out) == len(by_lot):
        raise KoalignError(
            f"query.held_out: {held_out:g} of {len(problems)} problems with a gold passage leaves none to "
            "learn from, since those on one passage stay together; set it to 0, or index more documents"
        )
    return (
        [problem for problem in problems if clusters[problem.id] not in out],
        [problem for problem in problems if clusters[problem.id] in out],
    )


def reciprocal_ranks(
    written: Sequence[WrittenQuery], of_stems: Mapping[str, int | None]
) -> dict[str, float]:
    """Mean reciprocal rank of gold over problems: by their stems, by a query of each, by the best of each.

    The best of several is chosen by its result: a bound, and no estimate of what a query finds.
    """
    of_problem: dict[str, list[float]] = {}
    for query in written:
        of_problem.setdefault(query.problem_id, []).append(reciprocal(query.rank))
    return {
        "mrr_stem": fmean(map(reciprocal, of_stems.values())),
        "mrr_query": fmean(map(fmean, of_problem.values())),
        "mrr_best_query": fmean(map(max, of_problem.values())),
    }
