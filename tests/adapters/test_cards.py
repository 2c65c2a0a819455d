"""The card of an adapter: what it is, what it stands on, checked before anything is loaded; and its page."""

import json
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from support.adapter_folders import card, made, plain
from support.refusals import refused
from support.training import MODEL, base_of_tests, trained_adapter

from koalign.adapters.card import AdapterBase, AdapterPart
from koalign.adapters.cards import (
    CARD,
    MODEL_CARD,
    adapter_id,
    check_adapter,
    is_pruned,
    read_card,
    stacked_card,
    write_card,
)
from koalign.adapters.external import WEIGHTS
from koalign.adapters.model_card import model_card
from koalign.jsonl import read_json
from koalign.records import KoalignError
from koalign.training.fit import lasting

pytestmark = pytest.mark.slow

TEMPLATE = "0" * 16


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    return made(tmp_path_factory.mktemp("run"), "sft")


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    copy = tmp_path / "sft"
    copy.mkdir()
    for path in kept.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_the_id_is_of_what_it_computes_and_of_no_words_about_it(folder):
    before = adapter_id(folder)
    write_card(folder, card("another name", role="answer", metrics={"loss": 1.0}))
    (folder / MODEL_CARD).write_text("words", encoding="utf-8")
    assert adapter_id(folder) == before
    weights = bytearray((folder / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(weights))
    assert adapter_id(folder) != before


def test_an_adapter_whose_weights_are_gone_keeps_its_id_and_is_not_loaded(folder):
    before = adapter_id(folder)
    (folder / WEIGHTS).unlink()
    assert is_pruned(folder) and adapter_id(folder) == before
    with pytest.raises(KoalignError, match="its weights were pruned or deleted"):
        check_adapter(folder, base_of_tests(), TEMPLATE)


def test_one_that_fits_is_given_back(folder):
    assert read_card(folder).id == adapter_id(folder)
    assert check_adapter(folder, base_of_tests(), TEMPLATE) == read_card(folder)
    assert check_adapter(folder, base_of_tests(), None).name == "sft"


@pytest.mark.parametrize(
    ("changed", "template", "said"),
    [
        ({"base": AdapterBase(path="q", weight_hash="0123", tokenizer_hash=None)}, None, "made for the base q (weights 0123), but this run stands on builtin:tiny-ko"),
        ({"tokenizer_hash": "0123"}, None, "made with another tokenizer or chat template (0123)"),
        ({}, "0123", f"trained with prompt template {TEMPLATE}, and this is 0123"),
    ],
)  # fmt: skip
def test_another_base_tokenizer_or_template_is_refused_with_both(changed, template, said, folder):
    own = read_card(folder)
    base = changed.get("base", own.base.model_copy(update=changed))
    write_card(folder, own.model_copy(update={"base": base}))
    with refused(said, str(folder)):
        check_adapter(folder, base_of_tests(), template)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not the JSON"),
        ("[]", "Input should be a valid dictionary"),
        ("{}", "name: Field required"),
        ({"role": "boss"}, "role: Input should be 'policy', 'abstraction', 'answer', 'reader', 'query', 'stack' or 'unknown'"),
        ({"colour": "red"}, "colour: unknown key"),
        ({"rank": "many"}, "rank: Input should be a valid integer, unable to parse string as an integer, found 'many'"),
        ({"parents": [{"id": "x"}]}, "parents.0.name: Field required"),
    ],
)  # fmt: skip
def test_a_broken_card_is_one_line_with_file_and_field(text, said, folder):
    if isinstance(text, dict):
        text = json.dumps({**read_json(folder / CARD), **text}, ensure_ascii=False)
    (folder / CARD).write_text(text, encoding="utf-8")
    with refused(said, CARD):
        read_card(folder)


def test_where_there_is_no_adapter_the_remedy_is_said(tmp_path):
    for nothing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(KoalignError, match=r"no adapter here .* such as RUN/dpo/adapter"):
            read_card(nothing)


def test_a_role_adapter_counts_its_parents_rank_as_frozen_and_takes_over_no_metrics(folder):
    write_card(folder, read_card(folder).model_copy(update={"metrics": {"loss": 1.0}}))
    above = stacked_card(folder, base_of_tests(), "answer", 16, {"x": "y"}, TEMPLATE)
    assert (above.rank, above.frozen_rank, above.role) == (20, 4, "answer")
    assert above.parents == (AdapterPart(id=adapter_id(folder), name="sft", path=str(folder)),)
    assert above.metrics == {} and above.data == {"x": "y"} and above.template_hash == TEMPLATE


