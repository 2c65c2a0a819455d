"""Shares, F1, intervals and paired tests agree with formulas worked by hand and independent libraries."""

import random
import time
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from koalign.evaluation.stats.intervals import (
    Figure,
    bootstrap_interval,
    difference_interval,
    figure,
    macro_f1,
    paired_difference,
    rate_z,
    require_same_ids,
    share_figure,
    wilson_interval,
)
from koalign.records import KoalignError

ANSWERS = st.sampled_from("1234")
GRADED = st.lists(st.tuples(ANSWERS, st.sampled_from(["1", "2", "3", "4", "5", None])), min_size=1)


@given(GRADED)
def test_macro_f1_is_the_mean_of_the_harmonic_means_of_precision_and_recall(pairs):
    gold, predicted = zip(*pairs, strict=True)
    scores = []
    for name in set(gold):
        right = len([1 for pair in pairs if pair == (name, name)])
        precision = right / predicted.count(name) if name in predicted else 0
        recall = right / gold.count(name)
        scores.append(2 * precision * recall / (precision + recall) if right else 0)
    assert macro_f1(gold, predicted) == pytest.approx(sum(scores) / len(scores), abs=1e-12)


def test_an_abstention_is_no_prediction_of_any_class():
    assert macro_f1(["1", "2"], ["1", None]) == pytest.approx(1 / 2)
    assert macro_f1(["1", "2"], ["1", "1"]) == pytest.approx((2 / 3) / 2)


def test_predictions_of_other_questions_are_refused():
    require_same_ids(["a", "b"], {"b": "", "a": ""})
    with pytest.raises(KoalignError, match=r"2 ids have no prediction.*the first: 'b'"):
        require_same_ids(["a", "c", "b"], ["a"])
    with pytest.raises(KoalignError, match=r"1 ids were never asked.*'x'"):
        require_same_ids(["a"], ["a", "x"])
    with pytest.raises(KoalignError, match=r"1 ids stand twice.*'a'"):
        require_same_ids(["a", "a"], ["a"])


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(pair):
    right, n = pair
    ours, theirs = wilson_interval(right, n), binomtest(right, n).proportion_ci(method="wilson")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def passages(rng, count):
    """Right answers of 6 questions on each passage: easy passages are easy in all of them."""
    rates = [rng.choice((0.2, 0.8)) for _ in range(count)]
    values = [rng.random() < rate for rate in rates for _ in range(6)]
    return values, [n for n in range(count) for _ in range(6)]


def test_a_95_percent_interval_covers_95_percent_only_if_passages_are_resampled_whole():
    rng, covered = random.Random(0), {"clustered": 0, "unclustered": 0}
    for seed in range(400):
        values, clusters = passages(rng, 60)
        for name, given_clusters in (("clustered", clusters), ("unclustered", None)):
            low, high = bootstrap_interval(
                values, clusters=given_clusters, resamples=400, seed=seed
            )
            covered[name] += low <= 0.5 <= high
    assert 0.92 <= covered["clustered"] / 400 <= 0.98
    assert covered["unclustered"] / 400 < 0.85


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(0, 9))
def test_clusters_of_one_are_no_clusters(values, seed):
    names = [f"passage {n}" for n in range(len(values))]
    alone = bootstrap_interval(values, clusters=names, resamples=50, seed=seed)
    assert alone == bootstrap_interval(values, resamples=50, seed=seed)


def test_another_statistic_is_drawn_from_the_same_resamples_as_the_mean():
    values, clusters = passages(random.Random(1), 10)
    by_loop = bootstrap_interval(values, lambda drawn: sum(drawn) / len(drawn), clusters, 300)
    assert by_loop == pytest.approx(bootstrap_interval(values, clusters=clusters, resamples=300))


def test_the_interval_of_a_mean_is_near_the_normal_one():
    rng = random.Random(2)
    values = [rng.gauss(3, 1) for _ in range(1000)]
    found = figure(values)
    half = 1.96 / 1000**0.5
    assert found.low == pytest.approx(found.value - half, abs=0.01)
    assert found.high == pytest.approx(found.value + half, abs=0.01)


def test_the_seed_decides_the_interval():
    values, clusters = passages(random.Random(3), 20)
    assert figure(values, clusters=clusters, seed=7) == figure(values, clusters=clusters, seed=7)
    assert figure(values, clusters=clusters, seed=7) != figure(values, clusters=clusters, seed=8)


