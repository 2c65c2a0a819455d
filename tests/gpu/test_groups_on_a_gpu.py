"""On a GPU, in bfloat16 and on a 4-bit base: groups agree with one completion at a time, and DPO learns.

Run with `pytest -m gpu`; where there is no GPU these are not collected.
"""

from importlib.util import find_spec

import pytest
import torch
from support.problems import exam
from support.training import QUICK_DPO, TRAINING, card, pairs_of

from koalign.adapters.base import load_tokenizer
from koalign.config.inputs import Model
from koalign.config.training import Training
from koalign.engines import group_attention
from koalign.training.dpo import dpo_trainer
from koalign.training.fit import fit
from koalign.training.policy import continued_policy
from koalign.training.scoring import token_logps

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

BASES = [
    Model(path="builtin:tiny-ko", dtype="float32"),
    Model(path="builtin:tiny-ko", dtype="bfloat16"),
    pytest.param(
        Model(path="builtin:tiny-ko", dtype="bfloat16", load_in_4bit=True),
        marks=pytest.mark.skipif(not find_spec("bitsandbytes"), reason="needs bitsandbytes"),
    ),
]


def named(model: Model) -> str:
    return f"{model.dtype} {'nf4' * model.load_in_4bit}"


@pytest.fixture(scope="module")
def pairs():
    return pairs_of(load_tokenizer(BASES[0]), exam("train")[:16], each=2)


@pytest.mark.parametrize("model", BASES, ids=named)
def test_groups_agree_with_one_completion_at_a_time(model, parent, pairs):
    packed = token_logps(continued_policy(model, parent), pairs, TRAINING)
    alone = token_logps(continued_policy(model, parent), pairs, Training(packing="trl"))
    differences = torch.tensor(
        [
            abs(a - b)
            for ours, theirs in zip(packed, alone, strict=True)
            for side, other in zip(ours, theirs, strict=True)
            for a, b in zip(side, other, strict=True)
        ]
    )
    exact = model.dtype == "float32"
    assert differences.max() < 1e-3 if exact else differences.mean() < 0.05


@pytest.mark.parametrize("model", BASES, ids=named)
def test_16_bits_take_one_call_a_layer_and_row(model, parent, pairs, monkeypatch):
    calls, real = [], group_attention.varlen_attn
    monkeypatch.setattr(
        group_attention, "varlen_attn", lambda *a, **k: calls.append(a) or real(*a, **k)
    )
    policy = continued_policy(model, parent)
    token_logps(policy, pairs, TRAINING)
    layers = policy.get_base_model().config.num_hidden_layers
    assert len(calls) % layers == 0
    assert bool(calls) == (model.dtype != "float32")


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("model", BASES, ids=named)
def test_dpo_starts_at_the_reference_and_learns(model, checkpointing, parent, pairs, tmp_path):
    policy = continued_policy(model, parent)
    reference = token_logps(policy, pairs, TRAINING)
    section = QUICK_DPO.model_copy(update={"epochs": 4, "gradient_checkpointing": checkpointing})
    trainer = dpo_trainer(
        policy, load_tokenizer(model), pairs, reference, section, TRAINING, tmp_path, 0
    )
    seen = []
    fit(trainer, card("dpo", 8), lambda metrics, step: seen.append(metrics))
    steps = [metrics for metrics in seen if "rewards/margins" in metrics]
    assert abs(steps[0]["rewards/margins"]) < (1e-3 if model.dtype == "float32" else 0.05)
    assert steps[-1]["rewards/margins"] > steps[0]["rewards/margins"] + 0.05
