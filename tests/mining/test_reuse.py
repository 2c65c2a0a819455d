"""How hints of one problem are ranked and paired, and which problems lie near."""

import pytest

from koalign.mining.hints.pairs import hint_pairs
from koalign.mining.hints.transfer import best_of, neighbours, worth
from koalign.records import Abstraction, Count, Problem, Tried


def problem(question: str, passage: str = "", group: str = "") -> Problem:
    return Problem(
        question=question, passage=passage, choices=("가", "나"), answers=("1",), group=group
    )


CELLS = [problem(f"세포막의 {word}에 대한 설명은?") for word in ("구조", "기능", "성분")]
KINGS = [problem(f"조선의 {word} 임금이 한 일은?") for word in ("첫", "둘째", "셋째")]


def test_the_nearest_problems_are_those_about_the_same():
    near = neighbours([*KINGS, *CELLS], [CELLS[0].id, KINGS[1].id], 2)
    assert set(near[CELLS[0].id]) == {CELLS[1].id, CELLS[2].id}
    assert set(near[KINGS[1].id]) == {KINGS[0].id, KINGS[2].id}


def test_a_problem_on_the_same_passage_is_no_neighbour_and_none_is_its_own():
    story = [problem(f"{n}번 물음은?", "한 마을의 긴 이야기이다.", "마을") for n in range(3)]
    near = neighbours([*story, *CELLS], [story[0].id], 3)[story[0].id]
    assert set(near) == {cell.id for cell in CELLS}
    assert neighbours(story, [story[0].id], 3) == {story[0].id: []}


def test_no_neighbours_are_looked_for_where_none_are_asked_for():
    assert neighbours(CELLS, [CELLS[0].id], 0) == {CELLS[0].id: []}
    assert neighbours(CELLS, [], 4) == {}


def tried(bare: int, hinted: int) -> Tried:
    return Tried(problem_id="q", bare=Count(right=bare, n=10), hinted=Count(right=hinted, n=10))


def test_the_worth_of_a_hint_is_its_lift_and_half_of_the_mean_lift_of_its_neighbours():
    assert worth(0.4, []) == pytest.approx(0.4)
    assert worth(0.4, [tried(5, 5), tried(5, 9)]) == pytest.approx(0.4 + 0.5 * 0.2)
    assert worth(0.4, [tried(5, 1)]) == pytest.approx(0.2)


def hint(name: str, text: str, rate: int | None, score: float | None) -> Abstraction:
    counts = {} if rate is None else {"hinted": Count(right=rate, n=16)}
    return Abstraction(
        problem_id=name, text=text, counts=counts, verdicts={}, score=score, kept=score is not None
    )


HINTS = [
    hint("p", "둘째", 12, 0.3),
    hint("p", "첫째", 14, 0.6),
    hint("p", "없음", 4, None),
    hint("p", "조금", 11, None),
    hint("p", "들킴", None, None),
    hint("q", "하나", 15, 0.5),
    hint("r", "못씀", 2, None),
]


def test_of_each_problem_the_best_hints_are_taken_and_never_a_refused_one():
    assert [h.text for h in best_of(HINTS, 1)] == ["첫째", "하나"]
    assert [h.text for h in best_of(HINTS, 4)] == ["둘째", "첫째", "하나"]


def test_a_pair_is_the_best_kept_hint_against_one_far_enough_below():
    pairs = [(chosen.text, rejected.text) for chosen, rejected in hint_pairs(HINTS, 0.25)]
    assert pairs == [("첫째", "없음")]
    pairs = [(chosen.text, rejected.text) for chosen, rejected in hint_pairs(HINTS, 0.125)]
    assert pairs == [("첫째", "둘째"), ("첫째", "없음"), ("첫째", "조금")]
