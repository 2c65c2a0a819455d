"""A training keeps the checkpoint it should and ends where it should, also when it is resumed."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.events import steps_of
from support.problems import exam
from support.stacks import halves
from support.training import (
    MODEL,
    QUICK,
    QUICK_DPO,
    RENDERER,
    card,
    job,
    pairs_of,
    rows_of,
    watch,
)

from koalign.adapters.base import identify
from koalign.adapters.stack import widen
from koalign.config.training import Probing, Training
from koalign.engines.probe import open_probe
from koalign.hashing import WORK, hash_path
from koalign.jsonl import read_json
from koalign.records import KoalignError, Pair
from koalign.training.checkpoints import WHOLE, last_whole
from koalign.training.dpo import train_dpo
from koalign.training.guards import displacement
from koalign.training.history import evaluations
from koalign.training.policy import continued_policy, fresh_policy, masked_stack
from koalign.training.scoring import token_logps
from koalign.training.sft import train_sft

pytestmark = pytest.mark.slow

EIGHT = QUICK.model_copy(update={"epochs": 2.0})
"""Sixteen examples, four a step, twice: evaluations after steps 2, 4, 6 and 8."""


@pytest.fixture(scope="module")
def rows(tokenizer):
    return rows_of(tokenizer, exam("train")[:16])


@pytest.fixture(scope="module")
def pairs(tokenizer) -> list[Pair]:
    return pairs_of(tokenizer, exam("train")[:16])


def planned(*shares: float):
    """A measure that finds these held-out accuracies one after the other."""
    left = iter(shares)

    def measure(model) -> dict[str, float]:
        return {
            "train": 0.5, "train_n": 100.0, "held_out": next(left), "held_out_n": 100.0,
            "tokens": 10.0, "cut": 0.0, "unreadable": 0.0,
        }  # fmt: skip

    return measure


def learn(tokenizer, rows, out, measure=None, policy=None, section=EIGHT, described=None):
    """SFT of the tiny model with these accuracies found."""
    policy = policy or fresh_policy(MODEL, 8, 8, seed=0)
    found = watch(measure=measure, report=out / "probe.json")
    described = described or card("sft", 8)
    return train_sft(job(lambda: policy, tokenizer, described, section, out, watch=found), rows)


def prefer(tokenizer, pairs, adapter, out, measure=None, **settings):
    """DPO without the term that keeps the chosen side where it is."""
    changes = {"sft_weight": 0.0, "epochs": 6, "learning_rate": 3e-2, **settings}
    section = QUICK_DPO.model_copy(update=changes)
    policy = continued_policy(MODEL, adapter)
    reference = token_logps(policy, pairs, Training())
    found = watch(measure=measure, dpo=section, report=out / "probe.json")
    learning = job(lambda: policy, tokenizer, card("dpo", 8), section, out, watch=found)
    return train_dpo(learning, pairs, reference)


def saved(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_best_checkpoint_is_saved_whatever_came_after_it(tokenizer, rows, tmp_path):
    metrics = learn(tokenizer, rows, tmp_path, planned(0.2, 0.4, 0.6, 0.5, 0.5))
    assert (metrics["kept_step"], metrics["stopped_early"]) == (4, 0)
    assert metrics["probe/held_out"] == 0.6
    work = tmp_path / WORK
    assert same(saved(tmp_path / "adapter"), saved(work / "checkpoint-4"))
    assert not same(saved(tmp_path / "adapter"), saved(work / "checkpoint-8"))
    report = read_json(tmp_path / "probe.json")
    assert [entry["step"] for entry in report["evaluations"]] == [0, 2, 4, 6, 8]
    assert report["kept_step"] == 4
    kept = report["evaluations"][2]
    assert kept["gap"] == pytest.approx(-0.1) and kept["gap_low"] < -0.1 < kept["gap_high"]


def test_a_training_kept_back_is_what_it_was_at_that_step(tokenizer, rows, tmp_path):
    """The kept adapter is that of step 4 of the very same training without any probe."""
    learn(tokenizer, rows, tmp_path / "kept", planned(0.2, 0.4, 0.6, 0.5, 0.5))
    learn(tokenizer, rows, tmp_path / "plain", section=EIGHT.model_copy(update={"save_steps": 4}))
    plain = tmp_path / "plain" / WORK / "checkpoint-4"
    assert same(saved(tmp_path / "kept" / "adapter"), saved(plain))


def test_accuracy_that_falls_twice_ends_a_training_and_its_rerun(tokenizer, rows, tmp_path, capsys):
    metrics = learn(tokenizer, rows, tmp_path, planned(0.5, 0.6, 0.5, 0.4))
    assert (metrics["steps"], metrics["kept_step"], metrics["stopped_early"]) == (6, 2, 1)
    assert "sft: stopped at step 6 of 8: held-out accuracy fell" in capsys.readouterr().err
    first, report = hash_path(tmp_path / "adapter"), (tmp_path / "probe.json").read_bytes()
    # As if killed after its last checkpoint: nothing is measured or trained any more.
    shutil.rmtree(tmp_path / "adapter")
    again = learn(tokenizer, rows, tmp_path, planned())
    assert hash_path(tmp_path / "adapter") == first
    assert (tmp_path / "probe.json").read_bytes() == report
    same_metrics = {*metrics} & {*again} - {"epoch"}
    assert {n: again[n] for n in same_metrics} == {n: metrics[n] for n in {*again} - {"epoch"}}


def test_how_often_a_checkpoint_is_saved_changes_nothing(tokenizer, rows, tmp_path):
    for often in (1, 3, 100):
        section = EIGHT.model_copy(update={"save_steps": often})
        accuracies = planned(0.2, 0.4, 0.6, 0.5, 0.5)
        learn(tokenizer, rows, tmp_path / str(often), accuracies, section=section)
    hashes = {hash_path(tmp_path / str(often) / "adapter") for often in (1, 3, 100)}
    reports = {(tmp_path / str(often) / "probe.json").read_bytes() for often in (1, 3, 100)}
    assert len(hashes) == len(reports) == 1


def test_a_masked_stack_taken_back_keeps_the_parents_slice(tokenizer, rows, parent, tmp_path):
    policy = masked_stack(MODEL, parent, 4, 0, tmp_path / "stack")
    stack_card = card("answer", 12, frozen_rank=8)
    accuracies = planned(0.1, 0.9, 0.5, 0.5, 0.5)
    learn(tokenizer, rows, tmp_path, accuracies, policy=policy, described=stack_card)
    widen(parent, tmp_path / "initial", 4, 0)
    initial, stack = saved(tmp_path / "initial"), saved(tmp_path / "adapter")
    for name in initial:
        before, after = halves(name, initial[name]), halves(name, stack[name])
        assert torch.equal(before[0], after[0])
        assert ".lora_A." in name or not torch.equal(before[1], after[1])


def test_displacement_ends_dpo_early_and_a_resumed_one_ends_in_the_same_bytes(
    tokenizer, pairs, parent, tmp_path, capsys
):
    """Without the likelihood term both sides fall; the limit is passed in the middle of the training."""
    plain = prefer(tokenizer, pairs, parent, tmp_path / "plain", max_displacement=None)
    history = read_json(last_whole(tmp_path / "plain" / WORK) / "trainer_state.json")["log_history"]
    fallen = [displacement(history[: n + 1], 0.1, 24) for n in range(24)]
    limit = max(fallen) / 2
    expected = next(n for n, share in enumerate(fallen, start=1) if share > limit)
    assert plain["stopped_early"] == 0 and 1 < expected < 24

    metrics = prefer(tokenizer, pairs, parent, tmp_path / "a", max_displacement=limit)
    assert (metrics["steps"], metrics["stopped_early"]) == (expected, 1)
    assert f"dpo: stopped at step {expected} of 24" in capsys.readouterr().err
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "b" / "adapter")
    prefer(tokenizer, pairs, parent, tmp_path / "b", max_displacement=limit)
    assert hash_path(tmp_path / "a" / "adapter") == hash_path(tmp_path / "b" / "adapter")


def test_a_displaced_policy_is_measured_before_one_is_chosen(tokenizer, pairs, parent, tmp_path):
    metrics = prefer(tokenizer, pairs, parent, tmp_path, planned(0.4, 0.5), max_displacement=1e-9)
    report = read_json(tmp_path / "probe.json")
    assert [entry["step"] for entry in report["evaluations"]] == [0, metrics["steps"]]
    assert report["stopped_at"] == metrics["kept_step"] == metrics["steps"] < 6


def test_dpo_that_ruins_its_policy_keeps_the_start_also_when_resumed(
    tokenizer, rows, tmp_path, capsys
):
    """Measured by the probe itself: a learning rate that destroys what SFT had learned."""
    section = QUICK.model_copy(update={"epochs": 6.0})
    learn(tokenizer, rows, tmp_path / "sft", section=section)
    problems = exam("train")[:16]
    base = identify(MODEL)
    probing = Probing(problems=16, max_tokens=24)
    measure = open_probe("dpo", probing, RENDERER, tokenizer, base, problems, problems)
    ruin = {"learning_rate": 1.0, "max_displacement": None, "max_length_drift": None, "epochs": 2}
    start, found = tmp_path / "sft" / "adapter", pairs_of(tokenizer, problems)
    metrics = prefer(tokenizer, found, start, tmp_path / "dpo", measure, **ruin)
    assert same(saved(start), saved(tmp_path / "dpo" / "adapter"))
    report = read_json(tmp_path / "dpo" / "probe.json")
    before, *after = [entry["held_out"] for entry in report["evaluations"]]
    assert all(share < before for share in after) and metrics["probe/held_out"] == before
    assert report["kept_step"] == metrics["kept_step"] == 0 and "step 0" in report["kept_because"]
    assert "dpo: step 0 is kept (the adapter that it started from" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "dpo" / "adapter")
    prefer(tokenizer, found, start, tmp_path / "dpo", measure, **ruin)
    assert same(saved(start), saved(tmp_path / "dpo" / "adapter"))


def test_sft_never_keeps_its_untrained_start_and_says_so(tokenizer, rows, tmp_path, capsys):
    metrics = learn(tokenizer, rows, tmp_path, planned(0.9, 0.4, 0.45, 0.4, 0.45))
    assert metrics["kept_step"] == 8
    assert "step 0 is untrained and not kept" in capsys.readouterr().err
    assert "step 0 is no candidate" in read_json(tmp_path / "probe.json")["kept_because"]


@pytest.mark.parametrize("what", ["gradient", "loss", "weight"])
def test_what_is_not_finite_ends_a_training_and_is_in_no_checkpoint(
    what, tokenizer, rows, tmp_path
):
    policy = fresh_policy(MODEL, 8, 8, seed=0)
    weight = next(p for p in policy.parameters() if p.requires_grad)
    calls = []

    def poison(grad):
        calls.append(1)
        if len(calls) < 3:
            return grad
        if what == "weight":
            weight.data[0, 0] = math.nan
            return grad
        return grad * math.nan if what == "gradient" else grad

    def infinite(module, arguments, output):
        if len(calls) == 2 and module.training:
            output.log_probs = output.log_probs - math.inf  # whose gradient is the same
        return output

    weight.register_hook(poison)
    if what == "loss":
        policy.register_forward_hook(infinite)
    section = EIGHT.model_copy(update={"save_steps": 1})
    said = {"gradient": "the gradient of step 3", "loss": "the loss of step 3", "weight": "step 3"}
    with pytest.raises(KoalignError, match=f"sft: .*{said[what]} is not finite") as raised:
        learn(tokenizer, rows, tmp_path, policy=policy, section=section)
    assert "checkpoint-2" in str(raised.value) and "sft.learning_rate" in str(raised.value)
    assert "\n" not in str(raised.value) and not (tmp_path / "adapter").exists()
    whole = [path.parent for path in (tmp_path / WORK).glob(f"*/{WHOLE}")]
    assert {path.name for path in whole} in ({"checkpoint-1", "checkpoint-2"}, {"checkpoint-2"})
    assert all(torch.isfinite(t).all() for path in whole for t in saved(path).values())


def test_every_step_is_logged_and_the_probe_beside_them(tokenizer, rows, tmp_path):
    learn(tokenizer, rows, tmp_path, planned(0.2, 0.4, 0.6, 0.5, 0.5))
    lines = steps_of(tmp_path)
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 9))
    assert [line["step"] for line in evaluations(lines)] == [0, 2, 4, 6, 8]
