"""koalign reader: gold passages among distractors become an adapter on top of the policy."""

import pytest
from support.command import RUN, koalign

from koalign.adapters.cards import read_card
from koalign.manifests import read_manifest

pytest.importorskip("tantivy")


def test_a_run_with_gold_passages_trains_a_reader_on_the_policy(corpus):
    koalign("run", "-s", "controls=off", code=0)
    card, policy = (read_card(corpus / RUN / name / "adapter") for name in ("reader", "dpo"))
    assert card.role == card.name == "reader"
    assert [part.name for part in card.parents] == ["dpo"]
    assert (card.frozen_rank, card.rank) == (policy.rank, policy.rank + 16)
    assert "passages.jsonl" in card.data
    counts = read_manifest(corpus / RUN / "reader").counts
    assert counts["gold"] == 8  # the script answers each problem in one way
    missing = counts["distractors_only_missing"]
    assert counts["distractors_only"] + missing == 2
    assert counts["examples"] == counts["gold"] + counts["distractors_only"]
    assert "nothing to do" in koalign("reader", code=0).stdout


def test_without_a_gold_passage_a_run_says_so_and_goes_on_and_the_command_refuses(corpus):
    nothing_moves = ("-s", "passages.z=50")
    done = koalign("run", "-s", "controls=off", *nothing_moves, code=0)
    assert "none of the passages is gold, so no reader is trained" in done.stdout
    assert not (corpus / RUN / "reader").exists()
    assert (corpus / RUN / "evaluate/results.json").exists()
    assert "reader" not in koalign("show", code=0).stdout
    refused = koalign("reader", *nothing_moves, code=2).stderr
    assert (
        "no right answer with a gold passage to learn from (0 of 24 passages are gold)" in refused
    )
    assert len(refused.splitlines()) == 1


def test_before_the_screens_the_command_names_what_makes_its_inputs(corpus):
    assert "run `koalign prepare` first" in koalign("reader", code=2).stderr
