"""Confidence, ECE, Brier score and selective accuracy are what a hand would compute, and honest of noise."""

import random
from collections import Counter
from itertools import pairwise
from math import log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.evaluation import calibration
from koalign.evaluation.calibration import (
    calibrate,
    confidence,
    described,
    distance_interval,
    equal_mass,
    log_softmax,
)
from koalign.evaluation.results import Prediction


def prediction(number: int, correct: bool, **changes) -> Prediction:
    """Of two choices the first is answered."""
    gold = ("1",) if correct else ("2",)
    given = {"id": f"{number}", "answer": "1", "gold": gold, "correct": correct, "scores": {}}
    return Prediction(**{**given, "why": "match" if correct else "mismatch", **changes})


def sure(number: int, probability: float, correct: bool, **changes) -> Prediction:
    """Answered with this probability; what the candidates have in common does not matter."""
    logprobs = (log(probability) - 7, log(1 - probability) - 7)
    return prediction(number, correct, logprobs=logprobs, **changes)


def planted(count: int, gap: float, rng: random.Random) -> list[Prediction]:
    """Confidences from 0.5 to 0.95 that are `gap` too high."""
    said = [rng.uniform(0.5, 0.95) for _ in range(count)]
    return [sure(n, p, rng.random() < p - gap) for n, p in enumerate(said)]


def test_confidence_is_the_softmax_at_the_answer_whatever_the_answer_was_chosen_by():
    logs = tuple(log(p) - 40 for p in (0.6, 0.3, 0.1))
    assert confidence(prediction(0, True, logprobs=logs)) == pytest.approx(0.6)
    assert confidence(prediction(0, True, logprobs=logs, answer="3")) == pytest.approx(0.1)


def test_confidence_of_samples_is_the_share_that_gives_the_answer_and_of_no_answer_none():
    assert confidence(prediction(0, True, votes=("1", "2", None, "1"))) == 0.5
    assert confidence(prediction(0, False, answer=None, votes=(None, None))) is None
    assert confidence(prediction(0, False, answer=None, logprobs=(-1.0, -2.0))) is None
    assert confidence(prediction(0, True)) is None
    assert confidence(prediction(0, True, votes=("1",))) is None, "one sample is always sure"


@given(st.lists(st.floats(-1e5, 0), min_size=1, max_size=9), st.floats(-100, 100))
def test_candidates_are_weighed_among_one_another_only(logprobs, shift):
    logs = log_softmax(logprobs)
    assert sum(2.718281828459045**value for value in logs) == pytest.approx(1)
    assert logs == pytest.approx(log_softmax([v + shift for v in logprobs]), abs=1e-9)


def test_ece_brier_and_nll_agree_with_a_hand():
    low = [sure(n, 0.6, n < 9) for n in range(20)]
    high = [sure(20 + n, 0.9, n < 19) for n in range(20)]
    found = calibrate([*high, *low])
    assert [(b["n"], b["confidence"], b["accuracy"]) for b in found["bins"]] == [
        (20, 0.6, 0.45),
        (20, 0.9, 0.95),
    ]
    assert found["ece"] == pytest.approx((0.15 + 0.05) / 2)
    brier = (9 * 0.4**2 + 11 * 0.6**2 + 19 * 0.1**2 + 0.9**2) / 40
    assert found["brier"] == pytest.approx(brier, abs=1e-4)
    nll = -(9 * log(0.6) + 11 * log(0.4) + 19 * log(0.9) + log(0.1)) / 40
    assert found["nll"] == pytest.approx(nll, abs=1e-4)
    assert (found["confidence"], found["accuracy"]) == (0.75, 0.7)


def test_several_right_answers_share_their_probability():
    logs = tuple(log(p) for p in (0.5, 0.3, 0.2))
    both = prediction(0, True, logprobs=logs, gold=("1", "3"))
    assert calibrate([both])["nll"] == pytest.approx(-log(0.7), abs=1e-4)


def test_what_chance_gives_is_what_drawing_from_the_confidences_gives():
    found = calibrate([sure(n, 0.7, n % 2 == 0) for n in range(40)])
    rng = random.Random(5)
    gaps = sorted(abs(0.7 - sum(rng.random() < 0.7 for _ in range(40)) / 40) for _ in range(4000))
    assert found["ece_by_chance"] == pytest.approx(gaps[3800], abs=0.03)
    assert len(found["bins"]) == 1, "equal confidences stand in one bin"


