"""A probe measures what an engine would serve, changes nothing, and asks the same whatever the order."""

import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from support.problems import exam
from support.tiny_models import stirred
from support.training import MODEL, QUICK, RENDERER, base_of_tests, card, job, rows_of

from koalign.adapters.cards import adapter_id
from koalign.config.engine import Engine
from koalign.config.inputs import Model, Sampling
from koalign.config.training import Probing, Training
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.engines.drawing import requests_for
from koalign.engines.opening import open_engine
from koalign.engines.probe import Probe, open_probe
from koalign.grading.grade import grade
from koalign.records import KoalignError, Problem
from koalign.training.guards import Watch
from koalign.training.policy import fresh_policy
from koalign.training.sft import train_sft

pytestmark = pytest.mark.slow

FEW = Probing(problems=12, max_tokens=16, batch_size=5)


def opened(tokenizer, train, dev, section=FEW, base=None, **needed) -> Probe | None:
    base = base or base_of_tests()
    return open_probe("sft", section, RENDERER, tokenizer, base, train, dev, **needed)


def awake(model: Model = MODEL):
    """A policy whose adapter already changes what is written."""
    return stirred(fresh_policy(model, 8, 8, seed=0), seed=0)


def test_the_sample_is_the_same_in_any_order_of_the_files(tokenizer):
    train, dev = exam("train")[:60], exam("dev")[:60]
    one = opened(tokenizer, train, dev)
    other = opened(tokenizer, train[::-1], random.Random(0).sample(dev, 60))
    assert one.sides == other.sides
    assert [len(requests) for requests in one.sides.values()] == [12, 12]
    assert {r.problem_id for r in one.sides["train"]} <= {p.id for p in train}
    assert {r.problem_id for r in one.sides["held_out"]} <= {p.id for p in dev}


def test_only_what_a_rule_can_verify_is_asked(tokenizer):
    unknown = exam("dev")[0].model_copy(update={"answers": ()})
    long = Problem(question="왜 그런가?", kind="long", answers=("그러하기 때문이다.",))
    probe = opened(tokenizer, exam("train")[:3], [unknown, long, exam("dev")[1]])
    assert [r.problem_id for r in probe.sides["held_out"]] == [exam("dev")[1].id]


def test_without_dev_there_is_no_probe_and_one_line_says_so(tokenizer, capsys):
    assert opened(tokenizer, exam("train")[:3], []) is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "sft: no probe" in said and "data.dev_share" in said
    assert opened(tokenizer, exam("train"), exam("dev"), Probing(problems=0)) is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("dev", "problems", "why"),
    [(0, 100, "no problem in dev.*; set data.dev"), (3, 0, "probe.problems is 0; raise it")],
)
def test_a_training_to_its_plateau_needs_a_probe(dev, problems, why, tokenizer, capsys):
    with pytest.raises(
        KoalignError, match=f"sft: sft.epochs auto .*{why}, or sft.epochs to a"
    ) as raised:
        opened(
            tokenizer, exam("train")[:3], exam("dev")[:dev], Probing(problems=problems), needed=True
        )
    assert "\n" not in str(raised.value) and capsys.readouterr().err == ""


def test_a_problem_that_fills_the_context_is_left_out_and_said(tokenizer, capsys):
    long = exam("dev")[0].model_copy(update={"passage": "아주 긴 글이다. " * 400})
    probe = opened(tokenizer, exam("train")[:3], [long, exam("dev")[1]])
    assert [r.problem_id for r in probe.sides["held_out"]] == [exam("dev")[1].id]
    assert "leaves out 1 of 2 problems (held_out)" in capsys.readouterr().err


def test_a_probe_finds_what_the_engine_serves_from_the_saved_adapter(tokenizer, tmp_path):
    from koalign.training.fit import save_adapter

    policy = awake()
    found = opened(tokenizer, exam("train")[:40], exam("dev")[:40])
    measured = found(policy)
    save_adapter(policy, tmp_path / "adapter", card("sft", 8))
    with open_engine(Engine(backend="hf"), MODEL, base_of_tests(), []) as engine:
        for side, pool in (("train", "train"), ("held_out", "dev")):
            names = [r.problem_id for r in found.sides[side]]
            problems = [p for p in exam(pool) if p.id in names]
            asked = [RENDERER.render(problem, "answer") for problem in problems]
            drawn = engine.generate(
                requests_for(engine, asked, tmp_path / "adapter"),
                Sampling(temperature=0, max_tokens=16), seed=0,
            )  # fmt: skip
            right = [
                grade(problem, sample.text, sample.finish_reason).correct
                for problem, (sample,) in zip(problems, drawn, strict=True)
            ]
            assert measured[side] == sum(right) / 12 and measured[f"{side}_n"] == 12
    assert set(measured) == {
        "train", "train_n", "held_out", "held_out_n", "tokens", "cut", "unreadable",
    }  # fmt: skip


