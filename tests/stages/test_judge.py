"""A judge behind a real HTTP server: pairs of long answers, and the win rate of each step."""

import json
import re
from collections import Counter
from contextlib import contextmanager

import pytest
import yaml
from support.command import RUN, koalign
from support.faulty_server import Server, faulty_server
from support.problems import LONG_ANSWERS, TERMS, problem, write_lines
from support.servers import allow

from koalign.engines import call_queue
from koalign.jsonl import read_jsonl
from koalign.mining.distilling.teacher_calls import Reply
from koalign.mining.pairs.mining import Item
from koalign.records import Drop, Pair, Problem, Sample

BASE, SFT, DPO = 3, 2, 4
"""Grades of the greedy answers; a sample has one of 1 to 4."""


def graded(number: int) -> str:
    return f"{number}등급의 설명이다. 절차의 기한을 살피고 그 근거를 남긴다."


@pytest.fixture
def questions(scripted, monkeypatch):
    """A run on questions with long answers, with a model that writes answers of four grades."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(call_queue, "FIRST_WAIT", 0.02)
    for name, rows in (
        ("train", LONG_ANSWERS[:12]),
        ("dev", LONG_ANSWERS[12:15]),
        ("test", LONG_ANSWERS[15:]),
    ):
        write_lines(scripted / f"{name}.jsonl", rows)
    script = [
        {"adapter": "sft", "texts": [graded(n) for n in (SFT, 1, 3, 4)]},
        {"adapter": "dpo", "texts": [graded(DPO)]},
        {"texts": [graded(BASE)]},
    ]
    (scripted / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    return scripted


SETTINGS = (
    "-s", "data.hints=null", "-s", "data.train=train.jsonl", "-s", "data.dev=dev.jsonl", "-s", "data.test=test.jsonl",
    "-s", "data.leaks=drop", "-s", "prompt.template=mna",
)  # fmt: skip


def grades(body) -> tuple[int, int]:
    prompt = body["messages"][-1]["content"]
    first, second = (re.search(rf"답안 {side}>\n(\d)등급", prompt)[1] for side in "AB")
    return int(first), int(second)


def by_grade(body) -> str:
    first, second = grades(body)
    return f"등급을 보았다.\n[[{'A' if first > second else 'B' if second > first else 'C'}]]"


@contextmanager
def judging(text=by_grade, **keys):
    """A judge, and the settings that name it."""
    with faulty_server(Server(text=text, **keys)) as server:
        yield server, (*SETTINGS, "-s", f"judge.url={server.url}", "-s", "judge.model=judge-1")


def read_result(name: str) -> dict:
    return json.loads((RUN / name).read_text(encoding="utf-8"))


def reasons() -> Counter:
    return Counter(drop.reason for drop in read_jsonl(RUN / "pairs" / "dropped.jsonl", Drop))


def test_only_pairs_with_the_same_winner_in_both_orders_are_made_and_asked_once(questions):
    with judging() as (server, settings):
        koalign("sft", *settings, code=0)
        done = koalign("dpo-pairs", *settings, code=0)
        pairs = read_jsonl(RUN / "pairs" / "pairs.jsonl", Pair)
        asked = len(server.arrivals)
        assert pairs and len({pair.problem_id for pair in pairs}) >= 8
        for pair in pairs:
            assert (
                pair.reason == "judged" and pair.chosen.text > pair.rejected.text
            )  # the grade comes first
        drawn = {
            (s.problem_id, s.text): s.token_ids
            for s in read_jsonl(RUN / "long_samples" / "samples.jsonl", Sample)
        }
        for pair in pairs:
            for side in (pair.chosen, pair.rejected):
                assert drawn[pair.problem_id, side.text] == side.token_ids
        report = read_result("pairs/report.json")
        assert report["reasons"] == {"judged": len(pairs)}
        assert report["judge"]["model"] == "judge-1-0613" and report["judge"]["problems"] == 12
        assert sum(report["judge"]["outcomes"].values()) * 2 == asked
        assert "judge judge-1-0613: 12 problems with long answers" in done.stdout
        bodies = Counter(grades(arrival.body) for arrival in server.arrivals)
        assert all(bodies[first, second] == bodies[second, first] for first, second in bodies)
        assert {arrival.body["temperature"] for arrival in server.arrivals} == {0}

        before = (RUN / "pairs" / "pairs.jsonl").read_bytes()
        assert koalign("dpo-pairs", *settings, code=0).stdout.count("nothing to do") == 3
        koalign("dpo-pairs", *settings, "-s", "pairs.max_length_bias=null", "--force", code=0)
        assert (
            len(server.arrivals) == asked and (RUN / "pairs" / "pairs.jsonl").read_bytes() == before
        )


def test_problems_that_a_rule_verifies_are_not_judged(questions):
    choices = [problem(n) for n in range(4)]
    write_lines(questions / "train.jsonl", [*choices, *LONG_ANSWERS[:4]])
    with judging() as (server, settings):
        settings = (*settings, "-s", "prompt.template=direct")
        koalign("sft", *settings, code=0)
        koalign("dpo-pairs", *settings, code=0)
    assert {arrival.asked.count("사람이 사는 곳") for arrival in server.arrivals} == {0}
    long = {p.id for p in read_jsonl(RUN / "prepare" / "train.jsonl", Problem) if p.kind == "long"}
    items = read_jsonl(RUN / "pairs" / "items.jsonl", Item)
    assert {item.use for item in items} == {"unreadable"} and len(items) == 4
    pairs = read_jsonl(RUN / "pairs" / "pairs.jsonl", Pair)
    assert len(long) == 4 and {pair.problem_id for pair in pairs} <= long
    accounted = {drop.problem_id for drop in read_jsonl(RUN / "pairs" / "dropped.jsonl", Drop)}
    assert accounted | {pair.problem_id for pair in pairs} == long | {
        item.problem_id for item in items
    }


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("이유.\n[[A]]", "position_inconsistent", "judge.model"),
        ("이유.\n[[C]]", "judged_equal", "raise sample.temperature"),
        ("어느 쪽도 좋습니다.", "unreadable_verdict", "judge.max_tokens"),
    ],
)
def test_a_judge_without_agreeing_verdicts_gives_no_pair_and_each_drop_says_why(
    questions, text, reason, said
):
    with judging(lambda body: text) as (_, settings):
        koalign("sft", *settings, code=0)
        done = koalign("dpo-pairs", *settings, code=2)
    assert reason.replace("_", " ") in done.stderr and said in done.stderr
    counted = reasons()
    assert counted.pop("fewer_than_two_well_formed_answers", 0) <= 2 and [*counted] == [reason]


def test_a_call_that_fails_costs_its_comparison_and_is_asked_again(questions):
    fails = {"on": True}

    def fault(body, before):
        return "status:400" if fails["on"] and TERMS[0] in body["messages"][-1]["content"] else None

    with judging(fault=fault) as (server, settings):
        koalign("sft", *settings, code=0)
        koalign("dpo-pairs", *settings, code=0)
        lost, paid = reasons()["no_reply"], len(read_jsonl(RUN / "pairs" / "replies.jsonl", Reply))
        assert lost and paid == len(server.arrivals) - 2 * lost
        assert read_result("pairs/manifest.json")["counts"]["calls_failed"] == 2 * lost
        fails["on"] = False
        koalign("dpo-pairs", *settings, code=0)
        assert not reasons()["no_reply"]
        assert len(read_jsonl(RUN / "pairs" / "replies.jsonl", Reply)) == paid + 2 * lost
        assert koalign("dpo-pairs", *settings, code=0).stdout.count("nothing to do") == 3


def test_failed_comparisons_are_asked_again_until_something_is_made_of_them(questions):
    def fault(body, before):
        asked = body["messages"][-1]["content"]
        lost = (TERMS[0], f"{TERMS[-1]}에서 이사회")
        return "status:400" if any(text in asked for text in lost) else None

    with judging(fault=fault) as (server, settings):
        settings = (*settings, "-s", "controls=off", "-s", "judge.max_failures=1000")
        koalign("run", *settings, code=0)
        pairs = (RUN / "pairs" / "manifest.json").read_bytes()
        assert read_result("evaluate/manifest.json")["counts"]["calls_failed"]
        assert read_result("evaluate/results.json")["dpo"]["win_rate"]["outcomes"]["no_reply"]
        server.fault = lambda body, before: None
        asked = len(server.arrivals)
        koalign("run", *settings, code=0)
        assert (RUN / "pairs" / "manifest.json").read_bytes() == pairs, "a policy stands on them"
        assert len(server.arrivals) > asked
        assert "no_reply" not in read_result("evaluate/results.json")["dpo"]["win_rate"]["outcomes"]
        assert koalign("run", *settings, code=0).stdout.count("nothing to do") == 8
        koalign("dpo-pairs", *settings, code=0)
        assert "calls_failed" not in read_result("pairs/manifest.json")["counts"]


def test_a_server_that_answers_nothing_is_named_and_asked_again(questions):
    fails = {"on": True}
    with judging(fault=lambda body, before: "status:400" if fails["on"] else None) as (_, settings):
        settings = (*settings, "-s", "judge.max_failures=1000")
        koalign("sft", *settings, code=0)
        done = koalign("dpo-pairs", *settings, code=2)
        assert "The server did not answer: see replies-failures.jsonl, and run again" in done.stderr
        assert (RUN / "pairs" / "replies-failures.jsonl").read_text(encoding="utf-8")
        fails["on"] = False
        koalign("dpo-pairs", *settings, code=0)


@pytest.mark.parametrize("command", ["dpo-pairs", "evaluate"])
def test_what_was_answered_before_the_judge_failed_is_not_asked_again(questions, command):
    def fault(body, before):
        return "status:401" if len(server.arrivals) > broken else None

    broken = 10**9
    with judging(fault=fault) as (server, settings):
        settings = (*settings, "-s", "judge.concurrency=1", "-s", "controls=off")
        for before in ("sft", "dpo-pairs", "dpo")[: 1 if command == "dpo-pairs" else 3]:
            koalign(before, *settings, code=0)
        paid = len(server.arrivals)
        broken = paid + 3
        done = koalign(command, *settings, code=2)
        assert (
            "the server does not take the key" in done.stderr and len(server.arrivals) == paid + 4
        )
        broken = 10**9
        koalign(command, *settings, code=0)
        asked = [json.dumps(arrival.body) for arrival in server.arrivals[paid:]]
        assert [*Counter(asked).values()].count(2) == 1, "the call that failed, and no other"


def test_another_judge_is_asked_anew_and_samples_nothing_again(questions):
    with judging() as (server, settings):
        koalign("sft", *settings, code=0)
        koalign("dpo-pairs", *settings, code=0)
        asked = len(server.arrivals)
        other = (*settings, "-s", "judge.model=judge-2")
        assert (
            "judge.model = 'judge-1', and it is now 'judge-2'"
            in koalign("dpo-pairs", *other, code=2).stderr
        )
        samples = (RUN / "long_samples" / "manifest.json").read_bytes()
        koalign("dpo-pairs", *other, "--force", code=0)
        assert (
            len(server.arrivals) == 2 * asked
            and (RUN / "long_samples" / "manifest.json").read_bytes() == samples
        )


def test_a_judge_that_comes_or_goes_samples_nothing_again_and_the_message_names_its_key(questions):
    choices = [problem(n) for n in range(4)]
    write_lines(questions / "train.jsonl", [*choices, *LONG_ANSWERS[:4]])
    template = ("-s", "prompt.template=direct")
    with judging() as (_, settings):
        koalign("sft", *settings, *template, code=0)
        koalign("dpo-pairs", *SETTINGS, *template, code=2)  # no choice is answered
        samples = (RUN / "samples" / "samples.jsonl").read_bytes()
        done = koalign("dpo-pairs", *settings, *template, code=0)
        assert "samples: " in done.stdout and done.stdout.count("nothing to do") == 1
        drawn = read_jsonl(RUN / "long_samples" / "samples.jsonl", Sample)
        assert (RUN / "samples" / "samples.jsonl").read_bytes() == samples
        assert {s.problem_id for s in drawn}.isdisjoint(
            s.problem_id for s in read_jsonl(RUN / "samples" / "samples.jsonl", Sample)
        )
        off = koalign("dpo-pairs", *SETTINGS, *template, code=2).stderr
        assert "pairs was made with a judge, and there is none now; set judge.url as it was" in off
        assert "-s judge" not in off and off.count("\n") == 1
        again = koalign("dpo-pairs", *settings, *template, code=0)
        assert again.stdout.count("nothing to do") == 3


def test_a_run_without_a_judge_says_how_to_keep_what_it_evaluated(questions):
    koalign("run", *SETTINGS, code=0)
    assert "win_rate" not in (RUN / "evaluate" / "results.json").read_text(encoding="utf-8")
    with judging() as (server, settings):
        done = koalign("evaluate", *settings, code=2)
        assert not server.arrivals
    assert "dpo-pairs" in done.stderr, done.stderr


def test_a_run_asks_for_permission_before_its_first_stage(questions, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdefghij")
    with judging() as (server, settings):
        refused = koalign("run", *settings, code=2).stderr
        assert "the key in OPENAI_API_KEY, and nobody has allowed that" in refused
        assert not RUN.exists() and not server.arrivals
        koalign("run", "--dry-run", *settings, code=0)
        allow(server.url)
        koalign("run", *settings, "-s", "controls=off", code=0)
        assert server.arrivals
    monkeypatch.setenv("XDG_CONFIG_HOME", str(questions / "nobody"))
    koalign("run", *settings, "-s", "controls=off", code=0)  # all is made: nobody is asked


def test_a_run_measures_the_win_rate_of_each_step_beside_rouge(questions):
    with judging() as (server, settings):
        done = koalign("run", *settings, code=0)
        drawn = "long_samples/samples.jsonl"
        assert drawn in read_result("reference/plan.json")["inputs"]
        results = read_result("evaluate/results.json")
        asked = len(server.arrivals)
        koalign("run", *settings, code=0)
        koalign("evaluate", *settings, "--force", code=0)
        assert len(server.arrivals) == asked
        assert read_result("evaluate/results.json") == results
    assert [*results] == ["base", "sft", "dpo", "rft"]
    assert results["base"]["win_rate"] is results["rft"]["win_rate"] is None
    sft, dpo = results["sft"]["win_rate"], results["dpo"]["win_rate"]
    assert (sft["value"], sft["outcomes"]) == (0.0, {"second": 5})
    assert (dpo["value"], dpo["outcomes"], dpo["judge"]) == (1.0, {"first": 5}, "judge-1-0613")
    assert dpo["n"] == 5 and 0 < dpo["low"] < dpo["high"] == 1
    assert "ROUGE-L, %" in done.stdout
    assert "dpo: wins over sft by judge-1-0613, %: 100.0 (" in done.stdout
    assert "of 5 long answers (first 5)" in done.stdout


def test_a_judge_that_likes_a_place_makes_every_answer_a_tie(questions):
    with judging() as (_, settings):
        koalign("sft", *settings, code=0)
        koalign("dpo-pairs", *settings, code=0)
        koalign("dpo", *settings, code=0)
    with judging(lambda body: "[[A]]") as (_, settings):
        koalign("evaluate", *settings, "-s", "controls=off", code=0)
    rate = read_result("evaluate/results.json")["dpo"]["win_rate"]
    assert (rate["value"], rate["outcomes"]) == (0.5, {"position_inconsistent": 5})
    assert rate["low"] is rate["high"] is None


def test_thoughts_are_not_shown_to_the_judge(questions):
    thinking = [
        {"adapter": "sft", "texts": [f"<think>비밀</think>\n{graded(n)}" for n in (SFT, 1, 3, 4)]},
        {"adapter": "dpo", "texts": [f"비밀</think>{graded(DPO)}"]},
        {"texts": [f"<think>비밀</think>\n\n{graded(BASE)}"]},
    ]
    (questions / "script.yaml").write_text(yaml.safe_dump(thinking, allow_unicode=True), "utf-8")
    with judging() as (server, settings):
        for command in ("sft", "dpo-pairs", "dpo"):
            koalign(command, *settings, code=0)
        koalign("evaluate", *settings, "-s", "controls=off", code=0)
    assert not any("비밀" in arrival.body["messages"][-1]["content"] for arrival in server.arrivals)
    results = read_result("evaluate/results.json")
    assert results["sft"]["win_rate"]["outcomes"] == {"second": 5}
    assert results["dpo"]["win_rate"]["outcomes"] == {"first": 5}
    for pair in read_jsonl(RUN / "pairs" / "pairs.jsonl", Pair):
        assert pair.chosen.text.startswith("<think>비밀</think>\n")


def test_a_judge_that_gives_no_verdict_gives_no_figure(questions):
    with judging() as (_, settings):
        koalign("sft", *settings, code=0)
        koalign("dpo-pairs", *settings, code=0)
        koalign("dpo", *settings, code=0)
    with judging(lambda body: "모르겠다") as (_, settings):
        done = koalign("evaluate", *settings, "-s", "controls=off", code=0)
    assert read_result("evaluate/results.json")["dpo"]["win_rate"] is None
    assert "wins over" not in done.stdout


def test_messages_name_the_judge(questions):
    far = (*SETTINGS, "-s", "judge.url=https://api.example.com/v1")
    assert (
        "judge.key_env: the environment variable OPENAI_API_KEY"
        in koalign("run", *far, code=2).stderr
    )
    assert (
        "judge.url" in koalign("run", *SETTINGS, "-s", "judge.url=https://a:b@c/v1", code=2).stderr
    )
    with judging(models=("a", "b")) as (_, settings):
        koalign("sft", *settings, code=0)
        done = koalign("dpo-pairs", *settings, "-s", "judge.model=null", code=2)
    assert "judge.model" in done.stderr and "serves 2 models" in done.stderr


def test_a_limit_on_cost_stops_before_the_call_that_may_pass_it(questions):
    with judging() as (server, settings):
        koalign("sft", *settings, code=0)
        prices = (
            "-s",
            "judge.price_in=1",
            "-s",
            "judge.price_out=1",
            "-s",
            "judge.max_cost=0.000001",
        )
        done = koalign("dpo-pairs", *settings, *prices, code=2)
        assert "judge.max_cost" in done.stderr and not server.arrivals
