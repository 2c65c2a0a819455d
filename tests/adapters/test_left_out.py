"""An adapter of which PEFT would apply a part, or nothing but NaN, is refused before it answers."""

import json
import struct

import pytest
from support.refusals import refused

from koalign.adapters.external import loading, refuse_not_finite
from koalign.adapters.patterns import refuse_bad_config
from koalign.adapters.weights import _shards

UP, DOWN = "model.layers.0.mlp.up_proj", "model.layers.1.mlp.down_proj"


def adapter(folder, **config):
    """Matrices of zeros of rank 2 for two modules, without torch."""
    header, data = {}, b""
    for name in (UP, DOWN):
        for half, shape in (("A", [2, 4]), ("B", [6, 2])):
            size = 4 * shape[0] * shape[1]
            key = f"base_model.model.{name}.lora_{half}.weight"
            header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + size]}  # fmt: skip
            data += bytes(size)
    head = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data)
    whole = {
        "peft_type": "LORA",
        "r": 2,
        "lora_alpha": 4,
        "target_modules": ["up_proj", "down_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps({**whole, **config}), "utf-8")
    return folder


TAKEN = [
    {}, {"target_modules": [UP, DOWN]}, {"target_modules": "all-linear"}, {"target_modules": r".*\.(up|down)_proj"},
    {"target_modules": None, "target_parameters": ["mlp.experts"]}, {"exclude_modules": ["q_proj"]},
    {"exclude_modules": r".*lm_head"}, {"lora_alpha": 0.5, "alpha_pattern": {"up_proj": 8}},
]  # fmt: skip
REFUSED = [
    ({"target_modules": ["up_proj"]}, f"holds weights for {DOWN}"), ({"target_modules": ["own_proj", "up_proj"]}, f"holds weights for {DOWN}"),
    ({"target_modules": r".*up_proj"}, f"holds weights for {DOWN}"), ({"exclude_modules": ["up_proj"]}, f"holds weights for {UP}"),
    ({"exclude_modules": r".*\.1\..*"}, f"holds weights for {DOWN}"), ({"target_modules": 3}, "lists of names"),
    ({"lora_alpha": float("nan")}, "lora_alpha is a number"), ({"lora_alpha": float("inf")}, "lora_alpha is a number"),
    ({"lora_alpha": "16"}, "lora_alpha is a number"), ({"lora_alpha": None}, "lora_alpha is a number"),
    ({"alpha_pattern": {"up_proj": float("nan")}}, "lora_alpha is a number"), ({"r": True}, "ranks are whole numbers"),
]  # fmt: skip


@pytest.mark.parametrize("config", TAKEN)
def test_what_peft_applies_whole_is_taken(config, tmp_path, monkeypatch):
    monkeypatch.setattr("koalign.adapters.patterns.modules_of", lambda base: {})
    refuse_bad_config(adapter(tmp_path, **config), "a base")


@pytest.mark.parametrize(("config", "said"), REFUSED)
def test_what_peft_would_leave_out_or_make_nan_is_one_line(config, said, tmp_path, monkeypatch):
    monkeypatch.setattr("koalign.adapters.patterns.modules_of", lambda base: {})
    with refused(str(tmp_path), said):
        refuse_bad_config(adapter(tmp_path, **config), "a base")


def test_what_peft_refuses_is_one_line(tmp_path):
    with refused(f"{tmp_path}: PEFT cannot load it (dropout", "mend adapter_config.json"), loading(tmp_path):  # fmt: skip
        raise ValueError("dropout probability has to be between 0 and 1,\nbut got 5")
    with pytest.raises(RuntimeError), loading(tmp_path):
        raise RuntimeError("out of memory is told elsewhere")


@pytest.mark.parametrize("name", ["../other/model.safetensors", "/model.safetensors", "a/b.safetensors"])  # fmt: skip
def test_an_index_of_a_base_names_no_file_outside_its_folder(name, tmp_path):
    index = {"metadata": {}, "weight_map": {"lm_head.weight": name}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    with refused(f"names '{name}', outside its folder"):
        _shards(tmp_path)


def test_one_that_changes_nothing_is_said(tmp_path, capsys):
    folder = adapter(tmp_path)
    refuse_not_finite(folder)
    assert "lora_B matrices hold only zeros, so it changes nothing" in capsys.readouterr().err
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")  # of the last lora_B
    refuse_not_finite(folder)
    assert not capsys.readouterr().err
