"""A comparison says who is better than whom, by how much and where, as figures by hand say it."""

import random
from fractions import Fraction

import pytest
from support.evaluations import compare, evaluated, graded, marked, prediction


def test_an_evaluation_against_itself_is_0_with_p_1_and_no_flips():
    marks = marked("+-+-+-+-?+")
    found = compare(evaluated("a", marks), evaluated("b", marks))
    (one,) = found.comparisons
    assert (one.difference, one.p, one.p_holm, one.won, one.lost) == (0, 1, 1, 0, 0)
    assert one.agreement == 1 and found.flips == []
    (warning,) = found.warnings
    assert "b against a: every answer is the same" in warning


def test_the_order_of_the_items_does_not_matter():
    rng = random.Random(3)
    answers = [[rng.choice("12") for _ in range(60)] for _ in range(2)]

    def read(order):
        sides = []
        for name, said in zip("ab", answers, strict=True):
            lines = [
                prediction(n, said[n], subject=f"s{n % 3}", passage=f"p{n % 20}") for n in order
            ]
            sides.append(evaluated(name, lines, average="macro"))
        return sides

    shuffled = rng.sample(range(60), 60)
    assert compare(*read(range(60))) == compare(*read(shuffled))


def test_a_is_better_where_it_earned_more_and_flips_say_where():
    before, after = marked("+++--???"), marked("++-+--+-")
    found = compare(evaluated("base", before), evaluated("tuned", after))
    (one,) = found.comparisons
    assert (one.a, one.b, one.won, one.lost) == ("tuned", "base", 2, 1)
    assert one.difference == pytest.approx(1 / 8) and one.p == 1
    assert one.agreement == 3 / 8 and one.subjects == []
    assert [(f.id, f.flip, f.answer_b, f.answer_a, f.gold) for f in found.flips] == [
        ("i0002", "lost", "1", "2", ("1",)),
        ("i0003", "won", "2", "1", ("1",)),
        ("i0006", "won", None, "1", ("1",)),
    ]


def test_every_evaluation_meets_the_first_and_its_own_base_model():
    marks = marked("+-+-")

    def pairs(*read):
        return [(one.a, one.b) for one in compare(*read).comparisons]

    zero, five = evaluated("zero", marks), evaluated("five", marks, shots=5)
    tuned = evaluated("tuned", marks, adapters="dpo")
    other = evaluated("other", marks, adapters="dpo", model="m", weight_hash="v")
    assert pairs(zero, five, tuned) == [("five", "zero"), ("tuned", "zero"), ("tuned", "five")]
    assert pairs(tuned, zero, five) == [("zero", "tuned"), ("five", "tuned"), ("five", "zero")]
    assert pairs(zero, tuned, five) == [("tuned", "zero"), ("tuned", "five"), ("five", "zero")]
    assert pairs(zero, five, other) == [("five", "zero"), ("other", "zero")]


def test_rows_have_the_interval_of_results_json():
    found = compare(evaluated("a", marked("++--")), evaluated("b", marked("+---")))
    assert [(r.value, r.low, r.high) for r in found.evaluations] == [
        (0.5, 0.125, 0.875),
        (0.25, 0.125, 0.875),
    ]


def test_a_headline_that_its_items_do_not_give_is_doubted():
    wrong = {"kmmlu": {"acc": 0.7, "acc_low": 0.6, "acc_high": 0.8, "n": 4}}
    found = compare(evaluated("a", marked("++--"), results=wrong), evaluated("b", marked("+---")))
    assert any("0.7000 acc, and its items give 0.5000" in line for line in found.warnings)
    assert found.evaluations[0].value == 0.5 and found.evaluations[0].low != 0.6


def test_subjects_share_out_the_items_and_stand_from_loss_to_gain():
    subjects = "xyzxyzxyz"
    sides = [
        [prediction(n, "12"[mark == "-"], subject=subjects[n]) for n, mark in enumerate(marks)]
        for marks in ("+--+-+---", "---+++++-")
    ]
    (one,) = compare(evaluated("a", sides[0]), evaluated("b", sides[1])).comparisons
    shown = [(s.subject, s.n, s.won, s.lost, s.value_a, s.value_b) for s in one.subjects]
    third = pytest.approx(1 / 3)
    assert shown == [
        ("x", 3, 1, 1, pytest.approx(2 / 3), pytest.approx(2 / 3)),
        ("z", 3, 0, 0, third, third),
        ("y", 3, 2, 0, pytest.approx(2 / 3), 0),
    ]
    assert sum(s.won for s in one.subjects) == one.won and sum(s.n for s in one.subjects) == one.n


