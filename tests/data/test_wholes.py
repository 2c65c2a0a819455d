"""A passage is read once, and its problems have the n-grams of their whole text all the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data.preparing.wholes import N, Wholes, whole
from koalign.records import Problem
from koalign.text.korean import fold_words
from koalign.text.ngrams import character_ngrams

TEXT = "옛날 어느 고을에 원님이 살았는데, 백성을 아껴 창고를 열고 쌀을 나누어 주었다고 한다."
ENDS = (
    "",
    ".",
    " 5",
    " 5 ",
    " THE BIG",
    " Paris",
    "\ufeff",
    "\u1100",
    " '",
    "\n\n",
    "다\u0301 ",
    " ①",
    " (가)\t",
)
BEGINNINGS = (
    "MW는?",
    "CELL WALL WAS 무엇인가?",
    "?",
    "\u1161로 끝나는 것은?",
    "\u0301 다음은?",
    "Gbps 이상은?",
)


def problems(passages, questions) -> list[Problem]:
    return [
        Problem(passage=passage, question=question, choices=("Yes", "NO", "가"))
        for passage in passages
        for question in questions
    ]


def assert_equal(problems: list[Problem]) -> None:
    together = Wholes(problems)
    expected = character_ngrams([whole(problem) for problem in problems], N, fold_words)
    for number in range(len(problems)):
        assert together[number].tolist() == expected[number].tolist()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("repeated", [0, 1, 4])
def test_however_a_passage_ends_and_a_question_begins(end, repeated):
    assert_equal(problems([TEXT * repeated + end, f"{TEXT} " * repeated + end], BEGINNINGS))


PIECES = st.sampled_from(
    [*TEXT.split(), *ENDS, "MWh", "a", "THE", "5", "don't", "\u1112", "\u11ab", "?", "!"]
)


@given(
    st.lists(st.lists(PIECES, max_size=60).map(" ".join), max_size=4), st.lists(PIECES, max_size=5)
)
def test_whatever_stands_in_both(passages, words):
    assert_equal(problems([*passages, TEXT * 3], [" ".join(words) or "?", "?"]))


def test_pairs_are_those_of_the_whole():
    rows = problems(
        [TEXT * 3, f"{TEXT} 끝.", ""], ["고을의 원님이 창고를 열어 나누어 준 것은 무엇인가?", "남"]
    )
    ngrams = character_ngrams([whole(problem) for problem in rows], N, fold_words)
    index = ngrams.postings.by_hash()
    assert sorted(Wholes(rows).meet(index)) == sorted(ngrams.postings.meet(index))
