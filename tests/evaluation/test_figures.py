"""The figures of a protocol are of its items, groups and subjects, and say what they leave out."""

import pytest

from koalign.evaluation.figures import results_of
from koalign.evaluation.protocols import load_protocol
from koalign.evaluation.results import Prediction
from koalign.records import Problem


def items(answers, *, subject="Law", protocol="kmmlu@lm-eval", passages=None, points=None):
    """(problems, predictions) of (gold, said)."""
    problems, predictions = [], []
    for number, (gold, said) in enumerate(answers):
        problem = Problem(
            question=f"{subject} {number}번?", choices=tuple("가나다라"), answers=(gold,), subject=subject,
            points=points[number] if points else None,
        )  # fmt: skip
        problems.append(problem)
        prediction = Prediction(
            id=problem.id, answer=said, gold=(gold,), correct=gold == said, subject=subject,
            why="match" if gold == said else "no_answer" if said is None else "mismatch",
            scores={"acc": float(gold == said)}, passage=passages[number] if passages else problem.id,
        )  # fmt: skip
        predictions.append(prediction)
    return problems, predictions


def joined(*parts):
    return [one for part in parts for one in part[0]], [one for part in parts for one in part[1]]


def right_and_wrong(right: int, n: int, **changes):
    return items([("1", "1" if number < right else "2") for number in range(n)], **changes)


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


def test_items_without_a_subject_beside_some_with_one_are_said():
    protocol = load_protocol("direct")
    parts = right_and_wrong(1, 3, subject="문학"), right_and_wrong(1, 2, subject="")
    results, notes = results_of(protocol, *joined(*parts))
    assert [*results] == [protocol.name, "문학"]
    assert "2 of 5 items have no subject, and count for the whole alone" in notes
    assert not any(
        "no subject" in note for part in parts for note in results_of(protocol, *part)[1]
    )


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


def test_of_two_right_answers_the_one_given_is_the_class_of_an_f1():
    problems, predictions = items([("1", "1"), ("2", "2"), ("1", "2")], subject="")
    both = ("1", "2")
    problems[2] = problems[2].model_copy(update={"answers": both})
    predictions[2] = predictions[2].model_copy(update={"gold": both, "correct": True})
    assert results_of(load_protocol("csat"), problems, predictions)[0]["csat"]["macro_f1"] == 1


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
    choices = tuple("가나다라") if kind == "choice" else ()
    problem = Problem(
        question=f"{kind} {number}",
        choices=choices,
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
    assert notes == ["nikl-rule: reasons not scored, for one is missing: of 1 item"]


def test_a_metric_of_a_part_of_the_items_says_of_how_many():
    protocol = load_protocol("direct").model_copy(update={"metrics": ("acc", "macro_f1")})
    problems, predictions = right_and_wrong(2, 5)
    long = Problem(question="설명하라", answers=("긴 글",), kind="long", subject="Law")
    other = predictions[0].model_copy(update={"id": long.id, "scores": {}, "gold": long.answers})
    results, notes = results_of(protocol, [*problems, long], [*predictions, other])
    assert results[protocol.name]["acc"] == pytest.approx(2 / 5)
    assert notes == ["acc: of 5 of 6 items; the others have no such score"]
