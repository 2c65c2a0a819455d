"""Training on top of an adapter: its ranks stay bit for bit, whatever else is asked of the training."""

from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from support.events import steps_of
from support.problems import exam
from support.stacks import halves, only_the_new_ranks_moved
from support.training import (
    MODEL,
    QUICK,
    QUICK_DPO,
    TRAINING,
    card,
    job,
    pairs_of,
    rows_of,
    trained_adapter,
)
from transformers import TrainerCallback

from koalign.adapters.stack import widen
from koalign.config.inputs import Model
from koalign.config.training import Training
from koalign.hashing import WORK, hash_path
from koalign.jsonl import read_json, write_json
from koalign.training.checkpoints import WHOLE, Frozen, last_whole
from koalign.training.dpo import train_dpo
from koalign.training.fit import fit
from koalign.training.policy import continued_policy, described, masked_stack
from koalign.training.scoring import token_logps
from koalign.training.sft import sft_trainer, train_sft

pytestmark = pytest.mark.slow

IN_4BIT = Model(path="builtin:tiny-ko", load_in_4bit=True)
STACK = card("answer", 12, frozen_rank=8)


@pytest.fixture(scope="module")
def rows(tokenizer):
    return rows_of(tokenizer, exam("train")[:16])


@pytest.fixture(scope="module")
def pairs(tokenizer):
    return pairs_of(tokenizer, exam("train")[:8], each=2)


@pytest.fixture(scope="module")
def start(parent, tmp_path_factory) -> dict[str, torch.Tensor]:
    folder = tmp_path_factory.mktemp("start")
    widen(parent, folder, 4, 0)
    return load_file(folder / "adapter_model.safetensors")


def learn(tokenizer, rows, parent, out, *, model=MODEL, section=QUICK, training=TRAINING, meddle=None):  # fmt: skip
    """SFT of a masked stack; `meddle` is called with the policy."""

    def stack():
        policy = masked_stack(model, parent, 4, 0, out / WORK)
        if meddle:
            meddle(policy)
        return policy

    return train_sft(job(stack, tokenizer, STACK, section, out, training), rows)


@pytest.mark.parametrize("model", [MODEL, IN_4BIT], ids=["float32 base", "4-bit base"])
@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 2}, {"batch_size": 2, "gradient_accumulation_steps": 3},
        {"gradient_checkpointing": True}, {"max_grad_norm": 1e-3},
    ],
    ids=lambda changes: " ".join(changes),
)  # fmt: skip
def test_sft_moves_the_new_ranks_alone(model, changes, tokenizer, rows, parent, start, tmp_path):
    section = QUICK.model_copy(update=changes)
    training = Training(row_tokens=200)
    learn(tokenizer, rows, parent, tmp_path, model=model, section=section, training=training)
    assert only_the_new_ranks_moved(start, tmp_path / "adapter")


def test_padded_batches_of_trl_move_the_new_ranks_alone(tokenizer, rows, parent, start, tmp_path):
    section = QUICK.model_copy(update={"batch_size": 2, "gradient_accumulation_steps": 3})
    learn(tokenizer, rows, parent, tmp_path, section=section, training=Training(packing="trl"))
    assert only_the_new_ranks_moved(start, tmp_path / "adapter")


@pytest.mark.parametrize("model", [MODEL, IN_4BIT], ids=["float32 base", "4-bit base"])
def test_dpo_starts_at_ln_2_and_margin_0_against_the_parent_and_moves_the_new_ranks_alone(
    model, tokenizer, pairs, parent, start, tmp_path
):
    """The reference is the parent alone: as long as the new ranks give zero, the policy is the parent."""
    reference = token_logps(continued_policy(model, parent), pairs, TRAINING)
    section = QUICK_DPO.model_copy(update={"sft_weight": 0.0, "epochs": 4})
    policy = partial(masked_stack, model, parent, 4, 0, tmp_path / WORK)
    train_dpo(job(policy, tokenizer, STACK, section, tmp_path), pairs, reference)
    steps = [step for step in steps_of(tmp_path) if "rewards/margins" in step]
    assert steps[0]["loss"] == pytest.approx(0.693147, abs=1e-4)
    assert steps[0]["rewards/margins"] == pytest.approx(0, abs=1e-4)
    assert steps[-1]["rewards/margins"] > 0.01
    assert only_the_new_ranks_moved(start, tmp_path / "adapter")


