"""Measures agree with scikit-learn, with formulas worked by hand, and with metrics.py."""

from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koalign.evaluation.measures import (
    macro_f1_measure,
    mean_score,
    measured,
    points_measure,
    task_f1_measure,
)
from koalign.evaluation.stats.intervals import bootstrap_interval, macro_f1, wilson_interval

ANSWERS = st.sampled_from("1234")
SAID = st.sampled_from(["1", "2", "3", "4", "5", None])


def value_of(measure) -> float:
    return float(measure.value(measure.tallies.sum(axis=0)))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=60))
@settings(max_examples=30)
def test_the_interval_of_a_mean_is_that_of_metrics(pairs):
    scores, clusters = zip(*pairs, strict=True)
    measure = mean_score(scores, [""] * len(scores), macro=False)
    (found,) = measured([measure], clusters)
    assert found.value == pytest.approx(fmean(scores), abs=1e-12)
    if 0 < found.value < 1 and len(set(clusters)) > 1:
        low, high = bootstrap_interval(scores, clusters=clusters)
        if high - low > 1e-9:
            assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


@given(st.lists(st.tuples(ANSWERS, SAID), min_size=1, max_size=40))
@settings(max_examples=30)
def test_macro_f1_is_that_of_metrics_and_so_is_its_interval(pairs):
    gold, said = zip(*pairs, strict=True)
    (found,) = measured([macro_f1_measure(gold, said)], range(len(gold)))
    assert found.value == pytest.approx(macro_f1(gold, said), abs=1e-12)
    if 0 < found.value < 1 and len(gold) > 1 and found.low is not None:
        expected = bootstrap_interval(
            pairs, lambda drawn: macro_f1(*zip(*drawn, strict=True)), resamples=2000
        )
        assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
@given(st.lists(st.tuples(ANSWERS, ANSWERS, st.sampled_from("ab")), min_size=1, max_size=40))
def test_f1_of_tasks_is_the_mean_of_scikit_learns_over_the_labels_that_are_seen(rows):
    sklearn = pytest.importorskip("sklearn.metrics")
    gold, said, subjects = zip(*rows, strict=True)
    scores, sizes = [], []
    for subject in set(subjects):
        own = [row for row in rows if row[2] == subject]
        gold_of, said_of = ([row[column] for row in own] for column in (0, 1))
        scores.append(sklearn.f1_score(gold_of, said_of, average="macro", zero_division=0))
        sizes.append(len(own))
    for macro, expected in ((False, np.average(scores, weights=sizes)), (True, fmean(scores))):
        measure = task_f1_measure(gold, said, subjects, macro=macro)
        assert value_of(measure) == pytest.approx(expected, abs=1e-12)


def test_no_answer_is_no_class_of_a_macro_f1():
    gold, said = ["1", "1", "2", "2"], ["1", None, "2", None]
    for measure in (macro_f1_measure(gold, said), task_f1_measure(gold, said, [""] * 4, macro=False)):  # fmt: skip
        assert value_of(measure) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("right", "n"), [(0, 7), (7, 7)])
def test_all_right_and_all_wrong_have_the_interval_of_wilson(right, n):
    scores = [float(number < right) for number in range(n)]
    (found,) = measured([mean_score(scores, [""] * n, macro=False)], range(n))
    assert (found.low, found.high) == wilson_interval(right, n)


def test_all_right_counts_the_passages_of_the_items_that_have_a_score():
    scores, passages = [1.0, 1.0, 1.0, 1.0, None], ["one", "one", "two", "three", "four"]
    (found,) = measured([mean_score(scores, [""] * 5, macro=False)], passages)
    assert (found.low, found.high) == wilson_interval(3, 3)


def test_one_passage_alone_has_no_interval():
    (found,) = measured([mean_score([0.0, 1.0], ["", ""], macro=False)], ["one", "one"])
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_draws_that_cannot_differ_give_no_interval():
    for score, n in ((0.5, 4), (0.3, 7)):
        (found,) = measured([mean_score([score] * n, [""] * n, macro=False)], range(n))
        assert (found.value, found.low, found.high) == (pytest.approx(score), None, None)


def test_a_passage_is_drawn_as_a_whole():
    """Twenty items of ten passages, right and wrong by the passage: as wide as ten items."""
    scores = [float(number // 2 % 2) for number in range(20)]
    ten = measured([mean_score(scores[::2], [""] * 10, macro=False)], range(10))
    by_passage = measured([mean_score(scores, [""] * 20, macro=False)], [n // 2 for n in range(20)])
    alone = measured([mean_score(scores, [""] * 20, macro=False)], range(20))
    assert (by_passage[0].low, by_passage[0].high) == (ten[0].low, ten[0].high)
    assert alone[0].high - alone[0].low < by_passage[0].high - by_passage[0].low


def test_a_mean_over_subjects_weighs_them_alike_and_one_over_items_does_not():
    scores = [1.0, 0.0, 0.0, 0.0] + [1.0] * 2
    subjects = ["a"] * 4 + ["b"] * 2
    micro, macro = (mean_score(scores, subjects, macro=macro) for macro in (False, True))
    values = [one.value for one in measured([micro, macro], range(6))]
    assert values == pytest.approx([3 / 6, (1 / 4 + 1) / 2])
    # Within a the variance is 1/4, within b 0.
    assert micro.stderr == pytest.approx((3 * (1 / 4) / 4 / 6) ** 0.5)
    assert macro.stderr == pytest.approx((1 / 4 / 4) ** 0.5 / 2)


def test_a_subject_that_no_draw_holds_does_not_spoil_the_interval():
    scores, subjects = [1.0] * 9 + [0.0], ["a"] * 9 + ["b"]
    (found,) = measured([mean_score(scores, subjects, macro=True)], range(10))
    assert (found.value, found.low, found.high) == (0.5, 0.5, 1.0)
    assert found.stderr is None


def test_points_are_of_those_possible_out_of_100():
    (found,) = measured([points_measure([2, 3, 2, 3], [True, True, False, False])], range(4))
    assert found.value == pytest.approx(50)
    assert 0 <= found.low < 50 < found.high <= 100
    assert points_measure([2, None], [True, True]) is None
