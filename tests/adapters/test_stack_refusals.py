"""What no stack can say exactly is refused with folder, key and remedy, and nothing is written over."""

import math
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.lora_folders import LAYERS, TINY, TINY_BASE, plain, trained
from support.meetings import meeting, operations

from koalign.adapters.cards import adapter_id
from koalign.adapters.stack import stack
from koalign.jsonl import read_json, write_json
from koalign.records import KoalignError

pytestmark = pytest.mark.slow

REFUSED = {
    "use_dora": (True, "DoRA"),
    "bias": ("all", "biases of the base"),
    "lora_bias": (True, "bias"),
    "modules_to_save": (["lm_head"], "whole layers"),
    "trainable_token_indices": ([1, 2], "embedding"),
    "target_parameters": (["experts.gate"], "no linear layers"),
    "layer_replication": ([[0, 2]], "repeats layers"),
    "alora_invocation_tokens": ([5], "aLoRA"),
    "use_qalora": (True, "QALoRA"),
    "kasa_config": ({"rank": 2}, "KaSA"),
    "a_key_of_tomorrow": (1, "set it to null"),
    "init_lora_weights": ("pissa_niter_16", "path_initial_model_for_weight_conversion"),
    "peft_type": ("IA3", "IA3"),
    "task_type": ("SEQ_CLS", "CAUSAL_LM only"),
    "r": (3, "rank 3"),
    "lora_alpha": ("8", "is a number"),
    "rank_pattern": ({"(": 2}, "cannot be read"),
    "fan_in_fan_out": (True, "fan_in_fan_out"),
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_is_no_plain_sum_is_refused_with_folder_and_key(key, tmp_path):
    value, why = REFUSED[key]
    good, odd = plain(tmp_path / "good"), plain(tmp_path / "odd", seed=1, **{key: value})
    with pytest.raises(KoalignError, match=why) as refused:
        stack([good, odd], tmp_path / "c")
    assert "/odd" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("value", ["olora", "PiSSA", "corda", "loftq", "lora_ga", "what"])
def test_a_start_that_changes_the_base_is_refused(value, tmp_path):
    parts = [plain(tmp_path / "a"), plain(tmp_path / "b", seed=1, init_lora_weights=value)]
    with pytest.raises(KoalignError, match="init_lora_weights"):
        stack(parts, tmp_path / "c")


@pytest.mark.parametrize("value", [True, False, "gaussian", "eva", "orthogonal"])
def test_a_start_that_leaves_the_base_alone_is_taken(value, tmp_path):
    parts = [plain(tmp_path / "a"), plain(tmp_path / "b", seed=1, init_lora_weights=value)]
    assert stack(parts, tmp_path / "c").rank == 4
    # New layers of PEFT beside those in the file must start at zero, whatever the parts did.
    assert read_json(tmp_path / "c" / "adapter_config.json")["init_lora_weights"] is True


@pytest.mark.parametrize(
    ("name", "shape", "why"),
    [
        ("base_model.model.model.embed_tokens.lora_embedding_A", (2, 9), "embedding"),
        ("base_model.model.lm_head.base_layer.weight", (9, 4), "save_embedding_layers"),
        ("base_model.model.lm_head.weight", (9, 4), "neither A nor B"),
        ("base_model.model.conv.lora_A.weight", (2, 4, 3, 3), "neither A nor B"),
        ("base_model.model.model.layers.1.x.lora_A.weight", (2, 4), "one save"),
        ("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", (2, 4), "not finite"),
    ],
)
def test_tensors_that_are_no_pair_of_finite_matrices_are_refused(name, shape, why, tmp_path):
    odd = plain(tmp_path / "odd")
    tensors = load_file(odd / "adapter_model.safetensors")
    bad = torch.full(shape, math.nan)
    save_file({**tensors, name: bad}, odd / "adapter_model.safetensors")
    with pytest.raises(KoalignError, match=why):
        stack([odd, plain(tmp_path / "b", seed=1)], tmp_path / "c")


def test_broken_and_pickled_weights_are_refused(tmp_path):
    good, odd = plain(tmp_path / "good"), plain(tmp_path / "odd", seed=1)
    (odd / "adapter_model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    with pytest.raises(KoalignError, match="cannot be read"):
        stack([good, odd], tmp_path / "c")
    (odd / "adapter_model.safetensors").rename(odd / "adapter_model.bin")
    with pytest.raises(KoalignError, match="safetensors"):
        stack([good, odd], tmp_path / "c")


def other_base(**changes: object) -> dict:
    return {"base": trained("x").base.model_copy(update=changes)}


def test_adapters_of_other_bases_are_refused_and_of_one_base_under_two_names_are_not(tmp_path):
    known = plain(tmp_path / "known", card=trained("a"))
    other = plain(tmp_path / "other", seed=1, card=trained("b", **other_base(weight_hash="f" * 16)))
    with pytest.raises(KoalignError, match="take adapters of one base"):
        stack([known, other], tmp_path / "c")
    named = plain(tmp_path / "named", seed=2, base_model_name_or_path="someone/else")
    nameless = plain(tmp_path / "nameless", seed=3, base_model_name_or_path=None)
    for unknown in (named, nameless):
        with pytest.raises(KoalignError, match="nothing here shows that they are one"):
            stack([known, unknown], tmp_path / "c")
    with pytest.raises(KoalignError, match="nothing here shows"):
        stack([named, nameless], tmp_path / "c")
    same = plain(tmp_path / "same", seed=4, base_model_name_or_path=str(TINY))
    assert stack([same, known], tmp_path / "c").base == trained("x").base
    # The third is held against the second as well, not against the first alone.
    with pytest.raises(KoalignError, match="take adapters of one base"):
        stack([plain(tmp_path / "builtin", seed=5), known, other], tmp_path / "d")


def test_adapters_of_two_chat_templates_are_refused_and_a_stack_keeps_the_one_of_all(tmp_path):
    turns = TINY_BASE.model_copy(update={"tokenizer_hash": "p", "chat_template": "plain"})
    own = plain(tmp_path / "own", card=trained("own"))
    first = plain(tmp_path / "first", seed=1, card=trained("first", base=turns))
    second = plain(tmp_path / "second", seed=2, card=trained("second", base=turns))
    with pytest.raises(KoalignError, match=r"own.*model\.chat_template: plain.*one chat template"):
        stack([own, first], tmp_path / "c")
    external = plain(tmp_path / "external", seed=3)
    assert stack([external, first, second], tmp_path / "d").base.chat_template == "plain"


def test_of_unknown_bases_the_shapes_decide(tmp_path):
    nameless = {"base_model_name_or_path": None}
    wide = {name: (outputs, 9) for name, (outputs, _) in LAYERS.items()}
    parts = [plain(tmp_path / str(n), seed=n, **nameless) for n in (0, 1)]
    assert stack(parts, tmp_path / "c").base.path == ""
    with pytest.raises(KoalignError, match="other bases"):
        stack([parts[0], plain(tmp_path / "w", layers=wide, **nameless)], tmp_path / "d")


def test_parts_that_were_trained_with_different_prompts_are_refused(tmp_path):
    parts = [
        plain(tmp_path / t, seed=n, card=trained(t, template_hash=t)) for n, t in enumerate("ab")
    ]
    with pytest.raises(KoalignError, match="different prompts"):
        stack(parts, tmp_path / "c")


@pytest.fixture
def parts(tmp_path) -> list[Path]:
    return [plain(tmp_path / str(n), seed=n, rank=rank) for n, rank in ((0, 5), (1, 3))]


def test_nothing_is_written_over_but_an_adapter_that_is_no_part(parts, tmp_path):
    stack(parts, tmp_path / "c")
    before = adapter_id(tmp_path / "c")
    with pytest.raises(KoalignError, match="there already"):
        stack(parts, tmp_path / "c", rank=2)
    assert adapter_id(tmp_path / "c") == before
    stack(parts, tmp_path / "c", rank=2, force=True)
    assert adapter_id(tmp_path / "c") != before
    with pytest.raises(KoalignError, match="one of the parts"):
        stack(parts, parts[0], force=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(KoalignError, match="no adapter folder"):
        stack(parts, tmp_path / "mine", force=True)
    with pytest.raises(KoalignError, match="two or more"):
        stack(parts[:1], tmp_path / "d")


def test_a_stack_that_is_killed_while_it_replaces_another_leaves_no_half_of_either(parts, tmp_path):
    work = tmp_path / "work"
    stack(parts, work / "c")
    ids = {adapter_id(work / "c")}
    total = operations(work, lambda: stack(parts, work / "c", rank=2, force=True))
    ids.add(adapter_id(work / "c"))

    def stop(number: int, at: int) -> None:
        if number == at:
            raise KeyboardInterrupt

    for at in range(1, total + 1):
        stack(parts, work / "c", force=True)
        with meeting(work, partial(stop, at=at)), pytest.raises(KeyboardInterrupt):
            stack(parts, work / "c", rank=2, force=True)
        assert not (work / "c").exists() or adapter_id(work / "c") in ids
    assert total > 4 and len(ids) == 2


def test_what_a_killed_stack_left_is_not_in_the_next(parts, tmp_path):
    left = tmp_path / "c.part"
    left.mkdir()
    (left / "half.safetensors").write_bytes(b"half")
    stack(parts, tmp_path / "c")
    assert not left.exists()
    assert not (tmp_path / "c" / "half.safetensors").exists()


def test_a_broken_card_of_a_part_is_one_line(parts, tmp_path):
    write_json(parts[0] / "koalign.json", {"name": "x"})
    with pytest.raises(KoalignError, match=r"koalign\.json"):
        stack(parts, tmp_path / "c")