def test_dpo_of_a_role_adapter_goes_on_with_its_new_ranks_alone(
    tokenizer, rows, pairs, parent, start, tmp_path
):
    """What its card counts as frozen stays frozen in whatever is trained from it."""
    learn(tokenizer, rows, parent, tmp_path / "sft")
    role = tmp_path / "sft" / "adapter"
    reference = token_logps(continued_policy(MODEL, role), pairs, TRAINING)
    policy = partial(continued_policy, MODEL, role)
    train_dpo(job(policy, tokenizer, STACK, QUICK_DPO, tmp_path), pairs, reference)
    assert only_the_new_ranks_moved(start, tmp_path / "adapter")
    assert hash_path(tmp_path / "adapter") != hash_path(role)


@pytest.mark.parametrize("model", [MODEL, IN_4BIT], ids=["float32 base", "4-bit base"])
def test_a_stack_that_goes_on_from_a_checkpoint_keeps_the_slice_and_ends_in_the_same_bytes(
    model, tokenizer, rows, parent, start, tmp_path
):
    section = QUICK.model_copy(update={"save_steps": 1, "epochs": 2.0})
    learn(tokenizer, rows, parent, tmp_path / "whole", model=model, section=section)

    class Killed(Exception):
        pass

    out = tmp_path / "killed"
    with pytest.raises(Killed):
        learn(
            tokenizer, rows, parent, out, model=model, section=section,
            meddle=lambda policy: policy.register_forward_hook(Fifth(Killed)),
        )  # fmt: skip
    assert last_whole(out / WORK).name == "checkpoint-4" and not (out / "adapter").exists()
    learn(tokenizer, rows, parent, out, model=model, section=section)
    assert only_the_new_ranks_moved(start, out / "adapter")
    assert hash_path(out / "adapter") == hash_path(tmp_path / "whole" / "adapter")


class Fifth:
    """A forward hook that raises in the fifth pass of training."""

    def __init__(self, error: type[Exception]) -> None:
        self._error, self._passes = error, 0

    def __call__(self, module, arguments, output) -> None:
        self._passes += module.training
        if self._passes == 5:
            raise self._error


class Without(TrainerCallback):
    """Takes the hooks off the parameters when training begins."""

    def on_step_begin(self, args, state, control, *, model, **_) -> None:
        for parameter in model.parameters():
            if parameter._backward_hooks:
                parameter._backward_hooks.clear()


def stacked_trainer(tokenizer, rows, parent, work, **changes):
    section = QUICK.model_copy(update={"save_steps": 1, **changes})
    policy = masked_stack(MODEL, parent, 4, 0, work)
    return sft_trainer(policy, tokenizer, rows, section, TRAINING, work, 0)


def test_a_slice_that_moves_is_seen_at_the_next_save_and_the_checkpoint_is_not_whole(
    tokenizer, rows, parent, tmp_path
):
    trainer = stacked_trainer(tokenizer, rows, parent, tmp_path, warmup_ratio=0)
    trainer.add_callback(Without())
    with pytest.raises(RuntimeError, match=r"lora_A\.default\.weight: its frozen ranks have moved"):
        fit(trainer, STACK, lambda metrics, step: None)
    assert (tmp_path / "checkpoint-1").exists() and not list(tmp_path.glob(f"*/{WHOLE}"))


@pytest.mark.parametrize("axis, letter", [(0, "A"), (1, "B")])
def test_one_changed_bit_of_a_frozen_slice_is_seen(axis, letter, parent, tmp_path):
    policy = masked_stack(MODEL, parent, 4, 0, tmp_path)
    frozen = Frozen(policy, 4)
    name, weight = next(p for p in policy.named_parameters() if f".lora_{letter}." in p[0])
    frozen.require_unmoved(policy)
    weight.data.narrow(axis, 8, 4).add_(1.0)
    frozen.require_unmoved(policy)
    weight.data.view(torch.int32).narrow(axis, 7, 1)[0, 0] ^= 1
    with pytest.raises(RuntimeError, match=name):
        frozen.require_unmoved(policy)


