"""DPO: the loss starts where it must, groups are TRL's own losses, and only the policy moves."""

import math

import pytest
import torch
from support.problems import exam
from support.training import (
    MODEL,
    QUICK_DPO,
    TRAINING,
    base_of_tests,
    card,
    job,
    moved,
    pairs_of,
    tensors,
)

from koalign.adapters.base import base_folder
from koalign.adapters.cards import adapter_id, read_card
from koalign.adapters.external import WEIGHTS
from koalign.config.files import load_config
from koalign.config.inputs import Model
from koalign.config.training import Dpo, Training
from koalign.hashing import hash_path
from koalign.jsonl import write_json, write_jsonl
from koalign.records import Completion
from koalign.stages.dpo import RFT, STAGE
from koalign.training.dpo import dpo_trainer, train_dpo
from koalign.training.fit import fit
from koalign.training.policy import continued_policy
from koalign.training.scoring import token_logps

pytestmark = pytest.mark.slow

LOSSES = [
    {"loss": "sigmoid"},
    {"loss": "ipo"},
    {"loss": "sigmoid_norm"},
    {"loss": "apo_zero"},
    {"loss": "robust", "label_smoothing": 0.1},
    {"loss": "sigmoid", "ld_alpha": 0.5},
    {"loss": "sigmoid", "sft_weight": 0.0},
]
FIRST = {
    "sigmoid": math.log(2),
    "sigmoid_norm": math.log(2),
    "apo_zero": 1.0,
    "robust": math.log(2),
}
METRICS = {
    "loss", "grad_norm", "learning_rate", "epoch", "entropy", "num_tokens", "mean_token_accuracy",
    "logits/chosen", "logits/rejected", "logps/chosen", "logps/rejected", "rewards/chosen",
    "rewards/rejected", "rewards/margins", "rewards/accuracies",
}  # fmt: skip
"""What TRL 1.16's DPOTrainer logs."""
TOKEN_MEANS = {"entropy", "mean_token_accuracy", "logits/chosen", "logits/rejected"}


@pytest.fixture(scope="module")
def pairs(tokenizer):
    """Two pairs for most of eight prompts, one for two of them; the chosen side is the same in both.
    Lengths differ, so that what a loss does with lengths shows."""
    made = pairs_of(tokenizer, exam("train")[:8], each=2)
    del made[3], made[8]
    return [
        pair.model_copy(
            update={
                "rejected": Completion(
                    text="",
                    token_ids=(*pair.rejected.token_ids[: 3 + n % 5], tokenizer.eos_token_id),
                )
            }
        )
        if n % 3 == 0
        else pair
        for n, pair in enumerate(made)
    ]


@pytest.fixture(scope="module")
def reference(pairs, parent):
    return token_logps(continued_policy(MODEL, parent), pairs, TRAINING)


def curve(tokenizer, pairs, reference, adapter, section, training, work) -> list[dict]:
    """What is logged of every step."""
    policy = continued_policy(MODEL, adapter)
    trainer = dpo_trainer(policy, tokenizer, pairs, reference, section, training, work, seed=0)
    seen = []
    fit(trainer, card("dpo", 8), lambda metrics, step: seen.append(metrics))
    return [metrics for metrics in seen if "loss" in metrics]


@pytest.mark.parametrize("changes", LOSSES, ids=lambda c: " ".join(map(str, c.values())))
def test_groups_have_the_losses_metrics_and_steps_of_trl(
    changes, tokenizer, pairs, reference, parent, tmp_path
):
    """The same examples through TRL's padded batches and through rows of several sizes."""
    section = Dpo(**{"learning_rate": 1e-2, "epochs": 2, "batch_size": 4, "gradient_accumulation_steps": 1, "warmup_ratio": 0, **changes})  # fmt: skip
    curves = [
        curve(tokenizer, pairs, reference, parent, section, training, tmp_path / str(n))
        for n, training in enumerate(
            (Training(packing="trl"), Training(), Training(row_tokens=200), Training(row_tokens=16))
        )
    ]
    stock = curves[0]
    assert len(stock) == 4 and set(stock[0]) == METRICS
    for rows, ours in enumerate(curves[1:]):
        for step, (mine, theirs) in enumerate(zip(ours, stock, strict=True)):
            assert mine.keys() == theirs.keys()
            # At the first step all rewards are 0, and which is greater is rounding.
            skipped = {"num_tokens", "rewards/accuracies"} if step == 0 else {"num_tokens"}
            # Of several rows, means over tokens are weighted by pairs.
            skipped |= TOKEN_MEANS if rows else set()
            for name in METRICS - skipped:
                assert mine[name] == pytest.approx(theirs[name], rel=2e-3, abs=2e-4), name
            assert mine["num_tokens"] < theirs["num_tokens"]


