"""koalign mine --folds: who answers a problem has never seen it; killed folds go on to the same bytes."""

import json
import shutil

import pytest
from support.command import RUN
from support.kills import kill_when, small_run
from support.mined import FOLDS, run
from support.problems import exam, problem, write_lines

from koalign.adapters.cards import adapter_id
from koalign.data.formats.sources import read_source
from koalign.data.preparing.splits import split_by_group
from koalign.evaluation.results import PREDICTIONS, Prediction
from koalign.jsonl import read_json, read_jsonl
from koalign.records import Problem, Sample
from koalign.stages.mine import folds_of


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
    run("-o", "hard.jsonl", *warm)
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
    run("-o", "hard.jsonl", "--folds", "2")
    answers = RUN / "mine" / "2-folds" / "answers"
    again = run("-o", "less.jsonl", "--folds", "2", "--take", "8")
    assert again.stdout.count("nothing to do") == 5
    assert len(read_source("less.jsonl", "train").problems) == 8
    whole, samples = (answers / PREDICTIONS).read_bytes(), (answers / "samples.jsonl").read_bytes()
    for name in (PREDICTIONS, "manifest.json"):
        (answers / name).unlink()
    kept = b"".join(samples.splitlines(keepends=True)[:18])  # one batch of 16, and a bit
    (answers / "samples.jsonl").write_bytes(kept + b'{"half a line')
    run("-o", "rest.jsonl", "--folds", "2")
    assert (answers / PREDICTIONS).read_bytes() == whole
    assert (answers / "samples.jsonl").read_bytes() == samples
    stale = run("-o", "more.jsonl", "--folds", "2", "-s", "sft.rank=4", code=2)
    assert "sft.rank = 32, and it is now 4" in stale.stderr
    run("-o", "more.jsonl", "--folds", "2", "-s", "sft.rank=4", "--force")


def test_what_says_a_problem_of_a_fold_is_not_taught_for_it_nor_shown_before_it(scripted):
    """Number 0 and 1 tell of 2 and 3 in their rationales; all stand in groups of their own."""
    lines = [problem(n, rationale=f"{n}번의 풀이") for n in range(24)]
    record = "이 마을에는 오래된 우물이 있고 그 곁에는 키가 큰 느티나무가 한 그루 서 있다. 해마다 가을이 되면 사람들은 이 나무 아래에 모여 잔치를 연다. "
    for n in (2, 3):
        lines[n]["passage"] = f"{n}{n}{n} " + record[n:] + lines[n]["passage"]
        lines[n - 2]["rationale"] = lines[n]["passage"]
    write_lines(scripted / "train.jsonl", lines)
    options = ("-s", "prompt.shots=2", "-s", "data.hints=null", "-s", "data.near_duplicates=1")
    run("-o", "hard.jsonl", "--folds", "3", *options)
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
    write_lines(scripted / "train.jsonl", [problem(n, passage="글", group="g") for n in range(9)])
    said = run("-o", "hard.jsonl", "-s", "data.hints=null", code=2).stderr
    assert "koalign: --folds 5: too few passages in 9 training problems to cut" in said


@pytest.mark.slow
def test_killed_folds_go_on_and_end_in_the_same_bytes(tmp_path):
    """Killed while the second fold is taught."""
    small = {"batch_size": 8, "gradient_accumulation_steps": 1, "save_steps": 1}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    small_run(
        whole, {"train": 40, "test": 8}, engine={"backend": "hf", "batch_size": 8},
        probe={"problems": 0}, sft={**small, "learning_rate": 3e-3, "epochs": 1},
        solve={"max_tokens": 12, "temperature": 1.0},
    )  # fmt: skip
    shutil.copytree(whole, killed)
    arguments = ("-o", "hard.jsonl", "--folds", "2", "--take", "12", "--clusters", "3")
    run(*arguments, cwd=whole)
    home = killed / RUN / "mine" / "2-folds"
    kill_when(["mine", *arguments], killed, lambda: any(home.glob("sft-2/*/checkpoint-*/whole")))
    assert not (home / "sft-2" / "manifest.json").exists()
    taught = (home / "sft-1" / "manifest.json").read_bytes()
    run(*arguments, cwd=killed)
    assert (home / "sft-1" / "manifest.json").read_bytes() == taught
    answers = f"{RUN}/mine/2-folds/answers/{PREDICTIONS}"
    for name in ("hard.jsonl", "hard.clusters.json", answers):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    first = (home / "answers" / PREDICTIONS).read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first)["completion_tokens"] > 0
