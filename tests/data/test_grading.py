"""Grading reads what Korean exam answers look like, and never guesses."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.grading_vectors import (
    DENIED,
    ESSAY,
    FIVE,
    FORMATS,
    FOUR,
    LAST_COUNTS,
    LETTERS,
    LONG,
    MARKED,
    NO_LABELS,
    NOWHERE,
    ON_CHOICES,
    OUT_OF_RANGE,
    PHRASES,
    SHORT,
    SPAN,
    THOUGHTS,
    TOGETHER,
    WHOLE_TEXTS,
    WRITTEN_OTHERWISE,
    WRONG,
)

from koalign.data.grading.grade import grade, quotes_its_choice
from koalign.records import Problem


@pytest.mark.parametrize(("text", "answer"), PHRASES)
def test_an_answer_in_a_phrase_is_read(text, answer):
    assert grade(FOUR, text).answer == answer


@pytest.mark.parametrize(("text", "answer"), WRITTEN_OTHERWISE)
def test_marks_width_spaces_and_emphasis_do_not_hide_an_answer(text, answer):
    assert grade(FOUR, text).answer == answer


@pytest.mark.parametrize(("text", "answer"), FORMATS)
def test_an_answer_in_json_latex_or_a_tag_is_read(text, answer):
    assert grade(FOUR, text).answer == answer


@pytest.mark.parametrize(("text", "answer"), WHOLE_TEXTS)
def test_a_bare_label_is_an_answer_only_if_it_is_the_whole_text(text, answer):
    assert grade(FOUR, text).answer == answer


@pytest.mark.parametrize(("text", "answer"), THOUGHTS)
def test_what_is_thought_is_not_said(text, answer):
    assert grade(FOUR, text).answer == answer


@pytest.mark.parametrize(("text", "answer"), LAST_COUNTS)
def test_a_later_statement_corrects_an_earlier_one(text, answer):
    assert grade(FOUR, text).answer == answer


@pytest.mark.parametrize(("text", "answer"), DENIED)
def test_what_is_denied_or_doubted_is_not_stated(text, answer):
    assert grade(FOUR, text).answer == answer


@pytest.mark.parametrize(("text", "answer"), NO_LABELS)
def test_years_counts_and_words_are_no_choice_numbers(text, answer):
    assert grade(FOUR, text).answer == answer
    assert grade(FOUR, text).why == "no_answer"


@pytest.mark.parametrize(("text", "answer"), OUT_OF_RANGE)
def test_a_number_that_is_no_choice_is_no_answer(text, answer):
    assert grade(FOUR, text).why == "no_answer"


@pytest.mark.parametrize("text", TOGETHER)
def test_two_answers_offered_together_are_ambiguous(text):
    verdict = grade(FOUR, text)
    assert (verdict.answer, verdict.correct, verdict.why) == (None, False, "ambiguous")


@pytest.mark.parametrize(("problem", "text", "answer"), ON_CHOICES)
def test_the_text_of_one_choice_alone_is_its_number(problem, text, answer):
    assert grade(problem, text).answer == answer


def test_the_tables_hold_well_over_a_hundred_vectors():
    tables = (PHRASES, WRITTEN_OTHERWISE, FORMATS, WHOLE_TEXTS, THOUGHTS, LAST_COUNTS, DENIED, NO_LABELS, OUT_OF_RANGE, TOGETHER, ON_CHOICES)  # fmt: skip
    assert sum(map(len, tables)) >= 200


def test_the_reason_of_a_missing_answer_is_said():
    assert grade(FOUR, "정답은 2번 또는 3번").why == "ambiguous"
    assert grade(FOUR, "지문에 따르면", "length").why == "truncated"
    assert grade(FOUR, "<think>지문에 따르면", "length").why == "truncated"
    assert grade(FOUR, "모르겠다").why == "no_answer"
    assert grade(FOUR.model_copy(update={"answers": ()}), "정답: 3").why == "no_gold"
    assert grade(FOUR, "정답: 1").why == "mismatch"


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


NO_CHOICE = ["정답은 ", "답: ", "입니다", "번", "이 ", "아니라 ", "또는 ", ", ", ".", "\n", "서울", "**", "<answer>", "</answer>", "ㄱ", "㉠", "answer is ", "고른 답: ", "옳은 것은 "]  # fmt: skip


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


HOSTILE = ["정답:", "정답은 ", "①,", "1 ", "A와 B또는 ", "*가 ", '"정답":"', "<answer>", "\\boxed{{a", " ", "\n", "(", "정답(((((", "아니라 ①", "고른 답: ", "3. ", "<think"]  # fmt: skip


OTHERS_SPOKEN_OF = [
    "정답: ③\n\n해설\n① 세종 - 오답\n② 태조 - 오답\n③ 정조 - 정답\n④ 영조 - 오답", "정답: ③\n③ 정조 (정답)\n④ 영조",
    "정답: 3\n3. 정조 → **정답**\n4. 영조 → 오답", "정답: 3번\n3번: 정답\n4번: 오답", "정답: ③ (가장 적절한 답)\n① 세종은",
    "정답은 ③이다. ①이 정답이 되려면 태조여야 한다.", "정답: ③\n\n①을 정답으로 생각할 수 있으나 틀리다.", "정답은 ③이다. ②를 정답으로 착각하기 쉽다",
    "정답은 ③. ②를 정답으로 선택하면 안 된다", "정답은 3번이다. 1번을 정답으로 고른 학생이 많았다.", "정답은 ③이다. ②가 정답이라는 주장은 틀리다.",
    "정답은 ③이다. 만약 왕이 달랐다면 정답은 ②였을 것이다", "정답은 3번. 1번이 답이라고 하기에는 근거가 부족하다", "정답은 ③이다. 정답이 1번이라고 착각하기 쉽다",
    "정답은 ③이다. ②도 정답이 될 것 같지만 아닙니다", '{"정답": 3, "이유": "②가 정답이라고 보기 쉽지만 아니다"}',
    '{"정답": "3", "해설": "많은 학생이 정답을 1번으로 고르지만 틀리다."}', "①이 정답이라고 가정하자. 그러면 모순이다. 따라서 ③이 옳다.",
    "처음에는 정답이 1번이라고 생각했지만 다시 검토하면 3번이 맞다.",
]  # fmt: skip


@pytest.mark.parametrize("text", OTHERS_SPOKEN_OF)
def test_what_is_said_of_other_choices_beside_the_answer_does_not_count(text):
    assert grade(FIVE, text).answer == "3"


@pytest.mark.parametrize("piece", HOSTILE)
def test_grading_time_grows_no_faster_than_the_text(piece):
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        started = time.process_time()
        for problem in (FOUR, SHORT):
            grade(problem, text)
        return time.process_time() - started

    # Quadratic work would take a hundred times as long; what is linear takes about ten times.
    assert seconds(100_000) < 40 * max(seconds(10_000), 0.005)


TENS = Problem(question="값은?", choices=("10", "20", "30", "40"), answers=("3",))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("정답: 30", "3"), ("\\boxed{30}", "3"), ("정답은 $30$이다", "3"), ("정답: 60", None), ("정답: 3", "3"),
    ],
)  # fmt: skip
def test_a_number_of_two_digits_is_the_choice_that_says_it(text, answer):
    assert grade(TENS, text).answer == answer


@pytest.mark.parametrize(
    "text",
    [
        "정답은 선지 ③이다", "3번 선지가 정답이다", "따라서 ③번 선택지가 정답입니다.", "3번 보기가 정답입니다.",
    ],
)  # fmt: skip
def test_a_choice_may_be_called_what_exams_call_it(text):
    assert grade(FIVE, text).answer == "3"
