"""koalign mine as a user runs it: mistakes become a training file, what cannot be is refused in one line."""

import re
from pathlib import Path

import pytest
from support.command import koalign
from support.mined import evaluated, mined, refused, rows, run
from support.problems import problem, write_lines

from koalign.data.formats.sources import read_source
from koalign.evaluation.results import PREDICTIONS, Prediction
from koalign.jsonl import read_json, read_jsonl
from koalign.records import KoalignError
from koalign.stages.mine import open_vectors


def test_predictions_become_a_file_that_data_train_reads_with_a_table_beside(folder):
    asked = rows("dev.jsonl", range(60), subject="지리", source="마을", split="dev")
    done = mined(folder, asked, "--take", "20")
    assert done.returncode == 0, done.stderr
    reading = read_source("hard.jsonl", "train")
    assert len(reading.problems) == 20 and not reading.drops
    by_id = {one.id: one for one in asked}
    for one in reading.problems:
        assert one == by_id[one.id].model_copy(update={"split": "train"})
    listed = read_json(folder / "hard.clusters.json")
    wrong = {p.id for p in read_jsonl(folder / "eval" / PREDICTIONS, Prediction) if not p.correct}
    assert listed["wrong"] == len(wrong) and (listed["picked"], listed["replayed"]) == (15, 5)
    assert sum(one.id in wrong for one in reading.problems) == 15
    assert {m["id"] for one in listed["clusters"] for m in one["mistakes"]} == wrong
    assert "15 mistakes taken, 5 replayed (25% of the set)" in done.stdout
    assert "no run in runs/default" in done.stdout and not Path("runs").exists()
    again = refused("eval", "--problems", "dev.jsonl", "-o", "hard.jsonl")
    assert "hard.jsonl is there already" in again


def test_killed_between_its_files_no_clusters_of_other_problems_are_left(folder, monkeypatch):
    mined(folder, rows("dev.jsonl", range(60), split="dev"))

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("koalign.jsonl.write_jsonl", killed)
    command = ("mine", "eval", "--problems", "dev.jsonl", "-o", "hard.jsonl", "--force")
    assert koalign(*command, "--take", "5").returncode
    assert not (folder / "hard.clusters.json").exists()


def test_everything_right_says_so_and_writes_nothing(folder):
    asked = rows("dev.jsonl", range(12))
    done = mined(folder, asked, every=1)
    assert done.returncode == 0 and "nothing is wrong" in done.stdout
    assert not list(folder.glob("hard*"))


def test_a_handful_of_mistakes_is_taken_whole_and_said(folder):
    asked = rows("dev.jsonl", range(12))
    done = mined(folder, asked, "--replay", "0")
    assert "fewer than 10: no clusters are made" in done.stdout
    assert (
        len(read_source("hard.jsonl", "train").problems)
        == read_json(folder / "hard.clusters.json")["wrong"]
    )


@pytest.fixture
def prepared(scripted: Path) -> Path:
    koalign("prepare", "-s", "data.hints=null", code=0)
    return scripted


def test_a_test_split_is_refused_whatever_the_file_calls_it(prepared):
    own = rows("own.jsonl", range(200, 230), split="test")
    said = refused(str(evaluated(prepared / "a", own)), "--problems", "own.jsonl", "-o", "o.jsonl")
    assert "a: 30 of 30 problems call themselves test" in said
    silent = rows("b.jsonl", range(110, 140))
    said = refused(str(evaluated(prepared / "b", silent)), "--problems", "b.jsonl", "-o", "o.jsonl")
    assert re.search(r"b: 6 of 30 problems stand in the run's test split \(same\)", said)
    assert not (prepared / "o.jsonl").exists()


def test_problems_that_cannot_be_found_are_refused(prepared):
    asked = rows("dev.jsonl", range(200, 230))
    evaluated(prepared / "a", asked)
    rows("other.jsonl", range(205, 260))
    said = refused("a", "--problems", "other.jsonl", "-o", "o.jsonl")
    assert "--problems: 5 of the 30 problems of a are not there" in said and asked[0].id in said


def test_problems_of_the_runs_other_splits_are_mined_and_the_user_is_told(prepared):
    write_lines(prepared / "dev.jsonl", [problem(n) for n in range(300, 310)])
    koalign("prepare", "--force", "-s", "data.dev=dev.jsonl", "-s", "data.hints=null", code=0)
    asked = [*rows("both.jsonl", range(20)), *rows("dev.jsonl", range(300, 310))]
    write_lines(prepared / "both.jsonl", [problem(n) for n in (*range(20), *range(300, 310))])
    folder = str(evaluated(prepared / "a", asked, adapters="sft"))
    done = run(folder, "--problems", "both.jsonl", "-o", "o.jsonl")
    told = " ".join(done.stdout.split())
    assert "note: 10 of the problems evaluated stand in the dev split of runs/default" in told
    assert "note: 20 of the problems evaluated stand in the training split of runs/default" in told
    evaluated(prepared / "a", asked)  # by the bare base, which was taught nothing
    assert "training split" not in run(folder, "--problems", "both.jsonl", "-o", "p.jsonl").stdout


def test_the_answers_of_another_runs_policy_are_mined_where_its_test_says_that_it_is_dev(scripted):
    koalign("run", "--run-dir", "runs/other", code=0)
    write_lines(scripted / "asked.jsonl", [problem(n) for n in range(100, 116)])
    arguments = ["runs/other", "--problems", "asked.jsonl", "-o", "o.jsonl"]
    assert "16 problems of asked.jsonl do not call themselves another" in refused(*arguments)
    write_lines(scripted / "asked.jsonl", [problem(n, split="dev") for n in range(100, 116)])
    done = run(*arguments)
    assert "16 answered: " in done.stdout, done.stderr
    assert "stand in the run's test split" in refused(
        *arguments, "--run-dir", "runs/other", "--force"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "--problems", "p.jsonl"], "say where the problems go with -o"),
        (["a", "--problems", "p.jsonl", "-o", "o.html"], "end the name in .jsonl"),
        (["a", "-o", "o.jsonl"], "name the file that was evaluated with --problems"),
        (["--problems", "p.jsonl", "-o", "o.jsonl"], "without one leave it out"),
        (["a", "--problems", "p.jsonl", "--folds", "3", "-o", "o.jsonl"], "--folds is for the training set"),
        (["a", "--problems", "p.jsonl", "-o", "o.jsonl"], "a: no evaluation here"),
        (["a", "--problems", "p.jsonl", "-o", "o.jsonl", "--embedding", "x/y"], "--embedding x/y"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_in_one_line(folder, arguments, said):
    assert said in refused(*arguments)


def test_a_sentence_model_is_asked_for_by_name_only():
    assert open_vectors("tfidf") is None
    with pytest.raises(KoalignError, match="--embedding no/such"):
        open_vectors("no/such")
