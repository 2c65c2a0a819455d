"""A base in parts on two processes is the base in one: gradients, losses, adapter, reference, CHES."""

from functools import partial

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from support.events import steps_of
from support.problems import exam
from support.process_tasks import gradients
from support.tiny_models import tiny_folder
from support.training import MODEL, QUICK, TRAINING, card, job, pairs_of, rows_of

from koalign.adapters.base import load_tokenizer
from koalign.config.inputs import Model
from koalign.config.training import Training
from koalign.records import KoalignError
from koalign.training.launch import launched
from koalign.training.policy import continued_policy, fresh_policy
from koalign.training.scoring import ln_ches, reference_logps
from koalign.training.sft import train_sft
from koalign.training.shard import open_policy

EXACT = 1e-6
SHARDED = Training(processes=2, shard="fsdp", row_tokens=130)
ONE = Training(row_tokens=130)
BASES = {"float32": MODEL, "NF4": MODEL.model_copy(update={"load_in_4bit": True})}


@pytest.fixture(params=BASES)
def start(request):
    """A fresh adapter on a base in float32, and on one in 4 bits."""
    return partial(fresh_policy, BASES[request.param], 8, 16, 0)


@pytest.mark.slow
def test_gradients_are_those_of_one_process_and_each_holds_half_of_the_base(
    start, tokenizer, tmp_path
):
    """Five rows on two processes: the second makes a pass without a row."""
    rows = rows_of(tokenizer, exam("train")[:5])
    alone, whole, _ = gradients(start, tokenizer, rows, ONE, tmp_path)
    sharded, of, here = launched(
        "sft", SHARDED, gradients, start, tokenizer, rows, SHARDED, tmp_path
    )
    assert sharded.keys() == alone.keys()
    assert max(float((sharded[name] - alone[name]).abs().max()) for name in alone) <= EXACT
    assert of == whole and whole / 2 <= here <= 1.01 * whole / 2  # an odd dimension is rounded up


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qwen3_moe", "gemma2"])
def test_gradients_with_an_untied_head_experts_and_capped_scores(name, tmp_path):
    base = Model(path=str(tiny_folder(name, tmp_path / name)))
    tokenizer, start = load_tokenizer(base), partial(fresh_policy, base, 8, 16, 0)
    rows = rows_of(tokenizer, exam("train")[:3])
    alone, _, _ = gradients(start, tokenizer, rows, ONE, tmp_path)
    sharded, _, _ = launched("sft", SHARDED, gradients, start, tokenizer, rows, SHARDED, tmp_path)
    for tensor, gradient in alone.items():
        assert torch.allclose(sharded[tensor], gradient, rtol=1e-4, atol=EXACT), tensor


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [False, True])
def test_losses_and_the_adapter_after_five_steps(start, checkpointing, tokenizer, tmp_path):
    rows = rows_of(tokenizer, exam("train")[:15])
    section = QUICK.model_copy(
        update={"batch_size": 3, "learning_rate": 1e-4, "gradient_checkpointing": checkpointing}
    )
    logs, adapters = [], []
    for name, training in (("one", ONE), ("two", SHARDED)):
        train_sft(job(start, tokenizer, card("sft", 8), section, tmp_path / name, training), rows)
        logs.append([line["loss"] for line in steps_of(tmp_path / name) if "loss" in line])
        adapters.append(load_file(tmp_path / name / "adapter" / "adapter_model.safetensors"))
    assert len(logs[0]) == 5 and logs[1] == pytest.approx(logs[0], abs=EXACT)
    one, two = adapters
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) <= EXACT


@pytest.mark.slow
def test_the_reference_and_ches_of_shards_are_those_of_the_whole(parent, tokenizer):
    pairs = pairs_of(tokenizer, exam("train")[:5], each=2)
    start = partial(continued_policy, MODEL, parent)
    whole, parts = (reference_logps(start, pairs, training) for training in (ONE, SHARDED))
    for (chosen, rejected), (a, b) in zip(whole, parts, strict=True):
        assert [*a, *b] == pytest.approx([*chosen, *rejected], abs=1e-5)
    whole, parts = (ln_ches(parent, MODEL, pairs, training) for training in (TRAINING, SHARDED))
    assert parts == pytest.approx(whole, abs=1e-4)


@pytest.mark.slow
def test_one_process_may_keep_its_base_in_the_machines_memory(tokenizer, parent):
    pairs = pairs_of(tokenizer, exam("train")[:2])
    start, training = partial(continued_policy, MODEL, parent), Training(shard="fsdp-offload")
    expected = reference_logps(start, pairs, TRAINING)
    found = reference_logps(start, pairs, training)
    assert all(torch.allclose(torch.tensor(a), torch.tensor(b), atol=1e-5)
               for pair, other in zip(expected, found, strict=True) for a, b in zip(pair, other, strict=True))  # fmt: skip


def test_fewer_processes_than_asked_do_not_train():
    with pytest.raises(KoalignError, match="2 processes were asked for, and 1 run"):
        open_policy(partial(fresh_policy, MODEL, 8, 16, 0), SHARDED)


@pytest.mark.parametrize(
    "settings, line",
    [
        ({"shard": "fsdp", "processes": 2, "packing": "trl"}, "packing trl"),
        ({"shard": "fsdp-offload", "packing": "trl"}, "packing trl takes shard none"),
        ({"shard": "fsdp"}, "processes is 1; raise it, or take fsdp-offload"),
        ({"shard": "zero3"}, "'none', 'fsdp' or 'fsdp-offload'"),
        ({"processes": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, line):
    with pytest.raises(ValidationError, match=line):
        Training(**settings)
