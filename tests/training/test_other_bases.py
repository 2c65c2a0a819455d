"""Mixtures of experts, and bases on which groups cannot be exact: they load, train, sample and score."""

import io
import math
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from support.problems import exam
from support.tiny_models import UNSHARED, logps_alone, tiny_folder
from support.training import QUICK, QUICK_DPO, TRAINING, card, job, pairs_of, rows_of

from koalign.adapters.base import identify, load_base, load_tokenizer
from koalign.adapters.lora import read_lora
from koalign.config.engine import Engine
from koalign.config.inputs import Model, Sampling
from koalign.config.training import Training
from koalign.engines.engine import Question, Request
from koalign.engines.opening import open_engine
from koalign.records import KoalignError
from koalign.text.visible import say_once
from koalign.training.dpo import dpo_trainer
from koalign.training.fit import fit
from koalign.training.policy import continued_policy, fresh_policy
from koalign.training.scoring import token_logps
from koalign.training.sft import train_sft

pytestmark = pytest.mark.slow

GREEDY = Sampling(temperature=0, top_p=1, max_tokens=5)


@pytest.fixture(scope="module", params=["qwen3_moe", *UNSHARED])
def base(request, tmp_path_factory) -> Model:
    return Model(path=str(tiny_folder(request.param, tmp_path_factory.mktemp(request.param))))


@pytest.fixture(scope="module")
def tokenizer(base):
    return load_tokenizer(base)


@pytest.fixture(scope="module")
def trained(base, tokenizer, tmp_path_factory) -> tuple[Path, str]:
    """An SFT adapter, and what the training said."""
    say_once.cache_clear()
    out = tmp_path_factory.mktemp("sft")
    rows = rows_of(tokenizer, exam("train")[:8])
    with redirect_stderr(io.StringIO()) as said:
        train_sft(
            job(lambda: fresh_policy(base, 8, 16, seed=0), tokenizer, card("sft", 8), QUICK, out),
            rows,
        )
    lines = [line for line in said.getvalue().splitlines() if line.startswith("training.packing")]
    return out / "adapter", "\n".join(lines)


def test_where_groups_are_not_exact_trl_takes_their_place_and_says_what_it_costs(base, trained):
    kind = Path(base.path).name[:-1]
    if kind == "qwen3_moe":
        assert trained[1] == ""
        return
    why = "attention sinks" if kind == "gpt_oss" else "linear_attention"
    assert f"training.packing: trl, since groups cannot be exact on {kind} ({why})" in trained[1]
    assert "1.0 times the tokens" in trained[1] and trained[1].count("\n") == 0


def test_dpo_starts_at_its_reference_and_learns(base, tokenizer, trained, tmp_path):
    pairs = pairs_of(tokenizer, exam("train")[:4], each=2)
    reference = token_logps(continued_policy(base, trained[0]), pairs, TRAINING)
    policy = continued_policy(base, trained[0])
    trainer = dpo_trainer(
        policy, tokenizer, pairs, reference, QUICK_DPO, TRAINING, tmp_path, seed=0
    )
    seen: list[dict] = []
    fit(trainer, card("dpo", 8), lambda metrics, step: seen.append(metrics))
    assert seen[0]["rewards/margins"] == pytest.approx(0, abs=1e-4)
    assert math.isfinite(seen[-1]["train_loss"])


def test_an_adapter_samples_and_scores_as_transformers_alone(base, tokenizer, trained):
    adapter = trained[0]
    prompts = [tuple(ids) for ids, _ in rows_of(tokenizer, exam("dev")[:3])]
    candidates = ((5,), (7, 9))
    with open_engine(Engine(backend="hf"), base, identify(base), [adapter]) as engine:
        asked = [Request(str(n), ids, adapter, n=2) for n, ids in enumerate(prompts)]
        drawn = engine.generate(asked, GREEDY, seed=0)
        scores = dict(engine.score([Question(ids, candidates, adapter) for ids in prompts]))
    model = PeftModel.from_pretrained(load_base(base, quantized=False), adapter).eval()
    for number, (ids, samples) in enumerate(zip(prompts, drawn, strict=True)):
        written = model.generate(
            input_ids=torch.tensor([ids]), max_new_tokens=5, do_sample=False,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )[0, len(ids) :]  # fmt: skip
        assert [sample.token_ids for sample in samples] == [tuple(written.tolist())] * 2
        with torch.no_grad():
            alone = [logps_alone(model, ids, c).sum().item() for c in candidates]
        assert scores[number] == pytest.approx(alone, abs=2e-3)


def test_experts_are_not_adapted_so_that_adapters_can_be_summed(base, trained):
    assert not any("expert" in name for name in read_lora(trained[0]).modules)


@pytest.mark.parametrize("base", UNSHARED, indirect=True)
def test_processes_cannot_share_rows_that_are_not_exact(base, tokenizer, tmp_path):
    from koalign.training.sft import sft_trainer

    rows = rows_of(tokenizer, exam("train")[:2])
    with pytest.raises(KoalignError, match=r"training\.processes: groups cannot be exact"):
        sft_trainer(
            fresh_policy(base, 4, 4, 0), tokenizer, rows, QUICK, Training(processes=2), tmp_path, 0
        )
