"""Calls of the judge: paid once, asked again where they failed, limited, and told before the first."""

import json
from collections import Counter

import pytest
from support.command import RUN, koalign
from support.judging import (
    SETTINGS,
    judging,
    read_result,
    reasons,
)
from support.problems import LONG_ANSWERS, TERMS, problem, write_lines
from support.servers import allow

from koalign.jsonl import read_jsonl
from koalign.mining.distilling.teacher_calls import Reply
from koalign.records import Sample


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
