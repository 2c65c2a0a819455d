"""koalign query with query.held_out: the adapter is sharpened by preference, and takes the place of the first."""

import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign

from koalign.adapters.cards import read_card
from koalign.adapters.names import find_adapters
from koalign.jsonl import read_jsonl
from koalign.manifests import read_manifest
from koalign.retrieval.queries import QueryPair

pytest.importorskip("tantivy")
HELD_OUT = ("-s", "query.held_out=0.25")


@pytest.fixture
def run(corpus: Path) -> Path:
    koalign("run", "-s", "controls=off", code=0)
    return corpus / RUN


def test_pairs_are_of_what_is_not_held_out_and_query_names_the_sharpened_adapter(run):
    koalign("query", *HELD_OUT, code=0)
    pairs = read_jsonl(run / "query_dpo/pairs.jsonl", QueryPair)
    counts = {name: read_manifest(run / name).counts for name in ("query", "query_dpo")}
    assert counts["query"] == {"examples": 6, "held_out": 2}
    assert counts["query_dpo"] == {"pairs": len(pairs), "held_out": 2}
    assert len({pair.problem_id for pair in pairs}) == 6
    for pair in pairs:
        assert pair.chosen.text.endswith("고을 기록") and pair.chosen.rank == 1
        assert (pair.rejected.text, pair.rejected.rank) == ("멀다", None)
    card = read_card(run / "query_dpo/adapter")
    assert (card.name, card.role) == ("query_dpo", "query")
    assert find_adapters("query", run) == [run / "query_dpo/adapter"]
    solved = ("solve", "-o", "o.jsonl", "-s", "solve.passages=1", "--adapters", "query,reader")
    koalign(*solved, *HELD_OUT, code=0)


def test_a_sharpened_adapter_of_another_query_adapter_is_not_taken_for_it(run):
    koalign("query", *HELD_OUT, code=0)
    koalign("query", "--force", "-s", "query.rank=8", code=0)
    assert find_adapters("query", run) == [run / "query/adapter"]
    assert find_adapters("query_dpo", run) == [run / "query_dpo/adapter"]
    shutil.rmtree(run / "query")
    assert find_adapters("query", run) == [run / "query_dpo/adapter"]


def test_without_held_out_problems_there_is_no_such_training(run):
    koalign("query", code=0)
    assert (
        not (run / "query_dpo").exists() and "held_out" not in read_manifest(run / "query").counts
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            ("query.held_out=0.99",),
            "query.held_out: 0.99 of 8 problems with a gold passage leaves none",
        ),
        (("query.held_out=0.25", "queries.n=1"), "no two queries of one problem differ"),
    ],
)
def test_what_cannot_be_sharpened_is_refused_in_one_line(run, settings, says):
    done = koalign("query", *(part for one in settings for part in ("-s", one)), code=2)
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
