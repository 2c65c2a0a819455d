"""Queries are texts of a problem, or the first line that a model shows; the best ones find gold early."""

import pytest

from koalign.records import KoalignError, Problem
from koalign.retrieval.queries import (
    WrittenQuery,
    best_queries,
    part_problems,
    queries_of,
    query_pairs,
    query_renderer,
    reciprocal_ranks,
    written_query,
)


def query(problem_id: str, text: str, rank: int | None) -> WrittenQuery:
    return WrittenQuery(problem_id=problem_id, text=text, rank=rank)


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("훈민정음 반포 연도", "훈민정음 반포 연도"),
        ("검색어: 훈민정음 반포\n정답: 3", "훈민정음 반포"),
        ("검색어:\n\n  훈민정음 반포  ", "훈민정음 반포"),
        ('"훈민정음 반포"', "훈민정음 반포"),
        ("<think>\n먼저\n</think>\n\n훈민정음", "훈민정음"),
        ("<think>\n먼저", ""),
        ("", ""),
        ("검색어:", ""),
    ],
)
def test_a_query_is_the_first_line_shown_without_label_and_quotes(completion, expected):
    assert written_query(completion) == expected


def test_only_queries_at_the_best_rank_of_their_problem_are_taught_each_once():
    written = [
        query("a", "하나", 3), query("a", "둘", 1), query("a", "셋", None), query("a", "둘", 1),
        query("a", "넷", 1), query("a", "다섯", 1), query("b", "여섯", 7), query("c", "일곱", None),
    ]  # fmt: skip
    assert [one.text for one in best_queries(written, 2)] == ["둘", "넷", "여섯"]
    assert [one.text for one in best_queries(written, 9)] == ["둘", "넷", "다섯", "여섯"]


def test_reciprocal_ranks_are_means_over_problems_and_a_miss_counts_nothing():
    written = [
        query("a", "하나", 1),
        query("a", "둘", None),
        query("b", "셋", 4),
        query("b", "넷", 2),
    ]
    found = reciprocal_ranks(written, {"a": 2, "b": None})
    assert found["mrr_stem"] == pytest.approx(0.25)
    assert found["mrr_query"] == pytest.approx((0.5 + 0.375) / 2)
    assert found["mrr_best_query"] == pytest.approx((1 + 0.5) / 2)


def test_the_prompt_shows_all_of_the_problem_but_its_answer():
    problem = Problem(
        question="알맞은 것은?",
        passage="지문이다.",
        box="ㄱ. 보기",
        choices=("가나", "다라"),
        answers=("2",),
    )
    (turn,) = query_renderer("off").render(problem, "answer").messages
    assert all(
        part in turn.text for part in ("알맞은 것은?", "지문이다.", "ㄱ. 보기", "가나", "다라")
    )
    other = problem.model_copy(update={"answers": ("1",)})
    assert query_renderer("off").render(other, "answer").messages == (turn,)


def test_a_problem_asks_with_its_stem_each_choice_and_its_box():
    problem = Problem(
        question="옳은 것은?", box="ㄱ. 참이다.", choices=("ㄱ", "ㄴ"), answers=("1",)
    )
    assert queries_of(problem) == {
        "stem": "옳은 것은?", "choice 1": "옳은 것은? ㄱ", "choice 2": "옳은 것은? ㄴ", "box": "ㄱ. 참이다."
    }  # fmt: skip


def test_a_pair_is_a_query_at_the_best_rank_and_one_at_twice_that_rank_or_later():
    written = [
        query("a", "하나", 2), query("a", "둘", 3), query("a", "셋", 4), query("a", "넷", None),
        query("a", "넷", None), query("a", "", None), query("a", "다섯", 2), query("b", "여섯", None),
        query("b", "일곱", None), query("c", "여덟", 1),
    ]  # fmt: skip
    pairs = query_pairs(written, 9)
    texts = [(pair.problem_id, pair.chosen.text, pair.rejected.text) for pair in pairs]
    assert texts == [("a", "하나", "넷"), ("a", "다섯", "셋")]
    assert query_pairs(written, 1) == pairs[:1]


def test_problems_on_one_passage_are_held_out_together_whatever_their_order():
    problems = [
        Problem(question=f"{n}?", passage=f"지문 {n // 2}", answers=("가",), kind="short")
        for n in range(10)
    ]
    taught, held_out = part_problems(problems, 0.25)
    assert len(held_out) == 4 and len(taught) == 6
    assert not {p.passage for p in taught} & {p.passage for p in held_out}
    again = part_problems(problems[::-1], 0.25)
    assert [{p.id for p in side} for side in again] == [
        {p.id for p in side} for side in (taught, held_out)
    ]
    assert part_problems(problems, 0) == (problems, [])
    with pytest.raises(KoalignError, match="leaves none to learn from"):
        part_problems(problems[:2], 0.25)
