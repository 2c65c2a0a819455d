"""Weights that are not whole are refused by name in one line, before anything runs; the others are taken."""

import math
import os
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from support.adapter_folders import made, plain
from support.command import koalign
from support.lora_folders import TINY
from support.refusals import refused
from support.tiny_models import CONFIGS, tiny
from support.training import MODEL, base_of_tests
from transformers import AutoTokenizer

from koalign import hashing
from koalign.adapters.base import identify, load_base, load_tokenizer
from koalign.adapters.cards import check_adapter, read_card, write_card
from koalign.adapters.export import export
from koalign.adapters.external import WEIGHTS
from koalign.adapters.merge import merge
from koalign.config.inputs import Model
from koalign.jsonl import read_json, write_json

pytestmark = pytest.mark.slow

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1164528\n"
SINGLE = "model.safetensors"
UP = "model.layers.0.mlp.up_proj.weight"
EMBEDDING = "model.embed_tokens.weight"


@pytest.fixture
def base(tmp_path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "base"))


def changed(folder: Path, name: str, change, file: str = SINGLE) -> None:
    """Replace a tensor by `change` of it, or remove it where that is none."""
    tensors = load_file(folder / file)
    value = change(tensors.pop(name))
    if value is not None:
        tensors[name] = value.contiguous()
    save_file(tensors, folder / file, metadata={"format": "pt"})


