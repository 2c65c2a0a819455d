"""An adapter of which PEFT would apply a part, or make a part by itself, is refused; one that PEFT saved is taken."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.adapter_folders import plain
from support.refusals import refused
from support.training import base_of_tests

from koalign.adapters.cards import check_adapter
from koalign.adapters.external import CONFIG, WEIGHTS
from koalign.jsonl import read_json, write_json

pytestmark = pytest.mark.slow


def tensors_of(folder: Path, change) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS)


def settings_of(folder: Path, **keys: object) -> None:
    write_json(folder / CONFIG, {**read_json(folder / CONFIG), **keys})


Q_PROJ = "base_model.model.model.layers.1.self_attn.q_proj"
MATRIX = f"{Q_PROJ}.lora_A.weight"
PARTS = {
    "a module without its matrices": (
        lambda f: tensors_of(f, lambda t: [t.pop(f"{Q_PROJ}.lora_{half}.weight") for half in "AB"]),
        f"lacks {MATRIX}",
    ),
    "a module that only the config names": (
        lambda f: settings_of(f, target_modules=["q_proj", "v_proj", "down_proj", "k_proj"]),
        "lacks base_model.model.model.layers.0.self_attn.k_proj",
    ),
    "DoRA without magnitudes": (lambda f: settings_of(f, use_dora=True), "lora_magnitude_vector"),
    "other layers": (lambda f: settings_of(f, layers_to_transform=[0]), "holds base_model.model.model.layers.1."),
    "the modules PEFT would guess": (lambda f: settings_of(f, target_modules=None), "down_proj.lora_A.weight, and by"),
    "a bias": (lambda f: tensors_of(f, lambda t: t.update({f"{Q_PROJ}.bias": torch.ones(128)})), "q_proj.bias"),
    "a bias of another size": (
        lambda f: [settings_of(f, bias="lora_only", lora_bias=True),
                   tensors_of(f, lambda t: t.update({f"{Q_PROJ}.lora_B.bias": torch.ones(7)}))],
        "size mismatch",
    ),
    "a stranger": (lambda f: tensors_of(f, lambda t: t.update(x=torch.ones(8))), "holds x, and by"),
    "whole numbers": (lambda f: tensors_of(f, lambda t: t.update({MATRIX: t[MATRIX].to(torch.int8)})), f"{MATRIX} is I8"),
    "repeated layers": (lambda f: settings_of(f, layer_replication=[[0, 2], [1, 4]]), "layer_replication repeats layers"),
    "a library that is not here": (lambda f: settings_of(f, megatron_config={"x": 1}), "No module named 'megatron'"),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_one_of_which_peft_would_apply_a_part_or_make_a_part_is_refused(name, tmp_path):
    break_it, part = PARTS[name]
    folder = plain(tmp_path / "a", r=4, target_modules=["q_proj", "v_proj", "down_proj"])
    break_it(folder)
    with refused(part):
        check_adapter(folder, base_of_tests(), None)


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": "all-linear"}, {"use_rslora": True}, {"use_dora": True}, {"modules_to_save": ["lm_head"]},
        {"bias": "all"}, {"target_modules": ["q_proj", "embed_tokens"]}, {"trainable_token_indices": [5, 6]},
        {"layers_to_transform": [1, 2]}, {"target_modules": [], "target_parameters": ["mlp.up_proj.weight"]},
        {"init_lora_weights": "pissa"}, {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 32}},
        {"alora_invocation_tokens": [5, 6]},
    ],
    ids=str,
)  # fmt: skip
def test_one_that_peft_saved_is_taken_whatever_kind_of_lora_it_is(settings, tmp_path):
    folder = plain(
        tmp_path / "a",
        **{"r": 4, "target_modules": ["q_proj", "v_proj"], **settings},
    )
    check_adapter(folder, base_of_tests(), None)


def test_another_name_of_its_base_is_no_warning(tmp_path, recwarn):
    mine = plain(tmp_path / "mine")
    settings_of(mine, base_model_name_or_path="somebody/another-name")
    check_adapter(mine, base_of_tests(), None)
    assert not [one for one in recwarn if "renamed" in str(one.message)]


def test_a_key_of_a_newer_peft_is_said(tmp_path, capsys):
    folder = plain(tmp_path / "a", r=4, target_modules=["q_proj"])
    settings_of(folder, newer_kind={"x": 1}, newer_and_off=None)
    check_adapter(folder, base_of_tests(), None)
    said = capsys.readouterr().err
    assert (
        "newer_kind is unknown to the PEFT here and left out" in said
        and "newer_and_off" not in said
    )
