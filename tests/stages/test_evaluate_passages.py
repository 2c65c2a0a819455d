"""koalign run with a corpus: the policy and the reader with passages stand in the table, with their controls."""

import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.documents import TEST, set_up_documents

from koalign.evaluation.results import Prediction
from koalign.evaluation.solving.voting import Attempt
from koalign.jsonl import read_json, read_jsonl

pytest.importorskip("tantivy")
EVALUATED = RUN / "evaluate"
STEPS = ("passages", "reader")


@pytest.fixture(scope="module")
def ran_with_documents(tmp_path_factory) -> Path:
    folder = set_up_documents(tmp_path_factory.mktemp("documents"))
    koalign("run", cwd=folder, code=0)
    return folder


@pytest.fixture
def run(folder: Path, ran_with_documents: Path) -> Path:
    shutil.copytree(ran_with_documents, folder, dirs_exist_ok=True)
    return folder


def test_the_table_has_the_policy_and_the_reader_with_passages_above_dpo_and_their_controls(run):
    results = read_json(run / EVALUATED / "results.json")
    for step in STEPS:
        row = results[step]
        assert row["n"] == len(TEST)
        for control in ("votes_written", "votes_total", "mismatched"):
            assert results[f"{step}_{control}"]["against"] == step
            assert results[f"{step}_{control}"]["difference_high"] < 0
        report = read_json(run / EVALUATED / f"{step}.json")
        assert report["shown"] == "passages" and report["verdict"] == "pays"
        subjects = {one["subject"]: one for one in report["subjects"]}
        assert {name: one["n"] for name, one in subjects.items()} == {"인물": 15, "고을": 15}
        assert all(len(one["rivals"]) == 3 for one in subjects.values())
        assert all(one["rivals"][0]["difference"] > 0 for one in subjects.values())
    assert results["passages"]["gain"] is True
    assert results["reader"]["against"] == "passages"
    assert results["reader"]["gain"] is False  # the script makes the two alike


def test_show_says_in_which_subjects_of_the_test_split_passages_pay(run):
    report = read_json(run / EVALUATED / "reader.json")
    shown = koalign("show", code=0).stdout
    (line,) = (one for one in shown.splitlines() if one.startswith("reader with passages, by"))
    paying = [one["subject"] for one in report["subjects"] if one["verdict"] == "pays"]
    assert paying and all(subject in line.partition("pays ")[2] for subject in paying)


def test_the_passages_shown_are_the_first_that_were_frozen(run):
    for line in read_jsonl(run / EVALUATED / "passages/predictions.jsonl", Prediction):
        assert len(line.votes) == 8
        assert line.hint.count("기록에 ") in (0, 3)


def test_without_hints_half_of_the_budget_reads_passages_though_hints_would_have_two_answers(run):
    solving = ("candidates.source=none", "solve.hints=0", "solve.answers=2", "controls=off")
    settings = [part for setting in solving for part in ("-s", setting)]
    koalign("evaluate", "--force", *settings, code=0)
    attempts = read_jsonl(run / EVALUATED / "solving/passages_attempts.jsonl", Attempt)
    read = [one for one in attempts if one.hints]
    assert read and {(len(one.hints[0].answers), len(one.bare)) for one in read} == {(2, 2)}


def test_evaluate_says_what_makes_the_passages_that_it_needs(run):
    shutil.rmtree(run / RUN / "retrieve")
    done = koalign("evaluate", "--force", code=2)
    assert "run `koalign retrieve` first" in done.stderr


def test_without_a_corpus_the_table_has_no_row_of_passages(run):
    koalign("evaluate", "--force", "-s", "corpus.sources=[]", code=0)
    assert not {*STEPS} & read_json(run / EVALUATED / "results.json").keys()
