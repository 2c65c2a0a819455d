"""Differences, intervals and tests of a comparison agree with other implementations and with figures by hand."""

import random
from fractions import Fraction
from math import sqrt
from statistics import fmean, variance

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from koalign.data.evaluation.comparability import Evaluated
from koalign.data.evaluation.comparison import compare_evaluations
from koalign.data.evaluation.measures import macro_f1_measure, mean_score
from koalign.data.evaluation.paired import difference, fewest_items_apart, holm
from koalign.data.evaluation.results import Evaluation, Prediction
from koalign.data.metrics import bootstrap_interval, macro_f1, mcnemar_p, sign_test_p
from koalign.records import KoalignError

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


def prediction(number: int, answer: str | None, gold: str = "1", **changes) -> Prediction:
    right = answer == gold
    fields = {
        "id": f"i{number:04d}",
        "answer": answer,
        "gold": (gold,),
        "correct": right,
        "why": "match" if right else "mismatch",
        "scores": {"acc": float(right)},
    }
    return Prediction(**fields | changes)


def evaluated(name: str, predictions: list[Prediction], **changes) -> Evaluated:
    """An evaluation of the base model without shots, its results as the predictions give them."""
    share = fmean(p.correct for p in predictions)
    fields = {
        "protocol": "kmmlu@lm-eval",
        "mode": "choice",
        "template": "kmmlu",
        "template_hash": f"prompt-{changes.get('shots', 0)}",
        "shots": 0,
        "samples": 1,
        "model": "some/model",
        "weight_hash": "w",
        "adapters": "base",
        "stack": [],
        "dtype": "bfloat16",
        "engine": "vllm",
        "data": {"test.csv": "d"},
        "items": "i",
        "n": len(predictions),
        "of": len(predictions),
        "metric": "acc",
        "average": "micro",
        "results": {
            "kmmlu": {"acc": share, "acc_low": 0.125, "acc_high": 0.875, "n": len(predictions)}
        },
        "notes": [],
        "report": {},
        "seconds": {},
        "tokens": {},
        "peak_memory_mb": 0.0,
        "seed": 0,
        "koalign": "0",
        "git": None,
        "packages": {},
    }
    return Evaluated(
        name,
        f"runs/{name}",
        Evaluation(**fields | changes),
        sorted(predictions, key=lambda p: p.id),
    )


def marked(marks: str, **changes) -> list[Prediction]:
    """`+-+`: right, wrong, right; `?`: no answer."""
    answers = {"+": "1", "-": "2", "?": None}
    return [prediction(n, answers[mark], **changes) for n, mark in enumerate(marks)]


def graded(scores: list[float]) -> list[Prediction]:
    return [prediction(n, "x", scores={"f1": score}) for n, score in enumerate(scores)]


def compare(*read: Evaluated, common: bool = False):
    return compare_evaluations(read, common)


# The tests


@given(FLIPS, FLIPS)
def test_p_is_the_binomial_test_of_the_flips_and_mcnemar_of_the_items(won, lost):
    p = sign_test_p(won, lost)
    assert p == sign_test_p(lost, won)
    if won + lost:
        assert p == pytest.approx(stats.binomtest(won, won + lost).pvalue, rel=1e-9)
    assert p == pytest.approx(
        mcnemar_p([True] * won + [False] * lost, [False] * won + [True] * lost)
    )


def test_ten_thousand_flips_are_tested_exactly():
    assert sign_test_p(5250, 5000) == pytest.approx(stats.binomtest(5250, 10250).pvalue, rel=1e-9)


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
@settings(max_examples=60)
def test_values_are_the_plain_mean_the_mean_over_subjects_and_macro_f1(items):
    gold, first, second, subjects, passages = zip(*items, strict=True)
    right = [[g == a for g, a in zip(gold, answers, strict=True)] for answers in (first, second)]
    micro = difference(*means(*right), passages)
    assert (micro.first, micro.second) == pytest.approx([fmean(marks) for marks in right])
    macro = difference(*means(*right, subjects), passages)
    for value, marks in zip((macro.first, macro.second), right, strict=True):
        by_subject = [
            fmean(m for m, s in zip(marks, subjects, strict=True) if s == name)
            for name in set(subjects)
        ]
        assert value == pytest.approx(fmean(by_subject))
    f1 = difference(macro_f1_measure(gold, first), macro_f1_measure(gold, second), passages)
    assert (f1.first, f1.second) == pytest.approx((macro_f1(gold, first), macro_f1(gold, second)))
    for found in (micro, macro, f1):
        assert found.difference == pytest.approx(found.first - found.second)