def filled(number: float):
    def fill(tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.clone()
        tensor[-1, -1] = number
        return tensor

    return fill


def sharded(folder: Path) -> list[Path]:
    """The weights in several files with their index."""
    load_base(Model(path=str(folder)), quantized=False).save_pretrained(
        folder, max_shard_size="300KB"
    )
    (folder / SINGLE).unlink(missing_ok=True)
    return sorted(folder.glob("*.safetensors"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def longer_tokenizer(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["물리학"])
    tokenizer.save_pretrained(folder)


def config(folder: Path, **keys) -> None:
    write_json(folder / "config.json", {**read_json(folder / "config.json"), **keys})


def bare_index(folder: Path, key: str) -> None:
    sharded(folder)
    path = folder / "model.safetensors.index.json"
    write_json(path, {**read_json(path), key: None})


def piped(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


BROKEN = {
    "a missing tensor": (lambda f: changed(f, UP, lambda _: None), (f"lack {UP}", "download the model again")),
    "a cut tensor": (lambda f: changed(f, EMBEDDING, lambda t: t[:-5]), (EMBEDDING, "[930, 128]", "[935, 128]")),
    "NaN": (lambda f: changed(f, UP, filled(math.nan)), (f"{UP} holds NaN or infinity", "download")),
    "infinity": (lambda f: changed(f, UP, filled(math.inf)), (f"{UP} holds NaN or infinity", "download")),
    "a cut file": (lambda f: cut(f / SINGLE), (SINGLE, "cannot be read", "download")),
    "an empty file": (lambda f: (f / SINGLE).write_bytes(b""), (SINGLE, "cannot be read", "download")),
    "a pointer": (lambda f: (f / SINGLE).write_text(POINTER), (SINGLE, "Git-LFS pointer", "git lfs pull")),
    "a tokenizer's pointer": (lambda f: (f / "tokenizer.json").write_text(POINTER), ("tokenizer.json", "Git-LFS")),
    "a missing shard": (lambda f: sharded(f)[1].unlink(), ("-00002-of-", "is not there", "download")),
    "a cut shard": (lambda f: cut(sharded(f)[1]), ("-00002-of-", "cannot be read", "download")),
    "a shard's pointer": (lambda f: sharded(f)[0].write_text(POINTER), ("-00001-of-", "git lfs pull")),
    "no index": (lambda f: (sharded(f), (f / "model.safetensors.index.json").unlink()), ("holds neither", "index.json")),
    "a cut config": (lambda f: cut(f / "config.json"), ("config.json: is not JSON", "download")),
    "a cut tokenizer": (lambda f: cut(f / "tokenizer.json"), ("tokenizer.json: is not JSON", "download")),
    "an unknown architecture": (lambda f: config(f, model_type="new"), ("config.json", "`new`")),
    "an architecture without a causal head": (lambda f: config(f, model_type="t5"), ("T5Config", "download")),
    "a word for a number": (lambda f: config(f, hidden_size="128"), ("config.json", "hidden_size", "download")),
    "no heads": (lambda f: config(f, num_attention_heads=0), ("ZeroDivisionError", "download")),
    "negative heads": (lambda f: config(f, num_attention_heads=-1), ("negative dimension", "download")),
    "an unknown dtype": (lambda f: config(f, dtype="bfloat17"), ("bfloat17", "download")),
    "an unknown activation": (lambda f: config(f, hidden_act="silux"), ("silux", "download")),
    "an unknown rope": (lambda f: config(f, rope_parameters={"rope_type": "yarnx"}), ("yarnx", "download")),
    "a word for the quantization": (lambda f: config(f, quantization_config="x"), ("config.json", "download")),
    "an index without metadata": (lambda f: bare_index(f, "metadata"), ("index.json: has no metadata", "download")),
    "an index without tensors": (lambda f: bare_index(f, "weight_map"), ("index.json: has no weight_map", "download")),
    "whole numbers": (lambda f: changed(f, UP, lambda t: t.to(torch.int8)), (f"{UP} is I8", "quantization_config")),
    "a pipe for weights": (lambda f: piped(f / SINGLE), (SINGLE, "no plain file")),
    "a pipe for a config": (lambda f: piped(f / "config.json"), ("config.json", "no plain file")),
    "a pipe for a vocabulary": (lambda f: piped(f / "vocab.txt"), ("vocab.txt", "no plain file")),
}  # fmt: skip


@pytest.mark.parametrize(("break_it", "parts"), BROKEN.values(), ids=BROKEN)
def test_a_broken_base_is_refused_by_name_with_the_remedy(break_it, parts, base):
    break_it(base)
    with refused(*parts):
        identify(Model(path=str(base)))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda f: config(f, model_type="llama"), "LlamaForCausalLM, which config.json names, leaves model.layers.0"),
        (lambda f: config(f, num_hidden_layers=3, layer_types=None), "leaves model.layers.3"),
        (lambda f: changed(f, UP, torch.zeros_like), f"{UP} holds only zeros"),
    ],
    ids=["another architecture", "fewer layers", "zeros"],
)  # fmt: skip
def test_weights_that_may_not_be_of_this_model_are_said(change, part, base, capsys):
    identify(Model(path=str(base)))
    assert not capsys.readouterr().err
    change(base)
    identify(Model(path=str(base)))
    assert part in capsys.readouterr().err


def test_a_tower_for_images_that_text_does_not_use_is_no_news(base, capsys):
    tensors = load_file(base / SINGLE)
    tensors["vision_tower.encoder.layers.0.mlp.up_proj.weight"] = torch.ones(8, 8)
    save_file(tensors, base / SINGLE, metadata={"format": "pt"})
    identify(Model(path=str(base)))
    assert not capsys.readouterr().err


@pytest.mark.parametrize("text", ["[]", '{"added_tokens": [{"id": -1}]}'])
def test_a_tokenizer_of_another_shape_is_refused(text, base):
    (base / "tokenizer.json").write_text(text, encoding="utf-8")
    with refused("tokenizer.json: cannot be read", "download the model again"):
        load_tokenizer(Model(path=str(base)))


def test_a_tokenizer_without_the_token_that_ends_a_text_is_said(base, capsys):
    load_tokenizer(Model(path=str(base)))
    assert not capsys.readouterr().err
    config(base, eos_token_id=[934, 5000])
    load_tokenizer(Model(path=str(base)))
    assert (
        "ends texts with token 5000, and its tokenizer has no such token" in capsys.readouterr().err
    )


def test_a_token_without_a_row_in_the_embedding_is_refused(base):
    longer_tokenizer(base)
    with refused("has 935 rows", "token 935", "'물리학'", "take the tokenizer files"):
        load_tokenizer(Model(path=str(base)))


def test_a_special_token_that_nothing_writes_needs_no_row(base):
    """As in the text models of Gemma 3."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image_soft_token>"]})
    tokenizer.save_pretrained(base)
    assert len(load_tokenizer(Model(path=str(base)))) == 936
    template = base / "chat_template.jinja"
    template.write_text(template.read_text("utf-8") + "<image_soft_token>", encoding="utf-8")
    with refused("token 935", "<image_soft_token>"):
        load_tokenizer(Model(path=str(base)))


@pytest.mark.parametrize("name", CONFIGS)
def test_whole_weights_of_every_architecture_are_taken(name, tmp_path):
    """Tied or not, in one file or several."""
    for number, size in enumerate(("5GB", "20KB")):
        folder = tmp_path / str(number)
        tiny(name).save_pretrained(folder, max_shard_size=size)
        assert identify(Model(path=str(folder))).context == 512


def test_a_base_broken_after_prepare_is_refused_at_loading(base):
    changed(base, UP, lambda _: None)
    with refused(f"lack {UP}"):
        load_base(Model(path=str(base)), quantized=False)


def test_a_command_ends_before_anything_runs(base, tmp_path):
    changed(base, UP, lambda _: None)
    done = koalign("sft", "-s", f"model.path={base}", cwd=tmp_path, code=2)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("koalign: model.path") and UP in last
    assert "Traceback" not in done.stderr and "LOAD REPORT" not in done.stderr
    assert not (tmp_path / "runs/default/sft").exists()


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_an_adapter_that_is_not_finite_is_refused_in_evaluate_export_and_merge(number, tmp_path):
    adapter = made(tmp_path, "sft")
    name = next(name for name in load_file(adapter / WEIGHTS) if "lora_B" in name)
    changed(adapter, name, filled(number), WEIGHTS)
    write_card(adapter, read_card(adapter))  # as an adapter that was trained so
    parts = (str(adapter), name, "holds NaN or infinity", "lower learning rate")
    with refused(*parts):
        check_adapter(adapter, base_of_tests(), None)
    with refused(*parts):
        export(adapter, tmp_path / "out")
    with refused(*parts):
        merge(adapter, tmp_path / "merged")
    assert not (tmp_path / "out").exists() and not (tmp_path / "merged").exists()


def test_a_pointer_in_place_of_an_adapter_is_refused(tmp_path):
    adapter = plain(tmp_path / "mine")
    (adapter / WEIGHTS).write_text(POINTER)
    with refused(WEIGHTS, "git lfs pull"):
        check_adapter(adapter, base_of_tests(), None)


def test_an_adapter_with_a_resized_embedding_is_refused(tmp_path):
    resized = load_base(MODEL, quantized=False)
    resized.resize_token_embeddings(940)
    config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    get_peft_model(resized, config).save_pretrained(tmp_path / "a", save_embedding_layers=True)
    with refused("as 940 x 128", "resized embedding"):
        check_adapter(tmp_path / "a", base_of_tests(), None)
    same = get_peft_model(load_base(MODEL, quantized=False), config)
    same.save_pretrained(tmp_path / "b", save_embedding_layers=True)
    check_adapter(tmp_path / "b", base_of_tests(), None)


def test_each_shard_is_checked_and_hashed_before_the_next_is_read(base, tmp_path, monkeypatch):
    shards = sharded(base)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(hashing, "LARGE", 0)
    monkeypatch.setattr(hashing, "AT_REST_NS", 0)
    hashing._memory.cache_clear()
    identify(Model(path=str(base)))
    inodes = {str(shard.stat().st_ino): shard for shard in shards}
    read = [key.split(" ") for key in read_json(tmp_path / hashing.MEMORY)]
    reads = [(what, inodes[inode]) for what, _, inode, *_ in read if inode in inodes]
    assert reads == [(what, shard) for shard in shards for what in ("zeros", "sha256")]
    hashing._memory.cache_clear()
