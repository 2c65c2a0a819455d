"""A row that says what an earlier one says is found, and nothing else; the first stays."""

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import koalign
from koalign.data.formats.documents import open_documents
from koalign.data.formats.read import read
from koalign.data.preparing import duplicates
from koalign.data.preparing.duplicates import (
    Duplicate,
    find_duplicates,
    question_text,
    unordered_content,
)
from koalign.data.preparing.joins import MEMORY
from koalign.records import Problem
from koalign.text import ngrams as similarity
from koalign.text.korean import fold
from koalign.text.ngrams import character_ngrams

EXAM = Path(koalign.__file__).parent / "assets" / "exam"
QUESTION = (
    "조선 후기에 실시된 대동법은 공물을 토산물 대신 쌀이나 베 또는 동전으로 거두게 한 제도이다. "
    "이 제도가 나라 안의 장시와 수공업에 미친 영향에 대한 설명으로 가장 알맞은 것을 고르면?"
)
CHOICES = (
    "공인이라 불리는 상인이 나타나 상품 화폐 경제가 발달하였다", "토지를 가진 사람의 부담이 줄고 소작농의 부담이 늘어났다",
    "왕실에 바치는 진상이 모두 폐지되어 지방 관청이 넉넉해졌다", "장시가 크게 줄고 관청에 딸린 수공업자의 수가 늘어났다",
)  # fmt: skip
PASSAGE = (
    "영의정이 아뢰었다. 각 고을에서 바치는 공물은 방납하는 무리가 값을 몇 곱절이나 올려 백성의 "
    "괴로움이 크니, 따로 관청을 두고 봄가을로 쌀을 거두어 물건값으로 내어 주는 것이 옳습니다."
)


def problem(**changes) -> Problem:
    return Problem(**{"question": QUESTION, "choices": CHOICES, "answers": ("1",), **changes})


def letters(text: str) -> str:
    return "".join(one for one in fold(text) if unicodedata.category(one)[0] not in "PZC")


def ngram_set(text: str, n: int) -> set[str]:
    text = letters(text)
    return {text[start : start + n] for start in range(max(len(text) - n + 1, 1))} - {""}


def test_a_row_that_is_equal_when_folded_is_an_exact_duplicate_of_the_first():
    noisy = problem(question=QUESTION.replace(" ", "\u00a0\n").replace("?", "？"))
    assert find_duplicates([problem(), noisy, problem()], 0.9) == [
        Duplicate(1, 0, "exact", 1.0, conflict=False),
        Duplicate(2, 0, "exact", 1.0, conflict=False),
    ]


def test_the_same_choices_in_another_order_are_reordered():
    turned = problem(choices=CHOICES[::-1], answers=("4",))
    reordered = Duplicate(1, 0, "reordered", 1.0, conflict=False)
    assert find_duplicates([problem(), turned], 0.9) == [reordered]


@pytest.mark.parametrize(
    "changes",
    [
        {"question": QUESTION.replace("제도이다.", "제도 이다")},  # no end of a sentence any more
        {"question": QUESTION.replace("토산물", "특산물")},
        {"choices": (CHOICES[0], CHOICES[1], CHOICES[2], CHOICES[3] + ".")},
        {
            "question": QUESTION.replace("토산물", "특산물"),
            "choices": CHOICES[::-1],
            "answers": ("4",),
        },
    ],
)
def test_a_row_that_differs_a_little_is_near(changes):
    [found] = find_duplicates([problem(), problem(**changes)], 0.9)
    assert (found.index, found.kept, found.kind, found.conflict) == (1, 0, "near", False)
    assert found.similarity >= 0.9


@pytest.mark.parametrize(
    "question",
    [
        QUESTION.replace("알맞은", "알맞지 않은"), QUESTION.replace("알맞은", "틀린"),
        QUESTION.replace("미친 영향", "미친 바 없는 영향"), QUESTION.replace("이 제도", "1608년 이 제도"),
    ],
)  # fmt: skip
def test_another_number_or_a_negation_makes_another_problem(question):
    assert find_duplicates([problem(), problem(question=question)], 0.5) == []


def test_another_year_makes_another_problem():
    rows = [problem(question=f"{year}년의 일이다. {QUESTION}") for year in (1592, 1597)]
    assert find_duplicates(rows, 0.9) == []


@pytest.mark.parametrize("in_question", [False, True])
def test_two_questions_on_one_passage_are_no_duplicates(in_question):
    questions = ("영의정이 따로 두자고 한 관청은?", "백성이 괴로운 까닭으로 든 것은?")
    rows = [
        problem(question=f"{PASSAGE}\n{question}", choices=("선혜청", "균역청"))
        if in_question
        else problem(question=question, passage=PASSAGE, choices=("선혜청", "균역청"))
        for question in questions
    ]
    assert find_duplicates(rows, 0.6) == []


def test_a_question_that_only_one_row_asks_makes_another_problem():
    texts = (PASSAGE, f"{PASSAGE}\n영의정이 따로 두자고 한 관청은?")
    rows = [problem(question=text, choices=("선혜청", "균역청")) for text in texts]
    assert find_duplicates(rows, 0.6) == find_duplicates(rows[::-1], 0.6) == []


