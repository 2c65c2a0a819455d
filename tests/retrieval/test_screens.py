"""A passage that repeats an evaluated question, or states the answer of a problem, is not shown."""

from koalign.records import Problem
from koalign.retrieval.screens import EvaluatedText, states_an_answer

CHOICES = ("세종", "태종", "문종", "단종")
TEST = Problem(
    question="집현전을 궁궐 안에 크게 고쳐 세우고 학자를 모은 왕은?",
    choices=CHOICES,
    answers=("1",),
)


def test_a_chunk_that_repeats_an_evaluated_question_is_a_leak():
    text = "[해설] 집현전을 궁궐 안에 크게 고쳐 세우고 학자를 모은 왕을 묻는 문제이다."
    assert EvaluatedText([TEST], 0).is_in(text)
    assert not EvaluatedText([TEST], 0).is_in(
        "집현전은 학자를 모은 기관이다. 세종 때에 크게 고쳤다."
    )
    assert not EvaluatedText([], 0).is_in(text)


def test_one_shared_13_gram_is_too_much_unless_more_is_allowed():
    text = "세종은 집현전을 궁궐 안에 크게 고쳐 세워 학문을 폈다."
    assert EvaluatedText([TEST], 0).is_in(text)
    assert not EvaluatedText([TEST], 0.5).is_in(text)


def test_a_stem_that_many_problems_share_is_no_leak():
    stem = "다음 글의 내용과 일치하지 않는 것을 고르시오."
    many = [
        Problem(question=f"{stem} {n * 7919}", choices=CHOICES, answers=("1",)) for n in range(30)
    ]
    assert not EvaluatedText(many, 0).is_in(f"시험에는 {stem} 하는 물음이 많다.")
    assert EvaluatedText(many[:3], 0).is_in(f"시험에는 {stem} 하는 물음이 많다.")


def test_a_passage_that_states_an_answer_is_refused_and_law_with_numbers_is_not():
    assert states_an_answer(TEST, "해설: 집현전 문제의 정답은 1번이다.")
    assert not states_an_answer(TEST, "제1조 ① 대한민국은 민주공화국이다. ② 주권은 국민에게 있다.")
    assert not states_an_answer(
        TEST.model_copy(update={"choices": (), "kind": "short"}), "정답은 1번이다."
    )
