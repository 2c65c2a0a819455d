"""Choices are found whatever stands inside them, and go into another order without lying."""

import random
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from koalign.data.choices import gold_positions, order_dependent, permute, split_choices
from koalign.data.text import clean, unescape_literals
from koalign.records import Problem

CIRCLED = {first: [chr(ord(first) + n) for n in range(9)] for first in "①➀❶⑴⒈"}
STYLES = {
    **{first: [f"{mark} " for mark in marks] for first, marks in CIRCLED.items()},
    "①glued": CIRCLED["①"],
    "1.": [f"{n}. " for n in range(1, 10)],
    "1)": [f"{n}) " for n in range(1, 10)],
    "(1)": [f"({n}) " for n in range(1, 10)],
    "（１）": [f"（{chr(0xFF10 + n)}） " for n in range(1, 10)],
    "1tab": [f"{n}\t" for n in range(1, 10)],
    "1tab spaced": [f"{n}\t  " for n in range(1, 10)],
    "A.": [f"{letter}. " for letter in "ABCDEFGHI"],
    "A)": [f"{letter}) " for letter in "ABCDEFGHI"],
    "(A)": [f"({letter}) " for letter in "ABCDEFGHI"],
    "A:": [f"{letter}: " for letter in "ABCDEFGHI"],
    "ㄱ.": [f"{jamo}. " for jamo in "ㄱㄴㄷㄹㅁㅂㅅㅇㅈ"],
}
# Free of marks but full of digits.
WORDS = st.sampled_from(
    ["1592년", "6·25", "3.1", "운동", "전쟁국", "2,000명", "12.5%", "1919년 3월 1일", "3회", "제2차", "4", "18", "10:30", "f(2)", "가", "말", "ㄱ", "甲", "A", "3-2", "100"]
)  # fmt: skip
TEXT = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


@given(
    stem=TEXT,
    choices=st.lists(TEXT, min_size=2, max_size=9),
    style=st.sampled_from(sorted(STYLES)),
    between=st.sampled_from([" ", "   ", "\n", " \n "]),
    before=st.sampled_from([" ", "\n", "?\n", "? "]),
)
def test_choices_written_in_any_style_come_back_whole(stem, choices, style, between, before):
    marks = STYLES[style]
    written = between.join(mark + choice for mark, choice in zip(marks, choices, strict=False))
    assert split_choices(stem + before + written) == ((stem + before).strip(), tuple(choices))


PIECES = st.lists(
    st.sampled_from(
        [
            "1. ",
            "2. ",
            "3. ",
            "3\t",
            "(3) ",
            "③",
            "가",
            "나 ",
            " ",
            "\n",
            "5",
            "2019. ",
            "A: ",
            "ㄱ. ",
        ]
    )
)
PIECES = PIECES.map("".join)


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
        (
            "① ㄱ ② ㄴ ③ ㄱ, ㄷ\n<보기>\nㄱ. 갑\nㄴ. 을",
            ("ㄱ", "ㄴ", "ㄱ, ㄷ\n<보기>\nㄱ. 갑\nㄴ. 을"),
        ),
        ("1. 갑 2. 을 3. 병 가운데 옳은 것은? ① 1, 2 ② 2, 3", ("1, 2", "2, 3")),
        ("1. 갑\n2. 을\n3. 병\n옳은 것은?\n1. 갑과 을\n2. 을과 병", ("갑과 을", "을과 병")),
        ("A. 갑 B. 을 가운데 옳은 것은? 1) A 2) B", ("A", "B")),
        ("① 갑 ② 을 ③ 병 ④ ①과 ② 모두", ("갑", "을", "병", "①과 ② 모두")),
        ("옳은 것은? 1. ①, ② 2. ①, ③ 3. ②, ③", ("①, ②", "①, ③", "②, ③")),
        ("순서는? ① (A) 갑 (B) 을 ② (A) 을 (B) 갑", ("(A) 갑 (B) 을", "(A) 을 (B) 갑")),
    ],
)
def test_of_several_lists_the_choices_are_taken(text, choices):
    assert split_choices(text)[1] == choices


