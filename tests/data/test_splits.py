"""A split never divides a group, and nothing but the seed and the group decides."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data.preparing.splits import split_by_group
from koalign.records import Problem


def problem(number: int, **changes) -> Problem:
    given = {"question": f"{number}번 물음의 답은?", "choices": ("가", "나"), "answers": ("1",)}
    return Problem(**{**given, **changes})


def questions(problems: list[Problem]) -> set[str]:
    return {one.question for one in problems}


def test_every_problem_is_on_one_side_in_its_order():
    rows = [problem(n) for n in range(100)]
    rest, held_out = split_by_group(rows, 0.3, seed=1)
    assert sorted([*rest, *held_out], key=rows.index) == rows
    assert [rows.index(one) for one in rest] == sorted(rows.index(one) for one in rest)
    assert [rows.index(one) for one in held_out] == sorted(rows.index(one) for one in held_out)


@given(st.integers(0, 5), st.permutations(range(40)))
def test_order_and_other_rows_change_nothing(seed, order):
    rows = [problem(n, group=f"지문 {n % 15}" if n % 2 else "") for n in range(40)]
    _, held_out = split_by_group(rows, 0.4, seed)
    _, again = split_by_group([rows[n] for n in order], 0.4, seed)
    assert questions(again) == questions(held_out)
    _, fewer = split_by_group(rows[:20], 0.4, seed)
    assert questions(fewer) == questions(held_out) & questions(rows[:20])


TOGETHER = {
    "group": (lambda n: problem(n, group=f"지문 {n % 50}", passage=f"글 {n}"), lambda one: one.group),
    "passage": (
        lambda n: problem(n, passage=f"글  {n % 50}" if n < 250 else f"글 {n % 50}\n"),
        lambda one: " ".join(one.passage.split()),
    ),
    "choices in another order": (
        lambda n: problem(n % 250, choices=("가", "나") if n < 250 else ("나", "가")),
        lambda one: one.question,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "name"), TOGETHER.values(), ids=TOGETHER)
def test_what_belongs_together_stays_together(make, name):
    rest, held_out = split_by_group([make(n) for n in range(500)], 0.5, seed=1)
    assert held_out and rest
    assert {name(one) for one in rest}.isdisjoint(name(one) for one in held_out)


def test_one_name_in_two_sources_is_two_groups():
    rows = [problem(n, group="1", source=f"시험 {n}") for n in range(100)]
    rest, held_out = split_by_group(rows, 0.5, seed=1)
    assert held_out and rest


def test_another_seed_holds_out_other_problems():
    rows = [problem(n) for n in range(100)]
    assert split_by_group(rows, 0.3, seed=1) != split_by_group(rows, 0.3, seed=2)


def test_the_share_is_met_and_subjects_are_drawn_in_proportion():
    rows = [problem(n, subject=("국어", "한국사", "한국사", "한국사")[n % 4]) for n in range(8000)]
    _, held_out = split_by_group(rows, 0.25, seed=1)
    subjects = Counter(one.subject for one in held_out)
    # Four standard deviations of a fair draw: 39 of 2,000, 34 of 1,500.
    assert abs(len(held_out) - 2000) < 160
    assert abs(subjects["한국사"] - 1500) < 140


def test_a_share_of_nothing_or_all_holds_out_nothing_or_all():
    rows = [problem(n) for n in range(20)]
    assert split_by_group(rows, 0.0, seed=1) == (rows, [])
    assert split_by_group(rows, 1.0, seed=1) == ([], rows)
