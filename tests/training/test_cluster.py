"""Training on a Ray cluster is training here, a lost worker comes back, and what is refused is one line."""

import importlib.util
from functools import partial

import pytest
from support.kills import content
from support.problems import exam
from support.process_tasks import end_in, places, sft_that_is_lost_once
from support.training import MODEL, QUICK, card, job, rows_of

from koalign.config.training import Training
from koalign.records import KoalignError
from koalign.training.fit import train
from koalign.training.launch import launched
from koalign.training.policy import fresh_policy
from koalign.training.sft import train_sft

TWO = {"processes": 2, "row_tokens": 130}


@pytest.mark.slow
def test_a_worker_is_lost_and_back_and_the_adapter_is_that_of_torchrun(tokenizer, tmp_path):
    rows = rows_of(tokenizer, exam("train")[:12])
    section = QUICK.model_copy(update={"save_steps": 1})
    start = partial(fresh_policy, MODEL, 8, 16, 0)
    for name, trainer, training in (
        ("torchrun", None, Training(**TWO)),
        ("ray", sft_that_is_lost_once, Training(**TWO, launcher="ray")),
    ):
        learning = job(start, tokenizer, card("sft", 8), section, tmp_path / name, training)
        if trainer:
            train(learning, trainer, rows)
        else:
            train_sft(learning, rows)
    assert (tmp_path / "ray" / "lost").exists()
    assert content(tmp_path / "ray" / "adapter") == content(tmp_path / "torchrun" / "adapter")


@pytest.mark.slow
def test_workers_meet_and_what_one_refuses_is_refused_in_the_same_words():
    training = Training(processes=2, launcher="ray")
    assert launched("sft", training, places, "가") == ([(0, "가"), (1, "가")], "first: 0")
    with pytest.raises(KoalignError) as raised:
        launched("sft", training, end_in, 1, "refuse")
    assert str(raised.value) == "sft: the loss of step 3 is not finite; lower it"


def test_without_ray_it_is_one_line_that_says_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "ray" else find(name, *rest),
    )
    with pytest.raises(KoalignError) as raised:
        launched("sft", Training(launcher="ray"), places, "가")
    assert str(raised.value).startswith(
        "training.launcher: ray is not installed; pip install 'koalign[ray]'"
    )
