"""Grading reads what Korean exam answers look like, and never guesses."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    chat_vectors,
    conclusion_vectors,
    ending_vectors,
    loose_vectors,
    phrasing_vectors,
    pointing_vectors,
    spoken_vectors,
    statement_vectors,
    value_vectors,
)
from support import grading_vectors as vectors
from support.grading_vectors import (
    ESSAY,
    FIVE,
    FOUR,
    LETTERS,
    LONG,
    MARKED,
    NOWHERE,
    SHORT,
    SPAN,
    WRONG,
)

from koalign.grading.grade import grade, quotes_its_choice
from koalign.records import Problem

ON_FOUR = [
    *vectors.PHRASES, *vectors.WRITTEN_OTHERWISE, *vectors.FORMATS, *vectors.WHOLE_TEXTS, *vectors.THOUGHTS,
    *vectors.LAST_COUNTS, *vectors.DENIED, *vectors.NO_LABELS, *vectors.OUT_OF_RANGE,
]  # fmt: skip
VECTORS = [
    *((FOUR, text, answer) for text, answer in ON_FOUR), *((FIVE, text, "3") for text in vectors.SAYS_3),
    *vectors.ON_CHOICES,
]  # fmt: skip


@pytest.mark.parametrize(("problem", "text", "answer"), VECTORS)
def test_an_answer_is_read_as_it_is_stated_and_none_where_none_is(problem, text, answer):
    assert grade(problem, text).answer == answer


@pytest.mark.parametrize(
    ("problem", "text", "answer"),
    [
        *statement_vectors.VECTORS,
        *ending_vectors.VECTORS,
        *phrasing_vectors.VECTORS,
        *conclusion_vectors.VECTORS,
        *pointing_vectors.VECTORS,
        *spoken_vectors.VECTORS,
        *loose_vectors.VECTORS,
        *value_vectors.VECTORS,
        *chat_vectors.VECTORS,
    ],
)
def test_a_commitment_is_read_and_a_hedge_is_not(problem, text, answer):
    verdict = grade(problem, text)
    assert ("ambiguous" if verdict.why == "ambiguous" else verdict.answer) == answer


@pytest.mark.parametrize("text", [text for text, _ in vectors.NO_LABELS + vectors.OUT_OF_RANGE])
def test_what_is_no_number_of_a_choice_is_no_answer(text):
    assert grade(FOUR, text).why == "no_answer"


@pytest.mark.parametrize("text", vectors.TOGETHER)
def test_two_answers_offered_together_are_ambiguous(text):
    verdict = grade(FOUR, text)
    assert (verdict.answer, verdict.correct, verdict.why) == (None, False, "ambiguous")


def test_the_reason_of_a_missing_answer_is_said():
    assert grade(FOUR, "정답은 2번 또는 3번").why == "ambiguous"
    assert grade(FOUR, "지문에 따르면", "length").why == "truncated"
    assert grade(FOUR, "<think>지문에 따르면", "length").why == "truncated"
    assert grade(FOUR, "모르겠다").why == "no_answer"
    assert grade(FOUR.model_copy(update={"answers": ()}), "정답: 3").why == "no_gold"
    assert grade(FOUR, "정답: 1").why == "mismatch"


def test_a_text_that_was_cut_is_not_read_by_its_end():
    assert grade(FIVE, "나라의 수도는 서울이다.").answer == "3"
    assert grade(FIVE, "나라의 수도는 서울이다.", "length").why == "truncated"


STYLES = (
    "정답: {n}", "정답은 {n}번입니다.", "정답은 **{circled}**", "{circled}", "{n}번", "{circled}이 정답이다",
    "최종 정답: {letter}", "{letter}가 정답입니다", "The answer is ({letter})", '{{"정답": "{n}"}}',
    '{{"answer": {n}}}', "\\boxed{{{n}}}", "<answer>{letter}</answer>", "정답： {wide}", "{n}. {text}",
    "{circled} {text}", "정답: {text}", "{text}", "고른 답: {text}\n정답: {n}", "정답은 {other}번이 아니라 {n}번이다",
)  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", range(2, 10))
def test_every_style_says_every_number(style, count):
    choices = tuple(f"보기에 있는 {word}" for word in "개코말소양닭뱀쥐범"[:count])
    for n in range(1, count + 1):
        problem = Problem(question="무엇인가?", choices=choices, answers=(str(n),))
        text = style.format(
            n=n,
            circled="①②③④⑤⑥⑦⑧⑨"[n - 1],
            letter="ABCDEFGHI"[n - 1],
            wide="１２３４５６７８９"[n - 1],
            text=choices[n - 1],
            other=n % count + 1,
        )
        assert grade(problem, text).why == "match", text


PIECES = ["정답", "답", "은 ", "는", ": ", "①", "③", "⑤", "3", "1", "번", "이", "가 ", "아니라 ", "또는 ", ", ", "중 ", "B", "(b)", "다", "입니다", ".", "\n", " ", "?", "**", "<think>", "</think>", "{", '"', "}", "\\boxed{", "<answer>", "</answer>", "고른 답: ", "answer is ", "두 번째 보기", "\u200b", "３", "#"]  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=24).map("".join))


@given(TEXTS, st.sampled_from(["stop", "length"]))
def test_grading_never_fails_and_only_the_gold_is_right(text, finish):
    for problem in (FOUR, FIVE, WRONG, LETTERS, MARKED):
        verdict = grade(problem, text, finish)
        numbers = [str(n) for n in range(1, len(problem.choices) + 1)]
        assert verdict.answer is None or verdict.answer in numbers
        assert verdict.correct == (verdict.answer in problem.answers)
        assert verdict.correct == (verdict.why == "match")
        assert isinstance(quotes_its_choice(problem, text), bool)
    for problem in (SHORT, SPAN, NOWHERE, LONG, ESSAY):
        verdict = grade(problem, text, finish)
        assert verdict.correct == (verdict.why == "match")
        assert (verdict.answer is None) == (verdict.why in ("no_answer", "ambiguous", "truncated"))


@pytest.mark.parametrize("sign", string.punctuation)
def test_signs_of_regular_expressions_in_a_reply_are_graded(sign):
    for text in (f"\x1b0{sign}", f"({sign})", f"정답은 3번{sign}", f"따라서 {sign}3{sign}"):
        for problem in (FOUR, FIVE, LETTERS, MARKED):
            assert grade(problem, text).answer in (None, "3"), text
        for problem in (SHORT, SPAN, NOWHERE, LONG):
            assert not grade(problem, text).correct, text


NO_CHOICE = ["정답은 ", "답: ", "입니다", "번", "이 ", "아니라 ", "또는 ", ", ", ".", "\n", "서울", "**", "<answer>", "</answer>", "ㄱ", "㉠", "answer is ", "고른 답: ", "옳은 것은 "]  # fmt: skip


def test_of_a_reply_without_end_the_last_characters_are_read():
    seconds = []
    for count in (40_000, 400_000):
        started = time.process_time()
        grade(FOUR, "정답: 2\n답: 2\n" * (count // 2))
        seconds.append(time.process_time() - started)
    assert seconds[1] < 3 * seconds[0]
    assert grade(FOUR, "정답: 2 " * 40_000 + "\n정답: 3").answer == "3"
    assert grade(FOUR, "<think>" + "정답: 2\n" * 40_000).answer is None


@pytest.mark.parametrize("label", ["0번", "5번", "⑦", "20번", "E"])
@pytest.mark.parametrize(
    "sentence", ["{}을 고르면 된다.", "따라서 {}을 고르면 된다.", "{}에 표시합니다."]
)
def test_a_last_sentence_that_takes_a_choice_that_is_not_there_is_no_answer(label, sentence):
    verdict = grade(FOUR, sentence.format(label))
    assert (verdict.answer, verdict.why) == (None, "no_answer")


@given(st.lists(st.sampled_from(NO_CHOICE)).map("".join))
def test_without_a_number_a_mark_a_letter_or_a_choices_text_there_is_no_answer(text):
    assert grade(FOUR, text).why == "no_answer"


@given(TEXTS, st.integers(1, 4), st.sampled_from(["think", "thought"]))
def test_a_thought_before_it_never_changes_the_verdict(text, number, tag):
    thought = f"<{tag}>정답은 {number}번이다.</{tag}>"
    for problem in (FOUR, SHORT, SPAN, NOWHERE, LONG):
        assert grade(problem, thought + text) == grade(problem, text)


@given(st.permutations(range(4)), st.integers(1, 4))
def test_shuffling_the_choices_keeps_the_verdict(order, answered):
    moved = FOUR.model_copy(
        update={
            "choices": tuple(FOUR.choices[i] for i in order),
            "answers": (str(order.index(2) + 1),),
        }
    )
    text = f"고른 답: {FOUR.choices[answered - 1]}\n정답: {answered}"
    moved_text = f"고른 답: {FOUR.choices[answered - 1]}\n정답: {order.index(answered - 1) + 1}"
    assert grade(FOUR, text).correct == grade(moved, moved_text).correct
    assert quotes_its_choice(moved, moved_text)


@pytest.mark.parametrize(
    ("choice", "text"), [("," * 26 + "가", "," * 52), ("과," * 30 + "가", "과" * 90)]
)
def test_a_choice_with_many_commas_is_looked_for_in_linear_time(choice, text):
    row = FOUR.model_copy(update={"choices": (choice, "나", "다", "라")})
    started = time.process_time()
    assert grade(row, f"{text} 나").answer is None
    assert time.process_time() - started < 1


HOSTILE = ["정답:", "정답은 ", "①,", "1 ", "A와 B또는 ", "*가 ", '"정답":"', "<answer>", "\\boxed{{a", " ", "\n", "(", "정답(((((", "아니라 ①", "고른 답: ", "3. ", "<think", "따라서 ①", "정답은 ①이라고 생각", "정답은 다음과 같습니다:\n1. ", "아니요. ", "지만 ③이다", "1. 가 - 정답 / ", "정답은 ㄴ이므로 ", "결론: 3번이라고 ", "정답은 가(", '{"답": 3} 정정: ', '"답": 3 ', "3번인 것 같지만 ", "가장 가나 다라 ", "조건이 바뀌면 ①이 정답", "정답:\n1\n2\n", "그러나 ", "2번이다. (거짓", "따라서 나는 가입니다. ", "가 나 ", "- [ ] 가\n", "① ×, ", "Q. 가\nA. ①\n", "그는 ②", "나를 고른다. ", "갑: \"①이 답", "ㄱ과 ", "나를 고르면 됩니다. ", "바르게 가 것은 ", "답: ①\n질문: 가\n", "가 ✅\n", "(라)가 정답", "물음에 부합하는 가는 ", "않은 것은 나", "하지만 가면 "]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE)
def test_grading_time_grows_no_faster_than_the_text(piece):
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        started = time.process_time()
        for problem in (FOUR, SHORT):
            grade(problem, text)
        return time.process_time() - started

    # Quadratic work takes a hundred times as long, linear work about ten times. A busy machine only adds
    # time, at some moments more than at others: so the least of runs in turn.
    runs = [(seconds(3_000), seconds(30_000)) for _ in range(4)]
    short, long = map(min, zip(*runs, strict=True))
    assert long < 40 * max(short, 0.005)
