"""A rationale is kept when its answer verifies, and for no other reason."""

from dataclasses import replace

import pytest

from koalign.data.prompting.orders import in_order
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.grading.grade import grade
from koalign.mining.distilling.explaining import (
    ask_by_rationale,
    ask_for_rationale,
    in_another_order,
    says_it_was_told,
)
from koalign.mining.distilling.mixture import with_rationales
from koalign.mining.distilling.report import describe_distillation
from koalign.mining.distilling.verify import (
    Solution,
    VerifiedSolution,
    fits,
    hangul_share,
    reasoning_of,
    verified,
)
from koalign.records import Drop, Problem, Rationale

PROBLEM = Problem(
    question="민수가 사는 곳은?",
    passage="민수의 상사는 태호이다. 태호는 부산에 산다.",
    choices=("서울", "부산", "대구", "광주"),
    answers=("2",),
)
SHORT = Problem(question="훈민정음을 만든 사람은?", kind="short", answers=("세종",))
REASONING = Renderer(load_template("reasoning"))
GOOD = "민수는 태호와 같은 곳에 산다. 태호는 부산에 산다."


def wrote(text: str, by: str = "teacher", **changes) -> Solution:
    return replace(Solution(PROBLEM, text, "stop", by, "m", 0), **changes)


def judged(text: str, language: str = "korean", **changes) -> VerifiedSolution | Drop:
    return verified(wrote(text, **changes), language, REASONING)


# What a rationale is.


@pytest.mark.parametrize(
    ("text", "in_thoughts", "rationale"),
    [
        (f"{GOOD}\n\n정답: 2", False, GOOD),
        (f"{GOOD}\n따라서 정답은 ②번이다.", False, GOOD),
        (
            f"**먼저** `민수`를 본다.\n\n{GOOD}\n정답: 2",
            False,
            f"**먼저** `민수`를 본다.\n\n{GOOD}",
        ),
        (f"<think>\n속생각\n</think>\n{GOOD}\n정답: 2", False, GOOD),
        ("<think>\n속생각이다.\n</think>\n\n정답: 2", True, "속생각이다."),
        ("속생각이다.\n</think>\n\n정답: 2", True, "속생각이다."),
        (f"{GOOD}\n정답: 2", True, GOOD),
        ('{"풀이": "태호를 본다.", "정답": 2}', False, "태호를 본다."),
        ("정답: 2", False, ""),
    ],
)
def test_a_rationale_is_what_stands_beside_the_answer_as_it_was_written(text, in_thoughts, rationale):  # fmt: skip
    assert reasoning_of(text, in_thoughts=in_thoughts) == rationale


def test_what_is_taught_is_the_rationale_and_the_answer_in_the_form_of_the_template():
    found = judged(f"{GOOD}\n따라서 정답은 ②번이다.")
    assert REASONING.target(found.problem) == f"{GOOD}\n\n정답: 2"
    thinking = Renderer(load_template("direct"), thinking="on")
    found = verified(wrote(f"{GOOD}\n정답: 2"), "korean", thinking)
    assert thinking.target(found.problem) == f"<think>\n{GOOD}\n</think>\n\n정답: 2"
    assert found.record == Rationale(text=GOOD, by="teacher", model="m")