def test_one_question_on_two_passages_is_no_duplicate():
    other = "임금이 말하였다. 균역청을 두어 군포를 한 필로 줄이고 모자란 것은 결작으로 채우게 하라."
    passages = (PASSAGE, other, "")
    assert find_duplicates([problem(passage=passage) for passage in passages], 0.5) == []


def test_a_passage_that_differs_a_little_leaves_the_row_near():
    changed = PASSAGE.replace("아뢰었다", "말씀드렸다")
    [found] = find_duplicates([problem(passage=PASSAGE), problem(passage=changed)], 0.8)
    assert (found.kind, found.similarity) == ("near", 1.0)


def test_the_far_end_of_a_chain_of_small_changes_stays():
    words = QUESTION.split()
    chain = [problem(question=" ".join(["꿈꿀"] * n + words[n:])) for n in range(12)]
    found = find_duplicates(chain, 0.9)
    kept = set(range(12)) - {one.index for one in found}
    assert len(kept) > 1
    assert all(one.kept in kept for one in found)
    assert find_duplicates([chain[row] for row in sorted(kept)], 0.9) == []


def test_a_row_near_two_rows_points_to_the_first():
    words = QUESTION.split()
    first, middle, last = (problem(question=" ".join(["꿈꿀"] * n + words[n:])) for n in (0, 2, 4))
    assert find_duplicates([first, last], 0.9) == []
    (found,) = find_duplicates([first, last, middle], 0.9)
    assert (found.index, found.kept) == (2, 0)


def test_a_twin_of_a_near_duplicate_points_to_the_row_that_stays():
    near = problem(question=QUESTION.replace("토산물", "특산물"))
    turned = problem(question=near.question, choices=CHOICES[::-1], answers=("3",))
    found = find_duplicates([problem(), near, near, turned], 0.9)
    assert [(one.index, one.kept, one.kind) for one in found] == [(n, 0, "near") for n in (1, 2, 3)]
    assert [one.conflict for one in found] == [False, False, True]


@pytest.mark.parametrize(
    ("changes", "conflict"),
    [
        ({"answers": ("2",)}, True),
        ({"answers": ("1", "2")}, False),
        ({"answers": ()}, False),
        ({"choices": CHOICES[::-1], "answers": ("4",)}, False),
        ({"choices": CHOICES[::-1], "answers": ("1",)}, True),
    ],
)
def test_a_duplicate_with_another_gold_answer_is_a_conflict(changes, conflict):
    [found] = find_duplicates([problem(), problem(**changes)], 0.9)
    assert found.conflict is conflict


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("토산물", "특산물"), ("㉠에", "㉡에"), ("10kW", "10MW"), ("90%와 80%", "80%와 90%"), ("최대", "최소"),
    ],
)  # fmt: skip
def test_alike_with_other_golds_or_other_marks_are_two_problems(one, other):
    rows = [
        problem(question=f"{QUESTION} {word} 대한 설명이다.", answers=(str(number),))
        for number, word in ((1, one), (3, other))
    ]
    assert not find_duplicates(rows, 0.9)


def test_gold_answers_of_short_problems_agree_when_folded():
    rows = [
        Problem(question="대동법을 처음 실시한 곳은?", kind="short", answers=answers)
        for answers in (("경기도", "경기"), ("경기 도",), ("강원도",))
    ]
    assert [one.conflict for one in find_duplicates(rows, 0.9)] == [False, True]


@pytest.mark.slow
def test_nothing_of_the_built_in_exam_is_a_duplicate():
    documents = [*open_documents(EXAM / "csat"), *open_documents(EXAM / "kmmlu")]
    rows = read(documents, split="train").problems
    assert len(rows) == 4000
    assert find_duplicates(rows, 0.9) == []


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


UNITS = [
    ("1 mW", "1 MW"),
    ("1mW", "1MW"),
    ("Co", "CO"),
    ("RrYY", "rryy"),
    ("10 Mbps", "10 MBps"),
    ("5 mg", "5 Mg"),
    ("pA", "Pa"),
]


@pytest.mark.parametrize(("one", "other"), UNITS)
@pytest.mark.parametrize(
    "text", ["{}의 값은?", QUESTION + " 여기서 {}이다. 알맞은 것은?", "What is {} in this circuit?"]
)
def test_units_and_symbols_that_differ_in_case_make_two_problems(one, other, text):
    two = [problem(question=text.format(one)), problem(question=text.format(other))]
    assert not find_duplicates(two, 0.9)
    in_a_choice = [problem(choices=(*CHOICES, symbol), question=text) for symbol in (one, other)]
    assert not find_duplicates(in_a_choice, 0.9)
    in_the_passage = [problem(passage=f"{PASSAGE} {symbol}") for symbol in (one, other)]
    assert not find_duplicates(in_the_passage, 0.9)


def test_a_sentence_in_other_case_is_a_near_duplicate():
    text = "Which of the following statements about the history of Korean paper is not correct?"
    (duplicate,) = find_duplicates([problem(question=text), problem(question=text.lower())], 0.9)
    assert duplicate.kind == "near"
