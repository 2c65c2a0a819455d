"""Grading reads what Korean exam answers look like, and never guesses."""

import json
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from koalign.data.grading import GradeLine, grade, quotes_its_choice, regrade
from koalign.data.prompts import DEFAULT, Renderer, load_template, template_names
from koalign.data.stated import comparable, stated_numbers, stated_text
from koalign.records import Problem

FOUR = Problem(question="무엇인가?", choices=("가", "나", "다", "라"), answers=("3",))
FIVE = Problem(
    question="수도는?", choices=("부산", "대전", "서울", "1919년", "3.1 운동"), answers=("3",)
)
WRONG = FOUR.model_copy(update={"question": "다음 중 옳지 않은 것은?"})
LETTERS = Problem(question="무엇인가?", choices=("B", "A", "D", "C"), answers=("2",))
MARKED = Problem(question="모두 고르면?", choices=("①, ②", "①, ③", "ㄱ", "ㄱ, ㄴ"), answers=("2",))
AGES = Problem(question="몇 살인가?", choices=("5", "4", "3", "2"), answers=("1",))
SHORT = Problem(question="몇 살인가?", kind="short", answers=("만 6세#여섯 살",))
SPAN = Problem(question="누구인가?", kind="span", answers=("세종대왕",))
NOWHERE = Problem(question="누구인가?", kind="span", answers=("",))
LONG = Problem(
    question="설명하시오.", kind="long", answers=("세종은 한글을 만들었다.\n백성을 위해서였다.",)
)
ESSAY = LONG.model_copy(update={"answers": ()})