@pytest.mark.parametrize(
    ("text", "changes", "reason"),
    [
        (f"{GOOD}\n정답: 2", {"finish_reason": "length"}, "cut_off"),
        (f"{GOOD}\n정답: 3", {}, "wrong_answer"),
        (GOOD, {}, "no_answer"),
        (f"{GOOD}\n정답: 2 또는 3", {}, "several_answers"),
        (f"정답은 3번이다.\n{GOOD}\n정답: 2", {}, "several_answers"),
        (f"{GOOD} 따라서 서울이다.\n정답: 2", {}, "contradicts_itself"),
        ("정답: 2", {}, "no_rationale"),
        ("<think>\n끝나지 않는다. 정답: 2", {}, "no_answer"),
        ("Minsu lives where his boss lives.\n정답: 2", {}, "wrong_language"),
        ("民洙는 上司와 같은 곳에 居住한다고 하였다.\n정답: 2", {}, "chinese"),
        (f"정답이 2번이라고 주어졌다. {GOOD}\n정답: 2", {"by": "rationalized"}, "says_it_was_told"),
    ],
)  # fmt: skip
def test_each_fault_is_a_drop_with_its_reason(text, changes, reason):
    found = judged(text, **changes)
    assert isinstance(found, Drop) and found.reason == reason
    assert found.stage == "distill" and found.problem_id == PROBLEM.id
    assert found.detail.split()[0].strip(":") in ("teacher", "rationalized")


def test_what_the_template_would_teach_wrong_is_dropped():
    silent = REASONING.template.model_copy(update={"target": "{{ rationale }}"})
    found = verified(wrote(f"{GOOD}\n정답: 2"), "korean", Renderer(silent))
    assert isinstance(found, Drop) and found.reason == "target_not_right"


def test_a_teacher_that_was_not_told_may_speak_of_given_answers():
    assert isinstance(judged(f"주어진 답 가운데 고른다. {GOOD}\n정답: 2"), VerifiedSolution)


def test_short_answers_are_verified_too_and_two_different_ones_are_refused():
    written = replace(wrote("한글은 왕이 만들었다.\n정답: 세종"), problem=SHORT)
    assert verified(written, "korean", REASONING).rationale == "한글은 왕이 만들었다."
    twice = replace(written, text="정답: 세조\n다시 보니 왕이 만들었다.\n정답: 세종")
    assert verified(twice, "korean", REASONING).reason == "several_answers"


@pytest.mark.parametrize(
    ("text", "share"),
    [("가나다", 1.0), ("abc 가", 0.25), ("1 + 2 = 3", 0.0), ("", 0.0), ("漢字 가나", 0.5)],
)
def test_the_share_of_hangul_is_of_the_letters(text, share):
    assert hangul_share(text) == share


def test_mixed_rationales_keep_some_korean_and_not_much():
    english = "Minsu lives in the same place as his boss, who is named in the passage. "
    some, none, much = (f"{english}{korean}\n정답: 2" for korean in ("부산이다", "Busan", GOOD))
    assert isinstance(judged(some, "mixed"), VerifiedSolution)
    assert judged(none, "mixed").reason == judged(much, "mixed").reason == "wrong_language"
    assert isinstance(judged(f"{GOOD}\n정답: 2", "mixed", by="own"), VerifiedSolution)
    assert judged(none, "mixed", by="own").reason == "wrong_language"


ORDER = (2, 0, 3, 1)


def test_a_rationale_written_under_another_order_names_the_choices_as_they_stand():
    shown = in_order(PROBLEM, ORDER)
    number = int(shown.answers[0])
    found = judged(f"{GOOD} 선택지 {number}가 그곳이다.\n정답: {number}", by="own", order=ORDER)
    assert found.rationale == f"{GOOD} 선택지 2가 그곳이다."
    assert grade(PROBLEM, REASONING.target(found.problem)).correct
    unclear = judged(f"{GOOD} 1~3번은 아니다.\n정답: {number}", by="own", order=ORDER)
    assert unclear.reason == "names_choices_of_another_order"


def test_what_is_too_long_or_repeats_itself_does_not_fit():
    one = judged(f"{GOOD}\n정답: 2")
    assert fits(one, range(10), range(20), context=30) is None
    assert fits(one, range(10), range(21), context=30).reason == "too_long"
    assert fits(one, range(10), [1, 2, 3, 4] * 5, context=300).reason == "repeats_itself"


# What a teacher is asked.


