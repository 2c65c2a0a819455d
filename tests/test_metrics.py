"""Intervals and paired tests agree with an independent library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from koalign.data.metrics import mcnemar_p, rate_z, wilson_interval


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(pair):
    right, n = pair
    ours, theirs = wilson_interval(right, n), binomtest(right, n).proportion_ci(method="wilson")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=300))
def test_mcnemar_agrees_with_the_binomial_test_on_the_flips(pairs):
    first, second = zip(*pairs, strict=True)
    lost = sum(a and not b for a, b in pairs)
    flips = sum(a != b for a, b in pairs)
    expected = binomtest(lost, flips).pvalue if flips else 1.0
    assert mcnemar_p(first, second) == pytest.approx(expected, abs=1e-9)


def test_a_useless_hint_passes_the_lift_gate_about_one_time_in_ten():
    import random

    rng = random.Random(0)
    draws = [[sum(rng.random() < 0.25 for _ in range(16)) for _ in range(2)] for _ in range(4000)]
    passed = sum(rate_z(hinted, 16, bare, 16) > 1.28 for hinted, bare in draws)
    assert 0.03 < passed / len(draws) < 0.13


def test_a_hint_that_always_helps_passes_even_from_zero():
    assert rate_z(16, 16, 0, 16) > 1.28
    assert rate_z(16, 16, 16, 16) == pytest.approx(0)