def test_a_calibrated_model_is_seldom_accused_and_intervals_hold_the_truth(monkeypatch):
    monkeypatch.setattr(calibration, "RESAMPLES", 200)
    rng = random.Random(0)
    accused, covered = Counter(), Counter()
    for gap in (0, 0.25):
        for _ in range(40):
            found = calibrate(planted(120, gap, rng))
            accused[gap] += found["ece"] > found["ece_by_chance"]
            covered[gap] += found["ece_low"] <= gap <= found["ece_high"]
            assert (found["ece_low"] == 0) >= (found["ece"] <= found["ece_by_chance"])
            assert found["ece_low"] <= found["ece"] <= found["ece_high"]
    assert accused[0] <= 6 and accused[0.25] == 40
    assert covered[0] >= 34 and covered[0.25] >= 34


def test_a_distance_is_never_below_0_and_its_noise_comes_off_below_only():
    draws = [n / 1000 for n in range(100, 501)]
    assert distance_interval(0.27, draws, 0.1) == (pytest.approx(0.05), pytest.approx(0.49))
    assert distance_interval(0.2, draws, 0.1) == (0, pytest.approx(0.49))
    assert distance_interval(0.27, draws, 0.27)[0] == 0
    assert distance_interval(0.6, draws, 0.1) == (0.6, 0.6)


def test_passages_widen_the_interval_and_one_passage_has_none():
    items = planted(200, 0.2, random.Random(1))
    alone = calibrate(items)
    right, wrong = ([p for p in items if p.correct is mark] for mark in (True, False))
    grouped = [
        p.model_copy(update={"passage": f"{mark}{n // 8}"})
        for mark, side in enumerate((right, wrong))
        for n, p in enumerate(side)
    ]
    clustered = calibrate(grouped)
    assert clustered["ece"] == alone["ece"]
    assert clustered["ece_high"] > alone["ece_high"] + 0.03
    one = calibrate([p.model_copy(update={"passage": "p"}) for p in items])
    assert (one["ece_low"], one["ece_high"]) == (None, None)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=80), st.integers(1, 10))
def test_each_value_stands_in_one_bin_with_its_equals(values, bins):
    found = equal_mass(values, bins)
    assert sorted(place for members in found for place in members) == list(range(len(values)))
    assert len(found) <= bins and all(found)
    sides = [{values[place] for place in members} for members in found]
    assert all(max(low) < min(high) for low, high in pairwise(sides))


def test_equal_values_stand_in_the_bin_of_their_middle():
    assert equal_mass([2] * 5 + [1] * 3, 2) == [[5, 6, 7], [0, 1, 2, 3, 4]]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=80, unique=True), st.integers(1, 10))
def test_bins_of_different_values_differ_by_one(values, bins):
    sizes = [len(members) for members in equal_mass(values, bins)]
    assert max(sizes) - min(sizes) <= 1 and len(sizes) == min(bins, len(values))


def test_selective_accuracy_takes_the_surest_and_the_unanswered_last():
    marks = [True, True, True, False, True, False, False, True]
    items = [sure(n, 0.95 - n / 20, mark) for n, mark in enumerate(marks)]
    items += [prediction(n, False, answer=None, why="no_answer") for n in (8, 9)]
    random.Random(0).shuffle(items)
    found = calibrate(items)
    assert found["without"] == 2 and found["n"] == 8
    half, most, whole = found["coverage"]
    assert (half["n"], half["value"], half["at_least"]) == (5, 0.8, 0.75)
    assert (most["n"], most["value"]) == (8, 0.625)
    assert (whole["n"], whole["value"], whole["at_least"]) == (10, 0.5, 0.0)


def test_as_sure_is_as_good():
    items = [prediction(n, n < 3, votes=("1", "1", "2")) for n in range(6)]
    assert [c["n"] for c in calibrate(items)["coverage"]] == [6, 6, 6]
    assert calibrate(items)["by"] == "votes" and calibrate(items)["nll"] is None


def test_the_order_of_the_items_does_not_matter():
    items = planted(90, 0.1, random.Random(2))
    there, back = calibrate(items), calibrate(items[::-1])
    for key in ("ece", "brier", "nll", "bins", "confidence"):
        assert there[key] == back[key]


def test_without_any_confidence_there_is_nothing_to_say():
    assert calibrate([prediction(n, True, text="정답: 1") for n in range(9)]) == {}


def test_all_right_is_no_proof_of_always_right():
    found = described([True] * 12, range(12))
    assert (found["value"], found["high"]) == (1, 1) and found["low"] == pytest.approx(0.7575)
    assert described([0.0] * 12, range(12))["high"] == pytest.approx(1 - 0.7575)
    spread = described([0, 1] * 50, range(100))
    assert spread["high"] - spread["low"] == pytest.approx(2 * 1.96 * sqrt(0.25 / 100), abs=0.03)


def test_a_share_of_passages_is_less_sure_than_one_of_as_many_items():
    values = [n // 10 % 2 for n in range(100)]
    alone, together = (described(values, [n // each for n in range(100)]) for each in (1, 10))
    assert together["value"] == alone["value"] == 0.5
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])
