"""What is exported loads elsewhere and computes the same; a merge says how well it was hit."""

import shutil
from pathlib import Path

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from peft import AutoPeftModelForCausalLM, LoraConfig, PeftModel, get_peft_model
from support.lora_folders import TINY, plain
from support.problems import exam
from support.training import MODEL, RENDERER, trained_adapter
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GPT2Config

from koalign.adapters import merge as merging
from koalign.adapters.base import load_base, load_tokenizer
from koalign.adapters.cards import adapter_id, read_card, write_card
from koalign.adapters.export import export
from koalign.adapters.lora import read_lora
from koalign.adapters.merge import merge
from koalign.adapters.stack import stack
from koalign.adapters.verify import verify
from koalign.config.inputs import Model
from koalign.data.prompting.tokens import prompt_ids
from koalign.jsonl import read_json, write_json
from koalign.records import KoalignError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def adapter(tmp_path_factory) -> Path:
    """A stack of two adapters on the base that ships with koalign."""
    folder = tmp_path_factory.mktemp("adapters")
    parts = [trained_adapter(folder / str(rank), rank=rank, seed=rank) for rank in (4, 6)]
    stack(parts, folder / "stack")
    return folder / "stack"


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    prompt = RENDERER.render(exam("dev")[0], "answer")
    return torch.tensor(prompt_ids(load_tokenizer(MODEL), [prompt]))


def logits(model, ids) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits


def beside_base(adapter: Path, base: str | Path = TINY) -> PeftModel:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(model, adapter)


def test_an_exported_adapter_loads_by_its_folder_alone(adapter, ids, tmp_path, monkeypatch):
    card = export(adapter, tmp_path / "out")
    monkeypatch.chdir("/")
    model = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    assert torch.equal(logits(model, ids), logits(beside_base(adapter), ids))
    tokenizer, ours = AutoTokenizer.from_pretrained(tmp_path / "out"), load_tokenizer(MODEL)
    chat = [{"role": "user", "content": "가장 알맞은 것은?"}]
    assert tokenizer.apply_chat_template(chat) == ours.apply_chat_template(chat)
    assert card == read_card(tmp_path / "out")
    config = read_json(tmp_path / "out" / "adapter_config.json")
    assert config["base_model_name_or_path"] == str(TINY)
    assert (tmp_path / "out" / "README.md").exists()
    assert [part.path for part in card.parents] == ["", ""]
    results = {check.name: check.result for check in verify(tmp_path / "out")}
    assert "failed" not in results.values()
    assert results["id"] == "ok"