@pytest.mark.parametrize(
    "text",
    [
        "",
        "조선을 세운 사람은?",
        "1. 하나뿐인 항목",
        "밑줄 친 ①~⑤ 중 알맞은 것은?",
        "2. 을 3. 병",
        "옳은 것은? 1. 2. 3.",
        "3.1 운동과 1.5배와 2.5배",
    ],
)
def test_a_question_without_choices_has_none(text):
    assert split_choices(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1. 갑 2. 을 2. 병 3. 정",
        "① ①, ② ② ②, ③ ③ ①, ③",
        "1. 갑 2. 을 4. 정",
        "1. 갑 2. 1592. 3. 병",
    ],
)
def test_marks_that_can_be_read_in_two_ways_or_have_a_gap_are_refused(text):
    assert split_choices(text) is None


def problem(*choices: str, question="옳은 것은?", answers=("1",), **fields: str) -> Problem:
    return Problem(question=question, choices=choices, answers=answers, **fields)


@pytest.mark.parametrize(
    "last",
    ["위의 모두", "위 보기 모두", "위의 보기 중 없음", "이상 모두", "위의 것 모두 해당한다.", "모두 정답", "모두 옳다", "정답 없음", "해당 없음", "해당 사항 없음", "답이 없다", "옳은 것이 없다", "None of the above", "①과 ②", "1번과 3번", "(A)와 (B)", "２번과 ３번 모두"],
)  # fmt: skip
def test_choices_that_speak_of_other_choices_stay_in_their_order(last):
    assert order_dependent(problem("갑", "을", "병", last)) is not None


@pytest.mark.parametrize(
    "choices",
    [
        ("1592년", "1597년", "1636년"),
        ("１,０００명", "900명", "80.5명"),
        ("1919년 3월", "1919년 4월 11일", "1945년"),
        ("3세기", "4세기", "5세기"),
        ("약 10분", "약 20분", "약 30분"),
        ("10~19세", "20~29세", "30~39세"),
    ],
)
def test_amounts_and_dates_in_order_stay_in_their_order(choices):
    assert order_dependent(problem(*choices)) == "the choices are amounts or dates in order"


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("①~④ 중 옳은 것은?", ""),
        ("옳은 것은?", "밑줄 친 ① 금일과 ② 명일"),
        ("3번 보기와 뜻이 같은 것은?", ""),
        ("두 번째 선택지와 다른 것은?", ""),
    ],
)
def test_a_question_that_numbers_like_its_choices_keeps_their_order(question, passage):
    assert order_dependent(problem("갑", "을", question=question, passage=passage)) is not None


@pytest.mark.parametrize(
    "choices",
    [
        ("ㄱ", "ㄴ", "ㄱ, ㄴ", "ㄴ, ㄷ"),
        ("㉠", "㉡", "㉢", "㉠, ㉡"),
        ("1597년", "1592년", "1636년"),
        ("1592년", "임진왜란"),
        ("30분", "1시간", "2일"),
        ("위기에 답한다", "국민 모두가 나선다", "없애야 한다", "이상을 좇는다"),
        ("3번 염색체", "61번 국도", "2번째 임금", "1회"),
        ("세종", "영조", "정조"),
        ("위", "간", "이상", "심장"),
    ],
)
def test_other_choices_are_free(choices):
    assert order_dependent(problem(*choices)) is None


def test_letters_of_the_passage_in_the_choices_are_no_other_choices():
    passage = "(A) 갑이 왔다. (B) 을이 왔다. (C) 병이 왔다."
    choices = ("(A)-(C)-(B)", "(B)-(A)-(C)", "(C)-(B)-(A)")
    assert order_dependent(problem(*choices, passage=passage)) is None
    assert order_dependent(problem(*choices)) is not None


FREE = problem("세종", "영조", "정조", "태종", answers=("3", "1"), source="made up", key="7")
REVERSED = (3, 2, 1, 0)


