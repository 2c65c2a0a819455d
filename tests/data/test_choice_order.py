"""Choices go into another order without lying, or stay where another order would be a lie."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data.prompting.choices import gold_positions, order_dependent, permute
from koalign.records import Problem


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
        ("1592년", "1597년", "1636년"), ("１,０００명", "900명", "80.5명"), ("1919년 3월", "1919년 4월 11일", "1945년"),
        ("3세기", "4세기", "5세기"), ("약 10분", "약 20분", "약 30분"), ("10~19세", "20~29세", "30~39세"),
    ],
)  # fmt: skip
def test_amounts_and_dates_in_order_stay_in_their_order(choices):
    assert order_dependent(problem(*choices)) == "the choices are amounts or dates in order"


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("①~④ 중 옳은 것은?", ""), ("옳은 것은?", "밑줄 친 ① 금일과 ② 명일"), ("3번 보기와 뜻이 같은 것은?", ""),
        ("두 번째 선택지와 다른 것은?", ""),
    ],
)  # fmt: skip
def test_a_question_that_numbers_like_its_choices_keeps_their_order(question, passage):
    assert order_dependent(problem("갑", "을", question=question, passage=passage)) is not None


@pytest.mark.parametrize(
    "choices",
    [
        ("ㄱ", "ㄴ", "ㄱ, ㄴ", "ㄴ, ㄷ"), ("㉠", "㉡", "㉢", "㉠, ㉡"), ("1597년", "1592년", "1636년"),
        ("1592년", "임진왜란"), ("30분", "1시간", "2일"), ("위기에 답한다", "국민 모두가 나선다", "없애야 한다", "이상을 좇는다"),
        ("3번 염색체", "61번 국도", "2번째 임금", "1회"), ("세종", "영조", "정조"), ("위", "간", "이상", "심장"),
    ],
)  # fmt: skip
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
        ("정답은 3번이다.", "정답은 2번이다."), ("정답: 3", "정답: 2"), ("정답: ③", "정답: ②"), ("**정답: 4**", "**정답: 1**"),
        ("정답은 ３이다", "정답은 ２이다"), ("③은 옳다. ❶은 옳지 않다.", "②은 옳다. ❹은 옳지 않다."), ("선택지 2는 틀리다", "선택지 3는 틀리다"),
        ("(2)가 옳고（１）은 그르다".replace("고（", "고 （"), "(3)가 옳고 （４）은 그르다"),
        ("2번, 3번은 틀리고 4번 선택지가 옳다", "3번, 2번은 틀리고 1번 선택지가 옳다"), ("1번과 2번이나 3번", "4번과 3번이나 2번"),
        ("3이 정답이다", "2이 정답이다"), ("정답은 C입니다", "정답은 B입니다"), ("B가 옳다", "C가 옳다"),
        ("1번→2번→3번→4번".replace("→", ", "), "4번, 3번, 2번, 1번"),
    ],
)  # fmt: skip
def test_every_reference_in_the_rationale_gets_its_new_number_at_once(rationale, moved):
    before = FREE.model_copy(update={"rationale": rationale})
    assert permute(before, REVERSED).rationale == moved


@pytest.mark.parametrize(
    "rationale",
    [
        "", "1443년에 3개의 글자를 더했다.", "2번째 임금은 3회 행차했다.", "총 3번 옮겼고 2번 만에 이루었다.", "3.1 운동은 1919년이다.",
        "정답은 3.1운동과 관계있다.", "정답은 1919년이다.", "정답은 3개이다.", "정답은 1,000명이다.", "정답은 4·19 혁명이다.",
        "f(2) = 4, x = 3-2", "10번 국도와 21번", "ㄱ은 옳고 ㉡은 그르다.", "1~3세기의 일이다.",
    ],
)  # fmt: skip
def test_years_counts_and_quantities_in_the_rationale_stay(rationale):
    before = FREE.model_copy(update={"rationale": rationale})
    assert permute(before, REVERSED).rationale == rationale


@pytest.mark.parametrize(
    "rationale",
    [
        "1~3번은 틀리다", "①~③은 틀리다", "(1)~(3)은 틀리다", "정답은 1~3", "1, 3번은 틀리다", "정답은 1과 3", "3번 이겼다",
        "3번의 전쟁", "정답은 5번이다", "⑤는 없다", "⑮", "정답은 3 훈민정음", "두 번째 선택지가 옳다", "마지막 보기가 옳다",
        "1. 갑은 옳다. 2. 을은 그르다.", "1) 먼저 센다\n2) 더한다", "A: 옳다 B: 그르다", "표(2)를 보라",
    ],
)  # fmt: skip
def test_a_rationale_that_may_mean_two_things_is_refused(rationale):
    with pytest.raises(ValueError, match="rationale"):
        permute(FREE.model_copy(update={"rationale": rationale}), REVERSED)


@pytest.mark.parametrize(
    ("passage", "rationale"),
    [
        ("(2) 을이 왔다.", "(2)는 옳다"), ("2번 버스가 왔다.", "2번은 옳다"), ("사람 A와 B가 왔다.", "A가 옳다"),
    ],
)  # fmt: skip
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
        update={"answers": (gold,), "rationale": f"정답은 {gold}번, {'①②③④'[int(gold) - 1]}"}
    )
    after = permute(before, order)
    assert [after.choices[int(n) - 1] for n in after.answers] == [before.choices[int(gold) - 1]]
    assert after.rationale == f"정답은 {after.answers[0]}번, {'①②③④'[int(after.answers[0]) - 1]}"
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
        "A와 B는 오답이므로 C가 정답이다.", "1에서 세종은 틀림. 3이 옳다.", "정답이 3이다.", "정답으로 3을 골랐다.", "옳은 것은 3이다.",
        "\\boxed{3}", '{"정답": 3}', "<answer>3</answer>", "Option 3 is correct.", "세 번째가 옳다.",
        "첫째는 틀리고 셋째가 옳다.",
    ],
)  # fmt: skip
def test_a_rationale_never_goes_on_naming_the_old_number(rationale):
    """Moved or refused: none may come back as it was, for its number means another choice now."""
    before = problem("세종", "태조", "정조", "영조", answers=("3",), rationale=rationale)
    try:
        moved = permute(before, (2, 0, 1, 3))
    except ValueError:
        return
    assert moved.rationale != rationale and "3" not in moved.rationale
