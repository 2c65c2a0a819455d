"""A plan counts the calls to a judge, with their cost and the time of its limits."""

from dataclasses import replace

import pytest
from support.planned import COUNTS, TWO_CORES, config_of, made_before, planned

from koalign.evaluation.rows import ROWS
from koalign.jsonl import write_json
from koalign.planning.calls import JUDGE_PROMPT
from koalign.planning.counts import VERDICT_TOKENS, counts_of
from koalign.planning.workload import work_of


@pytest.mark.parametrize("source", ["policy", "none"])
def test_the_calls_to_a_judge_are_counted_with_their_cost_and_the_time_of_its_limits(source):
    config = config_of(
        "engine.backend=hf", f"candidates.source={source}", "dpo.rounds=2", "sample.n=6", "sample.limit=100",
        "judge.url=http://127.0.0.1:8001/v1", "judge.price_in=1", "judge.price_out=10",
        "judge.requests_per_minute=60",
    )  # fmt: skip
    counts = replace(COUNTS, long_train=400, long_test=30, long_tokens=150)
    made = {stage.stage: stage for stage in planned(config, TWO_CORES, counts).stages}
    judge = config.judge.model_copy(update={"requests_per_minute": None})
    unlimited = planned(config.model_copy(update={"judge": judge}), TWO_CORES, counts)
    seconds = {stage.stage: stage.seconds for stage in unlimited.stages}
    steps = sum(kind == "step" and bool(before) for kind, before in ROWS.values())
    steps -= 2  # with passages, of which there is no corpus
    steps -= source == "none"
    # 100 problems of six samples are three comparisons each, and a comparison two calls
    calls = {"pairs": 600, "pairs-2": 600, "evaluate": 2 * steps * 30}
    assert {name: stage.calls for name, stage in made.items() if stage.calls} == calls
    for name, number in calls.items():
        read, written = 600 + 2 * 150 + JUDGE_PROMPT, VERDICT_TOKENS
        assert made[name].money == pytest.approx(number * (read + 10 * written) / 1e6)
        assert made[name].seconds - seconds[name] == pytest.approx(number)  # 60 a minute
    draws = {work.stage: work.draws for work in work_of(config, counts)}
    assert draws["long_samples"][0].prompts == draws["samples"][0].prompts == 100
    assert draws["long_samples"][0].new_tokens == 150
    without = config_of("engine.backend=hf", f"candidates.source={source}")
    assert not any(stage.calls for stage in planned(without, TWO_CORES).stages)


@pytest.mark.parametrize("long", [0, 7, 12])
def test_after_prepare_the_judge_is_asked_about_problems_with_long_answers_alone(tmp_path, long):
    report = {
        "splits": {
            name: {
                "problems": 12,
                "kinds": {"long": long, "choice": 12 - long} if long else {"choice": 12},
                "tokens": {"max": 900},
                "tokens_histogram": [{"from": 400, "to": 800, "count": 12}],
            }
            for name in ("train", "dev", "test")
        },
        "hints": 0,
    }
    config = config_of("engine.backend=hf", "judge.url=http://127.0.0.1:8001/v1")
    made_before(tmp_path, 1, "CPU", config)
    write_json(tmp_path / "prepare" / "report.json", report)
    counts = counts_of(config, tmp_path)
    assert (counts.long_train, counts.long_test) == (long, long)
    estimated = planned(config, TWO_CORES, counts)
    assert (sum(stage.calls for stage in estimated.stages) > 0) == (long > 0)
    assert any("judged" in line for line in estimated.assumed)
