"""Reference log-probabilities and CHES are those of one completion at a time, whatever stands beside it."""

import math
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.problems import exam
from support.tiny_models import logps_alone
from support.training import MODEL, RENDERER, TRAINING, base_of_tests, pairs_of, trained_adapter

from koalign.config.sections import Config
from koalign.config.training import Training
from koalign.engines.engine import Request
from koalign.engines.layout import Span
from koalign.hashing import hash_path
from koalign.jsonl import read_json, write_json, write_jsonl
from koalign.records import KoalignError
from koalign.reports.views import print_run, run_summary
from koalign.run import execute
from koalign.stages.dpo import REFERENCE, read_logps, write_logps
from koalign.text.visible import say_once
from koalign.training.policy import continued_policy
from koalign.training.scoring import ln_ches, token_logps

pytestmark = pytest.mark.slow

FLOATS = st.floats(-60, 0, width=32)


@given(st.lists(st.tuples(st.lists(FLOATS, min_size=1), st.lists(FLOATS, min_size=1))))
def test_log_probabilities_come_back_from_disk(tmp_path_factory, logps):
    path = tmp_path_factory.mktemp("logps") / "logps.safetensors"
    write_logps(path, logps)
    assert read_logps(path) == logps


@pytest.fixture(scope="module")
def pairs(tokenizer):
    return pairs_of(tokenizer, exam("train")[:6], each=2)


@pytest.mark.parametrize("training", [Training(), Training(row_tokens=16), Training(packing="trl")])
def test_the_reference_is_the_log_softmax_of_the_plain_model(training, pairs, parent):
    found = token_logps(continued_policy(MODEL, parent), pairs, training)
    plain = continued_policy(MODEL, parent).eval()
    for pair, sides in zip(pairs, found, strict=True):
        for side, logps in zip((pair.chosen, pair.rejected), sides, strict=True):
            with torch.no_grad():
                expected = logps_alone(plain, pair.prompt_ids, side.token_ids)
            assert logps == pytest.approx(expected.tolist(), abs=1e-4)


def test_ches_is_its_definition_on_single_unpadded_rows(pairs, parent):
    plain = continued_policy(MODEL, parent).eval()

    def states(pair, side):
        ids = torch.tensor([[*pair.prompt_ids, *side.token_ids]])
        with torch.no_grad():
            hidden = plain(input_ids=ids, output_hidden_states=True).hidden_states[-1][0]
        return hidden[len(pair.prompt_ids) - 1 : -1].sum(dim=0).double()

    expected = []
    for pair in pairs:
        plus, minus = states(pair, pair.chosen), states(pair, pair.rejected)
        n = len(pair.chosen.token_ids), len(pair.rejected.token_ids)
        expected.append(float(plus @ minus) / (n[0] * n[1]) - float(plus @ plus) / n[0] ** 2)
    assert min(map(abs, expected)) > 0.01
    assert ln_ches(parent, MODEL, pairs, TRAINING) == pytest.approx(expected, rel=1e-3)


def test_ches_does_not_depend_on_neighbours_rows_or_packing(pairs, parent):
    together = ln_ches(parent, MODEL, pairs, TRAINING)
    for training in (Training(row_tokens=16), Training(packing="trl")):
        assert ln_ches(parent, MODEL, pairs, training) == pytest.approx(together, rel=1e-4)
    for ches, pair in zip(together[:3], pairs[:3], strict=True):
        assert ln_ches(parent, MODEL, [pair], TRAINING) == pytest.approx([ches], rel=1e-4)
    backwards = ln_ches(parent, MODEL, pairs[::-1], TRAINING)
    assert backwards[::-1] == pytest.approx(together, rel=1e-4)


def test_ches_of_two_equal_sides_is_0(pairs, parent):
    same = [pair.model_copy(update={"rejected": pair.chosen}) for pair in pairs]
    assert ln_ches(parent, MODEL, same, TRAINING) == pytest.approx([0] * len(same), abs=1e-5)


def test_a_model_on_which_packing_is_not_exact_is_computed_without_it(
    pairs, parent, monkeypatch, capsys
):
    """Here the packing is broken; it might as well be the model."""
    expected = token_logps(continued_policy(MODEL, parent), pairs, Training(packing="trl"))
    places = property(lambda span: torch.arange(span.stop - span.start))
    monkeypatch.setattr(Span, "positions", places)
    say_once.cache_clear()
    policy = continued_policy(MODEL, parent)
    for _ in range(2):  # the line is for the first
        found = token_logps(policy, pairs, TRAINING)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours[0] == pytest.approx(theirs[0], abs=1e-5)
            assert ours[1] == pytest.approx(theirs[1], abs=1e-5)
    said = capsys.readouterr().err
    assert said.startswith(
        "training.packing: trl, since groups is not exact on this model (log-prob"
    )
    assert said.count("\n") == 1


@pytest.fixture(scope="module")
def samples(pairs, parent):
    """The sides of the pairs as an engine would have drawn them, with what transformers makes of them."""
    plain = continued_policy(MODEL, parent).eval()
    drawn = []
    for number, pair in enumerate(pairs):
        for index, side in enumerate((pair.chosen, pair.rejected)):
            with torch.no_grad():
                logprob = float(logps_alone(plain, pair.prompt_ids, side.token_ids).sum())
            request = Request(pair.problem_id, pair.prompt_ids, parent, first=2 * number)
            ids = side.token_ids
            drawn.append(request.sample(2 * number + index, "", "", ids, round(logprob, 3), True))
    return drawn


