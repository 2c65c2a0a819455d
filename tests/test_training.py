"""Training changes what it says it changes: the loss starts at ln 2, one slice moves, bytes are kept."""

import math
from pathlib import Path

import pytest
import torch
from conftest import exam
from peft import PeftModel
from safetensors.torch import load_file
from training_helpers import (
    MODEL,
    QUICK,
    QUICK_DPO,
    RENDERER,
    card,
    rows_of,
    trained_adapter,
)

from koalign.adapters.base import base_folder, load_base, load_tokenizer
from koalign.config import Model, Tracking
from koalign.data.tokens import completion_ids, prompt_ids, prompt_texts
from koalign.jsonl import read_json, write_json
from koalign.records import Completion, KoalignError, Pair, Problem
from koalign.run import hash_path
from koalign.training.dpo import dpo_trainer, sharpen
from koalign.training.fit import fit
from koalign.training.policy import continued_policy, fresh_policy, masked_stack
from koalign.training.sft import teach

pytestmark = pytest.mark.slow

OFF = Tracking()


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(MODEL)


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return exam("train")[:16]


@pytest.fixture(scope="module")
def rows(tokenizer, problems):
    return rows_of(tokenizer, problems)


@pytest.fixture(scope="module")
def pairs(tokenizer, problems, rows) -> list[Pair]:
    made = []
    for problem, (prompt, chosen) in zip(problems, rows, strict=True):
        wrong = problem.model_copy(
            update={"answers": (str(int(problem.answers[0]) % len(problem.choices) + 1),)}
        )
        ((_, rejected),) = rows_of(tokenizer, [wrong])
        made.append(
            Pair(
                problem_id=problem.id,
                prompt="",
                prompt_ids=tuple(prompt),
                chosen=Completion(text="", token_ids=tuple(chosen)),
                rejected=Completion(text="", token_ids=tuple(rejected)),
                reason="hard",
            )
        )
    return made


@pytest.fixture(scope="module")
def sft_adapter(tmp_path_factory) -> Path:
    return trained_adapter(tmp_path_factory.mktemp("sft") / "adapter", rank=8, seed=3)


def tensors(policy: PeftModel) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in policy.named_parameters()}


def logits(model, rows) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([[*rows[0][0], *rows[0][1]]])).logits