PHRASES = [
    ("정답은 3번", "3"),
    ("정답은 3번입니다.", "3"),
    ("정답: ③", "3"),
    ("답 ②", "2"),
    ("답: 3", "3"),
    ("답변: 3", "3"),
    ("답안: 2", "2"),
    ("해답은 2번", "2"),
    ("최종 정답: D", "4"),
    ("최종답: 4", "4"),
    ("문제의 답은 ②", "2"),
    ("따라서, 정답은: C", "3"),
    ("정답 : 3", "3"),
    ("정답 - 3", "3"),
    ("정답 → 2", "2"),
    ("정답 번호: 3", "3"),
    ("정답:\n③", "3"),
    ("## 정답\n3", "3"),
    ("[정답] ③", "3"),
    ("【정답】 3번", "3"),
    ("정답은 바로 ③!", "3"),
    ("정답은 선택지 3번", "3"),
    ("정답은 보기 ②입니다", "2"),
    ("정답은 두 번째 선택지", "2"),
    ("정답: 세 번째 보기", "3"),
    ("정답은 3번째 선택지이다", "3"),
    ("정답은 4이므로 다른 것은 볼 필요가 없다", "4"),
    ("정답은 ②번인 것 같다", "2"),
    ("따라서 ②번이 정답이 된다", "2"),
    ("3번이 답이다", "3"),
    ("3이 정답이다", "3"),
    ("B가 정답입니다", "2"),
    ("따라서 B가 정답이다", "2"),
    ("③을 정답으로 고른다", "3"),
    ("정답은B입니다", "2"),
    ("정답은3번", "3"),
    ("정답 A", "1"),
    ("Answer: B", "2"),
    ("answer: (b)", "2"),
    ("The answer is (C)", "3"),
    ("The correct answer is: **B**.", "2"),
    ("Answer is option (B).", "2"),
    ("The correct option is C", "3"),
    ("B is the correct answer.", "2"),
    ("정답: 3. 1번은 때가 다르다", "3"),
    ("정답: 3\n아닌 것은 1번", "3"),
    ("정답: 3 (지문의 둘째 줄)", "3"),
    ("정답: 3 이유: 지문에 있다", "3"),
]
WRITTEN_OTHERWISE = [
    ("정답：３", "3"),
    ("정답: ➂", "3"),
    ("정답: ❸", "3"),
    ("정답: ⑶", "3"),
    ("정답: ⒊", "3"),
    ("정답은 Ｂ입니다", "2"),
    ("ＡＮＳＷＥＲ： Ｂ", "2"),
    ("정답:\u00a0\u200b3", "3"),
    ("정답:\u30003", "3"),
    (unicodedata.normalize("NFD", "정답은 3번입니다"), "3"),
    ("정답: “3”", "3"),
    ("**정답: 4**", "4"),
    ("정답은 **④**", "4"),
    ("정답은 *③*입니다", "3"),
    ("**정답:** 3", "3"),
    ("**정답**: 3", "3"),
    ("정답: `3`", "3"),
    (r"정답: \(3\)", "3"),
    ("정답: $3$", "3"),
]
FORMATS = [
    ('{"정답": "3"}', "3"),
    ('{"정답": "3번"}', "3"),
    ('{"정답": "다"}', "3"),
    ('{"answer": 3}', "3"),
    ('{"answer": ["B"]}', "2"),
    ('{"final_answer": "C"}', "3"),
    ("{'정답': 2}", "2"),
    ('```json\n{\n  "풀이": "①은 아니다",\n  "정답": "③"\n}\n```', "3"),
    (r"\boxed{3}", "3"),
    (r"따라서 $\boxed{\text{B}}$이다.", "2"),
    ("<answer>3</answer>", "3"),
    ("<answer>\n정답: 3\n</answer>", "3"),
    ("<답변>3</답변>", "3"),
    ("<정답>②</정답>", "2"),
    ('{"answer": null}', None),
    ('{"answer": [2, 3]}', None),
    ("<answer>모르겠다</answer>", None),
]
WHOLE_TEXTS = [
    ("3", "3"),
    (" 3.\n", "3"),
    ("(3)", "3"),
    ("③", "3"),
    ("3번", "3"),
    ("3번입니다.", "3"),
    ("B", "2"),
    ("(b)", "2"),
    ("Option C", "3"),
    ("선택지 3", "3"),
    ("3. 다", "3"),
    ("3) 다", "3"),
    ("3번 다", "3"),
    ("③ 다", "3"),
    ("B. 나", "2"),
    ("(B) 나", "2"),
    ("다", "3"),
    ("다.", "3"),
    ("'다'입니다", "3"),
    ("b", None),
    ("3. 라", None),
    ("③ 그림", None),
    ("3번 국도는 길다", None),
    ("1. 가\n2. 나", None),
    ("A balanced diet", None),
    ("2024", None),
    ("", None),
]
THOUGHTS = [
    ("<think>정답은 1번?</think>정답은 4번", "4"),
    ("<think>\n정답: 1\n</think>\n\n3", "3"),
    ("<thought>정답: 1</thought>정답: 3", "3"),
    ("<추론>정답: 1</추론><답변>2</답변>", "2"),
    ("정답: 1</think>3", "3"),
    ("<think>1</think>정답: 1<think>2</think>정답: 3", "3"),
    ("<think>정답: 3", None),
    ("정답: 1 <think>아니,", None),
    ("<think>정답: 3</think>", None),
]
LAST_COUNTS = [
    ("정답: 1\n다시 보면 정답: 3", "3"),
    ("정답은 2번이다. 아니, 정답은 3번이다.", "3"),
    ("정답은 ③이 아니다. 정답은 ②이다.", "2"),
    ("고른 답: 다\n정답: 3", "3"),
    ("고른 답: 가\n정답: 3", "3"),
    ("③이 옳다. 그러나 정답은 ②번이다.", "2"),
    ("정답: 3\n해설: 정답은 지문에서 확인할 수 있다.", "3"),
    ("정답: 3\n정답: 7", None),
]
DENIED = [
    ("정답은 ③번이 아니라 ②번이다", "2"),
    ("정답은 1번 말고 2번", "2"),
    ("정답은 1번이 아니라 2번이 아니라 3번이다", "3"),
    ("③번이 아니라 ②번이 정답이다", "2"),
    ("①과 ③ 중 ③이 옳다", "3"),
    ("정답은 2번과 3번 중 3번이다", "3"),
    ("정답은 A와 B 중 B입니다", "2"),
    ("③은 정답이 아니다", None),
    ("③이 정답이라고 볼 수 없다", None),
    ("정답은 ③이 될 수 없다", None),
    ("③을 정답으로 보기 어렵다", None),
    ("정답 3은 틀렸다", None),
    ("③은 정답과 거리가 멀다", None),
    ("③번은 정답에서 제외된다", None),
    ("③이 옳지 않다", None),
    ("오답: 3", None),
    ("틀린 답은 ③이다", None),
    ("The answer is not B", None),
    ("정답은 1번?", None),
    ("정답은 3번일 수도 있다", None),
    ("정답이 3번이라면", None),
    ("정답은 ③의 내용을 보면 안다", None),
]
NO_LABELS = [
    ("정답은 1919년입니다", None),
    ("정답은 3.1운동", None),
    ("정답은 3. 1 운동", None),
    ("정답은 5·18", None),
    ("정답은 4.19 혁명", None),
    ("정답은 3월 1일", None),
    ("정답은 3인칭 시점이다", None),
    ("정답은 3분의 1", None),
    ("정답: 3개", None),
    ("정답은 3 개", None),
    ("정답은 세 가지", None),
    ("정답은 3가지이다", None),
    ("정답: 3번째 왕", None),
    ("정답: 4차 산업", None),
    ("정답은 1만 원", None),
    ("정답: 4이상", None),
    ("정답: 3.5", None),
    ("정답: 3/4", None),
    ("정답: 3%", None),
    ("정답: 3:1", None),
    ("정답: -3", None),
    ("정답: 1,000", None),
    ("정답은 1~3번", None),
    ("정답은 3과 4개", None),
    ("정답: 제3공화국", None),
    ("정답: A형 간염", None),
    ("정답은 C언어", None),
    ("Answer: A balanced diet", None),
    ("비타민 C가 정답이다", None),
    ("x = 3이 정답이다", None),
    ("정답률은 3%", None),
    ("대답: 3", None),
    ("정답은 ㄱ", None),
    ("정답은 없다", None),
    ("지문에 따르면 ③은 뒤에 온다", None),
]
OUT_OF_RANGE = [("정답: 5", None), ("정답: 0", None), ("정답: E", None), ("정답은 ⑤번", None), ("정답: 12", None), ("정답은 ⑳", None)]  # fmt: skip
TOGETHER = [
    "정답은 2번 또는 3번",
    "정답: 3 혹은 4",
    "정답은 2번이나 3번이다",
    "①, ③",
    "정답: ①, ③",
    "정답: ①·③",
    "정답: ①③",
    "정답: 2,3",
    "정답: A, B",
    "2번과 3번 모두 정답",
    "2번이 정답이고 3번도 정답이다",
    "정답은 2번과 3번 중 하나다",
    "The answer is B or C",
    "①이 옳고, ②가 옳다",
]
ON_CHOICES = [
    (FIVE, "정답: 서울", "3"),
    (FIVE, "정답은 서울입니다", "3"),
    (FIVE, "정답은 '서울'이다. 수도이기 때문이다.", "3"),
    (FIVE, "Answer: 서울", "3"),
    (FIVE, "고른 답: 서울", "3"),
    (FIVE, "정답: 3 서울", "3"),
    (FIVE, "정답: 3, 서울", "3"),
    (FIVE, "정답: 4. 1919년", "4"),
    (FIVE, "정답: 3 부산", None),
    (FIVE, "정답은 1919년입니다", "4"),
    (FIVE, "정답은 3.1 운동", "5"),
    (FIVE, "정답은 서울과 대전", None),
    (FIVE, "정답: 5", "5"),
    (MARKED, "정답: ①, ③", "2"),
    (MARKED, "정답은 ㄱ", "3"),
    (MARKED, "ㄱ, ㄴ", "4"),
    (MARKED, "정답: ②", "2"),
    (LETTERS, "정답: A", "2"),
    (LETTERS, "A가 정답이다", None),
    (LETTERS, "정답: 1", "1"),
    (AGES, "정답: 3", "3"),
    (AGES, "정답: 5", None),
    (AGES, "고른 답: 5\n정답: 1", "1"),
    (AGES, "고른 답: 5", "1"),
    (FOUR.model_copy(update={"choices": ("가", "가", "나", "다")}), "정답: 가", None),
    (FOUR, "가장 적절한 것은 ③이다", "3"),
    (FOUR, "적절하지 않은 것은 ④번이다", None),
    (WRONG, "적절하지 않은 것은 ④번이다", "4"),
    (WRONG, "③이 옳지 않다", "3"),
    (WRONG, "①이 옳다", None),
]


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
    "정답: {n}",
    "정답은 {n}번입니다.",
    "정답은 **{circled}**",
    "{circled}",
    "{n}번",
    "{circled}이 정답이다",
    "최종 정답: {letter}",
    "{letter}가 정답입니다",
    "The answer is ({letter})",
    '{{"정답": "{n}"}}',
    '{{"answer": {n}}}',
    "\\boxed{{{n}}}",
    "<answer>{letter}</answer>",
    "정답： {wide}",
    "{n}. {text}",
    "{circled} {text}",
    "정답: {text}",
    "{text}",
    "고른 답: {text}\n정답: {n}",
    "정답은 {other}번이 아니라 {n}번이다",
)


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
    "정답: ③\n\n해설\n① 세종 - 오답\n② 태조 - 오답\n③ 정조 - 정답\n④ 영조 - 오답",
    "정답: ③\n③ 정조 (정답)\n④ 영조",
    "정답: 3\n3. 정조 → **정답**\n4. 영조 → 오답",
    "정답: 3번\n3번: 정답\n4번: 오답",
    "정답: ③ (가장 적절한 답)\n① 세종은",
    "정답은 ③이다. ①이 정답이 되려면 태조여야 한다.",
    "정답: ③\n\n①을 정답으로 생각할 수 있으나 틀리다.",
    "정답은 ③이다. ②를 정답으로 착각하기 쉽다",
    "정답은 ③. ②를 정답으로 선택하면 안 된다",
    "정답은 3번이다. 1번을 정답으로 고른 학생이 많았다.",
    "정답은 ③이다. ②가 정답이라는 주장은 틀리다.",
    "정답은 ③이다. 만약 왕이 달랐다면 정답은 ②였을 것이다",
    "정답은 3번. 1번이 답이라고 하기에는 근거가 부족하다",
    "정답은 ③이다. 정답이 1번이라고 착각하기 쉽다",
    "정답은 ③이다. ②도 정답이 될 것 같지만 아닙니다",
    '{"정답": 3, "이유": "②가 정답이라고 보기 쉽지만 아니다"}',
    '{"정답": "3", "해설": "많은 학생이 정답을 1번으로 고르지만 틀리다."}',
    "①이 정답이라고 가정하자. 그러면 모순이다. 따라서 ③이 옳다.",
    "처음에는 정답이 1번이라고 생각했지만 다시 검토하면 3번이 맞다.",
]


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