@pytest.mark.parametrize(
    ("rationale", "moved"),
    [
        ("정답은 3번이다.", "정답은 2번이다."),
        ("정답: 3", "정답: 2"),
        ("정답: ③", "정답: ②"),
        ("**정답: 4**", "**정답: 1**"),
        ("정답은 ３이다", "정답은 ２이다"),
        ("③은 옳다. ❶은 옳지 않다.", "②은 옳다. ❹은 옳지 않다."),
        ("선택지 2는 틀리다", "선택지 3는 틀리다"),
        ("(2)가 옳고（１）은 그르다".replace("고（", "고 （"), "(3)가 옳고 （４）은 그르다"),
        ("2번, 3번은 틀리고 4번 선택지가 옳다", "3번, 2번은 틀리고 1번 선택지가 옳다"),
        ("1번과 2번이나 3번", "4번과 3번이나 2번"),
        ("3이 정답이다", "2이 정답이다"),
        ("정답은 C입니다", "정답은 B입니다"),
        ("B가 옳다", "C가 옳다"),
        ("1번→2번→3번→4번".replace("→", ", "), "4번, 3번, 2번, 1번"),
    ],
)
def test_every_reference_in_the_rationale_gets_its_new_number_at_once(rationale, moved):
    before = FREE.model_copy(update={"rationale": rationale})
    assert permute(before, REVERSED).rationale == moved


@pytest.mark.parametrize(
    "rationale",
    [
        "",
        "1443년에 3개의 글자를 더했다.",
        "2번째 임금은 3회 행차했다.",
        "총 3번 옮겼고 2번 만에 이루었다.",
        "3.1 운동은 1919년이다.",
        "정답은 3.1운동과 관계있다.",
        "정답은 1919년이다.",
        "정답은 3개이다.",
        "정답은 1,000명이다.",
        "정답은 4·19 혁명이다.",
        "f(2) = 4, x = 3-2",
        "10번 국도와 21번",
        "ㄱ은 옳고 ㉡은 그르다.",
        "1~3세기의 일이다.",
    ],
)
def test_years_counts_and_quantities_in_the_rationale_stay(rationale):
    before = FREE.model_copy(update={"rationale": rationale})
    assert permute(before, REVERSED).rationale == rationale


@pytest.mark.parametrize(
    "rationale",
    [
        "1~3번은 틀리다",
        "①~③은 틀리다",
        "(1)~(3)은 틀리다",
        "정답은 1~3",
        "1, 3번은 틀리다",
        "정답은 1과 3",
        "3번 이겼다",
        "3번의 전쟁",
        "정답은 5번이다",
        "⑤는 없다",
        "⑮",
        "정답은 3 훈민정음",
        "두 번째 선택지가 옳다",
        "마지막 보기가 옳다",
        "1. 갑은 옳다. 2. 을은 그르다.",
        "1) 먼저 센다\n2) 더한다",
        "A: 옳다 B: 그르다",
        "표(2)를 보라",
    ],
)
def test_a_rationale_that_may_mean_two_things_is_refused(rationale):
    with pytest.raises(ValueError, match="rationale"):
        permute(FREE.model_copy(update={"rationale": rationale}), REVERSED)


@pytest.mark.parametrize(
    ("passage", "rationale"),
    [
        ("(2) 을이 왔다.", "(2)는 옳다"),
        ("2번 버스가 왔다.", "2번은 옳다"),
        ("사람 A와 B가 왔다.", "A가 옳다"),
    ],
)
def test_a_number_that_the_question_uses_too_is_refused(passage, rationale):
    before = FREE.model_copy(update={"passage": passage, "rationale": rationale})
    with pytest.raises(ValueError, match="which is meant"):
        permute(before, REVERSED)


def test_what_is_no_permutation_of_choices_is_refused():
    for order in ((0, 1, 2), (0, 1, 2, 2), (1, 2, 3, 4), ()):
        with pytest.raises(ValueError, match="no permutation"):
            permute(FREE, order)
    with pytest.raises(ValueError, match="no choices"):
        permute(Problem(question="누구?", kind="short", answers=("세종",)), ())
    with pytest.raises(ValueError, match="must stay in their order"):
        permute(problem("갑", "을", "위의 모두"), (2, 1, 0))