@pytest.mark.parametrize("loss", FIRST)
@pytest.mark.parametrize("packing", ["groups", "trl"])
def test_the_first_dpo_loss_is_that_of_equal_policies_and_the_margin_is_0(
    loss, packing, tokenizer, pairs, reference, parent, tmp_path
):
    section = QUICK_DPO.model_copy(update={"loss": loss, "sft_weight": 0.0, "epochs": 6})
    training = Training(packing=packing)
    seen = curve(tokenizer, pairs, reference, parent, section, training, tmp_path)
    assert seen[0]["loss"] == pytest.approx(FIRST[loss], abs=1e-4)
    assert seen[0]["rewards/margins"] == pytest.approx(0, abs=1e-4)
    assert seen[-1]["rewards/margins"] > 0.01


def test_the_only_step_of_a_training_moves_the_adapter(
    tokenizer, pairs, reference, parent, tmp_path
):
    section = Dpo(epochs=1, batch_size=len(pairs), gradient_accumulation_steps=1)
    policy = continued_policy(MODEL, parent)
    trained = {name: p for name, p in policy.named_parameters() if p.requires_grad}
    before = {name: p.detach().clone() for name, p in trained.items()}
    trainer = dpo_trainer(policy, tokenizer, pairs, reference, section, TRAINING, tmp_path, seed=0)
    fit(trainer, card("dpo", 8), lambda metrics, step: None)
    assert trainer.state.global_step == 1
    assert not any(torch.equal(p, before[name]) for name, p in trained.items())


def test_smoothing_that_a_loss_would_ignore_is_refused():
    with pytest.raises(ValueError, match="label_smoothing is for loss robust"):
        Dpo(label_smoothing=0.1)


def test_dpo_trains_on_the_token_ids_it_was_given(tokenizer, pairs, parent, tmp_path):
    odd = pairs[0].model_copy(update={"chosen": Completion(text="", token_ids=(5, 6, 7, 858))})
    policy = continued_policy(MODEL, parent)
    reference = token_logps(policy, [odd], TRAINING)
    for packing in ("groups", "trl"):
        trainer = dpo_trainer(
            policy, tokenizer, [odd], reference, QUICK_DPO, Training(packing=packing), tmp_path, 0
        )
        batch = trainer.data_collator([trainer.train_dataset[0]])
        length = len(odd.prompt_ids)
        ids = (batch["rows"][0] if packing == "groups" else batch)["input_ids"]
        assert ids[0, : length + 4].tolist() == [*odd.prompt_ids, 5, 6, 7, 858]


def test_sides_that_pairs_share_are_computed_once(tokenizer, pairs, reference, parent, tmp_path):
    trainer = dpo_trainer(
        continued_policy(MODEL, parent), tokenizer, pairs, reference, QUICK_DPO, TRAINING, tmp_path, 0
    )  # fmt: skip
    assert len(trainer.train_dataset) == len({pair.prompt_ids for pair in pairs}) == 8
    (row,) = trainer.data_collator([trainer.train_dataset[0]])["rows"]
    first = pairs[:2]
    sides = {side.token_ids for pair in first for side in (pair.chosen, pair.rejected)}
    assert len(sides) == 3
    assert row["input_ids"].numel() == len(first[0].prompt_ids) + sum(map(len, sides))