@pytest.fixture
def run_dir(tmp_path, pairs, samples, parent):
    """What the reference stage reads, as the stages before would have left it."""
    for stage in ("prepare", "samples", "pairs", "sft"):
        (tmp_path / stage).mkdir()
        write_json(tmp_path / stage / "manifest.json", manifest(stage))
    write_json(tmp_path / "prepare" / "base.json", base_of_tests().model_dump(mode="json"))
    write_jsonl(tmp_path / "samples" / "samples.jsonl", samples)
    write_jsonl(tmp_path / "pairs" / "pairs.jsonl", pairs)
    shutil.copytree(parent, tmp_path / "sft" / "adapter")
    return tmp_path


def manifest(stage: str) -> dict:
    return {
        "stage": stage, "fingerprint": "", "template": "", "outputs": {}, "counts": {}, "metrics": {},
        "koalign": "", "git": None, "packages": {}, "seconds": 0, "peak_memory_mb": 0,
    }  # fmt: skip


CONFIG = Config.model_validate({"model": {"path": "builtin:tiny-ko"}, "data": {"train": ["x"]}})


def other_tokenizer(run_dir):
    base = read_json(run_dir / "prepare" / "base.json")
    write_json(run_dir / "prepare" / "base.json", {**base, "tokenizer_hash": "other"})


def other_pairs(run_dir):
    lines = (run_dir / "pairs" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    (run_dir / "pairs" / "pairs.jsonl").write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")


def other_weights(run_dir):
    shutil.rmtree(run_dir / "sft" / "adapter")
    trained_adapter(run_dir / "sft" / "adapter", rank=8, seed=4)


@pytest.mark.parametrize("change", [other_pairs, other_weights])
def test_reference_log_probabilities_are_kept_until_what_they_stand_on_changes(change, run_dir):
    first, ran = execute(REFERENCE, CONFIG, run_dir)
    assert ran and first.counts["pairs"] == 12
    kept, ran = execute(REFERENCE, CONFIG, run_dir)
    assert not ran and kept.outputs == first.outputs
    change(run_dir)
    with pytest.raises(KoalignError, match="reference was made with another"):
        execute(REFERENCE, CONFIG, run_dir)
    again, ran = execute(REFERENCE, CONFIG, run_dir, force=True)
    assert ran and again.outputs != first.outputs


def test_the_reference_reports_how_near_the_engine_is(run_dir, capsys):
    made, _ = execute(REFERENCE, CONFIG, run_dir)
    assert made.metrics["completions"] == 18  # each chosen side stands in two pairs
    assert made.metrics["difference"] < 1e-3
    assert made.metrics["ratio"] == pytest.approx(1, abs=1e-3)
    assert made.metrics["largest_ratio"] == pytest.approx(1, abs=1e-3)
    assert made.metrics["effective_share"] == pytest.approx(1, abs=1e-3)
    said = capsys.readouterr().err
    assert said.count("reference: ") == 1 and "over 18 completions" in said


def test_samples_of_another_model_are_reported_and_shown(run_dir, samples, capsys):
    """As from fp8 or a quantised copy: here every token is 0.3 nats likelier at the engine."""
    wrong = [s.model_copy(update={"logprob": s.logprob + 0.3 * len(s.token_ids)}) for s in samples]
    execute(REFERENCE, CONFIG, run_dir)
    before = hash_path(run_dir / "reference" / "logps.safetensors")
    write_jsonl(run_dir / "samples" / "samples.jsonl", wrong)
    capsys.readouterr()
    with pytest.raises(KoalignError, match="reference was made with another samples"):
        execute(REFERENCE, CONFIG, run_dir)
    made, _ = execute(REFERENCE, CONFIG, run_dir, force=True)
    assert made.metrics["ratio"] == pytest.approx(math.exp(-0.3), abs=1e-3)
    assert made.metrics["largest_ratio"] == pytest.approx(math.exp(0.3), abs=1e-3)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("reference:")]
    assert len(lines) == 2 and "engine.vllm.quantization" in lines[1]
    # What DPO trains on is as before, so DPO is not stale.
    assert hash_path(run_dir / "reference" / "logps.safetensors") == before
    print_run(run_summary(run_dir, ["reference", "evaluate"]))
    shown = capsys.readouterr().out
    assert all(line in shown for line in lines)


def test_another_tokenizer_makes_the_reference_stale_and_the_adapter_unfit(run_dir):
    execute(REFERENCE, CONFIG, run_dir)
    other_tokenizer(run_dir)
    with pytest.raises(KoalignError, match="reference was made with another"):
        execute(REFERENCE, CONFIG, run_dir)
    with pytest.raises(KoalignError, match="tokenizer"):
        execute(REFERENCE, CONFIG, run_dir, force=True)


def test_another_template_makes_the_reference_stale(run_dir):
    execute(REFERENCE, CONFIG, run_dir)
    prompt = CONFIG.prompt.model_copy(update={"template": "direct"})
    direct = CONFIG.model_copy(update={"prompt": prompt})
    with pytest.raises(KoalignError, match="reference was made with"):
        execute(REFERENCE, direct, run_dir)
    with pytest.raises(KoalignError, match=f"trained with prompt template {RENDERER.hash}"):
        execute(REFERENCE, direct, run_dir, force=True)


def test_the_step_0_policy_is_the_reference(run_dir, pairs, parent):
    execute(REFERENCE, CONFIG, run_dir)
    kept = read_logps(run_dir / "reference" / "logps.safetensors")
    now = token_logps(continued_policy(MODEL, parent), pairs, TRAINING)
    assert len(kept) == len(now) == len(pairs)
    values = [[v for pair in logps for side in pair for v in side] for logps in (kept, now)]
    assert np.allclose(*values) and not np.isnan(values[0]).any()
