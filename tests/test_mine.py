"""koalign mine as a user runs it: folds that nobody has seen, refusals in one line, kill and go on."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import exam, koalign, problem, write_lines
from test_kill import kill_when

from koalign.adapters.cards import adapter_id
from koalign.data.evaluation.results import PREDICTIONS, RESULTS, Evaluation, Prediction
from koalign.data.formats.sources import read_source
from koalign.data.splits import split_by_group
from koalign.jsonl import read_json, read_jsonl, write_json, write_jsonl
from koalign.records import KoalignError, Problem, Sample
from koalign.reports.mistakes import SPOTS, mined_page
from koalign.stages.mine import folds_of, open_embedding

RUN = Path("runs/default")
FOLDS = RUN / "mine" / "3-folds"


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    return koalign("mine", *arguments, cwd=cwd)


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def evaluated(
    folder: Path, problems: list[Problem], *, every: int = 3, adapters: str = "base"
) -> Path:
    """An evaluation in which every third problem was answered right, and the others with a 2."""
    predictions = [
        Prediction(
            id=one.id, answer=str(one.answers[0]) if n % every == 0 else "2", gold=one.answers,
            correct=n % every == 0 or one.answers == ("2",), scores={"acc": 0.0}, subject=one.subject,
            text="고른 답: 부산\n정답: 2", why="match" if n % every == 0 else "mismatch",
        )
        for n, one in enumerate(problems)
    ]  # fmt: skip
    shape = Evaluation(
        protocol="p", mode="generate", template="t", template_hash="h", shots=0, samples=1, model="m",
        weight_hash="w", adapters=adapters, stack=[], dtype="float32", engine="hf", data={}, items="i",
        n=len(problems), of=len(problems), metric="acc", average="micro", results={}, notes=[], report={},
        seconds={}, tokens={}, peak_memory_mb=0, seed=0, koalign="0", git=None, packages={},
    )  # fmt: skip
    write_json(folder / RESULTS, shape.model_dump(mode="json"))
    write_jsonl(folder / PREDICTIONS, predictions)
    return folder


def rows(path: str, numbers: range, **changes: object) -> list[Problem]:
    write_lines(Path(path), [problem(n, **changes) for n in numbers])
    return read_source(path, "dev").problems


def test_predictions_become_a_file_that_data_train_reads_with_a_table_and_a_page_beside(folder):
    asked = rows("dev.jsonl", range(60), subject="지리", source="마을", split="dev")
    done = run(
        str(evaluated(folder / "eval", asked)),
        "--problems",
        "dev.jsonl",
        "-o",
        "hard.jsonl",
        "--take",
        "20",
    )
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
    assert {name for one in listed["clusters"] for name in one["ids"]} == wrong
    assert "15 mistakes taken, 5 replayed (25% of the set)" in done.stdout
    assert "no run in runs/default" in done.stdout and not Path("runs").exists()
    page = Path("hard.html").read_text(encoding="utf-8")
    assert page.count("<title>") == 1 + listed["wrong"] and page.count('r="9"') == len(
        listed["clusters"]
    )
    assert "<script" not in page and "&lt;svg" not in page
    again = refused("eval", "--problems", "dev.jsonl", "-o", "hard.jsonl")
    assert "hard.jsonl is there already" in again


def test_what_a_problem_says_cannot_break_the_page(folder):
    asked = rows("dev.jsonl", range(30), question="<script>alert('가')</script> & ]]>")
    done = run(
        str(evaluated(folder / "eval", asked)), "--problems", "dev.jsonl", "-o", "hard.jsonl"
    )
    assert done.returncode == 0, done.stderr
    page = Path("hard.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page


def test_everything_right_says_so_and_writes_nothing(folder):
    asked = rows("dev.jsonl", range(12))
    done = run(
        str(evaluated(folder / "eval", asked, every=1)),
        "--problems",
        "dev.jsonl",
        "-o",
        "hard.jsonl",
    )
    assert done.returncode == 0 and "nothing is wrong" in done.stdout
    assert not list(folder.glob("hard*"))


def test_a_handful_of_mistakes_is_taken_whole_and_said(folder):
    asked = rows("dev.jsonl", range(12))
    done = run(
        str(evaluated(folder / "eval", asked)),
        "--problems",
        "dev.jsonl",
        "-o",
        "hard.jsonl",
        "--replay",
        "0",
    )
    assert "fewer than 10: no clusters are made" in done.stdout
    assert (
        len(read_source("hard.jsonl", "train").problems)
        == read_json(folder / "hard.clusters.json")["wrong"]
    )


@pytest.fixture
def prepared(scripted: Path) -> Path:
    done = koalign("prepare", "-s", "data.hints=null")
    assert done.returncode == 0, done.stderr
    return scripted


def test_a_test_split_is_refused_whatever_the_file_calls_it(prepared):
    own = rows("own.jsonl", range(200, 230), split="test")
    said = refused(str(evaluated(prepared / "a", own)), "--problems", "own.jsonl", "-o", "o.jsonl")
    assert "a: 30 of 30 problems call themselves test" in said
    silent = rows("silent.jsonl", range(110, 140))
    said = refused(
        str(evaluated(prepared / "b", silent)), "--problems", "silent.jsonl", "-o", "o.jsonl"
    )
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
    assert (
        koalign(
            "prepare", "--force", "-s", "data.dev=dev.jsonl", "-s", "data.hints=null"
        ).returncode
        == 0
    )
    asked = rows("both.jsonl", range(20)) + rows("dev.jsonl", range(300, 310))
    write_lines(prepared / "both.jsonl", [problem(n) for n in (*range(20), *range(300, 310))])
    folder = str(evaluated(prepared / "a", asked, adapters="sft"))
    done = run(folder, "--problems", "both.jsonl", "-o", "o.jsonl")
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "note: 10 of these problems stand in the dev split of runs/default" in told
    assert "note: 20 of these problems stand in the training split of runs/default" in told
    evaluated(prepared / "a", asked)  # by the bare base, which was taught nothing
    assert "training split" not in run(folder, "--problems", "both.jsonl", "-o", "p.jsonl").stdout


def test_the_answers_of_another_runs_policy_are_mined_where_its_test_says_that_it_is_dev(scripted):
    done = koalign("run", "--run-dir", "runs/other")
    assert done.returncode == 0, done.stderr
    write_lines(scripted / "asked.jsonl", [problem(n) for n in range(100, 116)])
    arguments = ["runs/other", "--problems", "asked.jsonl", "-o", "o.jsonl"]
    assert "16 problems of asked.jsonl do not call themselves another" in refused(*arguments)
    write_lines(scripted / "asked.jsonl", [problem(n, split="dev") for n in range(100, 116)])
    done = run(*arguments)
    assert done.returncode == 0 and "16 answered: " in done.stdout, done.stderr
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
        (["a", "--problems", "p.jsonl", "-o", "o.jsonl", "--embedding", "x/y"], "sentence-transformers"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_in_one_line(folder, arguments, said):
    assert said in refused(*arguments)


def test_folds_hold_every_problem_once_and_no_group_twice():
    problems = exam("train")[:400]
    parts = folds_of(problems, 5, seed=0)
    assert sorted(p.id for part in parts for p in part) == sorted(p.id for p in problems)
    groups = [{(p.source, p.group) for p in part if p.group} for part in parts]
    assert sum(map(len, groups)) == len(set().union(*groups)) > 5
    assert len(parts) == 5 and min(map(len, parts)) > 30
    assert folds_of(problems[::-1], 5, seed=0)[2] == parts[2][::-1]


def test_folds_are_even_where_dev_was_held_out_by_the_same_seed():
    left, held_out = split_by_group(exam("train"), 0.3, seed=7)
    sizes = [len(part) for part in folds_of(left, 4, seed=7)]
    assert held_out and len(sizes) == 4 and max(sizes) < 1.5 * min(sizes)


def test_the_training_set_is_answered_fold_by_fold_by_who_was_taught_the_others(scripted):
    warm = ("-s", "solve.temperature=1", "--folds", "3")  # which the folds must not heed
    done = run("-o", "hard.jsonl", *warm)
    assert done.returncode == 0, done.stderr
    train = read_jsonl(RUN / "prepare" / "train.jsonl", Problem)
    answers = {p.id: p for p in read_jsonl(FOLDS / "answers" / PREDICTIONS, Prediction)}
    assert set(answers) == {one.id for one in train}
    for one in train:  # greedy, the script says the first of its texts
        assert answers[one.id].answer == "1" and answers[one.id].correct == (one.answers == ("1",))
    seen = []
    samples = read_jsonl(FOLDS / "answers" / "samples.jsonl", Sample)
    drawn = {sample.problem_id: sample.adapter for sample in samples}
    assert len(set(drawn.values())) == 3
    for number in (1, 2, 3):
        taught, asked = (
            {p.id for p in read_jsonl(FOLDS / "prepare" / str(number) / f"{name}.jsonl", Problem)}
            for name in ("train", "test")
        )
        assert not taught & asked and len(taught | asked) == len(train)
        seen += asked
        adapter = FOLDS / f"sft-{number}" / "adapter"
        card = read_json(adapter / "koalign.json")
        assert {drawn[name] for name in asked} == {adapter_id(adapter)}
        plan = read_json(FOLDS / f"sft-{number}" / "plan.json")
        assert card["data"]["train.jsonl"] == plan["inputs"]["prepare/train.jsonl"]
    assert sorted(seen) == sorted(answers)
    picked = read_source("hard.jsonl", "train").problems
    assert {p.id for p in picked if not answers[p.id].correct} == {
        n for n, p in answers.items() if not p.correct
    }


def test_made_folds_are_not_made_again_and_half_the_answers_are_half_the_work(scripted):
    assert run("-o", "hard.jsonl", "--folds", "2").returncode == 0
    answers = RUN / "mine" / "2-folds" / "answers"
    again = run("-o", "less.jsonl", "--folds", "2", "--take", "8")
    assert again.stdout.count("nothing to do") == 5
    assert len(read_source("less.jsonl", "train").problems) == 8
    whole, samples = (answers / PREDICTIONS).read_bytes(), (answers / "samples.jsonl").read_bytes()
    for name in (PREDICTIONS, "manifest.json"):
        (answers / name).unlink()
    kept = b"".join(samples.splitlines(keepends=True)[:18])  # one batch of 16, and a bit
    (answers / "samples.jsonl").write_bytes(kept + b'{"half a line')
    assert run("-o", "rest.jsonl", "--folds", "2").returncode == 0
    assert (answers / PREDICTIONS).read_bytes() == whole
    assert (answers / "samples.jsonl").read_bytes() == samples
    stale = run("-o", "more.jsonl", "--folds", "2", "-s", "sft.rank=4")
    assert stale.returncode == 2 and "sft.rank = 32, and it is now 4" in stale.stderr
    assert run("-o", "more.jsonl", "--folds", "2", "-s", "sft.rank=4", "--force").returncode == 0


def test_what_says_a_problem_of_a_fold_is_not_taught_for_it_nor_shown_before_it(scripted):
    """Number 0 and 1 tell of 2 and 3 in their rationales; all stand in groups of their own."""
    lines = [problem(n, rationale=f"{n}번의 풀이") for n in range(24)]
    record = "이 마을에는 오래된 우물이 있고 그 곁에는 키가 큰 느티나무가 한 그루 서 있다. 해마다 가을이 되면 사람들은 이 나무 아래에 모여 잔치를 연다. "
    for n in (2, 3):
        lines[n]["passage"] = f"{n}{n}{n} " + record[n:] + lines[n]["passage"]
        lines[n - 2]["rationale"] = lines[n]["passage"]
    write_lines(scripted / "train.jsonl", lines)
    options = ("-s", "prompt.shots=2", "-s", "data.hints=null", "-s", "data.near_duplicates=1")
    done = run("-o", "hard.jsonl", "--folds", "3", *options)
    assert done.returncode == 0, done.stderr
    train = {p.rationale: p for p in read_jsonl(RUN / "prepare" / "train.jsonl", Problem)}
    tellers = {p.id: rationale for rationale, p in train.items() if "우물" in rationale}
    hidden = 0
    for number in (1, 2, 3):
        taught, asked, shots = (
            read_jsonl(FOLDS / "prepare" / str(number) / f"{name}.jsonl", Problem)
            for name in ("train", "test", "shots")
        )
        told = {p.passage for p in asked}
        assert not [p for p in (*taught, *shots) if tellers.get(p.id) in told]
        assert {p.id for p in shots} == {p.id for p in taught}
        hidden += 24 - len(taught) - len(asked)
    assert hidden == read_json(FOLDS / "prepare" / "manifest.json")["counts"]["left_out"] > 0


def test_too_few_passages_to_cut_are_refused(scripted):
    write_lines(
        scripted / "train.jsonl", [problem(n, passage="한 글이다.", group="g") for n in range(9)]
    )
    said = run("-o", "hard.jsonl", "-s", "data.hints=null").stderr
    assert "koalign: --folds 5: the 9 training problems are too few passages to cut" in said


def test_the_page_draws_no_more_than_it_can_hold_and_every_picked_one(monkeypatch, folder):
    from koalign.data import mistakes

    asked = rows("dev.jsonl", range(60))
    known = [
        Prediction(id=p.id, answer="2", gold=p.answers, correct=False, why="mismatch", scores={})
        for p in asked
    ]
    mining = mistakes.mine(
        mistakes.matched(known, asked, ""), take=20, clusters=3, replay=0.0, seed=0
    )
    monkeypatch.setattr("koalign.reports.mistakes.SPOTS", 25)
    page = mined_page(mining)
    assert SPOTS > 25 and "25 of 60 mistakes" in page
    assert len(re.findall(r'<circle[^>]*r="[34]"', page)) == 25 and page.count('r="9"') == 3
    assert len(re.findall(r'<circle[^>]*r="4" fill="#', page)) == 20
    places = [float(v) for v in re.findall(r'c[xy]="([-\d.]+)"', page)]
    assert min(places) > 0 and max(places) < 760


def test_a_sentence_model_is_asked_for_by_name_only():
    assert open_embedding("tfidf") is None
    with pytest.raises(KoalignError, match="--embedding no/such: "):
        open_embedding("no/such")


@pytest.mark.slow
def test_killed_folds_go_on_and_end_in_the_same_bytes(tmp_path):
    """Killed while the second fold is taught."""
    small = {"batch_size": 8, "gradient_accumulation_steps": 1, "save_steps": 1}
    config = {
        "model": {"path": "builtin:tiny-ko"},
        "data": {"train": "train.jsonl", "test": "test.jsonl"},
        "engine": {"backend": "hf", "batch_size": 8},
        "probe": {"problems": 0},
        "sft": {**small, "learning_rate": 3e-3, "epochs": 1},
        "solve": {"max_tokens": 12, "temperature": 1.0},
    }
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    write_jsonl(whole / "train.jsonl", exam("train")[:40])
    write_jsonl(whole / "test.jsonl", exam("test")[:8])
    (whole / "koalign.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    shutil.copytree(whole, killed)
    arguments = ("-o", "hard.jsonl", "--folds", "2", "--take", "12", "--clusters", "3")
    done = run(*arguments, cwd=whole)
    assert done.returncode == 0, done.stderr
    home = killed / RUN / "mine" / "2-folds"
    kill_when(
        ["mine", *arguments], killed, lambda: any(home.glob("sft-2/unfinished/checkpoint-*/whole"))
    )
    assert not (home / "sft-2" / "manifest.json").exists()
    taught = (home / "sft-1" / "manifest.json").read_bytes()
    done = run(*arguments, cwd=killed)
    assert done.returncode == 0, done.stderr
    assert (home / "sft-1" / "manifest.json").read_bytes() == taught
    for name in (
        "hard.jsonl",
        "hard.clusters.json",
        "hard.html",
        f"{RUN}/mine/2-folds/answers/{PREDICTIONS}",
    ):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    first = (home / "answers" / PREDICTIONS).read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first)["completion_tokens"] > 0