@pytest.mark.parametrize(
    ("text", "answer", "why"),
    [
        ("정답: 만 6세", "만 6세", "match"),
        ("정답: 만 6세.", "만 6세", "match"),
        ("정답: 여섯  살", "여섯 살", "match"),
        ("정답은 '여섯 살'입니다.", "여섯 살", "match"),
        ("정답은 만 6세입니다. 만으로 세기 때문이다.", "만 6세", "match"),
        ("답변: **만 ６세**", "만 6세", "match"),
        (unicodedata.normalize("NFD", "만 6세"), "만 6세", "match"),
        ("여섯 살", "여섯 살", "match"),
        ("여섯 살입니다.", "여섯 살", "match"),
        ('{"풀이": "나이를 센다", "정답": "만 6세"}', "만 6세", "match"),
        (r"\boxed{\text{만 6세}}", "만 6세", "match"),
        ("<답변>정답: 여섯 살</답변>", "여섯 살", "match"),
        ("정답: 다섯 살\n다시 세면 정답: 여섯 살", "여섯 살", "match"),
        ("정답은 다섯 살이 아니라 여섯 살이다.", "여섯 살", "match"),
        ("정답: 여섯 살\n해설: 정답은 지문에서 확인할 수 있다", "여섯 살", "match"),
        ("<think>정답: 다섯 살</think>여섯 살", "여섯 살", "match"),
        ("정답: 만 6세 또는 여섯 살", "만 6세", "match"),
        ("정답: 6", "6", "mismatch"),
        ("정답: 6세", "6세", "mismatch"),
        ("정답: 만 6세 또는 7세", None, "ambiguous"),
        ("정답: 만 6세, 7세", None, "ambiguous"),
        ("정답은 여섯 살이 아닙니다", None, "no_answer"),
        ("나이를 묻는다.\n지문을 보자.", None, "no_answer"),
        ("", None, "no_answer"),
    ],
)
def test_a_short_answer_matches_any_gold_and_nothing_near_it(text, answer, why):
    verdict = grade(SHORT, text)
    assert (verdict.answer, verdict.why) == (answer, why)


