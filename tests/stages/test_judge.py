"""A judge behind a real HTTP server: pairs of long answers, and the win rate of each step."""

from collections import Counter

import pytest
import yaml
from support.command import RUN, koalign
from support.judging import BASE, DPO, SFT, graded, grades, judging, read_result, reasons
from support.problems import LONG_ANSWERS, problem, write_lines

from koalign.jsonl import read_jsonl
from koalign.mining.pairs.mining import Item
from koalign.records import Drop, Pair, Problem, Sample


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
