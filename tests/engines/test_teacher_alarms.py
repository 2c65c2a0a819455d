"""Alarms: a teacher that writes the same to everybody, or likes one number, is named."""

import random

import pytest
from support.faulty_server import Server, faulty_server
from support.teachers import ask, calls

from koalign.mining.distilling.teacher_alarms import Chosen, number_alarms, text_alarms
from koalign.mining.distilling.teacher_calls import Reply


def reply(problem: int, text: str, index: int = 0) -> Reply:
    return Reply(
        id=f"{problem}-{index}", problem_id=f"p{problem}", index=index, text=text,
        finish_reason="stop", prompt_tokens=1, completion_tokens=1, model="m",
    )  # fmt: skip


def test_the_same_text_for_many_problems_is_named_with_its_count():
    replies = [reply(n, "죄송합니다.\n 도와드릴 수 없습니다. " + "가" * 80) for n in range(6)]
    replies += [reply(n, f"{n}번 문제의 풀이") for n in range(6, 100)]
    (alarm,) = text_alarms(replies)
    shown = ("죄송합니다. 도와드릴 수 없습니다. " + "가" * 80)[:60]
    assert alarm == f"the same text for 6 of 100 problems: {shown}…"


@pytest.mark.parametrize(("same", "total", "found"), [(4, 8, 0), (5, 8, 1), (5, 100, 1), (5, 101, 0)])  # fmt: skip
def test_few_problems_or_a_small_share_are_no_alarm(same, total, found):
    replies = [reply(n, "같은 글" if n < same else f"글 {n}") for n in range(total)]
    assert len(text_alarms(replies)) == found


def test_draws_of_one_problem_and_failed_calls_count_for_nothing():
    assert text_alarms([reply(1, "같은 글", index) for index in range(50)]) == []
    assert text_alarms([None] * 50) == [] and text_alarms([]) == []


def test_spaces_make_no_text_another():
    replies = [reply(n, "같은" + " " * (n + 1) + "글\n") for n in range(5)]
    assert text_alarms(replies) == ["the same text for 5 of 5 problems: 같은 글"]


def chosen(numbers: list[int], choices: int = 4, draws: int = 1) -> list[Chosen]:
    return [
        Chosen(problem_id=f"p{n}", number=number, choices=choices)
        for n, number in enumerate(numbers)
        for _ in range(draws)
    ]


def test_a_number_far_above_chance_is_an_alarm_and_chance_is_none():
    (alarm,) = number_alarms(chosen([3] * 60 + [1, 2, 3, 4] * 10))
    assert alarm == "choice 3 for 70 of 100 problems, by chance 25 (z = 10.4)"
    for seed in range(200):
        by_chance = random.Random(seed).choices(range(1, 6), k=100)
        assert number_alarms(chosen(by_chance, choices=5)) == []


def test_the_limit_of_four_standard_errors():
    # 100 problems of four choices: 25 by chance, a standard error of sqrt(18.75) = 4.33
    rest = [1, 2, 4] * 30
    assert number_alarms(chosen([3] * 42 + rest[:58])) == []
    assert len(number_alarms(chosen([3] * 43 + rest[:57]))) == 1


def test_many_draws_of_one_problem_are_one_observation():
    assert number_alarms(chosen([3, 3, 3], draws=40)) == []


def test_problems_of_unequal_numbers_of_choices_have_unequal_chances():
    two, five = chosen([1, 2] * 25, choices=2), chosen([1, 2, 3, 4, 5] * 10, choices=5)
    five = [one.model_copy(update={"problem_id": f"q{n}"}) for n, one in enumerate(five)]
    assert number_alarms(two + five) == []


def test_the_asking_says_its_alarms(tmp_path, capfd):
    with faulty_server(Server(text=lambda body: "도와드릴 수 없습니다.")) as server:
        result = ask(server, calls(8), tmp_path / "log.jsonl")
    assert result.alarms == ("the same text for 8 of 8 problems: 도와드릴 수 없습니다.",)
    assert f"test: suspicious: {result.alarms[0]}" in capfd.readouterr().err
