"""Short answers, spans and long answers are right where the gold says so, and nothing near it is."""

import unicodedata

import pytest
from support.grading_vectors import ESSAY, LONG, NOWHERE, SHORT, SPAN

from koalign.grading.grade import grade


@pytest.mark.parametrize(
    ("text", "answer", "why"),
    [
        ("정답: 만 6세", "만 6세", "match"), ("정답: 만 6세.", "만 6세", "match"), ("정답: 여섯  살", "여섯 살", "match"),
        ("정답은 '여섯 살'입니다.", "여섯 살", "match"), ("정답은 만 6세입니다. 만으로 세기 때문이다.", "만 6세", "match"),
        ("답변: **만 ６세**", "만 6세", "match"), (unicodedata.normalize("NFD", "만 6세"), "만 6세", "match"),
        ("정답: $만 6세$", "만 6세", "match"), (r"정답: \(만 6세\)", "만 6세", "match"), ("정답: $6$", "6", "mismatch"),
        ("여섯 살", "여섯 살", "match"), ("여섯 살입니다.", "여섯 살", "match"),
        ('{"풀이": "나이를 센다", "정답": "만 6세"}', "만 6세", "match"), (r"\boxed{\text{만 6세}}", "만 6세", "match"),
        ("<답변>정답: 여섯 살</답변>", "여섯 살", "match"), ("정답: 다섯 살\n다시 세면 정답: 여섯 살", "여섯 살", "match"),
        ("정답은 다섯 살이 아니라 여섯 살이다.", "여섯 살", "match"), ("정답: 여섯 살\n해설: 정답은 지문에서 확인할 수 있다", "여섯 살", "match"),
        ("<think>정답: 다섯 살</think>여섯 살", "여섯 살", "match"), ("정답: 만 6세 또는 여섯 살", "만 6세", "match"),
        ("정답: 6", "6", "mismatch"), ("정답: 6세", "6세", "mismatch"), ("정답: 만 6세 또는 7세", None, "ambiguous"),
        ("정답: 만 6세, 7세", None, "ambiguous"), ("정답은 여섯 살이 아닙니다", None, "no_answer"),
        ("나이를 묻는다.\n지문을 보자.", None, "no_answer"), ("", None, "no_answer"),
    ],
)  # fmt: skip
def test_a_short_answer_matches_any_gold_and_nothing_near_it(text, answer, why):
    verdict = grade(SHORT, text)
    assert (verdict.answer, verdict.why) == (answer, why)


def test_a_sentence_on_what_the_question_asks_answers_it():
    capital = SHORT.model_copy(update={"question": "신라의 수도를 쓰시오.", "answers": ("경주",)})
    assert grade(capital, "신라의 수도는 경주입니다.").correct
    assert grade(capital, "정답: 신라의 수도는 경주").correct
    assert grade(capital, "신라의 수도는 공주입니다.").answer == "공주"
    assert not grade(capital, "백제의 수도는 경주입니다.").correct
    assert not grade(capital, "신라의 수도는 경주가 아닙니다.").correct
    assert grade(capital, "신라의 수도는 경주 또는 공주입니다.").why == "ambiguous"
    assert grade(capital, "수도는 경주!").correct
    assert not grade(capital, "수는 경주").correct
    assert grade(capital, "정답: 경주 (慶州)").correct
    assert not grade(capital, "정답: 경주 (아님)").correct
    total = SHORT.model_copy(update={"question": "1, 2, 3의 합을 구하시오.", "answers": ("6",)})
    assert grade(total, "합은 6입니다.").correct
    assert grade(total, "1 + 2 + 3 = 6").correct
    assert not grade(total, "x = 5, y = 6").correct
    for other in ("x != 6", "x >= 6", "x ≠ 6"):
        assert not grade(total, other).correct
    assert not grade(total, "정답: 6!").correct


@pytest.mark.parametrize(
    ("gold", "same", "others"),
    [
        ("H2SO4", ("H₂SO₄", r"$\text{H}_2\text{SO}_4$", r"$\mathrm{H_2SO_4}$"), ("H₂SO₃", "HSO₄", "h2so4")),
        ("3×10^8 m/s", ("3 × 10⁸ m/s", r"$3 \times 10^{8}\,\text{m/s}$"), ("3 × 10⁹ m/s", "3 × 108 m/s")),
        ("1000 m", ("1,000m", "1,000 (m)"), ("10,000 m", "1,000 km", "1,000 (km)")),
        ("p=mv", ("p = mv", "$$p = mv$$"), ("p = m/v",)), ("3 1/2", ("3  1/2",), ("31/2",)),
        ("ATP", ("ATP(아데노신 삼인산)", "에너지 화폐로 불리는 물질은 ATP입니다."), ("ATP(아님)", "불리는 물질은 ADP입니다.")),
        ("Ca²⁺", ("Ca^{2+}", "$Ca^{2+}$"), ("Ca⁺", "Ca^{3+}")), ("3", (), ("3(만)", "3(배)")),
        ("-3", ("−3",), ("- 3",)),
        ("할 수 있다", (), ("할수있다",)), ("data_1", (), ("data1",)),
    ],
)  # fmt: skip
def test_a_formula_or_an_amount_is_the_same_however_it_is_written(gold, same, others):
    problem = SHORT.model_copy(
        update={"question": "에너지 화폐로 불리는 물질은?", "answers": (gold,)}
    )
    assert [text for text in same if not grade(problem, text).correct] == []
    assert [text for text in others if grade(problem, text).correct] == []


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
        ("정답: 세종대왕", True), ("“세종대왕”", True), ("정답: 세종대왕은", True), ("정답: 세종대왕이", True),
        ("정답: 세종대왕입니다.", True), ("정답: 세종", False), ("정답: 조선의 세종대왕", False), ("정답: 세종대왕는", False),
        ("답 없음", False),
    ],
)  # fmt: skip
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


@pytest.mark.parametrize(
    "text",
    [
        "답을 찾을 수 없습니다.", "지문에서 답을 찾을 수 없습니다.", "주어진 지문으로는 알 수 없습니다.", "답변할 수 없습니다.", "본문에 언급되지 않았습니다.",
        "정답: 지문에 답이 없습니다.",
    ],
)  # fmt: skip
def test_the_usual_ways_to_say_that_the_passage_holds_no_answer(text):
    assert grade(NOWHERE, text).correct
    assert not grade(SPAN, text).correct
