"""A PEFT folder that koalign did not make is welcome, if it is whole and fits; what is unknown is said."""

import json
from pathlib import Path

import pytest
import torch
from peft import IA3Config, get_peft_model
from safetensors.torch import load_file, save_file
from support.adapter_folders import plain
from support.command import koalign, koalign_process
from support.problems import problem, write_lines
from support.refusals import refused
from support.tiny_models import tiny
from support.training import MODEL, RENDERER, base_of_tests
from transformers import AutoModelForCausalLM, GPT2Config

from koalign.adapters.base import load_base
from koalign.adapters.cards import CARD, adapter_id, check_adapter, ranks, read_card, stacked_card
from koalign.adapters.external import CONFIG, WEIGHTS, matrices_of, refuse_for_vllm, refuse_misfit
from koalign.jsonl import read_json, write_json
from koalign.records import Base, KoalignError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    return plain(tmp_path_factory.mktemp("given") / "mine")


@pytest.fixture
def mine(given, tmp_path) -> Path:
    """A folder of one's own, as PEFT leaves it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in (CONFIG, WEIGHTS):
        (folder / name).write_bytes((given / name).read_bytes())
    return folder


def saved(model: torch.nn.Module, folder: Path, **options: object) -> Path:
    model.save_pretrained(folder, **options)
    return folder


def test_its_card_is_made_on_first_use_and_says_what_is_not_known(mine):
    id_before = adapter_id(mine)
    card = read_card(mine)
    assert (card.name, card.role, card.origin, card.rank) == ("mine", "unknown", "external", 4)
    assert card.base.path == "owner/base" and card.base.weight_hash is None
    assert (card.base.tokenizer_hash, card.template_hash, card.koalign) == (None, None, None)
    assert card.parents == () and card.data == {} and card.metrics == {}
    kept = read_json(mine / CARD)
    assert kept["origin"] == "external" and kept["id"] == id_before == adapter_id(mine)
    assert read_card(mine).model_dump(exclude={"id"}) == card.model_dump(exclude={"id"})
    assert not (mine / "README.md").exists(), "the page of whoever made it is theirs"


def test_looking_writes_nothing(mine):
    before = sorted(p.name for p in mine.iterdir())
    assert read_card(mine, keep=False).origin == "external"
    assert sorted(p.name for p in mine.iterdir()) == before


def test_where_the_folder_is_read_only_the_card_stays_in_memory_and_that_is_said(mine, capsys):
    (mine / f"{CARD}.part").mkdir()  # what root, too, cannot write to
    assert read_card(mine).name == "mine"
    assert not (mine / CARD).exists()
    assert "its card cannot be kept there" in capsys.readouterr().err
    read_card(mine)
    assert capsys.readouterr().err == "", "once is enough"


def test_the_rank_is_the_highest_of_any_module(tmp_path):
    folder = plain(tmp_path / "a", r=4, rank_pattern={"layers.1.self_attn.q_proj": 12})
    assert read_card(folder).rank == 12 and ranks([folder]) == [12]
    found = matrices_of(folder)
    assert {pair.rank for pair in found.values()} == {4, 12}
    assert found["model.layers.1.self_attn.q_proj"].rank == 12
    assert sum(p.parameters for p in found.values()) == sum(
        tensor.numel() for tensor in load_file(folder / WEIGHTS).values()
    )


def without_half_a_pair(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    del tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"]
    save_file(tensors, folder / WEIGHTS)


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "adapter_model.bin")
    (folder / WEIGHTS).unlink()


def of_another_method(folder: Path) -> None:
    config = IA3Config(task_type="CAUSAL_LM", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"])  # fmt: skip
    get_peft_model(load_base(MODEL, quantized=False), config).save_pretrained(folder)


def config_of(text: str):
    return lambda folder: (folder / CONFIG).write_text(text, encoding="utf-8")


BROKEN = {
    "no weights": (lambda f: (f / WEIGHTS).unlink(), f"holds no {WEIGHTS}"),
    "a pickle": (pickled, "save_pretrained writes safetensors"),
    "cut weights": (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:50]), f"{WEIGHTS}: cannot be read"),
    "half a pair": (without_half_a_pair, "model.layers.0.self_attn.q_proj: lora_A (4, 128) and lora_B None"),
    "no LoRA": (lambda f: save_file({"x": torch.zeros(2)}, f / WEIGHTS), "holds no LoRA matrices"),
    "cut config": (config_of('{"peft_type": "LORA", "r"'), f"{CONFIG}: is not JSON"),
    "endless config": (config_of("[" * 100_000), f"{CONFIG}: is not JSON"),
    "a list for a config": (config_of("[]"), "peft_type is None; koalign takes LoRA adapters only"),
    "a rank in words": (lambda f: write_json(f / CONFIG, {**read_json(f / CONFIG), "r": "many"}), f"{CONFIG}: r: Input should be a valid integer"),
    "IA3": (of_another_method, "peft_type is 'IA3'"),
}  # fmt: skip


@pytest.mark.parametrize(("break_it", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_one_is_refused_in_one_line_that_says_where(break_it, said, mine):
    break_it(mine)
    with refused(said, str(mine)):
        check_adapter(mine, base_of_tests(), None)


def test_one_that_fits_is_taken_and_what_is_not_known_is_said_once(mine, capsys):
    assert check_adapter(mine, base_of_tests(), RENDERER.hash).origin == "external"
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "its shapes fit builtin:tiny-ko" in said
    assert "the prompts it was trained with" in said
    check_adapter(mine, base_of_tests(), RENDERER.hash)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("target", [["embed_tokens"], ["lm_head"], "all-linear"], ids=str)
def test_any_module_with_a_matrix_can_be_changed(target, tmp_path):
    folder = plain(tmp_path / "a", target_modules=target)
    assert refuse_misfit(folder, MODEL.path) is True


def test_shapes_are_held_against_the_base_without_its_weights(tmp_path):
    """In one file or in many; the weights could be of any size and are not opened."""
    llama = tiny("llama")
    other = saved(llama, tmp_path / "llama", max_shard_size="20KB")
    shards = sorted(other.glob("*.safetensors"))
    assert len(shards) > 1
    adapter = plain(tmp_path / "a", base=llama, target_modules="all-linear")
    for shard in shards:
        shard.write_bytes(b"")
    assert refuse_misfit(adapter, str(other)) is True


def test_modules_that_hold_their_matrix_the_other_way_round_fit_as_well(tmp_path):
    config = GPT2Config(vocab_size=50, n_embd=32, n_layer=1, n_head=2, n_positions=64)
    gpt2 = AutoModelForCausalLM.from_config(config)
    lora = plain(tmp_path / "a", base=gpt2, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)
    saved(gpt2, tmp_path / "gpt2")
    assert refuse_misfit(lora, str(tmp_path / "gpt2")) is True


def test_one_for_another_base_is_refused_with_the_module_and_both_shapes(mine, tmp_path):
    other = saved(tiny("llama"), tmp_path / "llama")
    base = Base(path=str(other), weight_hash="x", tokenizer_hash="y", context=512)
    with pytest.raises(KoalignError) as caught:
        check_adapter(mine, base, None)
    for part in ("model.layers.0.mlp.down_proj", "128 x 128", "32 x 48", "another base"):
        assert part in str(caught.value)
    deep = plain(tmp_path / "d", base=tiny("llama"), target_modules=["layers.3.self_attn.o_proj"])
    shallow = tiny("llama").config
    shallow.num_hidden_layers = 2
    saved(AutoModelForCausalLM.from_config(shallow), tmp_path / "shallow")
    with refused("changes model.layers.3.self_attn.o_proj, and", "no such"):
        refuse_misfit(deep, str(tmp_path / "shallow"))


def test_code_of_a_base_is_not_run_and_the_shapes_are_said_to_be_unknown(mine, tmp_path, capsys):
    own = tmp_path / "own"
    own.mkdir()
    write_json(own / "config.json", {
        "model_type": "of-its-own", "auto_map": {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"},
    })  # fmt: skip
    (own / "code.py").write_text("raise SystemExit('ran')\n", encoding="utf-8")
    (own / "model.safetensors").write_bytes(b"")
    base = Base(path=str(own), weight_hash="x", tokenizer_hash="y", context=512)
    check_adapter(mine, base, None)
    assert f"nor whether its shapes fit {own}" in capsys.readouterr().err


def test_what_is_trained_on_top_of_it_is_known_to_stand_on_this_base(mine):
    card = stacked_card(mine, base_of_tests(), "answer", 2, {}, RENDERER.hash)
    assert (card.base.weight_hash, card.origin) == (base_of_tests().weight_hash, "trained")
    assert (card.rank, card.frozen_rank, card.parents[0].name) == (6, 4, "mine")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, None),
        ({"use_rslora": True, "rank_pattern": {"q_proj": 8}}, None),
        ({"init_lora_weights": "gaussian"}, None),
        ({"use_dora": True}, "use_dora = True"),
        ({"bias": "lora_only"}, "bias = 'lora_only'"),
        ({"lora_bias": True}, "lora_bias = True"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save = ['lm_head']"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa'"),
        ({"init_lora_weights": "olora"}, "init_lora_weights = 'olora'"),
    ],
    ids=str,
)
def test_what_vllm_cannot_serve_is_refused_with_the_reason(settings, said, tmp_path):
    folder = plain(tmp_path / "a", **settings)
    if said is None:
        refuse_for_vllm(folder)
    else:
        with refused(said, "engine.backend: hf"):
            refuse_for_vllm(folder)


@pytest.mark.parametrize("key", ["", "use_dora", "lora_bias", "use_qalora", "layer_replication", "use_bdlora",
    "alora_invocation_tokens", "modules_to_save", "bias", "pissa", "eva", "loftq", "corda", "olora", "orthogonal"])  # fmt: skip
def test_the_refusals_are_those_of_vllm_itself(key, mine):
    pytest.importorskip("vllm")
    from vllm.config.lora import LoRAConfig
    from vllm.lora.peft_helper import PEFTHelper

    values = {"modules_to_save": ["lm_head"], "layer_replication": [[0, 1]], "alora_invocation_tokens": [1],
              "bias": "all", "use_bdlora": {"x": 1}}  # fmt: skip
    change = {key: values.get(key, True)} if key else {}
    if key in ("pissa", "eva", "loftq", "corda", "olora", "orthogonal"):
        change = {"init_lora_weights": key}
    write_json(mine / CONFIG, {**read_json(mine / CONFIG), **change})
    helper = PEFTHelper.from_dict(json.loads((mine / CONFIG).read_text(encoding="utf-8")))
    try:
        helper.validate_legal(LoRAConfig(max_lora_rank=16))
        theirs = True
    except ValueError:
        theirs = False
    try:
        refuse_for_vllm(mine)
        ours = True
    except KoalignError:
        ours = False
    assert ours == theirs


def test_a_hub_id_is_an_adapter_too(mine, tmp_path):
    """From the store of what was downloaded before, in its own layout."""
    store = tmp_path / "hub" / "models--owner--some-lora"
    (store / "refs").mkdir(parents=True)
    (store / "refs" / "main").write_text("0123abcd", encoding="utf-8")
    (store / "snapshots").mkdir()
    mine.rename(store / "snapshots" / "0123abcd")
    offline = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    done = koalign_process("adapters", "show", "owner/some-lora", "--json", cwd=tmp_path, **offline)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["name"], facts["role"], facts["rank"]) == ("owner/some-lora", "unknown", 4)
    other = koalign_process("adapters", "show", "owner/other", cwd=tmp_path, **offline)
    assert other.returncode == 2 and other.stderr.count("\n") == 1
    assert "'owner/other' is neither a folder here nor to be had from the hub" in other.stderr


def test_an_evaluation_takes_it_alone_and_in_a_sum(mine, folder):
    plain(folder / "other", seed=1)
    (folder / "koalign.yaml").write_text(
        "model: {path: 'builtin:tiny-ko'}\ndata: {train: none}\nengine: {backend: hf}\n", "utf-8"
    )
    write_lines(folder / "exam.jsonl", [problem(number) for number in range(3)])
    for adapters, out in ((str(mine), "alone"), ("./mine+other", "sum")):
        done = koalign("benchmark", "csat", "--data", "exam.jsonl", "--adapters", adapters, "--out", out, code=0)  # fmt: skip
        assert read_json(folder / out / "results.json")["adapters"] == adapters
        assert "not known of this adapter" in done.stderr
    assert len(list((folder / "runs/default/stacks").iterdir())) == 1