def test_only_what_learns_counts_in_the_norm_that_is_clipped(tokenizer, rows, parent, tmp_path):
    norms, logged = [], []

    class Norms(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, *, model, **_) -> None:
            new = [halves(n, p.grad)[1] for n, p in model.named_parameters() if p.requires_grad]
            norms.append(float(torch.nn.utils.get_total_norm(new)))

    trainer = stacked_trainer(tokenizer, rows, parent, tmp_path, max_grad_norm=1e9)
    trainer.add_callback(Norms())
    fit(trainer, STACK, lambda metrics, step: logged.append(metrics))
    found = [metrics["grad_norm"] for metrics in logged if "grad_norm" in metrics]
    assert len(norms) == 4 and found == pytest.approx(norms, rel=1e-5)

    plain = stacked_trainer(tokenizer, rows, parent, tmp_path / "plain", max_grad_norm=1e9)
    logged.clear()
    fit(plain, card("answer", 12), lambda metrics, step: logged.append(metrics))
    assert logged[0]["grad_norm"] > 1.5 * found[0]


def test_weight_decay_would_move_the_slice_and_is_an_error(tokenizer, rows, parent, tmp_path):
    trainer = stacked_trainer(tokenizer, rows, parent, tmp_path)
    trainer.args.weight_decay = 0.01
    with pytest.raises(RuntimeError, match="weight decay"):
        fit(trainer, STACK, lambda metrics, step: None)


def test_dropout_would_disturb_the_slice_and_is_an_error(tokenizer, rows, parent, tmp_path):
    def drop(policy):
        module = next(m for m in policy.modules() if hasattr(m, "lora_dropout"))
        module.lora_dropout["default"] = torch.nn.Dropout(0.1)

    with pytest.raises(RuntimeError, match=r"lora_dropout\.default: dropout would disturb"):
        learn(tokenizer, rows, parent, tmp_path, meddle=drop)


def test_a_parent_that_was_trained_with_dropout_is_stacked_without(parent, tmp_path):
    import shutil

    shutil.copytree(parent, tmp_path / "external")
    config = read_json(parent / "adapter_config.json")
    write_json(tmp_path / "external" / "adapter_config.json", {**config, "lora_dropout": 0.3})
    policy = masked_stack(MODEL, tmp_path / "external", 4, 0, tmp_path / "work")
    assert policy.peft_config["default"].lora_dropout == 0
    assert not [m for m in policy.modules() if isinstance(m, torch.nn.Dropout) and m.p]


def test_a_checkpoint_on_another_parent_is_not_gone_on_from(tokenizer, rows, parent, tmp_path):
    fit(stacked_trainer(tokenizer, rows, parent, tmp_path), STACK, lambda m, s: None)
    other = trained_adapter(tmp_path / "other", rank=8, seed=4)
    again = stacked_trainer(tokenizer, rows, other, tmp_path, epochs=2)
    with pytest.raises(RuntimeError, match="its frozen ranks have moved"):
        fit(again, STACK, lambda metrics, step: None)


def test_what_is_trained_says_what_it_stands_on(tokenizer, rows, pairs, parent, tmp_path, capsys):
    learn(tokenizer, rows, parent, tmp_path)
    expected = "answer: policy = base + sft (frozen, rank 8) + answer (learning, rank 4)\n"
    assert capsys.readouterr().err.startswith(expected)
    fresh = card("sft", 32)
    assert described(fresh) == "base + sft (learning, rank 32)"
    continued = fresh.model_copy(update={"name": "dpo", "parents": STACK.parents})
    assert described(continued) == "base + sft (learning, rank 32)"
    assert described(continued, marked=False) == "base + sft"
    assert described(STACK, marked=False) == "base + sft + answer"
