"""The figures of a protocol agree with scikit-learn, with formulas worked by hand, and with metrics.py."""

from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koalign.data.evaluation.figures import results_of
from koalign.data.evaluation.measures import (
    macro_f1_measure,
    mean_score,
    measured,
    points_measure,
    task_f1_measure,
)
from koalign.data.evaluation.protocols import load_protocol
from koalign.data.evaluation.results import Prediction
from koalign.data.metrics import bootstrap_interval, macro_f1, wilson_interval
from koalign.records import Problem

ANSWERS = st.sampled_from("1234")
SAID = st.sampled_from(["1", "2", "3", "4", "5", None])


def items(answers, *, subject="Law", protocol="kmmlu@lm-eval", passages=None, points=None):
    """(problems, predictions) of (gold, said)."""
    problems, predictions = [], []
    for number, (gold, said) in enumerate(answers):
        problem = Problem(
            question=f"{subject} {number}번?",
            choices=tuple("가나다라"),
            answers=(gold,),
            subject=subject,
            points=points[number] if points else None,
        )
        problems.append(problem)
        predictions.append(
            Prediction(
                id=problem.id,
                answer=said,
                gold=(gold,),
                correct=gold == said,
                why="match" if gold == said else "no_answer" if said is None else "mismatch",
                scores={"acc": float(gold == said)},
                subject=subject,
                passage=passages[number] if passages else problem.id,
            )
        )
    return problems, predictions


def joined(*parts):
    return [one for part in parts for one in part[0]], [one for part in parts for one in part[1]]


def right_and_wrong(right: int, n: int, **changes):
    return items([("1", "1" if number < right else "2") for number in range(n)], **changes)


# --- measures


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
@settings(deadline=None)
def test_f1_of_tasks_is_the_mean_of_scikit_learns_over_the_labels_that_are_seen(rows):
    sklearn = pytest.importorskip("sklearn.metrics")
    gold, said, subjects = zip(*rows, strict=True)
    scores, sizes = [], []
    for subject in set(subjects):
        own = [row for row in rows if row[2] == subject]
        scores.append(
            sklearn.f1_score(
                [g for g, _, _ in own], [s for _, s, _ in own], average="macro", zero_division=0
            )
        )
        sizes.append(len(own))
    for macro, expected in ((False, np.average(scores, weights=sizes)), (True, fmean(scores))):
        measure = task_f1_measure(gold, said, subjects, macro=macro)
        assert float(measure.value(measure.tallies.sum(axis=0))) == pytest.approx(
            expected, abs=1e-12
        )


def test_no_answer_is_no_class_of_a_macro_f1():
    gold, said = ["1", "1", "2", "2"], ["1", None, "2", None]
    for measure in (
        macro_f1_measure(gold, said),
        task_f1_measure(gold, said, [""] * 4, macro=False),
    ):
        assert float(measure.value(measure.tallies.sum(axis=0))) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("right", "n"), [(0, 7), (7, 7)])
def test_all_right_and_all_wrong_have_the_interval_of_wilson(right, n):
    scores = [float(number < right) for number in range(n)]
    (found,) = measured([mean_score(scores, [""] * n, macro=False)], range(n))
    assert (found.low, found.high) == wilson_interval(right, n)


def test_one_passage_alone_has_no_interval():
    (found,) = measured([mean_score([0.0, 1.0], ["", ""], macro=False)], ["one", "one"])
    assert (found.value, found.low, found.high) == (0.5, None, None)


def test_draws_that_cannot_differ_give_no_interval():
    (found,) = measured([mean_score([0.5] * 4, [""] * 4, macro=False)], range(4))
    assert (found.value, found.low, found.high) == (0.5, None, None)


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


# --- results


def test_the_protocol_comes_first_then_its_groups_and_its_subjects():
    protocol = load_protocol("click")
    parts = [
        right_and_wrong(n % 3, 3, subject=subject) for n, subject in enumerate(protocol.covers)
    ]
    results, notes = results_of(protocol, *joined(*parts))
    assert list(results) == ["click", "Culture", "Language", *protocol.covers]
    assert notes == []
    assert list(results["click"]) == ["acc", "acc_stderr", "acc_low", "acc_high", "n"]
    assert (results["click"]["n"], results["Language"]["n"], results["Law"]["n"]) == (33, 9, 3)
    assert results["Law"]["acc"] == 0 and results["Politics"]["acc"] == pytest.approx(1 / 3)


def test_the_average_of_the_paper_is_over_subjects():
    small, large = right_and_wrong(4, 4, subject="Law"), right_and_wrong(0, 12, subject="Math")
    for name, value in (("kmmlu@lm-eval", 4 / 16), ("kmmlu@paper", 1 / 2)):
        results, _ = results_of(load_protocol(name), *joined(small, large))
        assert results[name]["acc"] == pytest.approx(value)


def test_a_group_without_one_of_its_subjects_has_no_figure_and_a_note_says_why():
    protocol = load_protocol("click")
    results, notes = results_of(
        protocol, *joined(*(right_and_wrong(1, 3, subject=s) for s in ("Textual", "Grammar")))
    )
    assert list(results) == ["click", "Textual", "Grammar"]
    assert notes == [
        "click: 2 of its 11 subjects evaluated",
        "Language: no figure, for no item of Functional was evaluated",
    ]


