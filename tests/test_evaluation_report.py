"""The report, its lines, page and CSV say of an evaluation what its predictions hold, and no more."""

import csv
import json
import random
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data.evaluation.choice_bias import cyclic_orders
from koalign.data.evaluation.report import findings, report_of
from koalign.data.evaluation.results import Evaluation, Prediction
from koalign.records import KoalignError, Problem
from koalign.reports.evaluation import (
    print_evaluation,
    write_csv,
    write_page,
    write_results_csv,
)

LETTERS = "가나다라마"
SAID = (0, 0, 0, 0, 0, 0, 1, 2, 3, 0)


def problem(number: int, size: int = 4, passage: str = "") -> Problem:
    texts = tuple(f"{letter} {number}째" for letter in LETTERS[:size])
    answers = (str(number % size + 1),)
    return Problem(question=f"{number}째 물음은?", passage=passage, choices=texts, answers=answers)


def predicted(one: Problem, place: int | None, **changes) -> Prediction:
    answer = None if place is None else str(place + 1)
    correct = answer in one.answers
    given = {"answer": answer, "gold": one.answers, "correct": correct, "scores": {"acc": float(correct)},
             "why": "match" if correct else "mismatch" if answer else "no_answer"}  # fmt: skip
    return Prediction(id=one.id, **{**given, **changes})


def scored(count: int, size: int = 4, **changes):
    """Candidates of which the first gets most answers, the surer the later the item stands."""
    problems = [problem(n, size) for n in range(count)]
    predictions = []
    for number, one in enumerate(problems):
        place = SAID[number % len(SAID)] % size
        sure = 0.4 + 0.5 * number / count
        logs = [log(sure if at == place else (1 - sure) / (size - 1)) for at in range(size)]
        predictions.append(predicted(one, place, logprobs=tuple(logs), **changes))
    return problems, predictions


def evaluation(problems, predictions, orders=None, results=None, **changes) -> Evaluation:
    share = sum(p.correct for p in predictions) / len(predictions)
    row = {"acc": share, "acc_stderr": 0.01, "acc_low": share - 0.1, "acc_high": share + 0.1,
           "n": len(predictions)}  # fmt: skip
    given = {
        "protocol": "kmmlu@lm-eval", "mode": "choice", "template": "kmmlu", "template_hash": "ab12",
        "shots": 5, "samples": 1, "model": "none/tiny", "weight_hash": "cd34", "adapters": "base",
        "stack": [], "dtype": "bfloat16", "engine": "hf", "data": {"data": "ef56"}, "items": "x",
        "n": len(predictions), "of": len(predictions), "metric": "acc", "average": "micro",
        "results": {"kmmlu@lm-eval": row, **(results or {})}, "notes": ["no BLEURT here"],
        "report": report_of(problems, predictions, orders), "seconds": {"load": 1.0, "run": 2.0},
        "tokens": {"prompt": 1234, "generated": 0}, "peak_memory_mb": 1.0, "seed": 0,
        "koalign": "0", "git": None, "packages": {},
    }  # fmt: skip
    return Evaluation(**{**given, **changes})


def said(capsys) -> str:
    return " ".join(capsys.readouterr().out.split())


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
    assert findings(report) == ["no answer could be read of 0.0 % of the items, cut off 0.0 %"]


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
    whys = [
        "match",
        "match",
        "mismatch",
        "no_answer",
        "ambiguous",
        "truncated",
        "truncated",
        "match",
    ]
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
    assert (
        many[0].startswith("answers at places 1 to 4: 280, 40, 40, 40; expected")
        and "uneven" in many[0]
    )
    assert "too sure: ECE" in many[1]
    few = findings(report_of(*scored(3)))
    assert (
        "no bias that 3 items can show" in few[0]
        and "nothing wrong that 3 items can show" in few[1]
    )
    modest = [
        sure.model_copy(update={"correct": True, "gold": (sure.answer,)}) for sure in scored(400)[1]
    ]
    assert "not sure enough: ECE" in findings(report_of(scored(400)[0], modest))[1]


def test_the_terminal_says_what_a_report_needs(capsys):
    problems, predictions = scored(40)
    rows = {
        f"과목 {n}": {"acc": None if n == 7 else n / 100, "acc_low": 0.0, "acc_high": 0.5, "n": 3}
        for n in range(19, -1, -1)
    }
    print_evaluation(evaluation(problems, predictions, results={**rows, "[red]법[/red]": rows["과목 0"]},
                                of=35030), predictions)  # fmt: skip
    text = said(capsys)
    assert (
        "kmmlu@lm-eval: acc 15.0 % (95 %: 5.0 % to 25.0 %), 40 of 35,030 items, micro average"
        in text
    )
    assert "model: none/tiny (cd34), bfloat16" in text and "adapters: base" in text
    assert "prompt: kmmlu (ab12), 5 shots, candidates scored" in text
    assert "[red]법[/red]" in text and "… 6 more in results.json" in text
    assert text.index("과목 1 ") < text.index("과목 2 ") < text.index("과목 14 ")
    assert "과목 7 " not in text and "과목 19" not in text, (
        "the best and what has no figure stand last"
    )
    assert "answers at places" in text and "calibration by probability" in text
    assert "surest wrong answers: " in text and "note: no BLEURT here" in text


