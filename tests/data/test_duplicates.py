"""A row that says what an earlier one says is found, and nothing else; the first stays."""

from pathlib import Path

import pytest
from support.duplicates import CHOICES, PASSAGE, QUESTION, problem

import koalign
from koalign.data.formats.documents import open_documents
from koalign.data.formats.read import read
from koalign.data.preparing.duplicates import Duplicate, find_duplicates
from koalign.records import Problem

EXAM = Path(koalign.__file__).parent / "assets" / "exam"


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
