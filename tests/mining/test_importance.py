"""How far the engine that sampled is from the model in training, out of sums of log-probabilities."""

import math
import random

import pytest

from koalign.mining.pairs.importance import FAR, importance
from koalign.records import Completion, Pair, Sample


def side(*ids: int) -> Completion:
    return Completion(text="", token_ids=ids)


def pair(chosen: Completion, rejected: Completion, problem="p", order=(), reason="hard") -> Pair:
    return Pair(
        problem_id=problem, prompt="", prompt_ids=(1,), chosen=chosen, rejected=rejected, reason=reason,
        permutation=order,
    )  # fmt: skip


def sample(ids, logprob: float, problem="p", order=(), index=0) -> Sample:
    return Sample(
        problem_id=problem, index=index, adapter="a", text="", token_ids=ids, logprob=logprob,
        finish_reason="stop", permutation=order,
    )  # fmt: skip


def of_differences(differences: dict[int, float], length: int = 4):
    """Completions of `length` tokens whose sums differ by so much, in training and at the engine."""
    pairs, trained, samples = [], [], []
    for number, difference in differences.items():
        ids = (number, *range(length - 1))
        pairs.append(pair(side(*ids), side(0, 0)))
        trained.append(([-0.5] * length, [-1.0, -1.0]))
        samples.append(sample(ids, -0.5 * length - difference))
    return importance(pairs, trained, samples)


def test_the_same_model_has_ratios_of_1_and_all_of_its_samples():
    found = of_differences({7: 0.0, 8: 0.0})
    assert found.model_dump() == {
        "completions": 2, "difference": 0, "ratio": 1, "largest_ratio": 1, "effective_share": 1,
    }  # fmt: skip
    assert not found.far and len(found.lines) == 1


def test_the_figures_are_their_definitions():
    found = of_differences({7: 0.2, 8: -0.4, 9: 0.0})
    weights = [math.exp(0.2), math.exp(-0.4), 1]
    assert found.completions == 3
    assert found.difference == pytest.approx(0.6 / (3 * 2))  # the root of 4 tokens
    assert found.ratio == pytest.approx((math.exp(0.05) + math.exp(-0.1) + 1) / 3)
    assert found.largest_ratio == pytest.approx(math.exp(0.1))  # one of 0.9 is farther than 1.05
    assert found.effective_share == pytest.approx(
        sum(weights) ** 2 / sum(w * w for w in weights) / 3
    )


@pytest.mark.parametrize("length", [1, 16, 200])
@pytest.mark.parametrize("mean", [0.02, 0.3])
def test_independent_differences_of_tokens_are_found_in_the_sums(length, mean):
    rng = random.Random(f"{length}/{mean}")
    deviation = mean / math.sqrt(2 / math.pi)
    sums = {n: sum(rng.gauss(0, deviation) for _ in range(length)) for n in range(1, 1500)}
    found = of_differences(sums, length)
    assert found.difference == pytest.approx(mean, rel=0.08)
    assert found.far == (mean > FAR)
    if length * deviation**2 < 1:
        assert found.effective_share == pytest.approx(math.exp(-length * deviation**2), abs=0.05)


@pytest.mark.parametrize("a_token", [0.2, -0.2])
def test_an_engine_that_is_off_in_one_direction_is_far(a_token):
    found = of_differences(dict.fromkeys(range(5), 16 * a_token), length=16)
    assert found.far and found.difference == pytest.approx(0.8)
    assert found.ratio == pytest.approx(math.exp(a_token))
    assert found.largest_ratio == pytest.approx(math.exp(0.2))
    figures, remedy = found.lines
    assert "differ by 0.8000 nats a token over 5 completions" in figures
    assert "more than 0.1 nats a token" in remedy and "\n" not in remedy
    for key in ("engine.vllm.quantization", "engine.vllm.kv_cache_dtype", "model.load_in_4bit"):
        assert key in remedy


def test_a_completion_counts_once_and_only_under_its_prompt():
    right, wrong, other = side(1, 2), side(1, 3), side(4)
    pairs = [pair(right, wrong), pair(right, other), pair(right, wrong, order=(1, 0))]
    logps = {right: [-1.0, -1.0], wrong: [-2.0, -1.0], other: [-3.0]}
    trained = [(logps[p.chosen], logps[p.rejected]) for p in pairs]
    samples = [sample((1, 2), -2.0), sample((1, 2), -2.0, index=1), sample((1, 3), -3.0)]
    found = importance(pairs, trained, samples)
    assert (found.completions, found.difference) == (2, 0)
    assert importance(pairs[::-1], trained[::-1], samples[::-1]) == found
    assert importance(pairs, trained, [sample((1, 2), -2.0, problem="q")]) is None


def test_rankings_have_no_engine():
    ranked = pair(side(1, 2), side(3), reason="native")
    assert importance([ranked], [([-1.0, -1.0], [-1.0])], []) is None


def test_absurd_log_probabilities_give_finite_figures():
    found = of_differences({1: 1e9, 2: -1e9, 3: 0.0})
    assert found.far and all(map(math.isfinite, found.model_dump().values()))
    assert found.effective_share == pytest.approx(1 / 3)
