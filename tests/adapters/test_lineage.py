"""What stands on what, as a tree, and what one adapter is made of."""

import json
import shutil
from pathlib import Path

import pytest
from support.adapter_folders import RUN, drawn, everything, said

from koalign.adapters.card import AdapterCard
from koalign.adapters.cards import CARD, adapter_id, read_card, write_card
from koalign.adapters.external import WEIGHTS
from koalign.adapters.lineage import adapters_below, ancestors, facts_of, forest
from koalign.records import KoalignError

pytestmark = pytest.mark.slow


def test_the_tree_hangs_each_adapter_below_the_one_that_it_stands_on(there):
    (stack,) = (RUN / "stacks").iterdir()
    assert drawn(forest(adapters_below(RUN))) == {
        "run/mine/2-folds/sft-1/adapter": {},
        "run/own": {},
        "run/sft/adapter": {
            "run/dpo/adapter": {
                "run/dpo-2/adapter": {
                    "run/abstraction/adapter": {},
                    "run/answer/adapter": {},
                    stack.as_posix(): {},
                }
            }
        },
    }


def test_looking_at_a_folder_changes_nothing_in_it(there):
    (RUN / "own" / CARD).unlink()
    before = everything(there)
    said("list", "run")
    adapters_below(there)
    assert everything(there) == before


def test_a_parent_that_is_not_there_is_said(there):
    shutil.rmtree(RUN / "dpo")
    orphan = next(n for n in forest(adapters_below(RUN)) if n.adapter.path == RUN / "dpo-2/adapter")
    assert [one.name for one in orphan.missing] == ["dpo"]
    listed = said("list", "run")
    assert f"stands on dpo ({orphan.missing[0].id}), which is not in run" in listed


def test_every_adapter_stands_in_the_tree_even_if_cards_go_in_a_circle(there):
    card = read_card(RUN / "sft/adapter")
    of_dpo = read_card(RUN / "dpo-2/adapter").parents
    write_card(RUN / "sft/adapter", card.model_copy(update={"parents": of_dpo}))
    found = adapters_below(RUN)

    def count(nodes) -> int:
        return sum(1 + count(node.children) for node in nodes)

    assert count(forest(found)) == len(found) == 8
    assert len(list(ancestors(RUN / "dpo/adapter", [RUN]))) == 1


def test_a_broken_adapter_is_listed_with_the_reason_among_the_others(there):
    (RUN / "answer/adapter" / CARD).write_text("{", encoding="utf-8")
    listed = said("list", "run")
    assert "abstraction" in listed
    assert "broken: run/answer/adapter/koalign.json" in listed.replace("\n", "")
    rows = json.loads(said("list", "run", "--json"))
    (row,) = [row for row in rows if row["broken"]]
    assert row["path"] == "run/answer/adapter" and row["id"] is None


def test_an_adapter_without_a_card_is_listed_with_what_to_do(there):
    (RUN / "own" / CARD).unlink()
    shutil.copytree(RUN / "own", "no_config")
    Path("no_config/adapter_config.json").unlink()
    shutil.copytree("no_config", "pickled")
    Path("pickled", WEIGHTS).rename("pickled/adapter_model.bin")
    listed = " ".join(said("list", ".").split())
    assert "own has no card yet; the first `--adapters`" in listed.replace("│ ", "").replace(
        "└── ", ""
    )
    assert f"broken: no_config: holds {WEIGHTS} and no adapter_config.json; take" in listed
    assert "broken: pickled: holds adapter_model.bin only" in listed


def test_the_list_as_json_has_the_fields_of_the_cards_and_where_they_are(there):
    rows = json.loads(said("list", "run", "--json"))
    assert len(rows) == 8
    for row in rows:
        assert set(row) == {*AdapterCard.model_fields, "path", "bytes", "broken"}
        assert row["id"] == adapter_id(Path(row["path"]))
        assert row["bytes"] == (Path(row["path"]) / WEIGHTS).stat().st_size


def test_names_with_brackets_and_line_ends_are_shown_as_they_are(there):
    card = read_card(RUN / "own")
    write_card(RUN / "own", card.model_copy(update={"name": "[red]한글[/] \u200b"}))
    assert "[red]한글[/]" in said("list", "run")
    assert "[red]한글[/]" in said("show", "run/own")


def test_a_folder_without_adapters_is_said_to_have_none(there):
    Path("empty").mkdir()
    listed = said("list", "empty")
    assert "empty: no adapters" in listed
    assert json.loads(said("list", "empty", "--json")) == []
    with pytest.raises(KoalignError, match="nowhere: no such folder"):
        adapters_below(Path("nowhere"))


def test_show_says_what_an_adapter_is_made_of(there):
    shown = said("show", "abstraction", "--run-dir", "run", "--json")
    facts = json.loads(shown)
    card = read_card(RUN / "abstraction/adapter").model_dump(mode="json")
    assert set(facts) == {*card, "path", "modules", "parameters"}
    same = set(card) - {"parents"}
    assert {name: facts[name] for name in same} == {name: card[name] for name in same}
    assert facts["path"] == "run/abstraction/adapter"
    names = [layer + kind for layer in map("model.layers.{}.".format, range(4))
             for kind in ("mlp.down_proj", "self_attn.q_proj")]  # fmt: skip
    assert facts["modules"] == dict.fromkeys(names, 4)
    hidden = 128
    assert facts["parameters"] == len(names) * 4 * 2 * hidden
    lineage = facts["parents"]
    for name in ("dpo", "dpo", "sft"):
        (above,) = lineage
        assert above["name"] == name and set(above) == {"id", "name", "path", "parents"}
        lineage = above["parents"]
    assert lineage == []


def test_show_draws_it_for_people_and_says_what_is_not_known(there):
    text = said("show", "answer", "--run-dir", "run")
    for words in ("q_proj", "down_proj", "train.jsonl: 1111", "sft", "builtin:tiny-ko", "contains"):
        assert words in text
    shutil.copytree(RUN / "own", "elsewhere")
    text = said("show", "elsewhere")
    assert text.count("unknown") >= 6 and "whether it contains another adapter is unknown" in text


def test_show_takes_a_sum_and_tells_its_parts(there):
    shown = said("show", "answer+run/own", "--run-dir", "run", "--json")
    facts = json.loads(shown)
    assert [one["name"] for one in facts["parents"]] == ["answer", "own"]
    assert facts["parents"][0]["parents"][0]["name"] == "dpo" and facts["origin"] == "stacked"
    assert set(facts["modules"].values()) == {8}


def test_parents_are_found_by_their_id_where_a_run_was_moved(there):
    RUN.rename("moved")
    facts = facts_of(Path("moved/answer/adapter"), Path("nowhere"))
    assert facts["parents"][0]["parents"][0]["name"] == "dpo"
    shutil.rmtree("moved/sft")
    (dpo,) = facts_of(Path("moved/dpo/adapter"), Path("nowhere"))["parents"]
    assert dpo["parents"] is None, "not found is not the same as none"
    assert "not found" in said("show", "moved/dpo/adapter")


def test_what_lies_where_a_parent_was_but_is_another_is_not_taken_for_it(there):
    shutil.copy(RUN / "own" / WEIGHTS, RUN / "sft/adapter" / WEIGHTS)
    (sft,) = facts_of(RUN / "dpo/adapter", RUN)["parents"]
    assert sft["parents"] is None