def test_a_gold_list_is_one_answer_and_its_order_counts():
    order = SHORT.model_copy(update={"answers": ("ㄴ-ㄷ-ㄱ#ㄴ, ㄷ, ㄱ",)})
    assert grade(order, "정답: ㄴ, ㄷ, ㄱ").correct
    assert grade(order, "정답: ㄷ, ㄴ, ㄱ").why == "mismatch"
    assert grade(SHORT.model_copy(update={"answers": ("C#",)}), "정답: C#").correct
    assert not grade(SHORT.model_copy(update={"answers": ("C#",)}), "정답: C").correct
    assert grade(SHORT.model_copy(update={"answers": ("사이다",)}), "정답은 사이다").correct
    assert grade(SHORT.model_copy(update={"answers": ("2*3*5",)}), "정답: 2*3*5").correct


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("정답: 세종대왕", True),
        ("“세종대왕”", True),
        ("정답: 세종대왕은", True),
        ("정답: 세종대왕이", True),
        ("정답: 세종대왕입니다.", True),
        ("정답: 세종", False),
        ("정답: 조선의 세종대왕", False),
        ("정답: 세종대왕는", False),
        ("답 없음", False),
    ],
)
def test_a_span_may_carry_one_josa_and_nothing_else(text, correct):
    assert grade(SPAN, text).correct is correct


