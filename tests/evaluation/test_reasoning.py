"""Reasoning is told from the answer; contradictions are only claimed where both sides can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data.prompting.prompts import Renderer, load_template
from koalign.evaluation.diagnosis.reasoning import (
    LETTERS,
    contradiction,
    copied,
    opening_of,
    phrases_in,
    rationale_of,
)
from koalign.records import Problem

PROBLEM = Problem(
    question="민수가 사는 곳은?",
    passage="민수의 상사는 태호이다.",
    choices=("서울", "부산", "서울 남쪽", "광주"),
    answers=("2",),
    rationale="민수는 태호와 같은 곳에 산다. 따라서 부산에 산다.",
)
WRONG_ASKED = PROBLEM.model_copy(update={"question": "민수가 살지 않은 곳은?"})


@pytest.mark.parametrize(
    ("text", "rationale"),
    [
        ("고른 답: 부산\n정답: 2", ""),
        ("정답: 2", ""),
        ("민수를 본다.\n\n정답: 2", "민수를 본다."),
        ("민수를 본다.\n따라서 정답은 ②번이다.", "민수를 본다."),
        ("정답은 2번이다. 민수는 부산에 산다.", "민수는 부산에 산다."),
        ("정답: 2\n해설: 민수는 부산에 산다.", "해설: 민수는 부산에 산다."),
        ("<think>\n먼저 민수를 본다.\n</think>\n\n정답: 2", "먼저 민수를 본다."),
        ('{"풀이": "민수를 본다.", "정답": "2"}', "민수를 본다."),
        ('```json\n{"풀이": "민수를 본다.", "정답": 2}\n```', "민수를 본다."),
        ("답을 모르겠지만 민수를 본다.", "답을 모르겠지만 민수를 본다."),
        ("Minsu lives there.\nAnswer: B", "Minsu lives there."),
        ("{ 아니다", "{ 아니다"),
        ("", ""),
    ],
)
def test_reasoning_is_all_but_the_lines_that_state_the_answer(text, rationale):
    assert rationale_of(text) == rationale


@pytest.mark.parametrize("name", ["reasoning", "json", "kmmlu-pro"])
def test_of_what_a_template_teaches_the_rationale_is_found(name):
    assert rationale_of(Renderer(load_template(name)).target(PROBLEM)) == PROBLEM.rationale
    thinking = Renderer(load_template("direct"), thinking="on").target(PROBLEM)
    assert rationale_of(thinking) == PROBLEM.rationale


@pytest.mark.parametrize("name", ["quote-then-number", "direct"])
def test_a_template_without_reasoning_teaches_none(name):
    assert rationale_of(Renderer(load_template(name)).target(PROBLEM)) == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("민수를 보면 ②가 정답이다.\n\n정답: 2", False),
        ("민수를 보면 ②가 정답이다.\n\n정답: 4", True),
        ("민수를 보면 2번이 정답이다.\n\n정답: 4", True),
        ("정답은 2번이라고 생각했다. 아니, 4번이 정답이다.\n\n정답: 4", False),
        ("<think>\n그러니 정답은 4번.\n</think>\n정답: 2", True),
        ('{"풀이": "정답은 4번이다.", "정답": "2"}', True),
        ("고른 답: 광주\n정답: 2", True),
        ("고른 답: 부산\n정답: 2", False),
        ("고른 답: ② 부산\n정답: 2", False),
        ("고른 답: 부산", None),
        ("고른 답: 부산에 산다\n정답: 4", None),
        ("②가 정답이다.\n고른 답: 광주\n정답: 4", True),
        ("민수는 태호와 산다. 따라서 부산이다.\n정답: 4", True),
        ("민수는 태호와 산다. 따라서 부산이다.\n정답: 2", False),
        ("따라서 광주가 아니라 부산에 산다.\n정답: 4", None),
        ("따라서 광주는 아니다.\n정답: 2", None),
        ("따라서 부산이나 광주이다.\n정답: 4", None),
        ("따라서 서울 남쪽이다.\n정답: 4", True),  # the longer of two choices
        ("부산은 멀다.\n정답: 4", None),
        ("민수를 본다. 따라서 정답은 4번이다.", None),  # the answer itself
        ("②가 정답이다.", None),
        ("민수를 보면 ②가 정답이다.", None),
        ("따라서 새부산이다.\n정답: 4", None),
    ],
)  # fmt: skip
def test_a_contradiction_is_claimed_only_where_reasoning_and_answer_are_told_apart(text, found):
    assert contradiction(PROBLEM, text, "stop") is found


@pytest.mark.parametrize("choices", [("가", "나"), ("12", "34")])
def test_a_choice_of_one_letter_or_of_digits_is_not_looked_for_in_a_sentence(choices):
    short = Problem(question="무엇인가?", choices=choices, answers=("1",))
    assert contradiction(short, f"따라서 {choices[0]}쪽을 본다.\n정답: 2", "stop") is None


def test_where_the_wrong_one_is_asked_a_choice_that_holds_is_no_answer():
    text = "①이 옳다. ③이 옳다. 따라서 부산에 산다.\n정답: 4"
    assert contradiction(WRONG_ASKED, text, "stop") is None


def test_marks_of_the_passage_are_not_taken_for_choices():
    marked = PROBLEM.model_copy(update={"passage": "① 민수는 부산에 산다. ② 끝."})
    assert contradiction(marked, "①이 정답이다.\n정답: 4", "stop") is None


def test_what_is_cut_off_contradicts_nothing():
    assert contradiction(PROBLEM, "민수를 보면 ②가 정답이다. 그런데", "length") is None


def test_free_answers_name_no_choice():
    free = Problem(question="누구인가?", kind="short", answers=("세종",))
    assert contradiction(free, "1번이 정답이다.\n정답: 세종", "stop") is None


def test_an_opening_is_three_words_folded():
    assert opening_of("먼저  글을\n읽어 보면") == opening_of("먼저 글을 읽어") == "먼저 글을 읽어"
    assert opening_of("먼저 글을") is None


TAUGHT = "글의 흐름을 차근차근 살펴보면 알 수 있다"
LETTERS_TAUGHT = TAUGHT.replace(" ", "")


def test_the_share_of_copied_phrases_by_hand():
    """A text of 20 letters, the last 14 of them taught: 2 of its 8 phrases."""
    text = "나는 모른다네, " + TAUGHT[:18]
    letters = text.replace(" ", "").replace(",", "")
    taught = LETTERS_TAUGHT[:14]
    assert letters.endswith(taught) and len(letters) == 20
    share, found = copied(text, "", phrases_in([TAUGHT]))
    assert share == 2 / 8 and found == [TAUGHT[:18]]


def test_spaces_and_punctuation_hide_no_copy():
    other = "글의흐름을, 차근 차근 살펴보면 (알수있다)"
    assert copied(other, "", phrases_in([TAUGHT]))[0] == 1


def test_what_stands_in_the_prompt_is_no_copy_of_the_teacher():
    assert copied(TAUGHT, f"문제: {TAUGHT}?", phrases_in([TAUGHT])) == (0, [])


def test_a_text_without_a_phrase_has_no_share():
    assert copied("짧다", "", phrases_in([TAUGHT])) == (None, [])
    assert copied(TAUGHT, "", phrases_in([])) == (0, [])


WORDS = st.lists(
    st.sampled_from(["가나다라", "마바", "사아자 ", "차카타파하", ". ", "①"]), max_size=12
)


@given(WORDS, WORDS, WORDS)
def test_copied_phrases_are_those_found_by_looking_letter_by_letter(said, taught, asked):
    text, lesson, prompt = map("".join, (said, taught, asked))
    only = lambda s: "".join(c for c in s if c not in " .")  # noqa: E731
    windows_of = lambda s: [s[n : n + LETTERS] for n in range(len(s) - LETTERS + 1)]  # noqa: E731
    windows = windows_of(only(text))
    expected = [w in only(lesson) and w not in only(prompt) for w in windows]
    share, found = copied(text, prompt, phrases_in([lesson]))
    assert share == (sum(expected) / len(windows) if windows else None)
    assert all(phrase in text for phrase in found)
    assert all(window in only(lesson) for phrase in found for window in windows_of(only(phrase)))


@given(st.text())
def test_no_text_breaks_a_sign(text):
    rationale = rationale_of(text)
    opening_of(rationale)
    contradiction(PROBLEM, text, "stop")
    copied(rationale, text[:5], phrases_in([text]))