def test_one_passage_has_a_value_and_no_interval():
    assert figure([1, 0, 1, 1], clusters=["a"] * 4) == Figure(0.75, None, None, 4)
    with pytest.raises(ValueError):
        figure([])


@pytest.mark.parametrize(("right", "n"), [(0, 7), (7, 7)])
def test_a_share_of_all_or_nothing_has_the_interval_of_wilson(right, n):
    values = [number < right for number in range(n)]
    expected = Figure(right / n, *wilson_interval(right, n), n)
    assert share_figure(values) == expected
    of_passages = share_figure(values * 2, [*range(n)] * 2)
    assert of_passages == replace(expected, n=2 * n), "passages are the cases, not their problems"
    assert share_figure(values, ["p"] * n) == Figure(right / n, None, None, n), (
        "of one passage none"
    )


def test_a_share_of_passages_that_are_alike_has_no_interval():
    alike = share_figure([0, 1] * 6, [n // 2 for n in range(12)])
    assert alike == Figure(0.5, None, None, 12)
    assert share_figure([0.3] * 7) == Figure(fmean([0.3] * 7), None, None, 7)
    assert share_figure([0, 1, 1], ["p"] * 3) == Figure(fmean([0, 1, 1]), None, None, 3)


def test_any_other_share_has_the_interval_of_the_bootstrap():
    values, clusters = passages(random.Random(6), 30)
    assert share_figure(values, clusters) == figure(values, clusters=clusters)


def test_an_interval_over_all_of_kmmlu_takes_seconds():
    values = [n % 3 == 0 for n in range(35_030)]
    start = time.process_time()
    found = figure(values)
    assert time.process_time() - start < 10
    assert found.low < found.value < found.high


def test_exchanging_the_systems_turns_the_sign_and_keeps_the_p():
    first, clusters = passages(random.Random(4), 30)
    second, _ = passages(random.Random(5), 30)
    there, p = paired_difference(first, second, clusters)
    back, p_back = paired_difference(second, first, clusters)
    assert there.value == -back.value and there.low == pytest.approx(-back.high)
    assert p == p_back


def test_systems_that_never_differ_may_still_differ_on_other_passages():
    clusters = ["one", "one", "two", "two", "three"]
    _, unseen = wilson_interval(0, 3)
    same, p = paired_difference([1, 0, 1, 1, 0], [1, 0, 1, 1, 0], clusters)
    assert same == Figure(0.0, -unseen, unseen, 5) and p == 1
    apart, _ = paired_difference([1] * 5, [0] * 5, clusters)
    assert apart == Figure(1.0, pytest.approx(1 - unseen), 1.0, 5)
    assert paired_difference([1, 0], [0, 0], ["one", "one"])[0] == Figure(0.5, None, None, 2)


def test_a_system_that_flips_ten_items_and_loses_none_is_better():
    first, second = [True] * 30, [False] * 10 + [True] * 20
    difference, p = paired_difference(first, second)
    assert difference.value == pytest.approx(1 / 3)
    assert difference.low > 0
    assert p == pytest.approx(2 / 2**10)


def test_a_useless_hint_passes_the_lift_gate_about_one_time_in_ten():
    rng = random.Random(0)
    draws = [[sum(rng.random() < 0.25 for _ in range(16)) for _ in range(2)] for _ in range(4000)]
    passed = sum(rate_z(hinted, 16, bare, 16) > 1.28 for hinted, bare in draws)
    assert 0.03 < passed / len(draws) < 0.13


def test_a_hint_that_always_helps_passes_even_from_zero():
    assert rate_z(16, 16, 0, 16) > 1.28
    assert rate_z(16, 16, 16, 16) == pytest.approx(0)


# Newcombe 1998, Statistics in Medicine 17, 873-890: table II, method 10.
NEWCOMBE = [
    (56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926), (0, 10, 0, 20, -0.1611, 0.2775), (10, 10, 0, 20, 0.6791, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("right", "n", "other", "m", "low", "high"), NEWCOMBE)
def test_the_interval_of_a_difference_of_shares_is_newcombes(right, n, other, m, low, high):
    assert difference_interval(right, n, other, m) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_interval_of_a_difference_holds_it_and_turns_with_the_sides(n, m, data):
    right, other = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    low, high = difference_interval(right, n, other, m)
    assert -1 - 1e-9 <= low <= right / n - other / m <= high <= 1 + 1e-9
    assert difference_interval(other, m, right, n) == pytest.approx((-high, -low), abs=1e-9)