def test_p_is_corrected_over_the_comparisons_and_over_all_their_subjects():
    def side(name, wins, **changes):
        answers = ["1" if n < wins else "2" for n in range(20)]
        lines = [prediction(n, a, subject="xy"[n % 2]) for n, a in enumerate(answers)]
        return evaluated(name, lines, **changes)

    found = compare(
        side("zero", 0), side("one", 7, adapters="one"), side("two", 14, adapters="two")
    )
    one, two = found.comparisons
    assert one.p == 2 / 2**7 and two.p == 2 / 2**14
    assert one.p_holm == one.p and two.p_holm == 2 * two.p
    parts = [part for comparison in found.comparisons for part in comparison.subjects]
    assert [part.p for part in parts] == [0.25, 0.125, 2 / 2**7, 2 / 2**7]
    assert [part.p_holm for part in parts] == [0.25, 0.25, 4 * 2 / 2**7, 4 * 2 / 2**7]


def test_a_macro_average_is_compared_over_subjects_and_tested_over_items_and_that_is_said():
    said = "won, lost and p count items alike, the difference is of macro acc"
    sides = [
        [prediction(n, "12"[mark == "-"], subject="xxxy"[n]) for n, mark in enumerate(marks)]
        for marks in ("---+", "+++-")
    ]
    found = compare(
        *(evaluated(name, side, average="macro") for name, side in zip("ab", sides, strict=True))
    )
    (one,) = found.comparisons
    assert one.value_a == one.value_b == 0.5 and one.difference == 0
    assert (one.won, one.lost) == (3, 1) and said in found.notes
    plain = compare(evaluated("a", sides[0]), evaluated("b", sides[1]))
    assert plain.comparisons[0].difference == 0.5
    assert not any("count items alike" in note for note in plain.notes)


def test_graded_scores_have_an_interval_and_no_p_and_that_is_said():
    sides = [
        evaluated(name, graded(scores), metric="f1", results={})
        for name, scores in (("a", [0.5, 0.25, 1, 0.0]), ("b", [0.75, 0.25, 0.5, 1.0]))
    ]
    found = compare(*sides)
    (one,) = found.comparisons
    assert (one.p, one.p_holm, one.needed) == (None, None, None)
    assert one.difference == pytest.approx((0.25 - 0.5 + 1) / 4)
    assert one.low < one.difference < one.high
    assert (one.won, one.lost) == (2, 1)
    assert any("no p: f1 is graded" in note for note in found.notes)


def f1_sides(metric: str, said: dict[str, str], **changes):
    return [
        evaluated(
            name,
            [prediction(n, a, gold=g, **changes) for n, (a, g) in enumerate(zip(answers, "1122", strict=True))],
            metric=metric, results={},
        )
        for name, answers in said.items()
    ]  # fmt: skip


def test_macro_f1_is_compared_from_the_answers_and_tested_by_what_is_right():
    (one,) = compare(*f1_sides("macro_f1", {"a": "1111", "b": "1122"})).comparisons
    assert (one.value_a, one.value_b) == (1, pytest.approx(Fraction(1, 3)))
    assert (one.won, one.lost, one.p) == (2, 0, 0.5)


def test_f1_without_scores_is_that_of_lm_eval_and_with_scores_their_mean():
    """Of lm-eval over the labels that are gold or said: class 3 counts with an F1 of 0."""
    said = {"a": "1123", "b": "1122"}
    (one,) = compare(*f1_sides("f1", said, scores={"acc": 1.0})).comparisons
    assert (one.value_b, one.value_a) == (pytest.approx((1 + 2 / 3 + 0) / 3), 1)
    (one,) = compare(*f1_sides("f1", said, scores={"f1": 0.5})).comparisons
    assert (one.value_b, one.value_a, one.p) == (0.5, 0.5, None)


def test_a_headline_that_not_all_items_have_gives_way_to_the_share_right_and_that_is_said():
    points = evaluated("a", marked("+--"), metric="points", results={"csat": {"points": 44.0}})
    for other in (evaluated("b", marked("++-")), evaluated("b", marked("++-"), metric="points")):
        found = compare(points, other)
        assert found.metric == "correct" and found.evaluations[0].value == pytest.approx(1 / 3)
        assert "compared by the share of right answers: not all items have points" in found.notes
    some = [prediction(0, "1", scores={"f1": 0.5}), prediction(1, "1")]
    assert (
        compare(*(evaluated(name, some, metric="f1", results={}) for name in "ab")).metric
        == "correct"
    )


def test_where_headlines_differ_that_of_the_first_is_compared_if_all_items_have_it():
    second = [prediction(n, "2", scores={"acc_norm": 1.0, "acc": 0.0}) for n in range(3)]
    results = {"click": {"acc_norm": 1.0}}
    first = evaluated("a", marked("+--"))
    other = evaluated("b", second, metric="acc_norm", results=results)
    found = compare(first, other)
    assert found.metric == "acc" and found.comparisons[0].difference == pytest.approx(-1 / 3)
    assert "headline differs: acc, micro (a); acc_norm, micro (b)" in found.warnings
    assert compare(other, first).metric == "correct"
