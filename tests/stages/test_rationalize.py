"""A teacher is told an answer where that is switched on, and what it then says passes three checks."""

import re
from collections import Counter
from collections.abc import Callable

import pytest
import yaml
from support.command import RUN
from support.distilling import (
    ALONE,
    PROBLEMS,
    distill,
    number_in,
    reasons,
    report,
    run,
    serving,
    solution,
)
from support.problems import CITIES


def rationalizing(hard: set[int], told: Callable[[int], str], judged: Callable[[int], str]):
    """A teacher that answers the hard ones wrong until it is told; and what it does as a judge."""

    def answer(prompt: str, draw: int) -> str:
        number = number_in(prompt)
        if "번호만 쓰시오" in prompt:
            return judged(draw)(number, prompt)
        if "실마리" in prompt:
            return told(number)
        return (
            f"{number}번은 모른다.\n정답: {CITIES[(number + 1) % 4]}"
            if number in hard
            else solution(number)
        )

    return answer


def by_rationale(number: int, prompt: str) -> str:
    """What a judge answers that reads the rationale: the city that it names."""
    city = re.search(r"실마리: .*씨는 (..)에", prompt)[1]
    return f"정답: {city}"


def blindly(number: int, prompt: str) -> str:
    return "정답: 1"


RATIONALIZE = (ALONE, "distill.n=1", "distill.rationalize=true")


def test_nobody_is_told_an_answer_unless_asked_for(ready):
    with serving(rationalizing({1}, solution, lambda draw: by_rationale)) as teacher:
        made = distill(teacher, ALONE, "distill.n=1")
    assert not any("실마리" in prompt for prompt in teacher.prompts)
    assert {number_in(p.question) for p in made} == {*range(PROBLEMS)} - {1}


def test_hard_problems_are_told_and_kept_where_all_three_checks_pass(ready):
    def told(number: int) -> str:
        return {
            1: solution(1),
            2: f"구 씨는 모른다.\n정답: {CITIES[3]}",
            3: f"정답이 {CITIES[3]}라고 주어졌다. 기 씨는 {CITIES[3]}에 산다.\n정답: {CITIES[3]}",
            5: f"노 씨는 {CITIES[2]}에 살지 않는다.\n정답: {CITIES[1]}",
        }[number]

    with serving(rationalizing({1, 2, 3, 5}, told, lambda draw: by_rationale)) as teacher:
        made = distill(teacher, *RATIONALIZE)
    asked_again = [p for p in teacher.prompts if "실마리: 정답은" in p]
    assert sorted(map(number_in, asked_again)) == [1, 2, 3, 5]
    judged = [p for p in teacher.prompts if "번호만 쓰시오" in p]
    assert Counter(map(number_in, judged)) == {1: 8, 5: 8}
    for prompt in judged:
        assert "정답은" not in prompt and "정답:" not in prompt.partition("실마리")[2]
    shown = re.findall(r"^\d\. (.+)$", judged[0], re.MULTILINE)
    assert sorted(shown) == sorted(CITIES) and shown != list(CITIES)
    kinds = {number_in(p.question): {r.by for r in p.rationales} for p in made}
    assert kinds.pop(1) == {"rationalized"}
    assert kinds == {n: {"teacher"} for n in range(PROBLEMS) if n not in (1, 2, 3, 5)}
    lost = report()["dropped_of"]["rationalized"]
    assert lost == {"wrong_answer": 1, "says_it_was_told": 1, "does_not_lead_to_the_answer": 1}


@pytest.mark.parametrize(("good", "kept"), [(6, True), (5, False)])
def test_six_of_eight_draws_must_be_right(ready, good, kept):
    def judged(draw: int):
        return by_rationale if draw < good else lambda number, prompt: "모르겠다."

    with serving(rationalizing({1}, solution, judged)) as teacher:
        made = distill(teacher, *RATIONALIZE)
    assert (1 in {number_in(p.question) for p in made}) == kept


def test_told_ones_are_never_more_than_their_share(ready):
    with serving(rationalizing({*range(18)}, solution, lambda draw: by_rationale)) as teacher:
        made = distill(teacher, *RATIONALIZE)
    by = Counter(r.by for one in made for r in one.rationales)
    assert by == {"teacher": 6, "rationalized": 1}
    assert reasons()["over_rationalized_share"] == 17


def test_that_a_judge_says_the_same_of_many_problems_is_no_alarm(ready, capsys):
    with serving(rationalizing({*range(18)}, solution, lambda draw: by_rationale)) as teacher:
        distill(teacher, *RATIONALIZE)
    assert len([p for p in teacher.prompts if "번호만 쓰시오" in p]) == 18 * 8
    assert "suspicious" not in capsys.readouterr().err


def test_where_there_is_a_policy_it_is_the_judge(ready):
    rules = yaml.safe_load((ready / "script.yaml").read_text("utf-8"))
    texts = [f"보니 그렇다.\n\n정답: {CITIES[1]}"]
    rules.insert(0, {"contains": ["실마리: 선생: 고 씨"], "texts": texts})
    rules.insert(0, {"contains": ["실마리: 선생: 구 씨"], "texts": texts})
    (ready / "script.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True), "utf-8")
    run("sft")
    with serving(rationalizing({1, 2}, solution, lambda draw: blindly)) as teacher:
        made = distill(teacher, *RATIONALIZE)
    assert not any("번호만 쓰시오" in prompt for prompt in teacher.prompts)
    assert {number_in(p.question) for p in made} == {*range(PROBLEMS)} - {2}
    assert (RUN / "distill/judged.jsonl").exists()