@given(ITEMS)
@settings(max_examples=60)
def test_exchanging_the_systems_flips_every_sign(items):
    gold, first, second, subjects, passages = zip(*items, strict=True)
    right = [[g == a for g, a in zip(gold, answers, strict=True)] for answers in (first, second)]
    for one, other in (
        means(*right),
        means(*right, subjects),
        (macro_f1_measure(gold, first), macro_f1_measure(gold, second)),
    ):
        there, back = difference(one, other, passages), difference(other, one, passages)
        assert there.difference == -back.difference
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
    found = difference(*means(first, second), passages)
    theirs = stats.bootstrap(
        (np.array(first, float), np.array(second, float)),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=9999,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_the_interval_of_passages_is_that_of_drawing_them_one_by_one():
    first, second, passages = drawn(120, each=5)
    found = difference(*means(first, second), passages)
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    expected = bootstrap_interval(gaps, clusters=passages, resamples=20000)
    assert (found.low, found.high) == pytest.approx(expected, abs=0.006)
    as_if_alone = difference(*means(first, second), [str(n) for n in range(len(first))])
    assert found.high - found.low > 1.3 * (as_if_alone.high - as_if_alone.low)


def test_the_interval_of_macro_f1_is_that_of_macro_f1_over_resamples():
    rng = random.Random(5)
    gold = [rng.choice("112") for _ in range(150)]
    answers = [
        [g if rng.random() < rate else rng.choice("123") for g in gold] for rate in (0.7, 0.4)
    ]
    found = difference(
        *(macro_f1_measure(gold, said) for said in answers), [str(n) for n in range(150)]
    )

    def gap(drawn):
        return macro_f1(*list(zip(*drawn, strict=True))[:2]) - macro_f1(
            *list(zip(*drawn, strict=True))[::2]
        )

    expected = bootstrap_interval(list(zip(gold, *answers, strict=True)), gap, resamples=1500)
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)


def test_the_interval_of_a_macro_average_is_that_of_independent_subjects():
    """The error of a mean over subjects: the root of the summed squared errors, over their number."""
    first, second, passages = drawn(600)
    subjects = ["small" if n < 60 else "large" for n in range(600)]
    found = difference(*means(first, second, subjects), passages)
    gaps = np.array(first, float) - np.array(second, float)
    error = sqrt(sum(variance(part) / len(part) for part in (gaps[:60], gaps[60:]))) / 2
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    assert found.difference == pytest.approx((gaps[:60].mean() + gaps[60:].mean()) / 2)


def test_graded_scores_are_resampled_in_blocks_as_well():
    rng = random.Random(2)
    first, second = ([rng.random() for _ in range(3000)] for _ in range(2))
    found = difference(*means(first, second), [str(n) for n in range(3000)])
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    assert (found.high - found.low) / 2 == pytest.approx(
        1.96 * sqrt(variance(gaps) / 3000), rel=0.08
    )


def test_one_passage_and_passages_that_differ_alike_have_no_interval():
    assert difference(*means([1, 0], [0, 0]), ["p", "p"]).low is None
    alike = difference(*means([1, 1], [0, 0]), ["p", "q"])
    assert (alike.difference, alike.low, alike.high) == (1, None, None)


# What is compared


def test_an_evaluation_against_itself_is_0_with_p_1_and_no_flips():
    marks = marked("+-+-?+")
    found = compare(evaluated("a", marks), evaluated("b", marks))
    (one,) = found.comparisons
    assert (one.difference, one.p, one.p_holm, one.won, one.lost) == (0, 1, 1, 0, 0)
    assert one.agreement == 1 and found.flips == []
    assert found.warnings == [
        "b against a: every answer is the same; were both the systems that they should be?"
    ]


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
    assert any(
        "a: results.json says 0.7000 acc, and its items give 0.5000" in w for w in found.warnings
    )
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
        evaluated("a", sides[0], average="macro"), evaluated("b", sides[1], average="macro")
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
    assert (
        one.difference == pytest.approx((0.25 - 0.5 + 1) / 4)
        and one.low < one.difference < one.high
    )
    assert (one.won, one.lost) == (2, 1)
    assert any("no p: f1 is graded" in note for note in found.notes)


