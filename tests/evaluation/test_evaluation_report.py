"""The report and its lines say of an evaluation what its predictions hold, and no more."""

import json
import random

import pytest
from support.scored_items import predicted, problem, scored

from koalign.evaluation.choice_bias import cyclic_orders
from koalign.evaluation.report import findings, report_of
from koalign.evaluation.results import Prediction
from koalign.records import KoalignError, Problem


def test_the_report_is_json_and_keeps_numbers_of_choices_apart():
    four, five = scored(40), scored(30, size=5)
    report = report_of([*four[0], *five[0]], [*five[1], *four[1]])
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert list(report["positions"]) == ["4", "5"]
    assert [report["positions"][size]["n"] for size in "45"] == [40, 30]
    assert len(report["positions"]["5"]["gold"]) == 5
    assert report["orders"] == {} and report["hints"] == {}
    assert report["calibration"]["n"] == 70


def test_predictions_of_other_problems_are_refused():
    problems, predictions = scored(8)
    with pytest.raises(KoalignError, match="1 ids have no prediction"):
        report_of(problems, predictions[1:])
    with pytest.raises(KoalignError, match="1 ids were never asked"):
        report_of(problems[1:], predictions)


def test_problems_without_choices_have_no_places_and_no_confidence():
    short = [Problem(question=f"{n}?", kind="short", answers=("세종",)) for n in range(6)]
    answers = [
        Prediction(
            id=p.id, answer="세종", gold=p.answers, correct=True, why="match", scores={"em": 1.0}
        )
        for p in short
    ]
    report = report_of(short, answers)
    assert report["positions"] == {} and report["calibration"] == {}
    assert findings(report) == [
        "no answer could be read of 0.0 % of the items (0.0 % since they were cut off)"
    ]


def test_orders_reach_the_items_that_they_belong_to():
    problems, predictions = scored(12)
    orders = {
        one.id: {
            order: [0.0 if (order or range(4))[at] == int(one.answers[0]) - 1 else -5.0 for at in range(4)]
            for order in cyclic_orders(one)
        }
        for one in reversed(problems)
    }  # fmt: skip
    random.Random(0).shuffle(problems)
    found = report_of(problems, predictions, orders)["orders"]["4"]
    assert found["averaged"]["value"] == found["consistency"]["value"] == 1
    line = findings(report_of(problems, predictions, orders))[1]
    assert line.startswith("choices turned, 4 orders, 12 items (0 must stay, 0 were not turned): "
                           "same answer in all 100.0 %")  # fmt: skip


def test_items_are_counted_by_quarters_of_their_length_and_by_the_headline():
    problems = [problem(n, passage="글" * (n - 4 if n >= 5 else 0)) for n in range(13)]
    items = [
        predicted(p, 0, scores={"f1": 0.25 if n < 6 else 1.0, "em": 0.0}, prompt_tokens=100 + n,
                  votes=("1", None), completion_tokens=2 * n)
        for n, p in enumerate(problems)
    ]  # fmt: skip
    lengths = report_of(problems, items)["lengths"]
    rows = [(r["from"], r["to"], r["n"], r["value"]) for r in lengths["passage_characters"]]
    assert rows == [(0, 0, 5, 0.25), (1, 2, 2, 0.625), (3, 4, 2, 1), (5, 6, 2, 1), (7, 8, 2, 1)]
    assert [(r["from"], r["to"]) for r in lengths["completion_tokens"]] == [
        (1, 3), (4, 6), (7, 9), (10, 12),
    ]  # fmt: skip
    assert sum(r["n"] for r in lengths["prompt_tokens"]) == 13
    assert report_of(*scored(9))["lengths"]["passage_characters"] == []


def test_what_could_not_be_read_is_counted_of_what_was_generated():
    problems = [problem(n) for n in range(8)]
    whys = ["match"] * 3 + ["mismatch", "no_answer", "ambiguous", "truncated", "truncated"]
    items = [
        predicted(p, 0 if why in ("match", "mismatch") else None, why=why, votes=("1", None, "2"))
        for p, why in zip(problems, whys, strict=True)
    ]
    found = report_of(problems, items)["answers"]
    assert found["why"] == {
        "match": 3,
        "truncated": 2,
        "ambiguous": 1,
        "mismatch": 1,
        "no_answer": 1,
    }
    assert (found["parse_fail_rate"], found["cut_off"]) == (0.5, 0.25)
    assert found["samples_without_answer"] == 0.3333
    assert report_of(*scored(8))["answers"].keys() == {"why"}


def test_items_with_a_hint_are_other_items_than_those_without():
    problems = [problem(n) for n in range(40)]
    items = [
        predicted(
            p, n % 4 if n < 24 else (n + 1) % 4, hint="실마리" * (n % 2 + 1) if n < 30 else ""
        )
        for n, p in enumerate(problems)
    ]
    report = report_of(problems, items)
    found = report["hints"]
    assert (found["with"]["n"], found["with"]["value"]) == (30, 0.8)
    assert (found["without"]["n"], found["without"]["value"]) == (10, 0)
    gap = found["difference"]
    assert gap["value"] == 0.8 and 0.3 < gap["low"] < 0.8 < gap["high"]
    assert (found["characters"]["min"], found["characters"]["max"]) == (3, 6)
    assert "other items, so no effect of hints" in findings(report)[-1]
    hinted = report_of(problems[:30], items[:30])["hints"]
    assert hinted.keys() == {"with", "characters"}


def test_a_finding_is_called_one_only_beyond_chance():
    many = findings(report_of(*scored(400)))
    assert many[0].startswith("answers at places 1 to 4: 280, 40, 40, 40; expected")
    assert "uneven" in many[0]
    assert "too sure: ECE" in many[1]
    few = findings(report_of(*scored(3)))
    assert "no bias that 3 items can show" in few[0]
    assert "nothing wrong that 3 items can show" in few[1]
    modest = [
        sure.model_copy(update={"correct": True, "gold": (sure.answer,)}) for sure in scored(400)[1]
    ]
    assert "not sure enough: ECE" in findings(report_of(scored(400)[0], modest))[1]