def moved(before, after) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_the_first_dpo_loss_is_ln_2_and_the_margin_is_0(tokenizer, pairs, sft_adapter, tmp_path):
    policy = continued_policy(MODEL, sft_adapter)
    section = QUICK_DPO.model_copy(update={"sft_weight": 0.0, "epochs": 6})
    trainer = dpo_trainer(policy, tokenizer, pairs, section, tmp_path, seed=0)
    trainer.args.logging_steps = 1
    seen = []
    fit(trainer, "dpo", lambda metrics, step: seen.append(metrics))
    assert seen[0]["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert seen[0]["rewards/margins"] == pytest.approx(0, abs=1e-4)
    assert seen[-2]["rewards/margins"] > 0.1


def test_dpo_trains_on_the_token_ids_it_was_given(tokenizer, pairs, sft_adapter, tmp_path):
    odd = pairs[0].model_copy(update={"chosen": Completion(text="", token_ids=(5, 6, 7, 858))})
    trainer = dpo_trainer(
        continued_policy(MODEL, sft_adapter), tokenizer, [odd, *pairs[1:4]], QUICK_DPO, tmp_path, 0
    )
    batch = trainer.data_collator([trainer.train_dataset[0]])
    length = len(odd.prompt_ids)
    assert batch["input_ids"][0, length : length + 4].tolist() == [5, 6, 7, 858]
    assert batch["completion_mask"][0].tolist()[: length + 4] == [0] * length + [1] * 4


def test_dpo_changes_the_policy_and_neither_reference_nor_base(
    tokenizer, pairs, sft_adapter, tmp_path
):
    reference_bytes, base_bytes = hash_path(sft_adapter), hash_path(base_folder(MODEL))
    policy = continued_policy(MODEL, sft_adapter)
    before = tensors(policy)
    sharpen(policy, tokenizer, pairs, card("dpo", 8), QUICK_DPO, OFF, 0, tmp_path)
    after = tensors(policy)
    expected = {name for name in before if ".default." in name}
    assert moved(before, after) == expected and expected
    assert hash_path(sft_adapter) == reference_bytes
    assert hash_path(base_folder(MODEL)) == base_bytes
    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert not any("ref" in name for name in saved)


def test_sft_changes_every_adapter_tensor_and_nothing_else(tokenizer, rows, tmp_path):
    policy = fresh_policy(MODEL, 8, 8, seed=0)
    before = tensors(policy)
    metrics = teach(policy, tokenizer, rows, card("sft", 8), QUICK, OFF, 0, tmp_path)
    assert moved(before, tensors(policy)) == {n for n in before if ".lora_" in n}
    assert metrics["train_loss"] > 0


def test_a_saved_adapter_loads_to_the_same_logits(tokenizer, rows, tmp_path):
    policy = fresh_policy(MODEL, 8, 8, seed=0)
    teach(policy, tokenizer, rows, card("sft", 8), QUICK, OFF, 0, tmp_path)
    again = PeftModel.from_pretrained(load_base(MODEL, quantized=False), tmp_path / "adapter")
    assert torch.equal(logits(policy.eval(), rows), logits(again.eval(), rows))
    assert not torch.equal(logits(again, rows), logits(load_base(MODEL, quantized=False), rows))


def test_the_same_seed_saves_the_same_bytes(tokenizer, rows, tmp_path):
    for name in ("a", "b"):
        policy = fresh_policy(MODEL, 8, 8, seed=0)
        teach(policy, tokenizer, rows, card("sft", 8), QUICK, OFF, 0, tmp_path / name)
    assert hash_path(tmp_path / "a" / "adapter") == hash_path(tmp_path / "b" / "adapter")


def test_a_masked_stack_starts_as_its_parent_and_keeps_the_parents_slice_bit_for_bit(
    tokenizer, rows, sft_adapter, tmp_path
):
    parent = PeftModel.from_pretrained(load_base(MODEL, quantized=False), sft_adapter)
    policy = masked_stack(MODEL, sft_adapter, 4, 0, tmp_path / "work")
    assert torch.allclose(logits(policy, rows), logits(parent, rows), atol=1e-5)
    before = tensors(policy)
    teach(policy, tokenizer, rows, card("answer", 12), QUICK, OFF, 0, tmp_path)
    after = tensors(policy)
    for name in (n for n in before if ".lora_A." in n):
        assert torch.equal(before[name][:8], after[name][:8])
        assert not torch.equal(before[name][8:], after[name][8:])
    for name in (n for n in before if ".lora_B." in n):
        assert torch.equal(before[name][:, :8], after[name][:, :8])
        assert not torch.equal(before[name][:, 8:], after[name][:, 8:])
    assert moved(before, after) == {n for n in before if ".lora_" in n}


def test_plain_peft_loads_a_stack_to_the_logits_of_both_deltas_active(
    tokenizer, rows, sft_adapter, tmp_path
):
    """The parent, and the new ranks alone as a second adapter, both active in stock PEFT."""
    policy = masked_stack(MODEL, sft_adapter, 4, 0, tmp_path / "work")
    teach(policy, tokenizer, rows, card("answer", 12), QUICK, OFF, 0, tmp_path)
    stack = PeftModel.from_pretrained(load_base(MODEL, quantized=False), tmp_path / "adapter")

    from safetensors.torch import save_file

    delta = tmp_path / "delta"
    delta.mkdir()
    save_file(
        {
            name: (tensor[8:] if ".lora_A." in name else tensor[:, 8:]).contiguous()
            for name, tensor in load_file(
                tmp_path / "adapter" / "adapter_model.safetensors"
            ).items()
        },
        delta / "adapter_model.safetensors",
    )
    config = read_json(tmp_path / "adapter" / "adapter_config.json")
    write_json(delta / "adapter_config.json", {**config, "r": 4, "lora_alpha": 4})
    both = PeftModel.from_pretrained(load_base(MODEL, quantized=False), sft_adapter, "parent")
    both.load_adapter(delta, "delta")
    both.base_model.set_adapter(["parent", "delta"])
    # In float64: the sums are taken in another order, and float32 would show that and no more.
    assert torch.allclose(logits(stack.double(), rows), logits(both.double(), rows), atol=1e-9)
    both.base_model.set_adapter(["parent"])
    assert not torch.allclose(logits(stack, rows), logits(both, rows), atol=1e-2)


def test_what_a_stack_cannot_carry_is_refused(sft_adapter, tmp_path):
    import shutil

    shutil.copytree(sft_adapter, tmp_path / "dora")
    config = read_json(sft_adapter / "adapter_config.json")
    write_json(tmp_path / "dora" / "adapter_config.json", {**config, "use_dora": True})
    with pytest.raises(KoalignError, match="use_dora = True cannot be stacked exactly"):
        masked_stack(MODEL, tmp_path / "dora", 4, 0, tmp_path / "work")


@pytest.mark.parametrize("in_4bit", [False, True], ids=["float32 base", "4-bit base"])
def test_trainables_are_float32_when_the_optimizer_is_built(
    in_4bit, tokenizer, pairs, sft_adapter, tmp_path, monkeypatch
):
    model = Model(path="builtin:tiny-ko", load_in_4bit=in_4bit)
    policy = continued_policy(model, sft_adapter)
    trainer = dpo_trainer(policy, tokenizer, pairs[:8], QUICK_DPO, tmp_path, seed=0)
    found = []
    build = trainer.create_optimizer

    def spy(*args, **kwargs):
        optimizer = build(*args, **kwargs)
        found.extend(p.dtype for group in optimizer.param_groups for p in group["params"])
        return optimizer

    monkeypatch.setattr(trainer, "create_optimizer", spy)
    before = tensors(policy)
    fit(trainer, "dpo", lambda metrics, step: None)
    assert found and set(found) == {torch.float32}
    # The CPU kernel of bitsandbytes repacks a 4-bit base in place, so only the adapters are compared.
    changed = {n for n in moved(before, tensors(policy)) if ".lora_" in n}
    assert changed == {n for n in before if ".default." in n}
    assert in_4bit == any(p.dtype == torch.uint8 for p in policy.parameters())


def test_an_example_longer_than_the_context_is_refused_and_never_cut(tokenizer, rows, tmp_path):
    policy = fresh_policy(MODEL, 4, alpha=4, seed=0)
    prompt, completion = rows[0]
    long = (prompt * 5, completion)
    with pytest.raises(KoalignError, match=r"an example has \d+ tokens, and the context is 512"):
        teach(policy, tokenizer, [long], card("sft", 4), QUICK, OFF, 0, tmp_path)


def test_two_active_adapters_are_refused(tokenizer, pairs, sft_adapter, tmp_path):
    policy = continued_policy(MODEL, sft_adapter)
    trainer = dpo_trainer(policy, tokenizer, pairs[:4], QUICK_DPO, tmp_path, seed=0)
    policy.load_adapter(sft_adapter, "second")
    policy.base_model.set_adapter(["default", "second"])
    with pytest.raises(RuntimeError, match="one active adapter"):
        fit(trainer, "dpo", lambda metrics, step: None)


def test_prompt_tokens_are_a_prefix_and_the_end_of_turn_carries_loss(tokenizer, problems):
    for hint in ("", "먼저 민수의 스승은 지영이다."):
        asked = [RENDERER.render(problem, "answer", hint=hint) for problem in problems]
        targets = [RENDERER.target(problem) for problem in problems]
        for text, ids, target, completion in zip(
            prompt_texts(tokenizer, asked),
            prompt_ids(tokenizer, asked),
            targets,
            completion_ids(tokenizer, asked, targets),
            strict=True,
        ):
            assert tokenizer.encode(text + target + tokenizer.eos_token) == ids + completion
            assert completion[-1] == tokenizer.eos_token_id
            assert tokenizer.eos_token_id not in completion[:-1]


def test_an_empty_hint_is_the_bare_prompt_byte_for_byte(problems):
    for problem in problems:
        assert RENDERER.render(problem, "answer", hint="") == RENDERER.render(problem, "answer")
        assert RENDERER.render(problem, "answer", hint="가") != RENDERER.render(problem, "answer")
