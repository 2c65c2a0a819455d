"""The search for near duplicates finds what comparing every pair finds, with less work."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.duplicates import PASSAGE, QUESTION, problem

from koalign.data.preparing import duplicates
from koalign.data.preparing.duplicates import find_duplicates, question_text, unordered_content
from koalign.data.preparing.joins import MEMORY
from koalign.records import Problem
from koalign.text import ngrams as similarity
from koalign.text.korean import fold
from koalign.text.ngrams import character_ngrams


def letters(text: str) -> str:
    return "".join(one for one in fold(text) if unicodedata.category(one)[0] not in "PZC")


def ngram_set(text: str, n: int) -> set[str]:
    text = letters(text)
    return {text[start : start + n] for start in range(max(len(text) - n + 1, 1))} - {""}


SENTENCES = st.text("가나다라. ·", min_size=1, max_size=12)  # no mark or number, which decide alone


SHORT_PROBLEMS = st.builds(
    Problem,
    question=SENTENCES,
    passage=st.sampled_from(("", "가나다라마바사", "가나다라마바사아", "나라")),
    choices=st.lists(st.sampled_from(("가", "나다", "·", ".")), min_size=2, max_size=3).map(tuple),
)


@given(
    st.lists(SHORT_PROBLEMS, max_size=12),
    st.sampled_from((0.5, 0.8, 1.0)),
    st.sampled_from((MEMORY, 1 << 10)),
)
def test_near_duplicates_are_those_that_comparing_every_pair_finds(rows, threshold, memory):
    def grams(problem: Problem) -> set[str]:
        return ngram_set(question_text(problem), 5)

    def jaccard(one: set[str], other: set[str]) -> float:
        return len(one & other) / len(one | other) if one | other else 1.0

    def end_found(one: Problem, other: Problem) -> bool:
        last = re.split(r"(?<=\.)\s+", one.question.strip())[-1]
        end = ngram_set(" ".join((last, *sorted(one.choices))), 5)
        return len(end & grams(other)) >= threshold * len(end)

    def near(one: Problem, other: Problem) -> bool:
        return (
            bool(letters(question_text(one) + one.passage))
            and jaccard(grams(one), grams(other)) >= threshold
            and jaccard(ngram_set(one.passage, 5), ngram_set(other.passage, 5)) >= threshold
            and end_found(one, other)
            and end_found(other, one)
        )

    kept: list[int] = []
    kept_by_content: dict[str, int] = {}
    expected = []
    for index, row in enumerate(rows):
        name = unordered_content(row)
        if name in kept_by_content:
            expected.append((index, kept_by_content[name]))
            continue
        like = next((other for other in kept if near(row, rows[other])), None)
        kept_by_content[name] = index if like is None else like
        if like is None:
            kept.append(index)
        else:
            expected.append((index, like))
    assert [(one.index, one.kept) for one in find_duplicates(rows, threshold, memory)] == expected


def test_the_size_of_a_batch_changes_nothing(monkeypatch):
    rows = [problem(question=QUESTION.replace("쌀", f"{'쌀' * (n % 3)}")) for n in range(7)]
    rows += [problem(passage=PASSAGE[n:]) for n in range(5)]
    whole = find_duplicates(rows, 0.9)
    assert {one.kind for one in whole} == {"exact", "near"}
    monkeypatch.setattr(duplicates, "BATCH", 2)
    monkeypatch.setattr(similarity, "BATCH", 3)
    assert find_duplicates(rows, 0.9) == whole


@given(
    st.lists(st.text(st.sampled_from("가나다 .,①㉠+A\u00a0𝒙"), max_size=15), max_size=5),
    st.integers(1, 6),
)
def test_texts_have_the_ngrams_of_their_letters(texts, n):
    found = character_ngrams(texts, n)
    expected = [ngram_set(text, n) for text in texts]
    assert found.sizes.tolist() == [len(one) for one in expected]
    for row, one in enumerate(expected):
        for other_row, other in enumerate(expected):
            shared = np.intersect1d(found[row], found[other_row])
            assert len(shared) == len(one & other)


@pytest.mark.parametrize("memory", [MEMORY, 1 << 16])
def test_pairs_that_are_compared_grow_with_the_rows_whatever_text_they_share(monkeypatch, memory):
    """A ratio of work, not of seconds."""
    compared = []
    real = duplicates.contained
    monkeypatch.setattr(duplicates, "contained", lambda *texts: compared.append(1) or real(*texts))
    work = []
    for size in (200, 400):
        compared.clear()
        rows = [
            problem(question=f"{PASSAGE * 6} {chr(0xAC00 + 13 * n) * 9} 글") for n in range(size)
        ]
        find_duplicates(rows, 0.9, memory)
        work.append(len(compared) + size)
    assert work[1] <= 2.5 * work[0]


def test_a_long_text_that_many_rows_share_does_not_hide_a_near_duplicate():
    rows = [problem(question=f"{PASSAGE * 4}. {n}, {QUESTION[n:]}", answers=()) for n in range(40)]
    found = find_duplicates(
        [*rows, problem(question=rows[7].question + " 고르시오", answers=())], 0.9
    )
    assert (found[-1].index, found[-1].kept) == (40, 7)
