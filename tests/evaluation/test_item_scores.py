"""What an item earns is what the official scripts and lm-eval-harness say, and what is unread earns nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.evaluation.item_scores import ItemScore, score_choice, score_text
from koalign.evaluation.protocols import for_kinds, in_mode, load_protocol, protocol_names
from koalign.records import Problem

FOUR = Problem(question="?", choices=("가", "나", "다", "라"), answers=("2",), source="kmmlu")
SPAN = Problem(
    question="?", passage="세종대왕", kind="span", answers=("세종대왕",), source="klue-mrc"
)
NONE = SPAN.model_copy(update={"answers": ("",)})


def hellaswag(*endings: str, gold: str) -> Problem:
    return Problem(
        question="?", choices=endings, answers=(gold,), source="kobest", subject="hellaswag"
    )


# --- candidates


def test_the_likeliest_candidate_is_the_answer_and_the_first_of_equal_ones():
    protocol = load_protocol("kmmlu@lm-eval")
    right = score_choice(protocol, FOUR, [-2.0, -1.0, -1.0, -3.0])
    assert right == ItemScore("2", True, "match", {"acc": 1.0})
    wrong = score_choice(protocol, FOUR, [-1.0, -1.0, -9.0, -9.0])
    assert wrong == ItemScore("1", False, "mismatch", {"acc": 0.0})


def test_acc_norm_divides_by_the_characters_of_the_candidate_and_not_by_its_bytes():
    protocol = load_protocol("kobest@lm-eval")
    # A token of four Latin letters has 4 bytes, one of two syllables 6: by bytes the second would win.
    problem = hellaswag("abcd", "가나", gold="1")
    assert score_choice(protocol, problem, [-4.0, -2.2]).scores == {"acc": 0.0, "acc_norm": 1.0}
    assert score_choice(protocol, problem, [-4.6, -2.2]).scores == {"acc": 0.0, "acc_norm": 0.0}


def test_acc_norm_of_kobest_is_taken_of_hellaswag_alone():
    protocol = load_protocol("kobest@lm-eval")
    problem = Problem(question="?", choices=("아니오", "예"), answers=("2",), subject="boolq")
    assert score_choice(protocol, problem, [-3.0, -1.0]).scores == {"acc": 1.0}


def test_any_of_several_golds_is_right():
    both = FOUR.model_copy(update={"answers": ("1", "3")})
    for place, correct in enumerate((True, False, True, False)):
        logprobs = [float(place == other) for other in range(4)]
        assert score_choice(load_protocol("kmmlu@lm-eval"), both, logprobs).correct is correct


def test_a_fifth_letter_that_is_never_shown_can_be_the_wrong_answer():
    problem = FOUR.model_copy(update={"source": "click", "key": "CSAT_korean_22_1"})
    found = score_choice(load_protocol("click@lm-eval"), problem, [-2.0, -2.0, -2.0, -2.0, -1.0])
    assert (found.answer, found.correct) == ("5", False)


def test_as_many_log_probabilities_as_candidates_are_needed():
    with pytest.raises(ValueError, match="argument 2 is longer"):
        score_choice(load_protocol("kmmlu@lm-eval"), FOUR, [-1.0, -2.0, -3.0])


@given(st.lists(st.floats(-1e4, 0), min_size=4, max_size=4))
def test_scores_of_choices_are_zero_or_one_and_agree_with_the_answer(logprobs):
    for name in ("kmmlu@lm-eval", "csat", "kice", "click"):
        found = score_choice(load_protocol(name), FOUR, logprobs)
        assert found.scores["acc"] == float(found.correct)
        assert found.correct == (found.answer == "2")
        assert max(logprobs) == logprobs[int(found.answer) - 1]


# --- kmmlu_direct


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("B", "2"), (" b", "2"), (" B. 나", "2"), ("(B)", "2"), ("B,", "2"), ("E", None), ("정답은 B", None),
        ("Ｂ", None), ("", None), ("B 나", None), ("B\n", None), (" A", "1"), ("B\n\nQ: 다음", "2"),
        ("BQ: 다음", "2"), (".B", None), ("B</s>", "2"), ("2", None),
    ],
)  # fmt: skip
def test_a_letter_is_compared_as_lm_eval_compares_it(text, answer):
    found = score_text(load_protocol("kmmlu-direct"), FOUR, text)
    assert found.answer == answer
    assert found.scores == {"exact_match": float(answer == "2")}
    assert found.why == (
        "no_answer" if answer is None else "match" if answer == "2" else "mismatch"
    )


def test_a_text_that_goes_on_behind_a_stop_was_not_truncated():
    protocol = load_protocol("kmmlu-direct")
    assert score_text(protocol, FOUR, "모른다.", "length").why == "no_answer"
    assert score_text(protocol, FOUR, "모른다", "length").why == "truncated"


# --- simple-evals


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("풀이…\nAnswer: B", "2"), ("정답: B", "2"), ("답변 : C", "3"), ("답: Ｂ", "2"),
        ("**정답: B**", "2"), ("Answer: $\\boxed{B}$", "2"), ("답은 D.\n정답: A\nAnswer: B", "2"),
        ("정답: A, 다시 보니 정답: B", "1"), ("정답： B", None), ("answer: b", None), ("정답:\nB", None),
        ("الجواب: ب", "2"), ("정답은 B입니다", None), ("", None), ("Answer:" + "\u200b" * 6 + "B", "2"),
        ("<think>\nAnswer: A?\n</think>\n\nAnswer: B", "2"), ("<think>\nAnswer: B", None),
    ],
)  # fmt: skip
def test_the_first_key_of_simple_evals_that_a_letter_follows_decides(text, answer):
    found = score_text(load_protocol("mmmlu-ko@simple-evals"), FOUR, text)
    assert (found.answer, found.scores) == (answer, {"acc": float(answer == "2")})


# --- spans


@pytest.mark.parametrize(
    ("said", "gold", "em", "rouge_w"),
    [
        ("《해리포터》", "해리포터", 0, 0.8), ("‘기생충’", "기생충", 0, 0.75), ("세종 대왕", "세종대왕", 0, 4 / 9),
        ("세종대왕은", "세종대왕", 0, 8 / 9), ("1,000명", "1000명", 1, 1), ("세종대왕", "세종대왕", 1, 1),
        ("문종, 세종", "세종", 0, 4 / 7), ("１９８８년", "1988년", 0, 0.2),
    ],
)  # fmt: skip
def test_what_is_stated_earns_what_the_script_of_klue_gives(said, gold, em, rouge_w):
    problem = SPAN.model_copy(update={"answers": (gold,)})
    found = score_text(load_protocol("klue-mrc"), problem, f"정답: {said}")
    assert found.scores == pytest.approx({"em": em, "rouge_w": rouge_w}, abs=1e-4)
    assert found.correct == bool(em)


@pytest.mark.parametrize(
    "text",
    [
        "글에 따르면 세종대왕이다.\n정답: 세종대왕", "정답: 문종\n정답: 세종대왕", "**정답: 세종대왕**", "세종대왕",
        "<think>\n정답: 문종\n</think>\n\n정답: 세종대왕\n",
    ],
)  # fmt: skip
def test_the_last_statement_of_a_span_counts(text):
    assert score_text(load_protocol("klue-mrc"), SPAN, text).scores == {"em": 1.0, "rouge_w": 1.0}


def test_korquad_is_scored_by_its_own_script():
    problem = SPAN.model_copy(update={"source": "korquad"})
    found = score_text(load_protocol("korquad"), problem, "정답: 세종 대왕")
    assert found.scores == {"em": 0.0, "f1": 1.0}


def test_korquad_2_is_scored_without_tags_and_spaces():
    pytest.importorskip("bs4")
    problem = SPAN.model_copy(update={"source": "korquad-2", "answers": ("<b>세종</b> 대왕",)})
    found = score_text(load_protocol("korquad"), problem, "정답: 세종대왕")
    assert found.scores == {"em": 1.0, "f1": 1.0}


@pytest.mark.parametrize(
    "text", ["정답: 답 없음", "답 없음", "글에 언급되지 않았다", "정답: 알 수 없음."]
)
def test_saying_that_there_is_no_answer_is_the_empty_answer(text):
    assert score_text(load_protocol("klue-mrc"), NONE, text).scores == {"em": 1.0, "rouge_w": 1.0}
    assert score_text(load_protocol("klue-mrc"), SPAN, text).scores == {"em": 0.0, "rouge_w": 0.0}


def test_the_better_of_two_readings_is_scored():
    drink = SPAN.model_copy(update={"answers": ("사이다",)})
    king = SPAN.model_copy(update={"answers": ("세종",)})
    protocol = load_protocol("klue-mrc")
    assert score_text(protocol, drink, "정답: 사이다").correct
    assert score_text(protocol, king, "정답은 세종입니다.").correct


@pytest.mark.parametrize(("finish_reason", "why"), [("stop", "no_answer"), ("length", "truncated")])
@pytest.mark.parametrize("name", ["klue-mrc", "direct", "kmmlu-direct", "mmmlu-ko@simple-evals"])
def test_what_cannot_be_read_earns_nothing_and_says_why(name, finish_reason, why):
    protocol = load_protocol(name)
    problem = SPAN if name == "klue-mrc" else FOUR
    found = score_text(protocol, problem, "<think>\n정답: 2\nAnswer: B", finish_reason)
    assert (found.answer, found.correct, found.why) == (None, False, why)
    assert set(found.scores.values()) == {0.0}


# --- koalign's own rule


@pytest.mark.parametrize(
    ("text", "answer", "why"),
    [
        ("정답: 2", "2", "match"), ("정답: ③", "3", "mismatch"), ("2번 또는 3번", None, "ambiguous"),
        ("모른다", None, "no_answer"),
    ],
)  # fmt: skip
def test_a_template_is_graded_by_the_rule_of_koalign(text, answer, why):
    found = score_text(load_protocol("direct"), FOUR, f"정답은 {text}" if "또는" in text else text)
    assert (found.answer, found.why, found.scores) == (answer, why, {"acc": float(why == "match")})


def test_a_continued_text_is_read_up_to_where_the_next_shot_begins():
    protocol = in_mode(load_protocol("click"), "generate")
    problem = FOUR.model_copy(update={"source": "click"})
    found = score_text(protocol, problem, " 정답은 B입니다.\n\n질문: 다음은?\n정답: D", "length")
    assert (found.answer, found.why) == ("2", "match")


@given(st.text(max_size=60), st.sampled_from(["stop", "length"]))
def test_no_text_ends_in_a_traceback_and_every_score_is_a_share(text, finish_reason):
    for protocol in map(load_protocol, protocol_names()):
        if protocol.mode == "generate" and protocol.grading != "korquad":
            problem = SPAN if protocol.grading == "klue-mrc" else FOUR
            found = score_text(protocol, problem, text, finish_reason)
            assert all(0 <= score <= 1 and not math.isnan(score) for score in found.scores.values())
            assert found.answer is not None or not any(found.scores.values())
            assert found.correct == (found.why == "match")


def test_a_long_answer_earns_its_rouge_l_and_any_other_its_accuracy():
    long = Problem(question="왜 그런가?", kind="long", answers=("전혀 다른 글", "가나다라"))
    short = Problem(question="누구인가?", kind="short", answers=("세종",))
    mna = load_protocol("mna")
    assert for_kinds(mna, [short]) == mna
    assert for_kinds(mna, [long]).metrics == ("rouge_l",)
    assert for_kinds(mna, [short, short, long]).metrics == ("acc", "rouge_l")
    mixed = for_kinds(mna, [long, long, short])
    assert mixed.metrics == ("rouge_l", "acc")
    assert score_text(mixed, long, "가나다마").scores == {"rouge_l": 0.75}
    assert score_text(mixed, long, "").scores == {"rouge_l": 0.0}
    assert score_text(mixed, short, "세종").scores == {"acc": 1.0}
    published = load_protocol("klue-mrc")
    assert for_kinds(published, [long]) == published
