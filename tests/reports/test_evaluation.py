"""Terminal and CSV say of an evaluation what its predictions hold, and no more."""

import csv
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scored_items import evaluation, predicted, problem, scored

from koalign.reports.evaluation import print_evaluation, write_csv, write_results_csv
from koalign.text.visible import HIDDEN


def said(capsys) -> str:
    return " ".join(capsys.readouterr().out.split())


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
            # What a spreadsheet may drop before it looks for a formula.
            seen = re.sub(f"^[\\s{HIDDEN}]+", "", raw)
            acts = seen.startswith(tuple("=+-@＝＋－＠")) or raw.startswith(tuple("\t\r\n"))
            assert row[key] == (f"'{raw}" if acts else raw)


@pytest.mark.parametrize("blank", ["", " ", "\u00a0", "\u3000", "\u200b", "\ufeff", " \u202e "])
def test_a_formula_behind_blanks_or_hidden_characters_does_not_run_either(tmp_path, blank):
    write_csv(tmp_path / "p.csv", [predicted(problem(1), 0, text=f"{blank}=1+1")])
    with (tmp_path / "p.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["text"] == f"'{blank}=1+1"


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