def test_dpo_changes_the_policy_and_nothing_else(tokenizer, pairs, reference, parent, tmp_path):
    reference_bytes, base_bytes = hash_path(parent), hash_path(base_folder(MODEL))
    policy = continued_policy(MODEL, parent)
    before = tensors(policy)
    train_dpo(job(lambda: policy, tokenizer, card("dpo", 8), QUICK_DPO, tmp_path), pairs, reference)
    after = tensors(policy)
    expected = {name for name in before if ".default." in name}
    assert moved(before, after) == expected and expected
    assert hash_path(parent) == reference_bytes
    assert hash_path(base_folder(MODEL)) == base_bytes
    from safetensors.torch import load_file

    saved = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert saved and not any("ref" in name for name in saved)


@pytest.mark.parametrize("packing", ["groups", "trl"])
@pytest.mark.parametrize("in_4bit", [False, True], ids=["float32 base", "4-bit base"])
def test_adapters_are_float32_and_unrounded_when_the_optimizer_is_built(
    in_4bit, packing, tokenizer, pairs, parent, tmp_path, monkeypatch
):
    model = Model(path="builtin:tiny-ko", load_in_4bit=in_4bit)
    policy = continued_policy(model, parent)
    before = tensors(policy)
    training = Training(packing=packing)
    reference = token_logps(policy, pairs, training)
    trainer = dpo_trainer(policy, tokenizer, pairs, reference, QUICK_DPO, training, tmp_path, 0)
    learning = {name for name in before if ".default." in name}
    assert not learning & moved(before, tensors(policy))
    found = []
    build = trainer.create_optimizer

    def spy(*args, **kwargs):
        optimizer = build(*args, **kwargs)
        found.extend(p.dtype for group in optimizer.param_groups for p in group["params"])
        return optimizer

    monkeypatch.setattr(trainer, "create_optimizer", spy)
    seen = []
    fit(trainer, card("dpo", 8), lambda metrics, step: seen.append(metrics))
    assert found and set(found) == {torch.float32}
    assert seen[0]["rewards/margins"] == pytest.approx(0, abs=1e-3)
    # The CPU kernel of bitsandbytes repacks a 4-bit base in place, so only the adapters are compared.
    changed = {n for n in moved(before, tensors(policy)) if ".lora_" in n}
    assert changed == learning
    assert in_4bit == any(p.dtype == torch.uint8 for p in policy.parameters())


def test_two_active_adapters_are_refused(tokenizer, pairs, reference, parent, tmp_path):
    policy = continued_policy(MODEL, parent)
    trainer = dpo_trainer(policy, tokenizer, pairs, reference, QUICK_DPO, TRAINING, tmp_path, 0)
    policy.load_adapter(parent, "second")
    policy.base_model.set_adapter(["default", "second"])
    with pytest.raises(RuntimeError, match="one active adapter"):
        fit(trainer, card("dpo", 8), lambda metrics, step: None)


@pytest.mark.parametrize("stage", [STAGE, RFT], ids=lambda stage: stage.name)
def test_without_pairs_the_sft_adapter_is_kept_to_the_byte(stage, parent, tmp_path):
    files = {
        "prepare/base.json": tmp_path / "base.json",
        "prepare/shots.jsonl": tmp_path / "shots.jsonl",
        "pairs/pairs.jsonl": tmp_path / "pairs.jsonl",
    }
    write_json(files["prepare/base.json"], base_of_tests().model_dump())
    write_jsonl(files["prepare/shots.jsonl"], [])
    write_jsonl(files["pairs/pairs.jsonl"], [])
    out = tmp_path / "out"
    out.mkdir()
    made = stage.run(load_config([]), files | {"sft/adapter": parent}, out)
    assert not made.metrics and set(made.counts.values()) == {0}
    kept = out / "adapter"
    assert (kept / WEIGHTS).read_bytes() == (parent / WEIGHTS).read_bytes()
    assert adapter_id(kept) == adapter_id(parent)
    own = read_card(kept)
    assert (own.name, own.parents[0].id) == (stage.name, adapter_id(parent))
