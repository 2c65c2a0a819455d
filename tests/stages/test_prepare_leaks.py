"""prepare: what training and the held-out splits share stops the run, or goes and is counted."""

import json
from pathlib import Path

import pytest
from support.command import koalign
from support.manifests import record_outputs
from support.prepared import OUT, prepare, reasons, rows
from support.problems import problem, write_lines

from koalign.jsonl import read_json, read_jsonl
from koalign.records import Drop

LEAK = "지난 봄 남쪽 바닷가 마을에서 열린 큰 장터에 모인 상인들은 저마다 다른 고장에서 온 물건을 펼쳐 놓고 손님을 기다렸다. 그 가운데 가장 먼저 물건을 다 판 사람은 누구인가?"


@pytest.fixture
def leaking(scripted: Path) -> Path:
    """A test problem in training with its choices in another order, and one under other numbers."""
    test = [problem(n) for n in range(100, 110)]
    test += [problem(200, passage="", group="", question=LEAK)]
    turned = {**test[0], "choices": test[0]["choices"][::-1], "answer": 4, "group": "other"}
    nearly = problem(201, passage="", group="", question="다음을 읽고 답하시오. " + LEAK)
    write_lines(Path("test.jsonl"), test)
    write_lines(Path("train.jsonl"), [problem(n) for n in range(6)] + [turned, nearly])
    return scripted


def test_leaks_stop_the_run_and_are_written_down_with_ids_and_texts(leaking):
    done = prepare(code=2)
    assert "Traceback" not in done.stderr
    assert "2 leaks" in done.stderr and "data.leaks: drop" in done.stderr
    found = read_json(OUT / "leaks.json")["found"]
    assert {one["kind"] for one in found} == {"reordered", "overlap"}
    for one in found:
        assert one["learned"]["split"] == "train" and one["evaluated"]["split"] == "test"
        assert one["learned"]["question"] and one["evaluated"]["id"]
    assert not (OUT / "train.jsonl").exists()


def test_after_a_refusal_the_remedy_works_without_force(leaking):
    prepare(code=2)
    prepare("-s", "data.leaks=drop")


def test_leaks_can_be_taken_out_of_training_and_are_counted(leaking):
    prepare("-s", "data.leaks=drop")
    assert reasons() == {"leak": 2} and len(rows("train")) == 6 and len(rows("test")) == 11


def test_sft_pairs_and_abstractions_look_for_leaks_again(ran):
    """Whatever prepare let through: the stages that learn from it refuse."""
    stolen = rows("train")[0].model_copy(update={"split": "test", "group": ""})
    test = OUT / "test.jsonl"
    test.write_text(test.read_text("utf-8") + stolen.model_dump_json() + "\n", "utf-8")
    record_outputs(OUT)
    # A finished stage has nothing to do; made again, each looks before it learns.
    for command, change in (("dpo-pairs", "sample.n=4"), ("sft", "sft.rank=4")):
        done = koalign(command, "-s", change, "--force", code=2)
        assert "found in dev or test" in done.stderr, done.stderr


def test_a_hint_that_says_a_test_problem_is_refused(scripted):
    test = problem(500, passage="", group="", question=LEAK)
    write_lines(Path("test.jsonl"), [test])
    hints = Path("hints.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(hints[0])
    told = LEAK + " " + " ".join(test["choices"])
    write_lines(Path("hints.jsonl"), [{**first, "text": told}])
    done = koalign("prepare", code=2)
    assert "hints.jsonl:1: 1 hint holding a problem of dev or test" in done.stderr
    koalign("prepare", "-s", "data.leaks=drop", code=0)
    assert reasons() == {"hint_says_an_evaluated_problem": 1}


def test_what_is_taught_in_words_is_guarded_too(scripted):
    """Instruction data's usual leak: a test problem, quoted in an answer."""
    test = problem(500, passage="", group="", question=LEAK)
    write_lines(Path("test.jsonl"), [test])
    told = {
        "question": "이 문제를 풀어 줘.",
        "kind": "long",
        "answers": [f"문제: {LEAK} 답은 서울, 부산, 대구, 광주 가운데 부산이다."],
    }
    write_lines(Path("train.jsonl"), [problem(0), told])
    done = prepare(code=2)
    assert "1 leak (1 overlap)" in done.stderr
    assert prepare("-s", "data.leaks=drop").returncode == 0 and reasons() == {"leak": 1}


def test_a_training_problem_that_is_in_dev_goes_from_training_and_stays_in_dev(scripted):
    rows_in = [problem(n) for n in range(6)]
    write_lines(Path("train.jsonl"), rows_in)
    write_lines(Path("dev.jsonl"), rows_in[:2])
    prepare("-s", "data.dev=dev.jsonl", "-s", "data.leaks=drop")
    assert len(rows("train")) == 4 and len(rows("dev")) == 2 and reasons() == {"leak": 2}


def test_a_leak_says_where_it_stands_and_which_problem_it_gives_away(scripted):
    test = problem(100, key="시험-7")
    write_lines(Path("test.jsonl"), [problem(101), test])
    write_lines(Path("train.jsonl"), [problem(0), {**test, "key": "학습-3"}])
    prepare("-s", "data.leaks=drop")
    (drop,) = read_jsonl(OUT / "dropped.jsonl", Drop)
    assert (drop.place, drop.key) == ("train.jsonl:2", "학습-3")
    _, evaluated = rows("test")
    assert drop.detail == f"same: {evaluated.name} of test"
    assert drop.detail.startswith("same: 시험-7: ") and evaluated.id in drop.detail


def test_if_everything_leaks_there_is_nothing_to_learn_from(scripted):
    done = prepare("-s", "data.test=train.jsonl", "-s", "data.leaks=drop", code=2)
    assert "no problem to learn from; 24 dropped: leak" in done.stderr


def test_hints_for_problems_held_out_as_dev_are_dropped(scripted):
    koalign("prepare", "-s", "data.dev_share=0.5", code=0)
    assert reasons() == {"hint_for_a_held_out_problem": 3 * len(rows("dev"))}