def test_an_answer_that_runs_into_the_end_of_the_context_is_cut_and_no_error(tokenizer):
    dev = exam("dev")[:4]
    probe = opened(tokenizer, exam("train")[:4], dev, Probing(max_tokens=10**6))
    longest = max(len(r.prompt_ids) for side in probe.sides.values() for r in side)
    tight = base_of_tests().model_copy(update={"context": longest + 3})

    def measured(**batch: int) -> dict[str, float]:
        section = Probing(max_tokens=10**6, **batch)
        return opened(tokenizer, exam("train")[:4], dev, section, tight)(awake())

    found = measured()
    rooms = [longest + 3 - len(r.prompt_ids) for side in probe.sides.values() for r in side]
    assert min(rooms) == 3 and max(rooms) > 10
    assert found["cut"] >= 1 / len(rooms) and 3 < found["tokens"] <= sum(rooms) / len(rooms)
    assert measured(batch_size=1) == measured(batch_size=3) == found


def test_a_probe_leaves_modes_weights_adapter_and_random_numbers_as_they_were(tokenizer):
    policy = awake()
    policy.train()
    policy.base_model.model.lm_head.eval()  # a mixture of modes is kept as well
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    modes = [module.training for module in policy.modules()]
    torch.manual_seed(5)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    opened(tokenizer, exam("train")[:12], exam("dev")[:12])(policy)
    assert all(torch.equal(before[name], t) for name, t in policy.state_dict().items())
    assert [module.training for module in policy.modules()] == modes
    assert policy.active_adapters == ["default"]
    assert all(p.requires_grad == ("lora_" in name) for name, p in policy.named_parameters())
    assert torch.equal(states[0], torch.get_rng_state())
    assert (np.random.get_state()[1].tolist(), random.getstate()) == states[1:]


PRECISIONS = {
    "float32": Model(path="builtin:tiny-ko"),
    "bfloat16": Model(path="builtin:tiny-ko", dtype="bfloat16"),
    "4-bit": Model(path="builtin:tiny-ko", load_in_4bit=True),
}


@pytest.mark.parametrize("packing", ["groups", "trl"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_probe_changes_nothing_of_what_is_trained(precision, packing, tokenizer, tmp_path):
    """With gradient checkpointing on; the probe says the same accuracy each time, so the last is kept."""
    training = Training(packing=packing)
    probing = FEW.model_copy(update={"evaluations": 2})
    section = QUICK.model_copy(update={"gradient_checkpointing": True, "epochs": 2.0})
    rows = rows_of(tokenizer, exam("train")[:16])
    probe = opened(tokenizer, exam("train")[:12], exam("dev")[:12])
    asked = []

    def measure(model) -> dict[str, float]:
        asked.append(probe(model))
        return {**asked[-1], "held_out": 0.5}

    for name, watched in (("with", measure), ("without", None)):
        out: Path = tmp_path / name
        start = partial(fresh_policy, PRECISIONS[precision], 8, 8, seed=0)
        watch = Watch(probing, out / "probe.json", watched)
        train_sft(job(start, tokenizer, card("sft", 8), section, out, training, watch), rows)
    assert len(asked) == 3 and asked[0] != asked[-1]
    # The card tells of the probe; the id is of the weights and their configuration.
    assert adapter_id(tmp_path / "with" / "adapter") == adapter_id(tmp_path / "without" / "adapter")


def test_a_pass_in_eval_mode_leaves_the_gradients_of_a_4_bit_base_as_they_are():
    """bitsandbytes has a kernel for CPUs that eval mode switches to, for good, and that has no gradient."""
    ids = torch.arange(5, 40)[None]

    def gradients(*, asked_before: bool) -> torch.Tensor:
        policy = awake(PRECISIONS["4-bit"])
        if asked_before:
            with torch.no_grad():
                policy.eval()(input_ids=ids)
        policy.train()(input_ids=ids, labels=ids).loss.backward()
        return torch.cat([p.grad.flatten() for p in policy.parameters() if p.requires_grad])

    assert torch.equal(gradients(asked_before=True), gradients(asked_before=False))


def test_gold_texts_that_no_rule_verifies_are_measured_by_their_likelihood(tokenizer):
    long = [
        Problem(question=f"{n}번 까닭은?", kind="long", answers=(f"{n}번은 그러하기 때문이다.",))
        for n in range(8)
    ]
    probe = opened(tokenizer, long[:5], long[5:], needed=True)
    policy = awake()
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    measures = probe(policy)
    assert (measures["train_n"], measures["held_out_n"]) == (5, 3)
    assert 0 < measures["held_out"] < 1 and 0 < measures["held_out_error"] < 1
    prompts = [RENDERER.render(problem, "answer") for problem in long[5:]]
    ids = completion_ids(tokenizer, prompts, [RENDERER.target(problem) for problem in long[5:]])
    means = []
    for prompt, target in zip(prompt_ids(tokenizer, prompts), ids, strict=True):
        with torch.no_grad():
            logits = policy.eval()(input_ids=torch.tensor([[*prompt, *target]])).logits[0]
        logps = logits.log_softmax(dim=-1)[len(prompt) - 1 : -1]
        means.append(float(logps[range(len(target)), target].mean()))
    assert measures["held_out"] == pytest.approx(np.exp(np.mean(means)), rel=1e-3)
    assert all(torch.equal(before[name], value) for name, value in policy.state_dict().items())
