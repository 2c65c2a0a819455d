"""Choices are found whatever stands inside them."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from koalign.data.prompting.choices import split_choices
from koalign.text.korean import clean, unescape_literals

FORMS = {
    "①②③④⑤⑥⑦⑧⑨": ["{} ", "{}"], "➀➁➂➃➄➅➆➇➈": ["{} "], "❶❷❸❹❺❻❼❽❾": ["{} "], "⑴⑵⑶⑷⑸⑹⑺⑻⑼": ["{} "],
    "⒈⒉⒊⒋⒌⒍⒎⒏⒐": ["{} "], "123456789": ["{}. ", "{}) ", "({}) ", "{}\t", "{}\t  "],
    "１２３４５６７８９": ["（{}） "], "ABCDEFGHI": ["{}. ", "{}) ", "({}) ", "{}: "], "ㄱㄴㄷㄹㅁㅂㅅㅇㅈ": ["{}. "],
}  # fmt: skip
STYLES = [[form.format(mark) for mark in marks] for marks, forms in FORMS.items() for form in forms]
# Free of marks but full of digits.
WORDS = st.sampled_from(
    ["1592년", "6·25", "3.1", "운동", "전쟁국", "2,000명", "12.5%", "1919년 3월 1일", "3회", "제2차", "4", "18", "10:30", "f(2)", "가", "말", "ㄱ", "甲", "A", "3-2", "100"]
)  # fmt: skip
TEXT = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


@given(
    stem=TEXT,
    choices=st.lists(TEXT, min_size=2, max_size=9),
    marks=st.sampled_from(STYLES),
    between=st.sampled_from([" ", "   ", "\n", " \n "]),
    before=st.sampled_from([" ", "\n", "?\n", "? "]),
)
def test_choices_written_in_any_style_come_back_whole(stem, choices, marks, between, before):
    written = between.join(mark + choice for mark, choice in zip(marks, choices, strict=False))
    assert split_choices(stem + before + written) == ((stem + before).strip(), tuple(choices))


PIECES = st.lists(
    st.sampled_from(["1. ", "2. ", "3. ", "3\t", "(3) ", "③", "가", "나 ", " ", "\n", "5", "2019. ", "A: ", "ㄱ. "])
).map("".join)  # fmt: skip


@given(PIECES, PIECES, PIECES, st.sampled_from([("① ", "② "), ("1. ", "2. "), ("1\t", "2\t")]))
def test_nothing_of_a_question_is_lost_and_no_choice_is_empty(before, first, second, marks):
    text = f"{before}\n{marks[0]}갑{first} {marks[1]}을{second}"
    found = split_choices(text)
    assume(found is not None)
    stem, choices = found
    assert len(choices) >= 2 and all(choices)
    marked = "".join(r"\s*\S{1,3}\s*" + re.escape(choice) for choice in choices)
    assert re.fullmatch(rf"\s*{re.escape(stem)}{marked}\s*", text), "more than marks went missing"


@given(st.text())
def test_splitting_never_fails(text):
    split_choices(text)


@pytest.mark.parametrize(
    ("text", "stem", "choices"),
    [
        ("일어난 해는? 1. 1592년 2. 1597년", "일어난 해는?", ("1592년", "1597년")),
        ("참전국은? 1. 독립국 2. 6·25 전쟁국 3. 중립국", "참전국은?", ("독립국", "6·25 전쟁국", "중립국")),
        ("운동은? 1. 3.1 운동 2. 4.19 혁명 3. 3.1 운동과 5.18", "운동은?", ("3.1 운동", "4.19 혁명", "3.1 운동과 5.18")),
        ("2019. 1. 1. 현재 옳은 것은? 1. 갑 2. 을", "2019. 1. 1. 현재 옳은 것은?", ("갑", "을")),
        ("날짜는?\n1. 2000. 1. 1\n2. 2000. 2. 1\n3. 2000. 3. 1", "날짜는?", ("2000. 1. 1", "2000. 2. 1", "2000. 3. 1")),
        ("몇인가? 1. 갑 2. 5. 3. 병", "몇인가?", ("갑", "5.", "병")),
        ("옳은 것은?1. 갑 2. 을", "옳은 것은?", ("갑", "을")),
        ("옳은 것은?①갑②을③병", "옳은 것은?", ("갑", "을", "병")),
        ("옳은 것은?\n1. 갑 2. 을\n3. 병 4. 정", "옳은 것은?", ("갑", "을", "병", "정")),
        ("옳은 것은?\n1. 갑은\n둘째 줄\n2. 을", "옳은 것은?", ("갑은\n둘째 줄", "을")),
        ("옳은 것은? ① 갑 ② 을 (단, 1개만 고른다)", "옳은 것은?", ("갑", "을 (단, 1개만 고른다)")),
        ("옳은 것은?\n1. 제3. 조\n2. 을\n3. 제2. 조", "옳은 것은?", ("제3. 조", "을", "제2. 조")),
        ("가장 큰 것은? １． 갑 ２． 을", "가장 큰 것은?", ("갑", "을")),
    ],
)  # fmt: skip
def test_digits_and_lines_inside_a_question_are_no_marks(text, stem, choices):
    assert split_choices(text) == (stem, choices)


def test_a_nikl_question_gives_its_choices_after_unescaping():
    raw = r"다음 중 옛 놀이는? \n 1\t 연 3개 날리기   2\t1894년의 놀이 3\t격구 4\t6·25 놀이"
    assert split_choices(clean(unescape_literals(raw))) == (
        "다음 중 옛 놀이는?",
        ("연 3개 날리기", "1894년의 놀이", "격구", "6·25 놀이"),
    )


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("<보기> ㄱ. 갑 ㄴ. 을 ㄷ. 병\n① ㄱ ② ㄴ ③ ㄱ, ㄷ", ("ㄱ", "ㄴ", "ㄱ, ㄷ")),
        ("① ㄱ ② ㄴ ③ ㄱ, ㄷ\n<보기>\nㄱ. 갑\nㄴ. 을", ("ㄱ", "ㄴ", "ㄱ, ㄷ\n<보기>\nㄱ. 갑\nㄴ. 을")),
        ("1. 갑 2. 을 3. 병 가운데 옳은 것은? ① 1, 2 ② 2, 3", ("1, 2", "2, 3")),
        ("1. 갑\n2. 을\n3. 병\n옳은 것은?\n1. 갑과 을\n2. 을과 병", ("갑과 을", "을과 병")),
        ("A. 갑 B. 을 가운데 옳은 것은? 1) A 2) B", ("A", "B")),
        ("① 갑 ② 을 ③ 병 ④ ①과 ② 모두", ("갑", "을", "병", "①과 ② 모두")),
        ("옳은 것은? 1. ①, ② 2. ①, ③ 3. ②, ③", ("①, ②", "①, ③", "②, ③")),
        ("순서는? ① (A) 갑 (B) 을 ② (A) 을 (B) 갑", ("(A) 갑 (B) 을", "(A) 을 (B) 갑")),
    ],
)  # fmt: skip
def test_of_several_lists_the_choices_are_taken(text, choices):
    assert split_choices(text)[1] == choices


@pytest.mark.parametrize(
    "text",
    [
        "", "조선을 세운 사람은?", "1. 하나뿐인 항목", "밑줄 친 ①~⑤ 중 알맞은 것은?", "2. 을 3. 병", "옳은 것은? 1. 2. 3.",
        "3.1 운동과 1.5배와 2.5배",
        # Read in two ways, or with a gap.
        "1. 갑 2. 을 2. 병 3. 정", "① ①, ② ② ②, ③ ③ ①, ③", "1. 갑 2. 을 4. 정", "1. 갑 2. 1592. 3. 병",
    ],
)  # fmt: skip
def test_a_question_without_choices_or_with_doubtful_marks_has_none(text):
    assert split_choices(text) is None