def test_what_is_no_part_of_the_benchmark_stands_beside_its_figure():
    inside = right_and_wrong(1, 4, subject="history")
    outside = right_and_wrong(4, 4, subject="reading_comprehension")
    protocol = load_protocol("haerae@lm-eval")
    results, notes = results_of(protocol, *joined(inside, outside))
    assert results["haerae@lm-eval"]["acc"] == 1 / 4 and results["haerae@lm-eval"]["n"] == 4
    assert results["reading_comprehension"]["acc"] == 1
    assert any("leaves out 4 items of reading_comprehension" in note for note in notes)


def test_where_no_subject_is_of_the_benchmark_the_figure_is_of_all_and_says_so():
    results, notes = results_of(
        load_protocol("kmmlu@lm-eval"), *right_and_wrong(1, 4, subject="Reading")
    )
    assert results["kmmlu@lm-eval"]["n"] == 4
    assert notes == [
        "kmmlu@lm-eval: no item is of a subject of the benchmark; the figure is of all"
    ]


def test_predictions_of_other_problems_are_refused():
    problems, predictions = right_and_wrong(1, 3)
    with pytest.raises(ValueError, match="shorter"):
        results_of(load_protocol("direct"), problems, predictions[:2])
    with pytest.raises(ValueError, match="is no prediction of"):
        results_of(load_protocol("direct"), problems, predictions[::-1])


def test_an_item_that_the_data_holds_twice_counts_twice():
    problems, predictions = right_and_wrong(1, 2)
    again = predictions[0].model_copy(update={"id": f"{problems[0].id}#2"})
    results, _ = results_of(
        load_protocol("direct"), [*problems, problems[0]], [*predictions, again]
    )
    assert results["direct"]["acc"] == pytest.approx(2 / 3) and results["direct"]["n"] == 3


def test_csat_has_macro_f1_and_accuracy_and_points_where_every_problem_has_some():
    answers = [("1", "1"), ("2", "1"), ("3", None), ("4", "4")]
    protocol = load_protocol("csat")
    problems, predictions = items(answers, subject="")
    results, notes = results_of(protocol, problems, predictions)
    assert (list(results), notes) == (["csat"], [])
    assert results["csat"]["macro_f1"] == pytest.approx((2 / 3 + 0 + 0 + 1) / 4)
    assert results["csat"]["acc"] == 0.5 and "points" not in results["csat"]
    results, notes = results_of(protocol, *items(answers, subject="", points=[2, 2, 3, 3]))
    assert results["csat"]["points"] == pytest.approx(50) and notes == []
    results, notes = results_of(protocol, *items(answers, subject="", points=[2, None, 3, 3]))
    assert "points" not in results["csat"]
    assert notes == ["points: no figure, for 1 of 4 problems have no 배점"]


def test_kice_without_points_has_none_and_says_so():
    results, notes = results_of(
        load_protocol("kice"), *items([("1", "1"), ("1", "2")], subject="문법")
    )
    assert results["kice"]["points"] is None and results["kice"]["acc"] == 0.5
    assert notes == ["points: no figure, for 2 of 2 problems have no 배점"]


def test_a_whole_paper_has_100_points():
    points = [2] * 35 + [3] * 10
    answers = [("1", "1" if number % 5 else "2") for number in range(45)]
    results, _ = results_of(load_protocol("kice"), *items(answers, subject="문학", points=points))
    earned = sum(worth for worth, (gold, said) in zip(points, answers, strict=True) if gold == said)
    assert results["kice"]["points"] == pytest.approx(earned)


# --- nikl


def nikl(kind: str, answer: str, text: str, number: int = 0):
    problem = Problem(
        question=f"{kind} {number}",
        choices=tuple("가나다라") if kind == "choice" else (),
        answers=(answer,),
        kind=kind,
        source="nikl-culture",
    )
    prediction = Prediction(
        id=problem.id,
        answer=None,
        gold=(answer,),
        correct=False,
        text=text,
        why="mismatch",
        scores={},
    )
    return [problem], [prediction]


def test_the_final_score_of_nikl_is_the_mean_of_the_types_and_needs_every_scorer():
    protocol = load_protocol("nikl-culture")
    parts = joined(
        nikl("choice", "3", "<think>\n1?\n</think>\n\n3\n"),
        nikl("short", "격구#검무", " 검무"),
        nikl("long", "길다", "길게 쓴다"),
    )
    scorers = dict.fromkeys(
        ("rouge_1", "bertscore", "bleurt"), lambda gold, said: [0.4] * len(gold)
    )
    results, notes = results_of(protocol, *parts, scorers=scorers)
    row = results["nikl-culture"]
    assert row["final"] == pytest.approx((1 + 1 + 0.4) / 3) and notes == []
    assert (row["accuracy"], row["exact_match"], row["n"]) == (1, 1, 3)
    results, notes = results_of(protocol, *parts)
    assert results["nikl-culture"]["final"] is None
    assert notes == ["nikl-culture: no final score without rouge_1, bertscore, bleurt"]
    assert results["nikl-culture"]["accuracy"] == 1


def test_a_reason_that_is_not_given_is_skipped_and_counted():
    answer = '"잠갔다"가 옳다. 으 탈락이다.'
    problem, prediction = nikl("long", answer, '"잠갔다"가 옳다.')
    results, notes = results_of(load_protocol("nikl-rule"), problem, prediction)
    assert results["nikl-rule"]["exact_match"] == 1
    assert notes == ["nikl-rule: the reasons of 1 items are not scored, for one is missing"]
