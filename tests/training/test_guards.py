"""A training stops where it should, keeps the checkpoint it should, and does both again after a kill."""

import json
import math
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from support.problems import exam
from support.training_helpers import (
    MODEL,
    QUICK,
    QUICK_DPO,
    card,
    pairs_of,
    rows_of,
    trained_adapter,
)

from koalign.adapters.stack import widen
from koalign.config.sections import Dpo, Probing, Tracking, Training
from koalign.jsonl import read_json
from koalign.records import KoalignError, Pair
from koalign.run import WORK, hash_path
from koalign.training.checkpoints import WHOLE, last_whole, remove_cut_off
from koalign.training.dpo import train_dpo
from koalign.training.fit import Job
from koalign.training.guards import Watch, displacement, evaluations, kept_step, reason_to_stop
from koalign.training.policy import continued_policy, fresh_policy, masked_stack
from koalign.training.scoring import token_logps
from koalign.training.sft import train_sft

OFF = Tracking()
EIGHT = QUICK.model_copy(update={"epochs": 2})
"""Sixteen examples, four a step, twice: evaluations after steps 2, 4, 6 and 8."""
SHARES = st.floats(0, 1)


def watch(*, measure=None, report=Path("unused"), dpo=None, **settings) -> Watch:
    return Watch(Probing(**settings), report, measure, dpo)


def answered(shares, tokens=10.0) -> list[dict]:
    """A history of evaluations, one a step, the first before training."""
    return [
        {"probe/held_out": share, "probe/tokens": tokens, "step": step}
        for step, share in enumerate(shares)
    ]


def logged(step: int, policy: float, reference: float, beta: float = 0.1) -> dict:
    """What TRL logs where the chosen sides have these mean log-probabilities."""
    return {"rewards/chosen": beta * (policy - reference), "logps/chosen": policy, "step": step}


@given(st.lists(SHARES, min_size=1, max_size=8))
def test_kept_is_the_last_of_the_best_and_never_the_start(shares):
    kept = kept_step(answered(shares))
    if len(shares) == 1:
        assert kept is None
    else:
        assert all(shares[kept] >= share for share in shares[1:])
        assert all(shares[kept] > share for share in shares[kept + 1 :])


@given(st.lists(SHARES, min_size=1, max_size=8), st.integers(1, 4))
def test_patience_ends_only_with_a_held_out_accuracy_that_fell_each_time(shares, patience):
    reason = reason_to_stop("sft", watch(patience=patience), answered(shares), 8)
    steps = [b < a for a, b in pairwise(shares)][-patience:]
    assert (reason is not None) == (len(steps) == patience and all(steps))
    assert reason is None or ("probe.patience" in reason and "sft.learning_rate" in reason)


def test_equal_accuracies_are_no_fall():
    assert reason_to_stop("sft", watch(patience=2), answered([0.5, 0.4, 0.4, 0.3]), 8) is None
    assert reason_to_stop("sft", watch(patience=None), answered([0.5, 0.4, 0.3, 0.2]), 8) is None


@given(st.floats(-200, -0.5), st.floats(0.01, 3), st.floats(0.01, 1))
def test_displacement_is_the_share_by_which_the_chosen_side_fell(reference, factor, beta):
    history = [logged(1, reference * factor, reference, beta)]
    assert displacement(history, beta, 10) == pytest.approx(factor - 1, abs=1e-6)


def test_displacement_is_that_of_the_last_tenth_and_no_single_step():
    history = [logged(step, -20, -10) for step in range(1, 181)]
    history += [logged(step, -10.1, -10) for step in range(181, 201)]
    assert displacement(history, 0.1, 200) == pytest.approx(0.01)
    assert displacement(history[:19], 0.1, 200) == 0
    assert displacement(history[:20], 0.1, 200) == pytest.approx(1)
    assert displacement([], 0.1, 200) == 0


def test_a_chosen_side_that_falls_by_more_than_the_share_ends_dpo_and_not_sft():
    history = [logged(step, -10.6, -10) for step in range(1, 6)]
    reason = reason_to_stop("dpo", watch(dpo=Dpo()), history, 50)
    assert "6.0% below the reference" in reason and "dpo.sft_weight" in reason
    assert reason_to_stop("dpo", watch(dpo=Dpo(max_displacement=0.07)), history, 50) is None
    assert reason_to_stop("dpo", watch(dpo=Dpo(max_displacement=None)), history, 50) is None
    assert reason_to_stop("sft", watch(), history, 50) is None
    assert reason_to_stop("dpo", watch(dpo=Dpo()), [logged(1, -9, -10)] * 5, 50) is None


