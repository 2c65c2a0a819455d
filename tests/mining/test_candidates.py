"""Who writes hints, what the writer is shown, and what of it can be screened."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from support.command import RUN, koalign
from support.faulty_server import Server, faulty_server
from support.manifests import record_outputs
from support.problems import CITIES, problem, write_lines

from koalign.adapters.cards import adapter_id
from koalign.jsonl import read_jsonl
from koalign.mining.hints.writing import OwnAnswer, ask_for_hint, candidates, own_answers, pass_rate
from koalign.records import Drop, Hint, Problem, Sample

PROBLEM = Problem(
    question="민수가 사는 곳은?", passage="민수는 부산에 산다.", choices=CITIES, answers=("2",)
)


def sample(text: str, index: int = 0, finish: str = "stop", order: tuple[int, ...] = ()) -> Sample:
    return Sample(
        problem_id=PROBLEM.id, index=index, adapter="a", text=text, token_ids=(1,), logprob=-1.0,
        finish_reason=finish, permutation=order,
    )  # fmt: skip


def written(*texts: str, finish: str = "stop") -> list[Sample]:
    return [sample(text, finish=finish) for text in texts]


def test_the_writer_sees_problem_answer_explanation_and_own_answers_and_what_not_to_say():
    explained = PROBLEM.model_copy(update={"rationale": "지문의 첫 문장을 보면 안다."})
    own = [OwnAnswer("정답: 2", True), OwnAnswer("정답: 4", False)]
    (turn,) = ask_for_hint(explained, own).messages
    for part in (
        "민수는 부산에 산다.", "민수가 사는 곳은?", "1. 서울", "4. 광주", "[정답]\n2. 부산",
        "[해설]\n지문의 첫 문장을 보면 안다.", "[학생의 맞은 풀이]\n정답: 2", "[학생의 틀린 풀이]\n정답: 4",
        "쓰지 않는다",
    ):  # fmt: skip
        assert part in turn.text
    assert "[해설]" not in ask_for_hint(PROBLEM, own).messages[0].text
    short = Problem(question="왕은?", answers=("태조",), kind="short")
    assert "[정답]\n태조" in ask_for_hint(short, []).messages[0].text


def test_own_answers_are_one_right_and_different_wrong_ones_the_commonest_first():
    samples = [
        sample("풀이 끝에 정답: 2", 0),
        sample("정답: 2", 1),
        sample("정답: 1", 2),
        sample("잘 보면 정답: 4", 3),
        sample("정답: 4", 4),
        sample("정답: 3", 5, finish="length"),
        sample("정답: 2입니다", 6, order=(1, 0, 2, 3)),
    ]
    found = own_answers(PROBLEM, samples, 3)
    assert found == [
        OwnAnswer("정답: 2", True),
        OwnAnswer("정답: 4", False),
        OwnAnswer("정답: 1", False),
    ]
    assert own_answers(PROBLEM, samples[::-1], 3) == found
    assert own_answers(PROBLEM, samples, 0) == []
    # In another order of the choices the same number is another answer.
    assert pass_rate(PROBLEM, samples) == pytest.approx(2 / 7)
    assert pass_rate(PROBLEM, []) is None


def test_what_did_not_end_is_empty_or_says_the_same_again_is_no_candidate():
    kept, drops = candidates(
        [
            *written("먼저 사람을 찾고 그 사람이 사는 곳을 찾는다."),
            *written("먼저 사람을 찾고, 그 사람이 사는 곳을 찾는다"),
            *written("<think>답은 2"),
            *written("중간에 끊", finish="length"),
            *written(" \n", "실마리:"),
            *written("<think>부산이다</think>**실마리:** 문장마다 한 사람만 있는지 본다."),
        ]
    )
    assert [hint.text for hint in kept] == [
        "먼저 사람을 찾고 그 사람이 사는 곳을 찾는다.",
        "문장마다 한 사람만 있는지 본다.",
    ]
    reasons = [drop.reason for drop in drops]
    assert sorted(reasons) == ["empty", "empty", "near_duplicate", "unfinished", "unfinished"]


def test_another_problem_may_have_the_same_hint():
    same = "먼저 사람을 찾고 그 사람이 사는 곳을 찾는다."
    drafts = [sample(same), sample(same).model_copy(update={"problem_id": "q"})]
    kept, drops = candidates(drafts)
    assert [hint.problem_id for hint in kept] == [PROBLEM.id, "q"] and drops == []


WRITTEN = [
    "먼저 사람을 찾고 그 사람이 사는 곳을 찾는다.", "문장마다 누구의 이야기인지 본다.", "정답: 2", "",
]  # fmt: skip


HELD_OUT = " ".join(
    f"{n}째 마을의 우물가에는 {name}라는 사람이 산다." for n, name in enumerate("강고구기나노누", 2)
)


@pytest.fixture
def policy(scripted, tmp_path_factory):
    """The run up to the policy, made once; it writes one of four hints where it is asked for one."""
    kept = tmp_path_factory.getbasetemp() / "policy"
    if kept.exists():
        shutil.copytree(kept, scripted, dirs_exist_ok=True)
        return scripted
    row = json.loads(Path("test.jsonl").read_text(encoding="utf-8").splitlines()[0])
    write_lines(Path("test.jsonl"), [{**row, "passage": HELD_OUT}])
    write_lines(Path("train.jsonl"), [problem(n, key=f"q-{n}") for n in range(24)])
    script = yaml.safe_load(Path("script.yaml").read_text("utf-8"))
    script.insert(0, {"contains": ["어느 학생의 풀이이다"], "texts": WRITTEN})
    Path("script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    for command in ("sft", "dpo-pairs", "dpo"):
        koalign(command, code=0)
    shutil.copytree(scripted, kept)
    return scripted


@pytest.mark.parametrize("source", ["policy", "base"])
def test_a_model_writes_hints_for_the_problems_that_the_policy_does_not_always_solve(
    policy, source
):
    settings = ("-s", f"candidates.source={source}", "-s", "candidates.limit=10")
    done = koalign("abstractions", *settings)
    assert f"candidates.source is {source}: 72 hints of data.hints" in done.stderr
    hints = read_jsonl(RUN / "candidates" / "hints.jsonl", Hint)
    drops = read_jsonl(RUN / "candidates" / "dropped.jsonl", Drop)
    drawn = read_jsonl(RUN / "candidates" / "samples.jsonl", Sample)
    assert len({one.problem_id for one in drawn}) == 10 and len(drawn) == 40
    writer = adapter_id(RUN / "dpo" / "adapter") if source == "policy" else ""
    assert {one.adapter for one in drawn} == {writer}
    assert {hint.text for hint in hints} == set(WRITTEN[:3])
    assert {drop.reason for drop in drops} == {"empty", "near_duplicate"}
    assert len(hints) + len(drops) == len(drawn)
    keys = {p.id: p.key for p in read_jsonl(RUN / "prepare" / "train.jsonl", Problem)}
    assert all(drop.key == keys[drop.problem_id] != "" for drop in drops)
    samples = read_jsonl(RUN / "samples" / "samples.jsonl", Sample)
    assert {hint.problem_id for hint in hints} <= {one.problem_id for one in samples}


def test_a_problem_that_the_policy_always_solves_is_not_asked_about(policy):
    samples = read_jsonl(RUN / "samples" / "samples.jsonl", Sample)
    problems = {p.id: p for p in read_jsonl(RUN / "prepare" / "train.jsonl", Problem)}
    always = samples[0].problem_id
    solved = [
        {**s.model_dump(mode="json"), "text": f"정답: {problems[always].answers[0]}", "permutation": []}
        if s.problem_id == always else s.model_dump(mode="json") for s in samples
    ]  # fmt: skip
    write_lines(RUN / "samples" / "samples.jsonl", solved)
    record_outputs(RUN / "samples")
    koalign("abstractions", "-s", "candidates.source=policy")
    (drop,) = [
        one
        for one in read_jsonl(RUN / "candidates" / "dropped.jsonl", Drop)
        if one.reason == "always_right"
    ]
    assert drop.problem_id == always
    drawn = read_jsonl(RUN / "candidates" / "samples.jsonl", Sample)
    assert {one.problem_id for one in drawn} == set(problems) - {always}


def test_a_teacher_is_asked_once_for_each_hint_and_never_shown_a_held_out_problem(policy):
    told = Server(
        text=lambda body: f"{len(body['messages'][0]['content'])}째 낱말부터 천천히 읽어 본다."
    )
    with faulty_server(told) as server:
        settings = ["-s", "candidates.source=teacher", "-s", f"teacher.url={server.url}",
                    "-s", "candidates.per_problem=2", "-s", "candidates.limit=3"]  # fmt: skip
        koalign("abstractions", *settings)
        asked = [arrival.asked for arrival in server.arrivals]
        assert len(asked) == 6 and len(set(asked)) == 3
        koalign("abstractions", *settings)
        assert len(server.arrivals) == 6
    train, test = (read_jsonl(RUN / f"prepare/{name}.jsonl", Problem) for name in ("train", "test"))
    assert all(any(one.question in text for one in train) for text in asked)
    assert not any(one.question in text for one in test for text in asked)
    manifest = json.loads((RUN / "candidates" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["asked"] == 3 and manifest["metrics"]["completion_tokens"] > 0
    # Two draws of a problem say the same here: one is kept.
    assert manifest["counts"]["dropped_near_duplicate"] == 3


def test_a_hint_that_says_a_held_out_problem_is_dropped(policy):
    with faulty_server(Server(text=lambda body: HELD_OUT)) as server:
        done = koalign(
            "abstractions", "-s", "candidates.source=teacher", "-s", f"teacher.url={server.url}",
            "-s", "candidates.limit=3",
        )  # fmt: skip
    assert done.returncode == 2 and "can be screened" in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("koalign: candidates: none of 12 hints")


def test_hints_cut_off_at_the_limit_are_told_with_the_setting(policy):
    settings = ["-s", "candidates.source=policy", "-s", "candidates.max_tokens=5"]
    done = koalign("abstractions", *settings, code=2)
    cut, error = done.stderr.strip().splitlines()[-2:]
    assert "hints were cut off" in cut and "raise candidates.max_tokens" in cut
    assert "can be screened: empty " in error and ", unfinished " in error


def test_without_a_source_of_hints_both_ways_out_are_named(scripted):
    for command in (["sft", "-s", "data.hints=null"], ["dpo-pairs", "-s", "data.hints=null"],
                    ["dpo", "-s", "data.hints=null"]):  # fmt: skip
        koalign(*command, code=0)
    done = koalign("abstractions", "-s", "data.hints=null", code=2)
    assert done.stderr.count("\n") == 1
    assert "data.hints" in done.stderr and "candidates.source" in done.stderr


def test_a_changed_teacher_concerns_only_who_asks_one(ran):
    done = koalign("abstractions", "-s", "teacher.temperature=0.1", code=0)
    assert "nothing to do" in done.stdout, done.stderr