def test_a_rationale_of_more_than_nine_choices_is_refused():
    many = problem(*"가나다라마바사아자차", rationale="10번은 옳다")
    with pytest.raises(ValueError, match="two digits"):
        permute(many, range(9, -1, -1))
    assert permute(many.model_copy(update={"rationale": ""}), range(9, -1, -1)).answers == ("10",)


RATIONALES = st.lists(
    st.sampled_from(
        ["정답은 1번이다.", "②는 옳다.", "선택지 3은 그르다.", "(4)가 옳다.", "1919년의 일이다.", "2번째 임금이다.", "정답: C", "❶과 ❷", "총 3번 갔다."]
    )
).map("\n".join)  # fmt: skip


@given(
    order=st.permutations(range(4)),
    gold=st.lists(st.sampled_from("1234"), unique=True).map(tuple),
    rationale=RATIONALES,
)
def test_an_order_and_its_inverse_give_the_same_problem_back(order, gold, rationale):
    before = FREE.model_copy(update={"answers": gold, "rationale": rationale})
    inverse = [order.index(place) for place in range(4)]
    assert permute(permute(before, order), inverse) == before


@given(order=st.permutations(range(4)), gold=st.sampled_from("1234"))
def test_the_gold_text_stays_the_gold_text(order, gold):
    before = FREE.model_copy(
        update={"answers": (gold,), "rationale": f"정답은 {gold}번, {CIRCLED['①'][int(gold) - 1]}"}
    )
    after = permute(before, order)
    assert [after.choices[int(n) - 1] for n in after.answers] == [before.choices[int(gold) - 1]]
    assert (
        after.rationale == f"정답은 {after.answers[0]}번, {CIRCLED['①'][int(after.answers[0]) - 1]}"
    )
    assert after.choices == tuple(before.choices[place] for place in order)


def test_the_identity_changes_nothing_and_is_always_allowed():
    fixed = problem("갑", "을", "위의 모두", rationale="1~3번")
    assert permute(fixed, (0, 1, 2)) == fixed
    assert permute(FREE, range(4)) == FREE


def test_all_but_choices_answers_and_rationale_stays():
    after = permute(FREE, REVERSED)
    changed = {name for name in Problem.model_fields if getattr(after, name) != getattr(FREE, name)}
    assert changed == {"choices", "answers"}
    assert Problem.model_validate(after.model_dump()) == after


def test_gold_positions_count_every_place_of_every_number_of_choices():
    five = problem("갑", "을", "병", "정", "무", answers=("5",))
    unknown = problem("갑", "을", answers=())
    short = Problem(question="누구?", kind="short", answers=("세종",))
    assert gold_positions([five, FREE, five, unknown, short]) == {
        2: {1: 0, 2: 0},
        4: {1: 1, 2: 0, 3: 1, 4: 0},
        5: {1: 0, 2: 0, 3: 0, 4: 0, 5: 2},
    }
    assert gold_positions([]) == {}


def test_shuffling_spreads_the_gold_over_all_places():
    draw = random.Random(0)
    one = problem("갑", "을", "병", "정")
    shuffled = [permute(one, draw.sample(range(4), 4)) for _ in range(400)]
    counts = gold_positions(shuffled)[4]
    assert sum(counts.values()) == 400 and min(counts.values()) > 70


@pytest.mark.parametrize(
    "rationale",
    [
        "A와 B는 오답이므로 C가 정답이다.",
        "1에서 세종은 틀림. 3이 옳다.",
        "정답이 3이다.",
        "정답으로 3을 골랐다.",
        "옳은 것은 3이다.",
        "\\boxed{3}",
        '{"정답": 3}',
        "<answer>3</answer>",
        "Option 3 is correct.",
        "세 번째가 옳다.",
        "첫째는 틀리고 셋째가 옳다.",
    ],
)
def test_a_rationale_never_goes_on_naming_the_old_number(rationale):
    """Moved or refused: none may come back as it was, for its number means another choice now."""
    problem = Problem(
        question="무엇인가?",
        choices=("세종", "태조", "정조", "영조"),
        answers=("3",),
        rationale=rationale,
    )
    try:
        moved = permute(problem, (2, 0, 1, 3))
    except ValueError:
        return
    assert moved.rationale != rationale and "3" not in moved.rationale
