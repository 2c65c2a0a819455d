"""SFT with `epochs: auto` follows its schedule, keeps the best, and ends alike after it was cut off."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.events import steps_of
from support.problems import exam
from support.process_tasks import sft_with_short_rounds
from support.training import MODEL, QUICK, TRAINING, card, job, rows_of, watch

from koalign.config.training import Training
from koalign.hashing import WORK, hash_path
from koalign.jsonl import read_json
from koalign.training import plateau
from koalign.training.checkpoints import last_whole
from koalign.training.fit import train
from koalign.training.policy import fresh_policy
from koalign.training.sft import sft_trainer, train_sft

pytestmark = pytest.mark.slow

AUTO = QUICK.model_copy(update={"epochs": "auto", "warmup_ratio": 0.5, "save_steps": 3})
RISE = (0.2, 0.4, 0.6, 0.6, 0.6, 0.6, 0.65)
"""A plateau after five rounds, and a gain in the fall."""


def start():
    return fresh_policy(MODEL, 8, 8, seed=0)


@dataclass
class Planned:
    """A measure that finds these held-out accuracies, by how many it has been asked for."""

    shares: tuple[float, ...]
    asked: int = field(default=0)
    cut_off_at: int | None = None

    def __call__(self, model) -> dict[str, float]:
        if self.asked == self.cut_off_at:
            raise KeyboardInterrupt
        self.asked += 1
        return {
            "train": 0.5, "train_n": 100.0, "held_out": self.shares[self.asked - 1],
            "held_out_n": 100.0, "tokens": 10.0, "cut": 0.0, "unreadable": 0.0,
        }  # fmt: skip


@pytest.fixture(scope="module")
def rows(tokenizer):
    return rows_of(tokenizer, exam("train")[:16])


@pytest.fixture
def rounds_of_an_epoch(monkeypatch):
    """Sixteen examples, four a step: a round has four steps, and not the epochs that make 16."""
    monkeypatch.setattr(plateau, "ROUND_STEPS", 4)


def learn(tokenizer, rows, out: Path, measure, training: Training = TRAINING, **settings):
    found = watch(measure=measure, report=out / "probe.json", to_plateau=True, **settings)
    return train_sft(job(start, tokenizer, card("sft", 8), AUTO, out, training, found), rows)


def rates(out: Path) -> list[float]:
    return [line["learning_rate"] / AUTO.learning_rate for line in steps_of(out) if "loss" in line]


@pytest.mark.parametrize("packing", ["groups", "trl"])
def test_the_rate_falls_after_the_plateau_and_the_training_ends(
    packing, tokenizer, rows, tmp_path, capsys, rounds_of_an_epoch
):
    training = Training(packing=packing)
    metrics = learn(tokenizer, rows, tmp_path, Planned(RISE), training)
    shape = [0, 0.5, *[1] * 19, 0.75, 0.5, 0.25]
    assert rates(tmp_path) == pytest.approx(shape)
    ends = {"steps": 24, "kept_step": 24, "stopped_early": 0, "epochs": 6, "probe/held_out": 0.65}
    assert {name: metrics[name] for name in ends} == ends
    report = read_json(tmp_path / "probe.json")
    assert [entry["step"] for entry in report["evaluations"]] == [0, 4, 8, 12, 16, 20, 24]
    assert (report["epochs"], report["steps"], report["rate_falls_from"]) == (6, 24, 20)
    assert f"sft: 6 of at most 20 epochs: {report['reason']}\n" in capsys.readouterr().err


def test_the_best_evaluated_is_kept_where_the_fall_loses(
    tokenizer, rows, tmp_path, rounds_of_an_epoch
):
    metrics = learn(tokenizer, rows, tmp_path, Planned((0.2, 0.7, 0.5, 0.6, 0.5, 0.6)))
    assert (metrics["steps"], metrics["kept_step"]) == (20, 4)
    kept = tmp_path / WORK / "checkpoint-4" / "adapter_model.safetensors"
    assert hash_path(kept) == hash_path(tmp_path / "adapter" / "adapter_model.safetensors")


@pytest.mark.parametrize(("cut_off_at", "from_step"), [(2, 6), (5, 18), (6, 21)])
def test_cut_off_in_the_stable_part_or_in_the_fall_it_ends_in_the_same_bytes(
    cut_off_at, from_step, tokenizer, rows, tmp_path, rounds_of_an_epoch
):
    learn(tokenizer, rows, tmp_path / "whole", Planned(RISE))
    measure, out = Planned(RISE, cut_off_at=cut_off_at), tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        learn(tokenizer, rows, out, measure)
    assert last_whole(out / WORK).name == f"checkpoint-{from_step}"
    measure.cut_off_at = None
    learn(tokenizer, rows, out, measure)
    for name in ("adapter", "probe.json"):
        assert hash_path(out / name) == hash_path(tmp_path / "whole" / name)


def test_one_that_had_ended_is_not_trained_again(tokenizer, rows, tmp_path, rounds_of_an_epoch):
    measure = Planned(RISE)
    learn(tokenizer, rows, tmp_path, measure)
    before = hash_path(tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").unlink()
    learn(tokenizer, rows, tmp_path, measure)  # which has no accuracy left
    assert hash_path(tmp_path / "adapter") == before


def test_two_processes_fall_and_end_where_one_does(tokenizer, rows, tmp_path, rounds_of_an_epoch):
    outs = []
    for count in (1, 2):
        training, out = Training(processes=count, row_tokens=130), tmp_path / str(count)
        measure = Planned((0.2, 0.7, 0.6, 0.6))
        found = watch(measure=measure, report=out / "probe.json", to_plateau=True, patience=1)
        described = job(start, tokenizer, card("sft", 8), AUTO, out, training, found)
        train(described, sft_trainer if count == 1 else sft_with_short_rounds, rows)
        outs.append(out)
    one, two = (read_json(out / "probe.json") for out in outs)
    assert one == two and (one["steps"], one["rate_falls_from"], one["epochs"]) == (12, 8, 3)
    assert rates(outs[0]) == rates(outs[1]) == [0, 0.5, *[1] * 7, 0.75, 0.5, 0.25]


def test_auto_without_a_watch_to_the_plateau_is_a_mistake_of_the_caller(tokenizer, rows, tmp_path):
    with pytest.raises(ValueError, match="epochs auto"):
        train_sft(job(start, tokenizer, card("sft", 8), AUTO, tmp_path), rows)