def test_the_card_holds_no_metric_that_a_resumed_training_would_end_with_otherwise():
    logged = {
        "loss": 0.1570432186126709, "mean_token_accuracy": 0.9437500238418579, "probe/held_out": 0.53125,
        "rewards/margins": -0.12095068, "steps": 63.0, "train_runtime": 58.3, "train_loss": 0.16,
        "train_samples_per_second": 34.0, "total_flos": 0.0, "num_tokens": 292516.0, "epoch": 1.0,
        "learning_rate": 6.6e-7, "grad_norm": 0.45,
    }  # fmt: skip
    assert lasting(logged) == {
        "loss": 0.157, "mean_token_accuracy": 0.9438, "probe/held_out": 0.5312, "rewards/margins": -0.121,
        "steps": 63.0,
    }  # fmt: skip


def page_of(text: str) -> tuple[dict, str]:
    """Front matter and Markdown of a page, as the hub takes them apart."""
    nothing, front, rest = text.split("---\n", 2)
    assert nothing == ""
    return yaml.safe_load(front), rest


def test_beside_the_card_lies_a_page_that_the_hub_reads_and_peft_does_not_replace(tmp_path):
    folder = trained_adapter(tmp_path / "a", rank=4, seed=0)
    page = (folder / MODEL_CARD).read_text(encoding="utf-8")
    assert page == model_card(read_card(folder))
    assert "BASE that of its base" in page and "max_lora_rank=8" in page
    front, _ = page_of(page)
    assert "base_model" not in front, f"the hub would refuse {MODEL.path}"
    assert front["library_name"] == "peft" and "lora" in front["tags"]


def test_the_page_of_an_adapter_on_a_base_of_the_hub_names_it_for_the_hub():
    base = AdapterBase(path="LGAI/EXAONE-4.0-1.2B", weight_hash="1", tokenizer_hash="2")
    page = model_card(card("대한", base=base, rank=48, metrics={"loss": 0.5}))
    assert ModelCard(page).data.base_model == "LGAI/EXAONE-4.0-1.2B"
    assert 'AutoModelForCausalLM.from_pretrained("LGAI/EXAONE-4.0-1.2B"), "FOLDER")' in page
    assert "max_lora_rank=64" in page and "- `loss`: 0.5" in page and "# 대한" in page
    assert page.rstrip().endswith("## Unknown\n\nNothing of the above.")


def test_the_page_says_what_is_not_known(tmp_path):
    page = model_card(read_card(plain(tmp_path / "mine")))
    assert "hash of its weights: unknown" in page
    for what in ("the weights of its base", "the tokenizer of its base", "the prompts it was trained with",
                 "the data it was trained on", "what it is for", "what made it"):  # fmt: skip
        assert f"- {what}\n" in page
    assert "- its base\n" not in page


def test_the_page_says_what_it_contains_and_what_was_trained(folder):
    above = stacked_card(folder, base_of_tests(), "answer", 16, {"hints.jsonl": "12ab"}, TEMPLATE)
    page = model_card(above)
    assert f"- `sft`, id `{adapter_id(folder)}`" in page
    assert "the first 4 are that adapter, unchanged; 16 were trained" in page
    assert "- `hints.jsonl`, hash `12ab`" in page


@given(name=st.text(), path=st.text(), file=st.text())
def test_no_characters_of_a_name_break_the_page(name, path, file):
    base = AdapterBase(path=path, weight_hash=None, tokenizer_hash=None)
    wild = card(name, [AdapterPart(id="x", name=name, path=path)], base=base, data={file: name})
    page = model_card(wild)
    front, rest = page_of(page)
    assert front["library_name"] == "peft" and set(front) <= {"base_model", "library_name", "pipeline_tag", "tags"}  # fmt: skip
    headings = [line for line in rest.splitlines() if line.startswith("## ")]
    assert headings == [f"## {h}" for h in ("Stands on", "Contains", "Trained on", "Metrics", "Use", "Unknown")]  # fmt: skip
    assert page == model_card(wild)
