"""The static screen: what a hint may not say, and what it may."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.problems import exam

from koalign.mining.hints.statements import judges_a_statement
from koalign.mining.hints.static_screen import static_refusal
from koalign.records import Problem, Rationale

CITIES = Problem(question="민수가 사는 곳은?", choices=("서울", "부산", "대구"), answers=("2",))
ELEMENTS = Problem(question="물질은?", choices=("물", "불", "흙", "3"), answers=("1",))
BOX = Problem(
    question="<보기>에서 옳은 것만을 있는 대로 고른 것은?",
    box="ㄱ. 가. ㄴ. 나. ㄷ. 다.",
    choices=("ㄱ", "ㄴ", "ㄱ, ㄷ", "ㄴ, ㄷ", "ㄱ, ㄴ, ㄷ"),
    answers=("3",),
)
COUNTED = Problem(
    question="<보기>에서 지문과 일치하는 것은 모두 몇 가지인가?",
    passage="민수는 대구에 산다. 영희는 민수의 이웃이다.",
    box="ㄱ. 민수는 부산에 산다.\nㄴ. 영희는 민수의 이웃이다.\nㄷ. 철수는 학교 앞에서 가게를 한다.",
    choices=("하나도 없다", "한 가지", "두 가지", "세 가지"),
    answers=("2",),
)
UNMARKED = COUNTED.model_copy(
    update={
        "question": "<보기>의 진술은 지문과 일치하는가?", "box": "민수는 부산에 산다.",
        "choices": ("그렇다", "그렇지 않다"),
    }
)  # fmt: skip
SHORT = Problem(question="조선을 세운 왕은?", answers=("이성계#태조",), kind="short")


def refusal(problem: Problem, text: str) -> str | None:
    return static_refusal(problem, text, min_characters=4, max_characters=400)


TEXTS = [
    # A choice is named by number or letter.
    (CITIES, "states_the_answer", [
        "정답은 지문의 끝에 있다.", "정답: 2", "답은 부산이다.", "③을 잘 보자.", "３번을 고른다.", "2 번을 보면 알 수 있다.",
        "선택지 2가 맞다.", "두 번째 선택지를 보라.", "B번이 옳다.", "B를 고르면 된다.", "Answer: B", "**정답**은 2",
        '{"정답": 2}', "맞는 것은 2이고 나머지는 틀리다. 정답은 2",
    ]),
    # An option is said, in any writing.
    (CITIES, "contains_an_option", [
        "민수는 부산에 산다.", "'부산'을 찾는다.", "부산광역시를 본다.", "서울은 아니고 대구도 아니다.", "부\u200b산을 찾는다.",
        "\u1107\u116e\u1109\u1161\u11ab을 찾는다.",
    ]),
    # How to look may be said.
    (CITIES, None, [
        "지문을 끝까지 읽고 사람과 곳을 짝지어 본다.", "첫 번째 문장과 두 번째 문장을 잇는다.", "일부 산촌에서는 다르다.",
        "한 번 더 읽는다. 3단계로 나눈다.", "정답을 서둘러 고르지 말고 근거를 찾는다.", "1. 사람을 찾는다.\n2. 그 사람이 사는 곳을 찾는다.",
    ]),
    # An option of one character is a word of its own.
    (ELEMENTS, "contains_an_option", [
        "물이 맞는지 본다.", "필요한 것은 '물'뿐이다.", "물에서는 어떤지 본다.", "그것은 물이다.", "물, 불 가운데 무엇인가.", "값은 3이 된다.",
    ]),
    # A longer word may hold an option of one character.
    (ELEMENTS, None, [
        "동물과 식물의 차이를 떠올린다.", "물건의 쓰임을 생각한다.", "이 인물의 성격을 본다.", "불이익이 무엇인지 본다.",
        "1. 조건을 모은다.\n2. 하나씩 지운다.\n3. 남은 것을 본다.", "13개의 조건을 3단계로 나누어 본다.",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "reason", "text"),
    [(problem, reason, text) for problem, reason, texts in TEXTS for text in texts],
)
def test_a_hint_may_say_how_to_look_and_neither_a_choice_nor_an_option(problem, reason, text):
    assert refusal(problem, text) == reason


def test_what_the_question_itself_names_may_be_said_but_not_as_the_answer():
    named = CITIES.model_copy(update={"question": "서울과 부산 가운데 민수가 사는 곳은?"})
    assert refusal(named, "서울과 부산에 대한 문장을 나누어 읽는다.") is None
    assert refusal(named, "대구에 대한 문장을 읽는다.") == "contains_an_option"
    assert refusal(named, "답은 부산이다.") == "states_the_answer"
    assert refusal(named, "부산에 대한 문장을 읽는다.") == "contains_an_option"
    assert refusal(named, "서울에 대한 문장을 읽는다.") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ㄱ과 ㄴ과 ㄷ을 하나씩 지문과 견준다.", None),
        ("ㄱ이 옳은지 먼저 따지고 ㄴ을 본다.", None),
        ("ㄱ, ㄴ을 먼저 견준다.", None),
        ("ㄱ은 옳다. 나머지를 본다.", "judges_a_statement"),
        ("ㄴ은 틀린 진술이다.", "judges_a_statement"),
        ("ㄱ, ㄷ만 맞다.", "judges_a_statement"),
        ("ㄱ과 ㄷ을 차례로 살핀다.", "contains_an_option"),
    ],
)
def test_statements_of_the_box_may_be_weighed_but_not_judged(text, reason):
    assert refusal(BOX, text) == reason


@pytest.mark.parametrize(
    "text",
    [
        "ㄱ은 옳고 ㄴ은 그르다.", "두 번째 진술은 사실이다.", "ㄷ만 맞다.", "보기 1은 틀렸다.", "ㄱ은 지문과 다르다.",
        "ㄴ은 지문의 내용과 일치한다.", "첫 번째 진술은 지문에 비추어 볼 때 거짓이다.", "옳은 것은 ㄴ뿐이다.",
        "틀린 진술은 첫 번째 진술이다.", "ㄱ과 ㄷ은 모두 지문과 어긋난다.", "나머지는 지문과 일치하지 않는다.",
        "민수는 부산에 산다는 진술은 지문과 다르다.", "'영희는 민수의 이웃이다'는 지문과 일치한다.",
        "'민수가 부산에 산다.'는 거짓이다.", "사실인 것은 영희가 민수의 이웃이라는 말이다.", "민수는 부산에 살지 않는다.",
        "지문을 본다. 영희는 민수의 이웃이다.", "철수는 학교 앞에서 가게를 한다는 말은 지문에 없다.",
        "ㄴ이 맞다는 점을 이용해 나머지를 본다.", "보기의 세 번째 문장은 근거가 없다.", "ㄷ이 틀린 이유를 지문에서 찾는다.",
        "ㄱ은 참이 아니다.", "ㄴ은 올바른 설명이다. ㄷ을 본다.", "진술 2는 지문에 부합한다.", "ㄱ: 거짓", "ㄴ: O", "ㄱ만 지우면 된다.", "ㄱ을 빼고 센다.", "ㄱ은 지문의 설명과 반대다.", "옳지 않은 것은 ㄱ 하나이다.",
        "ㄱ 진술은 오류가 있다.", "세 진술 가운데 두 번째만 사실이다.", "ㄴ은 맞으나 ㄷ은 따져 본다.",
    ],
)  # fmt: skip
def test_a_statement_that_is_called_true_or_false_tells_the_answer_whatever_the_choices(text):
    assert refusal(COUNTED, text) == "judges_a_statement"


@pytest.mark.parametrize(
    "text",
    [
        "ㄱ이 옳은지 지문에서 확인한다.", "두 번째 진술이 지문과 일치하는지 본다.", "ㄱ과 ㄴ을 지문의 첫 문장과 견준다.",
        "ㄷ에 나오는 사람을 지문에서 찾는다.", "민수는 부산에 산다는 말이 지문과 맞는지 따진다.",
        "'영희는 민수의 이웃이다'가 지문의 어디에 나오는지 찾는다.", "ㄱ이 참이라면 지문에 무엇이 있어야 하는지 생각한다.",
        "ㄴ을 서둘러 틀렸다고 하지 말고 둘째 문장을 읽는다.", "ㄱ은 민수가 사는 곳에 대한 진술이다.",
        "진술마다 지문의 근거를 하나씩 짝짓는다.", "지문과 일치하지 않는 진술을 하나씩 지운다.", "ㄱ과 ㄴ이 서로 어떻게 다른지 견준다.",
        "옳은 것이 ㄱ인지 ㄴ인지부터 가린다.", "세 진술의 옳고 그름을 지문에서 확인한다.", "ㄷ의 주어와 지문의 주어가 같은지 살핀다.",
        "ㄴ은 사람 사이의 관계를 묻는다. 지문의 둘째 문장을 본다.", "첫 번째 진술은 곳, 두 번째 진술은 사람에 대한 것이다.",
        "ㄱ이 맞는가? 지문에서 민수를 찾는다.", "나머지는 지문에서 이름을 찾아 견준다.", "ㄷ이 지문에 언급되지 않았는지 살핀다.",
        "ㄱ에 맞는 문장을 지문에서 찾는다.", "ㄴ이 사실인지 의견인지 나눈다.", "참인 진술과 거짓인 진술을 나누어 적는다.",
        "보기 1과 지문의 첫 문장을 견준다.", "각 진술에서 주어와 서술어를 나누어 본다.", "ㄴ에서 '이웃'이라는 말에 주의한다.",
        "옳은 것만 세고, 틀린 것은 표시해 둔다.", "ㄱ이 옳은지, ㄴ이 옳은지 하나씩 따진 다음 센다.",
    ],
)  # fmt: skip
def test_a_hint_may_ask_about_statements_compare_them_and_say_where_to_look(text):
    assert refusal(COUNTED, text) is None


def test_a_box_of_one_statement_may_be_quoted_but_not_judged():
    assert refusal(UNMARKED, "민수는 부산에 산다는 말은 지문과 다르다.") == "judges_a_statement"
    assert refusal(UNMARKED, "민수는 부산에 산다. 이 말을 지문에서 찾는다.") is None
    in_question = COUNTED.model_copy(update={"box": "", "question": f"옳은 것은?\n{COUNTED.box}"})
    assert refusal(in_question, "영희는 민수의 이웃이다, 이것은 사실이다.") == "judges_a_statement"


def test_the_gold_answer_of_a_short_problem_is_refused_in_each_of_its_forms():
    assert refusal(SHORT, "이성계의 생애를 떠올린다.") == "contains_an_option"
    assert refusal(SHORT, "태조라는 묘호를 떠올린다.") == "contains_an_option"
    assert refusal(SHORT, "고려 말의 무장을 떠올린다.") is None


def test_a_number_inside_a_longer_number_is_not_an_option():
    year = Problem(question="몇 년인가?", choices=("12", "592년"), answers=("1",))
    assert refusal(year, "2012년의 기록을 본다.") is None
    assert refusal(year, "1592년의 기록을 본다.") is None
    assert refusal(year, "값이 12보다 큰지 본다.") == "contains_an_option"
    assert refusal(year, "그해는 592년이다.") == "contains_an_option"


def test_a_long_option_is_found_with_other_spaces_and_marks():
    long = CITIES.model_copy(update={"choices": ("세포막은 물을 통과시킨다", "통과시키지 않는다")})
    assert refusal(long, "‘세포막은, 물을 통과 시킨다’를 본다.") == "contains_an_option"
    assert refusal(long, "세포막의 구조를 떠올린다.") is None


def test_thirteen_letters_of_the_explanation_are_a_quotation_unless_the_problem_holds_them():
    told = "강수량이 적은 지역에서는 저수지를 먼저 살핀다. 그래서 마을이 옮겨 갔다."
    quote = "강수량이 적은 지역에서는 저수지를 본다."
    for explained in (
        CITIES.model_copy(update={"rationale": told}),
        CITIES.model_copy(update={"rationales": (Rationale(text=told, by="teacher"),)}),
        CITIES.model_copy(update={"kind": "long", "choices": (), "answers": (told,)}),
    ):
        assert refusal(explained, quote) == "quotes_the_explanation"
        assert refusal(explained, "강수량이 적은 곳을 먼저 본다.") is None
        read = explained.model_copy(update={"passage": f"기록에 {told}"})
        assert refusal(read, quote) is None


def test_too_short_and_too_long_are_refused_first():
    assert refusal(CITIES, " ② ") == "too_short"
    assert refusal(CITIES, "가" * 401) == "too_long"


CARRIERS = ("답은 {}이다.", "정답은 {}", "필요한 것은 '{}'뿐이다.", "{}, 이것이다.", "살핀다: {}")


@given(
    st.lists(
        st.text(st.sampled_from("가나다물불산강abcXYZ0123456789"), min_size=1, max_size=8),
        min_size=2,
        max_size=5,
        unique_by=str.casefold,
    ),
    st.sampled_from(CARRIERS),
    st.data(),
)
def test_a_hint_that_says_an_option_as_a_word_never_passes(choices, carrier, data):
    problem = Problem(question="무엇인가?", choices=tuple(choices), answers=("1",))
    told = data.draw(st.sampled_from(choices))
    assert refusal(problem, f"잘 생각해 보면 {carrier.format(told)}") is not None


@given(st.text(max_size=300), st.lists(st.text(max_size=30), min_size=2, max_size=5), st.text())
def test_no_text_makes_the_screen_fail(text, choices, rationale):
    problem = Problem(
        question="무엇인가?", choices=tuple(choices), answers=("1",), rationale=rationale
    )
    assert refusal(problem, text) is None or isinstance(refusal(problem, text), str)


def test_most_honest_hints_of_the_built_in_exam_pass():
    honest = (
        "지문을 천천히 읽는다.",
        "선택지를 하나씩 지문과 견준다.",
        "문제가 무엇을 묻는지 본다.",
    )
    problems = [problem for problem in exam("train") if problem.choices][:300]
    refused = [refusal(problem, text) for problem in problems for text in honest]
    assert sum(reason is not None for reason in refused) <= 0.01 * len(refused)


@pytest.mark.parametrize("text", ["㉠㉡" * 5000, "01" * 600, "나머지는옳지않은지" * 1000])
def test_a_hint_that_goes_round_in_circles_is_judged_at_once(text):
    """In milliseconds; with a pattern that backtracks, in minutes to years."""
    digits = COUNTED.model_copy(update={"box": f"ㄱ. {'0 1 ' * 12}2 이다."})
    begun = time.perf_counter()
    judges_a_statement(digits, text)
    assert time.perf_counter() - begun < 5