def test_macro_f1_is_compared_from_the_answers_and_tested_by_what_is_right():
    gold = "1122"
    sides = [
        evaluated(
            name,
            [prediction(n, a, gold=g) for n, (a, g) in enumerate(zip(answers, gold, strict=True))],
            metric="macro_f1",
            results={},
        )
        for name, answers in (("a", "1111"), ("b", "1122"))
    ]
    (one,) = compare(*sides).comparisons
    assert (one.value_a, one.value_b) == (1, pytest.approx(Fraction(1, 3)))
    assert (one.won, one.lost, one.p) == (2, 0, 0.5)


def test_f1_without_scores_is_that_of_lm_eval_and_with_scores_their_mean():
    """Of lm-eval over the labels that are gold or said: class 3 counts with an F1 of 0."""
    gold, said = "1122", {"a": "1123", "b": "1122"}

    def sides(scores):
        return [
            evaluated(
                name,
                [
                    prediction(n, a, gold=g, scores=scores)
                    for n, (a, g) in enumerate(zip(answers, gold, strict=True))
                ],
                metric="f1",
                results={},
            )
            for name, answers in said.items()
        ]

    (one,) = compare(*sides({"acc": 1.0})).comparisons
    assert (one.value_b, one.value_a) == (pytest.approx((1 + 2 / 3 + 0) / 3), 1)
    (one,) = compare(*sides({"f1": 0.5})).comparisons
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
    first, other = (
        evaluated("a", marked("+--")),
        evaluated("b", second, metric="acc_norm", results=results),
    )
    found = compare(first, other)
    assert found.metric == "acc" and found.comparisons[0].difference == pytest.approx(-1 / 3)
    assert "headline differs: acc, micro (a); acc_norm, micro (b)" in found.warnings
    assert compare(other, first).metric == "correct"


# The items


def test_other_items_are_refused_with_the_number_missing_on_each_side():
    first, second = evaluated("a", marked("+++++")), evaluated("b", marked("++---++")[2:])
    with pytest.raises(KoalignError) as error:
        compare(first, second)
    assert str(error.value).startswith(
        "runs/b: lacks 2 items of runs/a and has 2 others, the first 'i0000'"
    )
    assert "--common" in str(error.value) and "\n" not in str(error.value)


def test_common_compares_on_what_all_have_and_says_so():
    first, second, third = (
        evaluated("a", marked("+++++")),
        evaluated("b", marked("++---++")[2:]),
        evaluated("c", marked("-----"), adapters="dpo"),
    )
    found = compare(first, second, third, common=True)
    assert found.common and found.n == 3 and {one.n for one in found.comparisons} == {3}
    assert [row.n for row in found.evaluations] == [3, 3, 3]
    assert found.evaluations[0].value == 1 and found.evaluations[0].low == pytest.approx(
        3 / (3 + 1.96**2), abs=1e-4
    )
    assert "compared on the 3 items that all have, of a 5, b 5, c 5" in found.notes
    same = compare(first, evaluated("c", marked("-----")), common=True)
    assert not same.common and not any("that all have" in note for note in same.notes)


def test_nothing_in_common_is_refused():
    with pytest.raises(KoalignError, match="runs/a: no item that all have"):
        compare(evaluated("a", marked("+")), evaluated("b", marked("++")[1:]), common=True)


# What to doubt


