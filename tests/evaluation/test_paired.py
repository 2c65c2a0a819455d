"""Differences, intervals and tests of two systems agree with other implementations and with figures by hand."""

import random
from math import comb, sqrt
from statistics import fmean, variance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from koalign.evaluation.measures import difference, macro_f1_measure, mean_score
from koalign.evaluation.stats.intervals import (
    bootstrap_interval,
    fewest_items_apart,
    holm,
    macro_f1,
    mcnemar_p,
    paired_difference,
    sign_test_p,
)

FLIPS = st.integers(0, 150)
SHARES = st.lists(st.sampled_from([0.0, 0.004, 0.01, 0.02, 0.04, 0.3, 0.9, 1.0, None]), max_size=12)
ANSWERS = st.sampled_from(["1", "2", "3", None])
ITEMS = st.lists(
    st.tuples(
        st.sampled_from("123"), ANSWERS, ANSWERS, st.sampled_from("ab"), st.sampled_from("pqrs")
    ),
    min_size=1,
    max_size=40,
)


# The tests


@given(FLIPS, FLIPS)
def test_p_is_the_share_of_fair_coins_as_far_apart_and_mcnemar_of_the_items(won, lost):
    p = sign_test_p(won, lost)
    assert p == sign_test_p(lost, won)
    tail = sum(comb(won + lost, k) for k in range(min(won, lost) + 1))
    assert p == pytest.approx(min(1, 2 * tail / 2 ** (won + lost)), abs=1e-12)
    assert p == mcnemar_p([True] * won + [False] * lost, [False] * won + [True] * lost)


@pytest.mark.parametrize("flips", [*range(0, 40), 250])
def test_the_fewest_items_apart_are_the_fewest_with_p_below_5_percent(flips):
    """Of as many flips as there are, or of six, since five all one way have p = 2 / 2^5 = 0.0625."""
    flips, needed = max(flips, 6), fewest_items_apart(flips)
    seen = [won - (flips - won) for won in range(flips + 1) if sign_test_p(won, flips - won) < 0.05]
    assert needed == min(net for net in seen if net > 0)
    assert fewest_items_apart(3) == 6


