"""Training changes what it says it changes: one adapter, one slice of it; the same seed, the same bytes."""

import shutil
from functools import partial

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from support.problems import exam
from support.stacks import halves
from support.tiny_models import stirred
from support.training import MODEL, QUICK, RENDERER, card, job, moved, rows_of, tensors
from trl import SFTConfig

from koalign.adapters.base import load_base
from koalign.adapters.external import WEIGHTS
from koalign.config.inputs import Model
from koalign.config.training import Training
from koalign.data.prompting.tokens import completion_ids, prompt_ids, prompt_texts
from koalign.hashing import WORK, hash_path
from koalign.jsonl import read_json, write_json
from koalign.records import KoalignError, Problem
from koalign.training import policy
from koalign.training.checkpoints import checkpoint
from koalign.training.fit import fit, on_one_gpu
from koalign.training.policy import fresh_policy, masked_stack
from koalign.training.sft import sft_trainer, train_sft

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return exam("train")[:16]


@pytest.fixture(scope="module")
def rows(tokenizer, problems):
    return rows_of(tokenizer, problems)


def logits(model, rows) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([[*rows[0][0], *rows[0][1]]])).logits


def test_sft_changes_every_adapter_tensor_and_nothing_else(tokenizer, rows, tmp_path):
    policy = fresh_policy(MODEL, 8, 8, seed=0)
    before = tensors(policy)
    metrics = train_sft(job(lambda: policy, tokenizer, card("sft", 8), QUICK, tmp_path), rows)
    assert moved(before, tensors(policy)) == {n for n in before if ".lora_" in n}
    assert metrics["train_loss"] > 0


def test_a_resumed_training_ends_with_the_figures_of_all_of_it(tokenizer, rows, tmp_path):
    section = QUICK.model_copy(update={"save_steps": 1})

    def trained() -> dict[str, float]:
        start = partial(fresh_policy, MODEL, 8, 8, seed=0)
        return train_sft(job(start, tokenizer, card("sft", 8), section, tmp_path), rows)

    whole = trained()
    shutil.rmtree(checkpoint(tmp_path / WORK, 4))
    shutil.rmtree(tmp_path / "adapter")
    resumed = trained()
    for name in ("train_loss", "num_tokens", "loss"):
        assert resumed[name] == whole[name]
    assert resumed.items() <= whole.items() and not any("runtime" in name for name in resumed)


def test_a_saved_adapter_loads_to_the_same_logits(tokenizer, rows, tmp_path):
    policy = fresh_policy(MODEL, 8, 8, seed=0)
    train_sft(job(lambda: policy, tokenizer, card("sft", 8), QUICK, tmp_path), rows)
    again = PeftModel.from_pretrained(load_base(MODEL, quantized=False), tmp_path / "adapter")
    assert torch.equal(logits(policy.eval(), rows), logits(again.eval(), rows))
    assert not torch.equal(logits(again, rows), logits(load_base(MODEL, quantized=False), rows))


def test_traces_of_a_prompt_are_one_example_and_trl_sees_the_same_loss(tokenizer, rows, tmp_path):
    """Four traces a prompt: the same examples packed and padded, step by step, to rounding."""
    traces = [(p, rows[(n + k) % 8][1]) for n, (p, _) in enumerate(rows[:8]) for k in range(4)]
    curves = {}
    for training in (Training(row_tokens=256), Training(packing="trl")):
        packing = training.packing
        trainer = sft_trainer(
            fresh_policy(MODEL, 8, 8, seed=0),
            tokenizer,
            traces,
            QUICK,
            training,
            tmp_path / packing,
            0,
        )
        assert len(trainer.train_dataset) == 8
        seen = []
        fit(trainer, card("sft", 8), lambda metrics, step, seen=seen: seen.append(metrics))
        curves[packing] = [m for m in seen if "loss" in m]
    for ours, theirs in zip(curves["groups"], curves["trl"], strict=True):
        assert ours.keys() == theirs.keys()
        for name in ("loss", "grad_norm", "entropy", "mean_token_accuracy"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-4), name