def test_a_base_on_the_hub_keeps_its_name_and_one_that_is_not_to_be_had_is_one_line(tmp_path):
    named = plain(tmp_path / "a", base_model_name_or_path="nobody/has-this")
    with pytest.raises(KoalignError, match="neither a folder here nor to be had from the hub"):
        export(named, tmp_path / "out")
    nameless = plain(tmp_path / "b", base_model_name_or_path=None)
    for write in (export, merge):
        with pytest.raises(KoalignError, match="its base is unknown"):
            write(nameless, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_that_are_a_link_to_elsewhere_are_not_handed_on(adapter, tmp_path):
    secret = shutil.copyfile(adapter / "adapter_model.safetensors", tmp_path / "secret")
    copied = shutil.copytree(adapter, tmp_path / "cache" / "snapshots" / "copied")
    (copied / "adapter_model.safetensors").unlink()
    (copied / "adapter_model.safetensors").symlink_to(secret)
    with pytest.raises(KoalignError, match="a link to"):
        export(copied, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    blobs = tmp_path / "cache" / "blobs"
    blobs.mkdir()
    secret.rename(blobs / "0123")
    (copied / "adapter_model.safetensors").unlink()
    (copied / "adapter_model.safetensors").symlink_to("../../blobs/0123")
    export(copied, tmp_path / "out")
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_a_tokenizer_that_was_replaced_is_not_handed_on(tmp_path):
    base = shutil.copytree(TINY, tmp_path / "base")
    trained = trained_adapter(tmp_path / "sft", rank=4, seed=1)
    facts = read_card(trained).base.model_copy(update={"path": str(base)})
    card = read_card(trained).model_copy(update={"base": facts, "id": None})
    write_card(tmp_path / "sft", card)
    export(tmp_path / "sft", tmp_path / "out")
    settings = read_json(base / "tokenizer_config.json")
    write_json(base / "tokenizer_config.json", {**settings, "chat_template": "{{ messages }}"})
    with pytest.raises(KoalignError, match="its tokenizer or chat template is another"):
        export(tmp_path / "sft", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_nothing_is_written_over(adapter, tmp_path):
    (tmp_path / "out").mkdir()
    for write in (export, merge):
        with pytest.raises(KoalignError, match="nothing is written over"):
            write(adapter, tmp_path / "out")


def test_a_merge_in_float32_is_base_with_adapter(adapter, ids, tmp_path):
    parity = merge(adapter, tmp_path / "out", dtype="float32")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert model.dtype == torch.float32
    found, expected = logits(model, ids), logits(beside_base(adapter), ids)
    assert (found - expected).abs().max() <= 1e-4
    assert parity.max_difference <= 1e-4
    assert (parity.top1_agreement, parity.bound, parity.adapter) == (1, 1e-4, adapter_id(adapter))
    assert parity.mean_kl < 1e-8
    assert parity.delta_lost < 1e-4
    assert read_json(tmp_path / "out" / "parity.json") == parity.model_dump(mode="json")
    assert (logits(load_base(MODEL, quantized=False), ids) - expected).abs().max() > 0.1
    for name in ("generation_config.json", "chat_template.jinja", "tokenizer.json"):
        assert (tmp_path / "out" / name).read_bytes() == (TINY / name).read_bytes()


def test_a_merge_casts_once_to_the_bases_precision_and_leaves_other_weights(adapter, tmp_path):
    parity = merge(adapter, tmp_path / "out")
    assert (parity.dtype, parity.bound) == ("bfloat16", None)
    before = dict(AutoModelForCausalLM.from_pretrained(TINY).named_parameters())
    after = dict(AutoModelForCausalLM.from_pretrained(tmp_path / "out").named_parameters())
    lora = read_lora(adapter)
    lost = added = 0.0
    for name, weight in after.items():
        module = lora.modules.get(name.removesuffix(".weight"))
        if module is None:
            assert torch.equal(weight, before[name])
        else:
            delta = module.scale * (module.b.double() @ module.a.double())
            whole = before[name].double() + delta
            assert (weight.double() - whole).abs().max() <= 2**-8 * whole.abs().max()
            lost += float((weight.double() - whole).norm()) ** 2
            added += float(delta.norm()) ** 2
    assert parity.delta_lost == pytest.approx((lost / added) ** 0.5, rel=1e-3)
    assert parity.max_difference > 1e-4


def test_a_merge_that_is_another_function_fails_and_is_kept(adapter, tmp_path, monkeypatch):
    """As if the sum had gone wrong: a bound that no rounding keeps."""
    monkeypatch.setattr(merging, "BOUND", 1e-12)
    with pytest.raises(KoalignError, match="do not use it"):
        merge(adapter, tmp_path / "out", dtype="float32")
    assert read_json(tmp_path / "out" / "parity.json")["max_difference"] > 1e-12
    assert (tmp_path / "out" / "model.safetensors").exists()


def on_base(base: Path, folder: Path, **config: object) -> Path:
    """An adapter saved by PEFT on a base of one's own."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    policy = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=4, **config))
    for name, parameter in policy.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(parameter, std=0.02)
    policy.save_pretrained(folder, save_embedding_layers=False)
    return folder


def test_a_layer_whose_weight_is_tied_is_refused_and_an_untied_one_is_merged(tmp_path, ids):
    tied = on_base(TINY, tmp_path / "tied", target_modules=["lm_head", "q_proj"])
    with pytest.raises(KoalignError, match=r"lm_head shares its weight .*embed_tokens"):
        merge(tied, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone())
    shutil.copytree(TINY, tmp_path / "base")
    model.save_pretrained(tmp_path / "base")
    untied = on_base(tmp_path / "base", tmp_path / "untied", target_modules=["lm_head", "q_proj"])
    assert merge(untied, tmp_path / "merged").holds
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    expected = logits(beside_base(untied, tmp_path / "base"), ids)
    assert (logits(merged, ids) - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_a_wrong_flag_of_transposed_layers_is_told_and_merged_right(
    flag, transposed, tmp_path, capsys
):
    """On square layers, where the wrong sum has the right shape: of GPT-2 (Conv1D) and of LLaMA."""
    base, target = TINY, "q_proj"
    if transposed:
        base, target = tmp_path / "gpt2", "attn.c_proj"
        shutil.copytree(TINY, base)
        size = AutoModelForCausalLM.from_pretrained(TINY).config.vocab_size
        config = GPT2Config(vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=512)
        AutoModelForCausalLM.from_config(config).save_pretrained(base)
    folder = on_base(base, tmp_path / "a", target_modules=[target], fan_in_fan_out=transposed)
    settings = read_json(folder / "adapter_config.json")
    write_json(folder / "adapter_config.json", {**settings, "fan_in_fan_out": flag})
    capsys.readouterr()
    parity = merge(folder, tmp_path / "out", dtype="float32")
    assert parity.max_difference <= 1e-4 and parity.delta_lost < 1e-4
    assert ("fan_in_fan_out" in capsys.readouterr().err) == (flag != transposed)


def test_an_adapter_that_does_not_fit_its_base_is_refused(tmp_path):
    odd = plain(tmp_path / "odd", layers={"model.layers.9.mlp.up_proj": (6, 4)})
    with pytest.raises(KoalignError, match=r"layers\.9"):
        merge(odd, tmp_path / "out")
    assert not (tmp_path / "out").exists()


QUANTISED = {
    "4": BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
    ),
    "8": BitsAndBytesConfig(load_in_8bit=True),
}


def quantised(bits: str, folder: Path) -> Path:
    """The tiny base as bitsandbytes saves it."""
    shutil.copytree(TINY, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    model = AutoModelForCausalLM.from_pretrained(TINY, quantization_config=QUANTISED[bits])
    model.save_pretrained(folder)
    return folder


def external(adapter: Path, base: Path, folder: Path) -> Path:
    """The same matrices as a plain PEFT folder for another base."""
    shutil.copytree(adapter, folder, ignore=shutil.ignore_patterns("koalign.json"))
    config = read_json(folder / "adapter_config.json")
    write_json(folder / "adapter_config.json", {**config, "base_model_name_or_path": str(base)})
    return folder


@pytest.mark.parametrize(("bits", "near"), [("4", 1e-4), ("8", 0.5)])
def test_a_quantised_base_is_merged_only_when_told_to(bits, near, adapter, ids, tmp_path):
    base = quantised(bits, tmp_path / "base")
    folder = external(adapter, base, tmp_path / "adapter")
    with pytest.raises(KoalignError, match=rf"quantised \({bits} bit\).*--dequantize"):
        merge(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    parity = merge(folder, tmp_path / "out", dtype="float32", dequantize=True)
    assert parity.holds
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert "quantization_config" not in read_json(tmp_path / "out" / "config.json")
    # Against the quantised base itself, in the forward pass of bitsandbytes: that of 8 bits rounds its
    # inputs too, and that of 4 bits for CPUs would multiply in bfloat16.
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    for layer in model.modules():
        if isinstance(layer, Linear4bit):
            layer.support_avx512bf16_for_cpu = False
    expected = logits(PeftModel.from_pretrained(model, folder), ids)
    assert (logits(merged, ids) - expected).abs().max() <= near
    assert (logits(beside_base(adapter), ids) - expected).abs().max() > 0.1


def test_dequantize_and_other_quantisations_are_refused_where_they_mean_nothing(adapter, tmp_path):
    with pytest.raises(KoalignError, match="is not quantised"):
        merge(adapter, tmp_path / "out", dequantize=True)
    shutil.copytree(TINY, tmp_path / "base")
    config = read_json(TINY / "config.json")
    gptq = {**config, "quantization_config": {"quant_method": "gptq"}}
    write_json(tmp_path / "base" / "config.json", gptq)
    odd = external(adapter, tmp_path / "base", tmp_path / "odd")
    with pytest.raises(KoalignError, match=r"quantised \(gptq\)"):
        merge(odd, tmp_path / "out", dequantize=True)


def test_the_merged_model_is_a_base_like_any_other(adapter, ids, tmp_path):
    merge(adapter, tmp_path / "out", dtype="float32")
    model = Model(path=str(tmp_path / "out"))
    assert load_tokenizer(model).eos_token_id == load_tokenizer(MODEL).eos_token_id
    assert (logits(load_base(model, quantized=False), ids) - logits(beside_base(adapter), ids)).abs(
    ).max() <= 1e-4  # fmt: skip