def test_the_surest_wrong_answers_come_surest_first(capsys):
    problems, predictions = scored(40)
    right = [p.model_copy(update={"gold": (p.answer,), "correct": True}) for p in predictions]
    predictions[-2:] = right[-2:]
    print_evaluation(evaluation(problems, predictions), predictions)
    wrong = [p.id for p in predictions if not p.correct][::-1]
    line = said(capsys).split("surest wrong answers: ")[1]
    assert line.index(wrong[0]) < line.index(wrong[1]) < line.index(wrong[2])
    assert wrong[3] not in line and all(p.id not in line for p in predictions if p.correct)
    print_evaluation(evaluation(problems, right), right)
    assert "surest wrong" not in said(capsys)


def test_samples_points_and_missing_figures_are_named(capsys):
    problems, predictions = scored(8)
    row = {"points": 61.5, "points_stderr": None, "points_low": 50.0, "points_high": 70.25, "n": 8}
    changes = {"mode": "generate", "samples": 8, "metric": "points", "average": "macro"}
    whole = evaluation(problems, predictions, results={}, **changes)
    print_evaluation(whole.model_copy(update={"results": {"kice": row}}), predictions)
    text = said(capsys)
    assert "points 61.5 (95 %: 50.0 to 70.2), 8 items, macro average" in text
    assert "answers generated, 8 samples voting" in text and "worst first" not in text
    gone = {"kice": {"points": None, "points_low": None, "points_high": None, "n": 8}}
    print_evaluation(whole.model_copy(update={"results": gone}), predictions)
    assert "points none" in said(capsys)


def test_the_page_stands_alone_and_draws_the_reliability_curve(tmp_path):
    problems, predictions = scored(400)
    predictions = [p.model_copy(update={"subject": "<b>법</b>"}) for p in predictions]
    rows = {
        f"과목 {n}": {"acc": n / 100, "acc_low": 0.0, "acc_high": 0.5, "n": 3} for n in range(40)
    }
    found = evaluation(problems, predictions, results=rows)
    path = write_page(tmp_path / "out", found, predictions)
    text = path.read_text(encoding="utf-8")
    for outside in ("http", "src=", "<script", "@import", "url(", "<b>"):
        assert outside not in text
    assert text.count("<circle") == len(found.report["calibration"]["bins"]) == 10
    first = found.report["calibration"]["bins"][0]
    x, y = 200 * first["confidence"], 200 - 200 * first["accuracy"]
    assert f'<circle cx="{x:.1f}" cy="{y:.1f}"' in text
    assert all(f"과목 {n}<" in text for n in range(40)), "the page has every subject"


def test_the_page_of_a_text_benchmark_has_no_empty_parts(tmp_path):
    short = [Problem(question=f"{n}?", kind="short", answers=("세종",)) for n in range(6)]
    answers = [
        Prediction(
            id=p.id, answer="세종", gold=p.answers, correct=True, why="match", scores={"acc": 1.0}
        )
        for p in short
    ]
    text = write_page(tmp_path, evaluation(short, answers), answers).read_text(encoding="utf-8")
    for absent in ("Reliability", "<circle", "Places of", "turned", "surest wrong"):
        assert absent not in text


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(TEXT, TEXT, TEXT, st.floats(-9, 0)), min_size=1, max_size=4))
def test_a_spreadsheet_reads_every_item_and_runs_none(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "predictions.csv"
    items = [
        predicted(problem(n), 0, subject=subject, text=text, hint=hint, logprobs=(low, -1.0))
        for n, (subject, text, hint, low) in enumerate(lines)
    ]
    write_csv(path, items)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf"), "or Excel in Korea reads it as CP949"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [item.id for item in items]
    for row, item in zip(rows, items, strict=True):
        assert float(row["logprob_1"]) == item.logprobs[0], "numbers stay numbers"
        for key in ("subject", "text", "hint"):
            raw = getattr(item, key)
            assert row[key] == (f"'{raw}" if raw and raw[0] in "=+-@\t\r\n＝＋－＠" else raw)


def test_items_of_several_kinds_share_one_table(tmp_path):
    four, five = scored(1), scored(1, size=5)
    texts = [predicted(problem(9), None, scores={"f1": 0.5}, votes=("2", None))]
    write_csv(tmp_path / "p.csv", [*four[1], *five[1], *texts])
    with (tmp_path / "p.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["logprob_5"]) for row in rows] == [False, True, False]
    assert [(row["acc"], row["f1"]) for row in rows] == [("1.0", ""), ("1.0", ""), ("", "0.5")]
    assert (rows[2]["answer"], rows[2]["votes"], rows[2]["confidence"]) == ("", "2 | none", "")


def test_the_results_are_a_table_of_every_name_and_metric(tmp_path):
    rows = {"=법": {"acc": 0.5, "f1": 0.25, "n": 4}}
    write_results_csv(tmp_path / "r.csv", evaluation(*scored(8), results=rows))
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        whole, subject = csv.DictReader(file)
    assert whole["name"] == "kmmlu@lm-eval" and float(whole["acc"]) == 0.25 and whole["f1"] == ""
    assert (subject["name"], subject["acc"], subject["f1"], subject["n"]) == (
        "'=법",
        "0.5",
        "0.25",
        "4",
    )