def doubted(before: dict, after: dict) -> list[str]:
    marks = "++--++--++--++--++--"
    first = evaluated("a", marked(marks), **before)
    second = evaluated("b", marked("+" * 20), **after)
    return compare(first, second).warnings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "csat"}, "protocol differs: kmmlu@lm-eval (a); csat (b)"),
        ({"mode": "generate"}, "mode differs: choice (a); generate (b)"),
        ({"template": "direct"}, "template differs: kmmlu (a); direct (b)"),
        (
            {"template_hash": "other"},
            "hash of the prompt with 0 shots differs: prompt-0 (a); other (b)",
        ),
        ({"data": {"test.csv": "e"}}, "hash of the data differs: d (a); e (b)"),
        ({"samples": 8}, "samples a problem differs: 1 (a); 8 (b)"),
        ({"dtype": "float32"}, "dtype differs: bfloat16 (a); float32 (b)"),
        ({"engine": "hf"}, "engine differs: vllm (a); hf (b)"),
        ({"average": "macro"}, "headline differs: acc, micro (a); acc, macro (b)"),
        ({"weight_hash": "v"}, "hash of the weights of some/model differs: w (a); v (b)"),
        (
            {"of": 400},
            "b: 20 of 400 items were evaluated; these are not the figures of the whole data",
        ),
    ],
)
def test_what_a_reader_takes_to_be_equal_and_is_not_is_one_line(changes, said):
    assert doubted({}, changes) == [said]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"shots": 5},
        {"model": "other/model", "weight_hash": "v"},
        {"data": {"elsewhere/test.csv": "d"}},
        {"seed": 7},
    ],
)
def test_what_may_differ_is_not_doubted(changes):
    assert doubted({}, changes) == []


def test_other_gold_answers_are_doubted():
    first = evaluated("a", marked("++++++++"))
    second = evaluated("b", [p.model_copy(update={"gold": ("2",)}) for p in marked("+-------")])
    (line,) = [w for w in compare(first, second).warnings if "gold" in w]
    assert line.startswith("gold answers of a and b differ on 8 items, the first 'i0000'")


@pytest.mark.parametrize(
    ("shots", "said"),
    [
        ([], "no baseline of some/model here; evaluate it alone, with 0 shots and with some"),
        ([0], "only one baseline here (shots 0); evaluate the base with shots too"),
        ([5], "only one baseline here (shots 5); evaluate the base with 0 shots too"),
        (
            [5, 10],
            "no baseline without shots here (shots 5, 10); evaluate the base with 0 shots too",
        ),
        ([0, 5], None),
    ],
)
def test_a_tuned_model_misses_the_baselines_that_are_not_there(shots, said):
    bases = [evaluated(f"base-{n}", marked("-" * 12), shots=n) for n in shots]
    other = evaluated("other", marked("-" * 12), model="other", weight_hash="v")
    tuned = evaluated("tuned", marked("+" * 12), adapters="sft")
    found = [w for w in compare(other, *bases, tuned).warnings if "baseline" in w]
    assert found == ([said] if said else [])
    assert not any(
        "baseline" in w for w in compare(other, evaluated("b", marked("+" * 12))).warnings
    )


def test_a_difference_that_so_few_flips_cannot_show_is_doubted():
    (few,) = compare(
        evaluated("a", marked("-" * 30)), evaluated("b", marked("+" * 5 + "-" * 25))
    ).warnings
    assert (
        few
        == "b against a: 5 of 30 items flipped, 5 won and 0 lost; p < 0.05 needs 6 flips, all one way (20.0 points)"
    )
    (more,) = compare(
        evaluated("a", marked("-----++++" * 3)), evaluated("b", marked("+++++----" * 3))
    ).warnings
    (six,) = compare(
        evaluated("a", marked("+" + "-" * 29)), evaluated("b", marked("-" + "+" * 5 + "-" * 24))
    ).warnings
    assert "5 won and 1 lost; p < 0.05 needs a difference of 6 items (20.0 points)" in six
    # 20 to 7 has p = 0.019 and 19 to 8 has 0.052.
    assert (
        more
        == "b against a: 27 of 27 items flipped, 15 won and 12 lost; p < 0.05 needs a difference of 13 items (48.1 points)"
    )
    assert (
        compare(
            evaluated("a", marked("-" * 30)), evaluated("b", marked("+" * 6 + "-" * 24))
        ).warnings
        == []
    )


def test_items_on_one_passage_are_said_to_make_p_too_sure():
    sides = [
        evaluated(name, [prediction(n, a, passage=f"p{n // 2}") for n, a in enumerate(answers)])
        for name, answers in (("a", "1212"), ("b", "1111"))
    ]
    assert (
        "p counts 4 items, which stand on 2 passages: believe the interval" in compare(*sides).notes
    )
    alone = compare(evaluated("a", marked("+-")), evaluated("b", marked("++")))
    assert not any("passages:" in note for note in alone.notes)