def test_holm_agrees_with_a_table_worked_by_hand():
    # Sorted: .005 * 4, .01 * 3, .03 * 2, and .04 * 1, which may not be below the one before.
    assert holm([0.01, 0.04, None, 0.03, 0.005]) == pytest.approx([0.03, 0.06, None, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == [] and holm([None]) == [None]


@given(SHARES)
def test_holm_rejects_what_the_stepwise_procedure_rejects(ps):
    """Holm 1979: reject the smallest while p < level / (tests left), stop at the first that is not."""
    corrected, tests = holm(ps), sorted(p for p in ps if p is not None)
    for level in (0.0501, 0.25, 0.77):
        rejected = 0
        while rejected < len(tests) and tests[rejected] <= level / (len(tests) - rejected):
            rejected += 1
        bound = tests[rejected - 1] if rejected else -1
        for p, q in zip(ps, corrected, strict=True):
            assert (q is None) == (p is None)
            if p is not None:
                assert (q <= level) == (p <= bound)


# Differences and their intervals


def means(first, second, subjects=None):
    """Of both systems: over items, or over subjects."""
    return [
        mean_score(one, subjects or [""] * len(one), macro=bool(subjects))
        for one in (first, second)
    ]


@given(ITEMS)
def test_values_are_the_plain_mean_the_mean_over_subjects_and_macro_f1(items):
    gold, first, second, subjects, passages = zip(*items, strict=True)
    right = [[g == a for g, a in zip(gold, answers, strict=True)] for answers in (first, second)]
    micro = difference(*means(*right), passages)
    assert micro[:2] == pytest.approx(tuple(fmean(marks) for marks in right))
    macro = difference(*means(*right, subjects), passages)
    for value, marks in zip(macro[:2], right, strict=True):
        by_subject = [
            fmean(m for m, s in zip(marks, subjects, strict=True) if s == name)
            for name in set(subjects)
        ]
        assert value == pytest.approx(fmean(by_subject))
    f1 = difference(macro_f1_measure(gold, first), macro_f1_measure(gold, second), passages)
    assert f1[:2] == pytest.approx((macro_f1(gold, first), macro_f1(gold, second)))
    for value, other, gap in (micro, macro, f1):
        assert gap.value == pytest.approx(value - other)


@given(ITEMS)
def test_exchanging_the_systems_flips_every_sign(items):
    gold, first, second, subjects, passages = zip(*items, strict=True)
    right = [[g == a for g, a in zip(gold, answers, strict=True)] for answers in (first, second)]
    for one, other in (
        means(*right),
        means(*right, subjects),
        (macro_f1_measure(gold, first), macro_f1_measure(gold, second)),
    ):
        there, back = difference(one, other, passages)[2], difference(other, one, passages)[2]
        assert there.value == -back.value
        assert (there.low is None) == (back.low is None)
        if there.low is not None:
            assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)


def drawn(count: int, each: int = 1, seed: int = 0) -> tuple[list[bool], list[bool], list[str]]:
    """Two systems that agree mostly, on passages that are easy or hard in all their items."""
    rng = random.Random(seed)
    first, second, passages = [], [], []
    for passage in range(count):
        rate = rng.choice((0.2, 0.8))
        better = rng.random() < 0.3
        for _ in range(each):
            second.append(rng.random() < rate)
            first.append(better or second[-1] if rng.random() < 0.8 else rng.random() < rate)
            passages.append(str(passage))
    return first, second, passages


def test_the_interval_of_items_agrees_with_scipys_paired_bootstrap():
    first, second, passages = drawn(400)
    *_, gap = difference(*means(first, second), passages)
    theirs = stats.bootstrap(
        (np.array(first, float), np.array(second, float)), lambda a, b, axis: a.mean(axis) - b.mean(axis),
        paired=True, vectorized=True, method="percentile", n_resamples=9999, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert (gap.low, gap.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_the_interval_of_passages_is_that_of_drawing_them_one_by_one():
    first, second, passages = drawn(120, each=5)
    *_, gap = difference(*means(first, second), passages)
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    expected = bootstrap_interval(gaps, clusters=passages)
    assert (gap.low, gap.high) == pytest.approx(expected, abs=1e-12)
    *_, as_if_alone = difference(*means(first, second), [str(n) for n in range(len(first))])
    assert gap.high - gap.low > 1.3 * (as_if_alone.high - as_if_alone.low)


def test_the_interval_of_macro_f1_is_that_of_macro_f1_over_resamples():
    rng = random.Random(5)
    gold = [rng.choice("112") for _ in range(150)]
    answers = [
        [g if rng.random() < rate else rng.choice("123") for g in gold] for rate in (0.7, 0.4)
    ]
    *_, gap = difference(
        *(macro_f1_measure(gold, said) for said in answers), [*map(str, range(150))]
    )

    def gap_of(drawn):
        gold, first, second = zip(*drawn, strict=True)
        return macro_f1(gold, first) - macro_f1(gold, second)

    expected = bootstrap_interval(list(zip(gold, *answers, strict=True)), gap_of)
    assert (gap.low, gap.high) == pytest.approx(expected, abs=1e-12)


def test_the_interval_of_a_macro_average_is_that_of_independent_subjects():
    """The error of a mean over subjects: the root of the summed squared errors, over their number."""
    first, second, passages = drawn(600)
    subjects = ["small" if n < 60 else "large" for n in range(600)]
    *_, gap = difference(*means(first, second, subjects), passages)
    gaps = np.array(first, float) - np.array(second, float)
    error = sqrt(sum(variance(part) / len(part) for part in (gaps[:60], gaps[60:]))) / 2
    assert (gap.high - gap.low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    assert gap.value == pytest.approx((gaps[:60].mean() + gaps[60:].mean()) / 2)


def test_graded_scores_are_resampled_in_blocks_as_well():
    rng = random.Random(2)
    first, second = ([rng.random() for _ in range(3000)] for _ in range(2))
    *_, gap = difference(*means(first, second), [str(n) for n in range(3000)])
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    assert (gap.high - gap.low) / 2 == pytest.approx(1.96 * sqrt(variance(gaps) / 3000), rel=0.08)


def test_one_passage_has_no_interval_and_passages_that_differ_alike_that_of_paired_difference():
    assert difference(*means([1, 0], [0, 0]), ["p", "p"])[2].low is None
    for first, second in (([1, 1], [0, 0]), ([1, 0], [1, 0])):
        *_, alike = difference(*means(first, second), ["p", "q"])
        assert alike == paired_difference(first, second, ["p", "q"])[0] and alike.low is not None


def test_an_f1_and_a_mean_over_subjects_that_differ_alike_have_no_interval():
    """A passage moves them by more than its share, so no bound on passages bounds them."""
    answers = ["1", "2", "2", "1"]
    f1 = macro_f1_measure(answers, ["1", "2", "1", "1"])
    over_subjects = mean_score([1.0, 0.0, 1.0, 0.0], ["a", "a", "b", "b"], macro=True)
    for measure in (f1, over_subjects):
        assert difference(measure, measure, ["p", "q", "r", "s"])[2].low is None
