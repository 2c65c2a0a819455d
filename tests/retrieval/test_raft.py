"""Rows of the reader: gold among distractors of the same problem, and the policy's own right answers."""

import pytest
from support.passages import passage

from koalign.records import Problem, Sample
from koalign.retrieval.raft import ReaderRow, reader_rows
from koalign.retrieval.records import ScreenedPassage

VERDICTS = ("poison", "distractor", "unclear", "gold", "distractor", "distractor")
"""Of the passages of each problem, by rank."""
PROBLEMS = {
    one.id: one
    for one in (Problem(question=f"{n}?", choices=("가", "나"), answers=("1",)) for n in range(40))
}


def screened(*verdicts: str, problems=PROBLEMS) -> list[ScreenedPassage]:
    return [
        ScreenedPassage(passage=passage(i, f"{i} {rank}", rank), verdict=verdict, counts={})
        for i in problems
        for rank, verdict in enumerate(verdicts, start=1)
    ]


def sample(problem_id: str, index: int, answer: int, hint: str = "") -> Sample:
    """Its token ids name it."""
    text = f"정답: {answer}" + " " * index
    return Sample(
        problem_id=problem_id, index=index, adapter="a", text=text,
        token_ids=(index, answer, len(hint)), logprob=-1, finish_reason="stop", abstraction_id=hint,
    )  # fmt: skip


BARE = [sample(i, index, 1 + index % 2) for i in PROBLEMS for index in range(6)]
HINTED = [
    sample(i, index, 1 + index % 2, passage(i, f"{i} {rank}", rank).hint.id)
    for i in PROBLEMS
    for rank in range(1, len(VERDICTS) + 1)
    for index in range(8)
]
SETTINGS = {"passages": 3, "gold_share": 0.8, "traces": 2, "seed": 0}


def rows(found: list[ScreenedPassage], **changes) -> tuple[list[ReaderRow], int]:
    given = {"hinted": HINTED, "bare": BARE} | SETTINGS | changes
    return reader_rows(PROBLEMS, found, **given)


@pytest.mark.parametrize("share", [0.5, 0.66, 0.8, 0.97, 1.0])
@pytest.mark.parametrize("problems", [3, 40])
def test_the_share_with_gold_holds_within_one_row(share, problems):
    made, missing = rows(screened(*VERDICTS, problems=[*PROBLEMS][:problems]), gold_share=share)
    with_gold = sum(row.gold is not None for row in made)
    assert with_gold == 2 * problems and not missing
    assert abs(with_gold - share * len(made)) <= 1


def test_only_gold_and_the_best_distractors_of_the_same_problem_are_shown():
    made, _ = rows(screened(*VERDICTS))
    for row in made:
        ranks = {one.rank for one in row.passages}
        assert ranks == ({4, 2, 5} if row.gold else {2, 5, 6})
        assert {one.problem_id for one in row.passages} == {row.problem_id}


def test_gold_stands_in_every_place():
    made, _ = rows(screened(*VERDICTS))
    places = [[p.rank for p in row.passages].index(4) for row in made if row.gold]
    assert {places.count(place) for place in range(3)} <= set(range(15, 40))


def test_targets_are_own_right_answers_drawn_under_the_gold_passage_or_without_any():
    made, _ = rows(screened(*VERDICTS), traces=3)
    length = len(HINTED[0].abstraction_id)
    for row in made:
        index, answer, hint = row.token_ids
        assert answer == 1 and index in (0, 2, 4)
        assert hint == (length if row.gold else 0)


def test_an_answer_under_another_passage_is_no_target():
    gold = {passage(i, f"{i} 4", 4).hint.id for i in PROBLEMS}
    others = [sample for sample in HINTED if sample.abstraction_id not in gold]
    assert rows(screened(*VERDICTS), hinted=others) == ([], 0)


def test_rows_without_gold_that_cannot_be_filled_are_counted():
    made, missing = rows(screened(*VERDICTS), bare=BARE[:6])
    assert (sum(row.gold is None for row in made), missing) == (2, 18)
    made, missing = rows(screened("gold", "poison", "unclear"))
    assert all([one.rank for one in row.passages] == [1] for row in made)
    assert missing == 20


def test_samples_in_any_order_give_equal_rows():
    assert rows(screened(*VERDICTS)) == rows(
        screened(*VERDICTS), hinted=HINTED[::-1], bare=BARE[::-1]
    )


def test_a_shorter_row_has_lost_the_worst_distractor_and_keeps_gold():
    made, _ = rows(screened(*VERDICTS))
    for row in made:
        once = row.shorter
        assert {one.rank for one in once.passages} == ({4, 2} if row.gold else {2, 5})
        assert {one.rank for one in once.shorter.passages} == ({4} if row.gold else {2})
        assert [one for one in row.passages if one in once.passages] == [*once.passages]