@pytest.mark.parametrize("language", ["korean", "mixed"])
def test_the_gold_answer_stands_in_a_prompt_only_where_the_teacher_is_told(language):
    gold = PROBLEM.model_copy(update={"answers": ("3",), "rationale": "비밀 해설이다."})
    first, second = ask_for_rationale(PROBLEM, language, 2)
    assert first.messages == second.messages and (first.index, second.index) == (0, 1)
    assert first.messages == ask_for_rationale(gold, language, 1)[0].messages
    (told,) = ask_for_rationale(PROBLEM, language, 1, told=True)
    assert "2번(부산)" in told.messages[-1].text and "2번(부산)" not in first.messages[-1].text
    assert told.purpose != first.purpose


def test_a_judge_reads_problem_and_rationale_in_another_order_and_no_answer():
    one = PROBLEM.model_copy(update={"rationale": f"{GOOD} 선택지 2가 그곳이다."})
    moved = in_another_order(one, seed=0)
    assert moved.choices != one.choices and moved.choices[int(moved.answers[0]) - 1] == "부산"
    calls = ask_by_rationale(moved, 8)
    text = calls[0].messages[-1].text
    assert (
        len(calls) == 8 and f"선택지 {moved.answers[0]}가 그곳이다." in text and "정답" not in text
    )
    with pytest.raises(ValueError):
        in_another_order(PROBLEM.model_copy(update={"rationale": "1~3번은 아니다."}), seed=0)


@pytest.mark.parametrize(
    "text",
    [
        "정답이 2번이라고 주어졌으므로 그렇게 본다.", "주어진 정답은 부산이다.", "제시된 답을 보면 부산이다.", "답이 이미 주어져 있다.",
        "정답을 미리 알고 있으므로 거꾸로 푼다.", "실마리에 따르면 부산이다.", "The given answer is 2.",
        "Since the answer, Busan, is given, we check it.", "According to the hint it is 부산.",
    ],
)  # fmt: skip
def test_a_rationale_that_says_it_was_told_is_found(text):
    assert says_it_was_told(text)
    for honest in (GOOD, "조건이 주어졌다. 글을 보면 부산이다.", "He answers the phone."):
        assert not says_it_was_told(honest)


# What comes of it.


def test_problems_carry_what_is_kept_and_nothing_they_had_before():
    had = PROBLEM.model_copy(update={"rationales": (Rationale(text="옛것", by="own"),)})
    other = PROBLEM.model_copy(update={"question": "다른 문제?"})
    kept = [VerifiedSolution(replace(wrote("", by="own"), problem=had), GOOD)]
    (problem,) = with_rationales([other, had], kept)
    assert problem.id == PROBLEM.id and [r.text for r in problem.rationales] == [GOOD]
    assert REASONING.targets(problem) == [f"{GOOD}\n\n정답: 2"]


def test_the_report_counts_every_draw_once():
    texts = [f"{GOOD}\n정답: 2", f"{GOOD}\n정답: 3", f"{GOOD} 또.\n정답: 2", "모른다."]
    written = [wrote(text, index=number % 2) for number, text in enumerate(texts)]
    results = [verified(w, "korean", REASONING) for w in written]
    found = [r for r in results if isinstance(r, VerifiedSolution)]
    drops = [r for r in results if isinstance(r, Drop)]
    report = describe_distillation(written, found, found[:1], drops)
    assert report["yield"]["teacher"] == {
        "0": {"drawn": 2, "right": 2, "verified": 2},
        "1": {"drawn": 2, "right": 0, "verified": 0},
    }
    assert report["kept"] == {"own": 0, "teacher": 1, "rationalized": 0}
    assert report["positions"] == {"4": {"1": 0, "2": 2, "3": 1, "4": 0}}
    assert report["hangul"]["teacher"]["90 to 100 %"] == 2
    assert report["dropped_of"]["teacher"] == report["dropped"]
    assert report["dropped"] == {"no_answer": 1, "wrong_answer": 1}
