"""Sums and differences of means, and intervals that hold 0 as often as they say."""

import random
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from koalign.evaluation.diagnosis.contrasts import against, contrast, fewest
from koalign.evaluation.stats.intervals import (
    bootstrap_interval,
    difference_interval,
    wilson_interval,
)

VALUES = st.lists(st.none() | st.floats(0, 1), min_size=3, max_size=12)


def column(right: int, n: int, before: int = 0, after: int = 0) -> list[float | None]:
    return [None] * before + [1.0] * right + [0.0] * (n - right) + [None] * after


def test_a_share_near_0_has_the_interval_of_wilson():
    found = contrast([(1, column(2, 40))], range(40))
    assert (found.value, found.n) == (0.05, 40)
    assert (found.low, found.high) == pytest.approx(wilson_interval(2, 40))


def test_two_shares_of_different_items_differ_as_newcombe_says():
    terms = [(1, column(40, 40, after=30)), (-1, column(2, 30, before=40))]
    found = contrast(terms, range(70))
    assert found.value == pytest.approx(1 - 2 / 30)
    assert (found.low, found.high) == pytest.approx(difference_interval(40, 40, 2, 30))


def test_a_plain_share_agrees_with_the_bootstrap_of_metrics():
    rows = [float(n % 3 == 0) for n in range(90)]
    clusters = [n // 2 for n in range(90)]
    found = contrast([(1, rows)], clusters)
    assert (found.low, found.high) == pytest.approx(
        bootstrap_interval(rows, clusters=clusters), abs=1e-12
    )


@example([0.0, 1.401298464324817e-45], [1.5898170805376108e-295, 0.0])
@given(VALUES, VALUES)
def test_gains_and_losses_have_the_difference_of_the_means(one, other):
    n = min(len(one), len(other))
    one = one[:n]
    other = [None if a is None else b or 0.0 for a, b in zip(one, other, strict=False)]
    terms = against([(1, one)], [(1, other)])
    assert len(terms) == 2
    found = contrast(terms, range(n))
    if fewest(terms) == 0:
        assert found is None
    else:
        mean = fmean(v for v in one if v is not None) - fmean(v for v in other if v is not None)
        assert found.value == pytest.approx(mean, abs=1e-12)
        if found.low is not None:
            assert found.low - 1e-9 <= found.value <= found.high + 1e-9


def test_columns_of_different_items_are_compared_as_they_are():
    terms = against([(1, [1.0, None, 0.0])], [(1, [1.0, 1.0, None])])
    assert terms == [(1, [1.0, None, 0.0]), (-1, [1.0, 1.0, None])]


@given(st.integers(0, 30), st.integers(0, 30))
def test_what_is_turned_round_changes_its_sign_and_nothing_else(right, other):
    one, two = column(right, 30), column(other, 30)
    here, there = (
        contrast(against([(1, a)], [(1, b)]), range(30)) for a, b in ((one, two), (two, one))
    )
    assert here.value == -there.value
    if min(abs(right - other), 30 - abs(right - other)) < 5:  # no bootstrap
        assert (here.low, here.high) == pytest.approx((-there.high, -there.low))


def test_one_passage_says_nothing_of_the_spread():
    found = contrast([(1, [1.0, 0.0, 1.0])], ["a", "a", "a"])
    assert (found.low, found.high) == (None, None) and found.value == pytest.approx(2 / 3)


def test_a_column_that_says_nothing_gives_no_figure():
    assert contrast([(1, [1.0, 0.0]), (-1, [None, None])], range(2)) is None


def test_passages_make_an_interval_wider():
    rows = [float(n // 10 % 2) for n in range(100)]
    alone, together = (
        contrast([(1, rows)], c) for c in (range(100), [n // 10 for n in range(100)])
    )
    assert together.high - together.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize(("share", "n"), [(0.5, 20), (0.5, 100), (0.95, 100), (0.02, 100)])
def test_equal_models_are_found_different_in_one_of_twenty_tries_or_fewer(share, n):
    misses = 0
    for number in range(300):
        rng = random.Random(number)
        one, other = ([float(rng.random() < share) for _ in range(n)] for _ in range(2))
        found = contrast(against([(1, one)], [(1, other)]), range(n))
        misses += not found.low <= 0 <= found.high
    assert misses <= 300 * 0.05 + 8  # two standard errors


def test_values_that_are_all_alike_are_no_certainty():
    found = contrast([(1, [0.5] * 20)], range(20))
    assert (found.low, found.high) == pytest.approx(wilson_interval(10, 20))


def test_more_items_make_an_interval_narrower():
    widths = []
    for n in (20, 80, 320):
        found = contrast([(1, column(n // 2, n))], range(n))
        widths.append(found.high - found.low)
    assert all(1.6 < wide / narrow < 2.5 for wide, narrow in pairwise(widths))