def test_a_machine_with_several_gpus_has_no_larger_batches(tmp_path):
    args = SFTConfig(output_dir=str(tmp_path), per_device_train_batch_size=4, use_cpu=True)
    args._n_gpu = 2  # as transformers counts them where two are visible
    assert args.train_batch_size == 8
    assert on_one_gpu(args).train_batch_size == 4


def test_the_same_seed_saves_the_same_bytes(tokenizer, rows, tmp_path):
    for name in ("a", "b"):
        start = partial(fresh_policy, MODEL, 8, 8, seed=0)
        train_sft(job(start, tokenizer, card("sft", 8), QUICK, tmp_path / name), rows)
    assert hash_path(tmp_path / "a" / "adapter") == hash_path(tmp_path / "b" / "adapter")


def test_plain_peft_loads_a_stack_to_the_logits_of_both_deltas(tokenizer, rows, parent, tmp_path):
    """The parent, and the new ranks alone as a second adapter, both active in stock PEFT."""
    policy = masked_stack(MODEL, parent, 4, 0, tmp_path / "work")
    stack_card = card("answer", 12, frozen_rank=8)
    train_sft(job(lambda: policy, tokenizer, stack_card, QUICK, tmp_path), rows)
    stack = PeftModel.from_pretrained(load_base(MODEL, quantized=False), tmp_path / "adapter")
    delta = tmp_path / "delta"
    delta.mkdir()
    tensors = load_file(tmp_path / "adapter" / WEIGHTS)
    new = {name: halves(name, tensor)[1].contiguous() for name, tensor in tensors.items()}
    save_file(new, delta / WEIGHTS)
    config = read_json(tmp_path / "adapter" / "adapter_config.json")
    write_json(delta / "adapter_config.json", {**config, "r": 4, "lora_alpha": 4})
    both = PeftModel.from_pretrained(load_base(MODEL, quantized=False), parent, "parent")
    both.load_adapter(delta, "delta")
    both.base_model.set_adapter(["parent", "delta"])
    # In float64: the sums are taken in another order, and float32 would show that and no more.
    assert torch.allclose(logits(stack.double(), rows), logits(both.double(), rows), atol=1e-9)
    both.base_model.set_adapter(["parent"])
    assert not torch.allclose(logits(stack, rows), logits(both, rows), atol=1e-2)


def test_what_a_stack_cannot_carry_is_refused(parent, tmp_path):
    shutil.copytree(parent, tmp_path / "dora")
    config = read_json(parent / "adapter_config.json")
    write_json(tmp_path / "dora" / "adapter_config.json", {**config, "use_dora": True})
    with pytest.raises(KoalignError, match="use_dora = true cannot be stacked exactly"):
        masked_stack(MODEL, tmp_path / "dora", 4, 0, tmp_path / "work")


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


def test_under_autocast_lora_reads_its_inputs_as_they_are_and_learns_the_same(monkeypatch):
    base = Model(path="builtin:tiny-ko", dtype="bfloat16")
    made = stirred(fresh_policy(base, 8, alpha=16, seed=0), seed=0)
    ids = torch.arange(40)[None]

    def step(casts: bool) -> tuple[torch.Tensor, list[torch.Tensor], int]:
        monkeypatch.setattr(
            policy, "autocast_dtype", lambda made: None if casts else torch.bfloat16
        )
        made.zero_grad()
        with torch.profiler.profile() as profiler, torch.autocast("cpu", torch.bfloat16):
            with policy.without_input_casts(made):
                loss = made(input_ids=ids, labels=ids).loss
            loss.backward()
        gradients = [p.grad for p in made.parameters() if p.requires_grad]
        copies = sum(event.name == "aten::_to_copy" for event in profiler.events())
        return loss.detach(), gradients, copies

    loss, gradients, copies = step(casts=False)
    cast_loss, cast_gradients, cast_copies = step(casts=True)
    assert torch.equal(loss, cast_loss)
    assert all(map(torch.equal, gradients, cast_gradients))
    layers = sum(name.endswith("lora_A") for name, _ in made.named_modules())
    assert cast_copies - copies > 3 * layers
