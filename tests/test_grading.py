"""Grading reads what Korean exam answers look like, and never guesses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data import prompts
from koalign.data.grading import grade, quotes_its_choice
from koalign.records import Problem

FOUR = Problem(question="무엇인가?", choices=("가", "나", "다", "라"), answers=("3",))
SHORT = Problem(question="몇 살인가?", kind="short", answers=("만 6세", "여섯 살"))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("정답은 3번", "3"),
        ("정답: ③", "3"),
        ("답 ②", "2"),
        ("정답：３", "3"),
        ("**정답: 4**", "4"),
        ("정답은 **④**", "4"),
        ("정답: 3.", "3"),
        ("고른 답: 다\n정답: 3", "3"),
        ("①과 ③ 중 ③이 옳다", "3"),
        ("정답은 ③번이 아니라 ②번이다", "2"),
        ("<think>정답은 1번?</think>정답은 4번", "4"),
        ("정답: 1\n다시 보면 정답: 3", "3"),
        ("정답은 1919년입니다", None),
        ("정답은 3.1운동", None),
        ("정답은 2번 또는 3번", None),
        ("정답은 ㄱ", None),
        ("정답: 5", None),
        ("3", None),
        ("", None),
    ],
)
def test_the_stated_answer_is_read(text, answer):
    verdict = grade(FOUR, text)
    assert verdict.answer == answer
    assert verdict.correct == (answer == "3")


def test_the_reason_of_a_missing_answer_is_said():
    assert grade(FOUR, "정답은 2번 또는 3번").why == "ambiguous"
    assert grade(FOUR, "지문에 따르면", "length").why == "truncated"
    assert grade(FOUR, "모르겠다").why == "no_answer"
    assert grade(FOUR.model_copy(update={"answers": ()}), "정답: 3").why == "no_gold"


@pytest.mark.parametrize(("text", "correct"), [("정답: 만 6세.", True), ("정답: 여섯  살", True), ("정답: 6", False)])  # fmt: skip
def test_a_short_answer_matches_any_gold(text, correct):
    assert grade(SHORT, text).correct is correct


@given(st.text())
def test_grading_never_fails_and_only_the_gold_is_right(text):
    verdict = grade(FOUR, text)
    assert verdict.correct == (verdict.answer == "3")
    assert verdict.answer in (None, "1", "2", "3", "4")


@given(st.permutations(range(4)), st.integers(1, 4))
def test_shuffling_the_choices_keeps_the_verdict(order, answered):
    moved = FOUR.model_copy(
        update={
            "choices": tuple(FOUR.choices[i] for i in order),
            "answers": (str(order.index(2) + 1),),
        }
    )
    text = prompts.TARGET_CHOICE.format(choice=FOUR.choices[answered - 1], number=answered)
    number = order.index(answered - 1) + 1
    moved_text = prompts.TARGET_CHOICE.format(choice=FOUR.choices[answered - 1], number=number)
    assert grade(FOUR, text).correct == grade(moved, moved_text).correct
    assert quotes_its_choice(moved, moved_text)


def test_a_right_number_under_another_text_is_no_example():
    assert quotes_its_choice(FOUR, "고른 답: 다\n정답: 3")
    assert not quotes_its_choice(FOUR, "고른 답: 가\n정답: 3")
    assert quotes_its_choice(FOUR, "글에 나온다. 정답: 3")
    assert quotes_its_choice(SHORT, "정답: 만 6세")


def test_the_gold_target_grades_as_right():
    assert grade(FOUR, prompts.target(FOUR)).correct
    assert grade(SHORT, prompts.target(SHORT)).correct