def test_answers_that_grow_end_dpo_and_not_sft():
    grown = [*answered([0.5], 10), *({**e, "step": 4} for e in answered([0.6], 21))]
    assert "21 tokens, and had 10" in reason_to_stop("dpo", watch(dpo=Dpo()), grown, 50)
    assert reason_to_stop("dpo", watch(dpo=Dpo(max_length_drift=2.2)), grown, 50) is None
    assert reason_to_stop("sft", watch(), grown, 50) is None


def test_a_checkpoint_that_is_not_whole_is_neither_last_nor_left(tmp_path):
    for step in (9, 10, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
    for step in (9, 10):
        (tmp_path / f"checkpoint-{step}" / WHOLE).touch()
    assert last_whole(tmp_path) == tmp_path / "checkpoint-10"
    remove_cut_off(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9"]
    assert last_whole(tmp_path / "none") is None


@pytest.fixture(scope="module")
def rows(tokenizer):
    return rows_of(tokenizer, exam("train")[:16])


@pytest.fixture(scope="module")
def pairs(tokenizer) -> list[Pair]:
    return pairs_of(tokenizer, exam("train")[:16])


@pytest.fixture(scope="module")
def sft_adapter(tmp_path_factory) -> Path:
    return trained_adapter(tmp_path_factory.mktemp("sft") / "adapter", rank=8, seed=3)


def planned(*shares: float):
    """A measure that finds these held-out accuracies one after the other."""
    left = iter(shares)

    def measure(model) -> dict[str, float]:
        return {
            "train": 0.5, "train_n": 100.0, "held_out": next(left), "held_out_n": 100.0,
            "tokens": 10.0, "cut": 0.0, "unreadable": 0.0,
        }  # fmt: skip

    return measure


def learn(
    tokenizer, rows, out, measure=None, policy=None, section=EIGHT, described=None, **settings
):
    """SFT of the tiny model with these accuracies found."""
    policy = policy or fresh_policy(MODEL, 8, 8, seed=0)
    found = watch(measure=measure, report=out / "probe.json", **settings)
    return train_sft(
        Job(
            lambda: policy,
            tokenizer,
            described or card("sft", 8),
            section,
            Training(),
            OFF,
            0,
            out,
            watch=found,
        ),
        rows,
    )


def prefer(tokenizer, pairs, adapter, out, measure=None, **settings):
    """DPO without the term that keeps the chosen side where it is."""
    changes = {"sft_weight": 0.0, "epochs": 6, "learning_rate": 3e-2, **settings}
    section = QUICK_DPO.model_copy(update=changes)
    policy = continued_policy(MODEL, adapter)
    reference = token_logps(policy, pairs, Training())
    found = watch(measure=measure, dpo=section, report=out / "probe.json")
    return train_dpo(
        Job(
            lambda: policy, tokenizer, card("dpo", 8), section, Training(), OFF, 0, out, watch=found
        ),
        pairs,
        reference,
    )


def saved(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_training_that_was_kept_back_is_what_it_would_have_been_that_far(
    tokenizer, rows, tmp_path
):
    """The kept adapter is that of step 4 of the very same training without any probe."""
    learn(tokenizer, rows, tmp_path / "kept", planned(0.2, 0.4, 0.6, 0.5, 0.5))
    learn(tokenizer, rows, tmp_path / "plain", section=EIGHT.model_copy(update={"save_steps": 4}))
    plain = tmp_path / "plain" / WORK / "checkpoint-4"
    assert same(saved(tmp_path / "kept" / "adapter"), saved(plain))


@pytest.mark.slow
def test_accuracy_that_falls_twice_ends_the_training_and_a_resumed_one(
    tokenizer, rows, tmp_path, capsys
):
    metrics = learn(tokenizer, rows, tmp_path, planned(0.5, 0.6, 0.5, 0.4))
    assert (metrics["steps"], metrics["kept_step"], metrics["stopped_early"]) == (6, 2, 1)
    assert "sft: stopped at step 6 of 8: held-out accuracy fell 2 evaluations" in (
        capsys.readouterr().err
    )
    first, report = hash_path(tmp_path / "adapter"), (tmp_path / "probe.json").read_bytes()
    # As if killed after its last checkpoint: nothing is measured or trained any more.
    shutil.rmtree(tmp_path / "adapter")
    again = learn(tokenizer, rows, tmp_path, planned())
    assert hash_path(tmp_path / "adapter") == first
    assert (tmp_path / "probe.json").read_bytes() == report
    assert {name: again[name] for name in metrics if name in again and name != "epoch"} == {
        name: metrics[name] for name in again if name != "epoch"
    }


@pytest.mark.slow
def test_how_often_a_checkpoint_is_saved_changes_nothing(tokenizer, rows, tmp_path):
    for often in (1, 3, 100):
        section = EIGHT.model_copy(update={"save_steps": often})
        accuracies = planned(0.2, 0.4, 0.6, 0.5, 0.5)
        learn(tokenizer, rows, tmp_path / str(often), accuracies, section=section)
    hashes = {hash_path(tmp_path / str(often) / "adapter") for often in (1, 3, 100)}
    reports = {(tmp_path / str(often) / "probe.json").read_bytes() for often in (1, 3, 100)}
    assert len(hashes) == len(reports) == 1


@pytest.mark.slow
def test_a_masked_stack_taken_back_to_its_best_keeps_the_parents_slice(
    tokenizer, rows, sft_adapter, tmp_path
):
    policy = masked_stack(MODEL, sft_adapter, 4, 0, tmp_path / "stack")
    stack_card = card("answer", 12, frozen_rank=8)
    accuracies = planned(0.1, 0.9, 0.5, 0.5, 0.5)
    learn(tokenizer, rows, tmp_path, accuracies, policy=policy, described=stack_card)
    widen(sft_adapter, tmp_path / "initial", 4, 0)
    parent, stack = saved(tmp_path / "initial"), saved(tmp_path / "adapter")
    for name, before in parent.items():
        a = ".lora_A." in name
        assert torch.equal(before[:8] if a else before[:, :8], (stack[name][:8] if a else stack[name][:, :8]))  # fmt: skip
        assert a or not torch.equal(before, stack[name])


@pytest.mark.slow
def test_displacement_ends_dpo_early_and_a_resumed_one_ends_in_the_same_bytes(
    tokenizer, pairs, sft_adapter, tmp_path, capsys
):
    """Without the likelihood term both sides fall; the limit is passed in the middle of the training."""
    plain = prefer(tokenizer, pairs, sft_adapter, tmp_path / "plain", max_displacement=None)
    history = read_json(last_whole(tmp_path / "plain" / WORK) / "trainer_state.json")["log_history"]
    fallen = [displacement(history[: n + 1], 0.1, 24) for n in range(24)]
    limit = max(fallen) / 2
    expected = next(n for n, share in enumerate(fallen, start=1) if share > limit)
    assert plain["stopped_early"] == 0 and 1 < expected < 24

    metrics = prefer(tokenizer, pairs, sft_adapter, tmp_path / "a", max_displacement=limit)
    assert (metrics["steps"], metrics["stopped_early"]) == (expected, 1)
    assert f"dpo: stopped at step {expected} of 24" in capsys.readouterr().err
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "b" / "adapter")
    prefer(tokenizer, pairs, sft_adapter, tmp_path / "b", max_displacement=limit)
    assert hash_path(tmp_path / "a" / "adapter") == hash_path(tmp_path / "b" / "adapter")


@pytest.mark.slow
def test_a_displaced_policy_is_measured_before_one_is_chosen(
    tokenizer, pairs, sft_adapter, tmp_path
):
    metrics = prefer(
        tokenizer, pairs, sft_adapter, tmp_path, planned(0.5, 0.4), max_displacement=1e-9
    )
    report = read_json(tmp_path / "probe.json")
    assert [entry["step"] for entry in report["evaluations"]] == [0, metrics["steps"]]
    assert report["stopped_at"] == metrics["kept_step"] == metrics["steps"] < 6


@pytest.mark.slow
@pytest.mark.parametrize("what", ["gradient", "loss", "weight"])
def test_what_is_not_finite_ends_the_training_and_is_never_a_whole_checkpoint(
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


@pytest.mark.slow
def test_every_step_is_logged_and_the_probe_beside_them(tokenizer, rows, tmp_path):
    learn(tokenizer, rows, tmp_path, planned(0.2, 0.4, 0.6, 0.5, 0.5))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text("utf-8").split("\n") if line]  # fmt: skip
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 9))
    assert [line["step"] for line in evaluations(lines)] == [0, 2, 4, 6, 8]