def test_a_short_answer_may_carry_no_josa():
    assert not grade(SPAN.model_copy(update={"kind": "short"}), "정답: 세종대왕은").correct


@pytest.mark.parametrize(
    "text", ["정답: 답 없음", "답 없음", "없음", "정답: 없음.", "알 수 없음", "알 수 없습니다.", "", "<think>?</think>\n"]
)  # fmt: skip
def test_saying_that_there_is_no_answer_is_right_where_there_is_none(text):
    assert grade(NOWHERE, text).correct


def test_an_answer_where_there_is_none_is_wrong_and_silence_that_was_cut_is_none():
    assert grade(NOWHERE, "정답: 세종대왕").why == "mismatch"
    assert grade(NOWHERE, "", "length").why == "truncated"
    assert grade(NOWHERE, "<think>없음").why == "no_answer"


def test_a_long_answer_is_right_only_letter_by_letter():
    assert grade(LONG, LONG.answers[0]).why == "match"
    assert grade(LONG, "정답: 세종은 한글을 만들었다. 백성을 위해서였다.").correct
    assert grade(LONG, "한글을 만든 이는 세종이다.").why == "mismatch"
    assert grade(LONG, "").why == "no_answer"
    assert grade(ESSAY, "한글을 만든 이는 세종이다.").why == "no_gold"


