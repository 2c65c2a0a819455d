"""koalign query: queries that find gold become an adapter, and another run retrieves with it."""

from pathlib import Path

import pytest
from support.command import RUN, koalign

from koalign.adapters.cards import read_card
from koalign.answering.passages import PassageFinder
from koalign.config.files import load_config
from koalign.jsonl import read_jsonl
from koalign.manifests import read_manifest
from koalign.records import KoalignError, Problem
from koalign.retrieval.queries import WrittenQuery
from koalign.retrieval.records import Passage

pytest.importorskip("tantivy")


def test_queries_that_find_gold_are_taught_and_another_run_searches_with_them(corpus):
    koalign("run", "-s", "controls=off", code=0)
    koalign("query", "-s", "queries.limit=5", code=0)
    assert read_manifest(corpus / RUN / "queries").counts["not_asked"] == 3
    koalign("query", "--force", code=0)
    written = read_jsonl(corpus / RUN / "queries/queries.jsonl", WrittenQuery)
    assert {(one.text.endswith("고을 기록"), one.rank) for one in written} == {
        (True, 1),
        (False, None),
    }
    made = read_manifest(corpus / RUN / "queries")
    assert made.metrics["mrr_best_query"] == 1.0 > made.metrics["mrr_query"] > 0
    assert read_manifest(corpus / RUN / "query").counts["examples"] == made.counts["problems"] == 8
    card = read_card(corpus / RUN / "query/adapter")
    assert card.role == card.name == "query" and [part.name for part in card.parents] == ["dpo"]
    own = read_jsonl(corpus / RUN / "retrieve/passages.jsonl", Passage)
    assert "written" not in {one.query for one in own}

    asked = Path("runs/with-query")
    adapter = f"retrieve.adapter={RUN / 'query/adapter'}"
    koalign("index", "--run-dir", str(asked), code=0)
    koalign("retrieve", "--run-dir", str(asked), "-s", adapter, code=0)
    found = read_jsonl(asked / "retrieve/passages.jsonl", Passage)
    taught = {one.problem_id for one in written}
    best = [one for one in found if one.rank == 1 and one.problem_id in taught]
    assert {one.query for one in found} == {"written"}
    assert len(best) == 8 and all(one.chunk.document.endswith("기록.txt") for one in best)
    assert (
        "nothing to do"
        in koalign("retrieve", "--run-dir", str(asked), "-s", adapter, code=0).stdout
    )
    config = load_config([Path("koalign.yaml")], [adapter, "solve.passages=1"])
    with PassageFinder(config, asked) as finder:
        (first, *_) = read_jsonl(asked / "prepare/test.jsonl", Problem)
        assert [one.query for one in finder.passages(first)] == ["written"]
        with pytest.raises(KoalignError, match="is not of the run"):
            finder.passages(Problem(question="누구?", answers=("가",), kind="short"))
    reader = f"retrieve.adapter={RUN / 'reader/adapter'}"
    refused = koalign("retrieve", "--run-dir", "runs/other", "-s", reader, code=2).stderr
    assert "run `koalign index` first" in refused
    koalign("index", "--run-dir", "runs/other", code=0)
    refused = koalign("retrieve", "--run-dir", "runs/other", "-s", reader, code=2).stderr
    assert "is of the role reader, and not query" in refused.splitlines()[-1]


def test_without_a_gold_passage_there_is_nothing_to_search_for(corpus):
    koalign("run", "-s", "controls=off", "-s", "passages.z=50", code=0)
    refused = koalign("query", "-s", "passages.z=50", code=2).stderr
    assert "no passage of a training problem is gold" in refused.splitlines()[-1]