def test_a_right_number_under_another_text_is_no_example():
    assert quotes_its_choice(FOUR, "고른 답: 다\n정답: 3")
    assert not quotes_its_choice(FOUR, "고른 답: 가\n정답: 3")
    assert quotes_its_choice(FOUR, "글에 나온다. 정답: 3")
    assert quotes_its_choice(SHORT, "정답: 만 6세")
    verse = FOUR.model_copy(update={"choices": ("산에는\n꽃 피네", "강", "들", "길")})
    assert quotes_its_choice(verse, "고른 답: 산에는\n꽃 피네\n정답: 1")


ASKED = [
    (name, problem)
    for name in template_names()
    for problem in (FOUR, FIVE, WRONG, MARKED, SHORT, SPAN, NOWHERE, LONG)
    if problem.kind in load_template(name).kinds
]


@pytest.mark.parametrize(("name", "problem"), ASKED)
def test_what_every_template_teaches_grades_as_right(name, problem):
    template = load_template(name)
    problem = problem.model_copy(
        update={"rationale": "①은 때가 다르고, 글의 셋째 줄이 그것을 말한다."}
    )
    if problem.kind == "short":
        problem = problem.model_copy(update={"answers": ("만 6세", "여섯 살")})
    text = Renderer(template=template).target(problem)
    assert grade(problem, text).why == "match", text
    if name == DEFAULT:
        assert quotes_its_choice(problem, text)


def test_statements_are_listed_in_order():
    assert stated_numbers("정답: 1\n정답은 2번 또는 3번\nB가 정답이다") == [(1,), (2, 3), (2,)]
    assert stated_numbers("③이 옳다") == [(3,)]
    assert stated_numbers("고을의 이름을 보라.") == []
    assert stated_text("정답: 가야\n정답은 신라입니다.") == ["가야", "신라입니다."]


def test_comparison_ignores_emphasis_enclosing_quotes_and_a_final_full_stop():
    assert comparable("서울") == comparable(" “서울.” ") == comparable("**서울**") == "서울"
    assert comparable("①") != comparable("1")


def test_lines_of_a_file_are_regraded_in_order_and_strange_keys_are_refused():
    cut = {"text": "나이는\n지문에", "finish_reason": "length"}
    rows = [
        {"problem": json.loads(FOUR.model_dump_json()), "text": "정답: 3"},
        {"problem": json.loads(SHORT.model_dump_json()), **cut},
    ]
    graded = list(regrade(map(GradeLine.model_validate, rows)))
    assert [(g.id, g.answer, g.correct, g.why) for g in graded] == [
        (FOUR.id, "3", True, "match"),
        (SHORT.id, None, False, "truncated"),
    ]
    with pytest.raises(ValidationError, match="verdict"):
        GradeLine.model_validate({**rows[0], "verdict": "match"})


@pytest.mark.parametrize(
    "text",
    [
        "답을 찾을 수 없습니다.",
        "지문에서 답을 찾을 수 없습니다.",
        "주어진 지문으로는 알 수 없습니다.",
        "답변할 수 없습니다.",
        "본문에 언급되지 않았습니다.",
        "정답: 지문에 답이 없습니다.",
    ],
)
def test_the_usual_ways_to_say_that_the_passage_holds_no_answer(text):
    assert grade(NOWHERE, text).correct
    assert not grade(SPAN, text).correct


TENS = Problem(question="값은?", choices=("10", "20", "30", "40"), answers=("3",))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("정답: 30", "3"),
        ("\\boxed{30}", "3"),
        ("정답은 $30$이다", "3"),
        ("정답: 60", None),
        ("정답: 3", "3"),
    ],
)
def test_a_number_of_two_digits_is_the_choice_that_says_it(text, answer):
    assert grade(TENS, text).answer == answer


@pytest.mark.parametrize(
    "text",
    [
        "정답은 선지 ③이다",
        "3번 선지가 정답이다",
        "따라서 ③번 선택지가 정답입니다.",
        "3번 보기가 정답입니다.",
    ],
)
def test_a_choice_may_be_called_what_exams_call_it(text):
    assert grade(FIVE, text).answer == "3"
