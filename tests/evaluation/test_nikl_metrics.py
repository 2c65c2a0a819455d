"""NIKL scores equal the official script: the mean of question types, not of questions."""

import sys
import unicodedata
from collections import Counter

import pytest
from mecab import MeCab
from rouge_score.rouge_scorer import RougeScorer

from koalign.evaluation.metrics.nikl_metrics import (
    DESCRIPTIVE,
    MorphemeTokenizer,
    culture_qa_score,
    norms_qa_score,
    rouge_1,
    split_reason,
)
from koalign.records import KoalignError, Problem


def constant(value):
    return lambda golds, predictions: [value] * len(golds)


QWEN3_8B = {"rouge_1": constant(0.4109), "bertscore": constant(0.7198), "bleurt": constant(0.5451)}


def choice(number, answer="3"):
    return Problem(question=f"선다 {number}", choices=tuple("가나다라"), answers=(answer,))


def short(number, *answers):
    return Problem(question=f"단답 {number}", answers=answers, kind="short")


def long(number, answer="판소리는 소리꾼과 고수가 하는 공연이다."):
    return Problem(question=f"서술 {number}", answers=(answer,), kind="long")


def predict(problems, *texts):
    return {problem.id: text for problem, text in zip(problems, texts, strict=True)}


@pytest.mark.parametrize("short_right, final", [(42, 0.4806), (43, 0.4839)])
def test_the_published_scores_of_qwen3_8b_are_met(short_right, final):
    kinds = ((193, choice), (102, lambda n: short(n, "격구")), (99, long))
    problems = [make(n) for count, make in kinds for n in range(count)]
    texts = (
        ["3"] * 91
        + ["1"] * 102
        + ["격구"] * short_right
        + ["검무"] * (102 - short_right)
        + ["…"] * 99
    )
    score = culture_qa_score(problems, predict(problems, *texts), QWEN3_8B)
    assert round(score.figures["accuracy"].value, 4) == 0.4715
    assert round(score.figures["exact_match"].value, 4) == round(short_right / 102, 4)
    assert round(score.figures["descriptive_avg"].value, 4) == 0.5586
    assert round(score.final.value, 4) == final
    assert score.final.low < score.final.value < score.final.high
    assert score.final.n == 394
    assert (score.missing, score.skipped) == ((), 0)


@pytest.mark.parametrize(
    "text, right", [("3", 1), ("3번", 0), (" 3", 0), ("③", 0), ("정답: 3", 0), ("1", 0), ("", 0)]
)
def test_a_choice_is_right_only_if_it_is_the_very_string(text, right):
    problem = choice(0)
    found = culture_qa_score([problem], {problem.id: text}, {})
    assert found.figures["accuracy"].value == right


@pytest.mark.parametrize(
    "text, right",
    [
        ("만 6세", 1), (" 6살\n", 1), ("여섯살", 1), ("여섯 살", 0), ("6세", 0), ("만 6세#6살", 0), ("만 6세입니다", 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "answers", [("만 6세#만6세#6살# 여섯살 ",), ("만 6세", "만6세", "6살", "여섯살")]
)
def test_a_short_answer_is_right_if_it_is_any_of_the_alternatives(text, right, answers):
    problem = short(0, *answers)
    found = culture_qa_score([problem], {problem.id: text}, {})
    assert found.figures["exact_match"].value == right


def test_types_weigh_the_same_however_many_questions_they_have():
    problems = [choice(0), short(0, "격구"), short(1, "격구"), short(2, "격구")]
    found = culture_qa_score(problems, predict(problems, "3", "검무", "검무", "검무"), {})
    assert found.final.value == 0.5


def test_without_a_scorer_there_is_no_final_score_and_the_part_is_named():
    problems = [choice(0), long(0)]
    predictions = predict(problems, "3", "판소리")
    found = culture_qa_score(problems, predictions, {"rouge_1": constant(0.5)})
    assert found.final is None
    assert found.missing == ("bertscore", "bleurt")
    assert set(found.figures) == {"accuracy", "rouge_1"}
    assert culture_qa_score(problems, predictions, {}).missing == DESCRIPTIVE


def test_scorers_that_nothing_needs_are_not_missed():
    found = culture_qa_score([choice(0)], predict([choice(0)], "3"), {})
    assert found.final.value == 1
    assert found.missing == ()


def test_scorers_read_gold_before_prediction():
    seen = []

    def watch(golds, predictions):
        seen.append((list(golds), list(predictions)))
        return [0.0]

    problem = long(0, "정답 글")
    culture_qa_score([problem], {problem.id: "예측 글"}, dict.fromkeys(DESCRIPTIVE, watch))
    assert seen == [(["정답 글"], ["예측 글"])] * 3


def test_wrong_inputs_are_refused():
    problem = choice(0)
    with pytest.raises(KoalignError, match="1 ids have no prediction"):
        culture_qa_score([problem], {}, {})
    with pytest.raises(KoalignError, match="1 ids stand twice"):
        culture_qa_score([problem, problem], {problem.id: "3"}, {})
    unknown = Problem(question="?", kind="short")
    with pytest.raises(KoalignError, match="no gold answer"):
        culture_qa_score([unknown], {unknown.id: "3"}, {})
    span = Problem(question="?", kind="span", answers=("가",))
    with pytest.raises(KoalignError, match="kind 'span'"):
        culture_qa_score([span], {span.id: "3"}, {})
    with pytest.raises(ValueError, match="no such scorer: bert_score"):
        culture_qa_score([problem], {problem.id: "3"}, {"bert_score": constant(0)})
    with pytest.raises(ValueError):  # a scorer that returns one score for two texts
        two = [long(0), long(1)]
        culture_qa_score(two, predict(two, "", ""), dict.fromkeys(DESCRIPTIVE, lambda g, p: [0.0]))


@pytest.mark.parametrize(
    "text, answer, reason",
    [
        ('"불을 켜다."가 옳다. 받침이 있다.', "불을 켜다.가 옳다", "받침이 있다."),
        ("'며칠'이 옳다.   며칠은 소리대로 적는다", "며칠이 옳다", "며칠은 소리대로 적는다"),
        ('"가"가 옳다', "가가 옳다", ""),
        ("  받침이 있다. ", "받침이 있다.", ""),
        ("“불을”가 옳다, 왜냐하면", "“불을”가 옳다", "왜냐하면"),
        ("'밭'이 옳다. '바치'가 옳다. 끝", "밭이 옳다. 바치가 옳다", "끝"),
    ],
)
def test_an_answer_is_parted_from_its_reason_after_the_verdict(text, answer, reason):
    assert split_reason(text) == (answer, reason)


NORMS = [long(n, f'"불을 켜다{n}."가 옳다. 받침이 있기 때문이다.') for n in range(4)]
WITH_REASON = '"불을 켜다{}."가 옳다. 받침.'


def test_the_norms_score_is_the_mean_of_answer_and_reason():
    predictions = predict(NORMS, *(WITH_REASON.format(n) for n in (0, 1, 9, 9)))
    found = norms_qa_score(NORMS, predictions, dict.fromkeys(DESCRIPTIVE, constant(0.4)))
    assert found.figures["exact_match"].value == 0.5
    assert found.figures["descriptive_avg"].value == pytest.approx(0.4)
    assert found.final.value == pytest.approx(0.45)
    assert found.skipped == 0


def test_answer_and_reason_of_a_problem_are_resampled_together():
    problems = [long(n, f'"불을 켜다{n}."가 옳다. 받침.') for n in range(20)]
    predictions = predict(problems, *(f'"불을 켜다{n % 12}."가 옳다. {n < 12}' for n in range(20)))
    as_the_answer = dict.fromkeys(DESCRIPTIVE, lambda _, texts: [float(t == "True") for t in texts])
    found = norms_qa_score(problems, predictions, as_the_answer)
    assert found.final == found.figures["exact_match"] == found.figures["descriptive_avg"]
    assert found.final.n == 20


def test_a_missing_reason_is_skipped_and_counted():
    texts = [WITH_REASON.format(0), '"불을 켜다1."가 옳다.', "모르겠다", ""]
    predictions = predict(NORMS, *texts)
    scorers = dict.fromkeys(DESCRIPTIVE, constant(0.4))
    official = norms_qa_score(NORMS, predictions, scorers)
    assert official.figures["exact_match"].value == 0.5
    assert official.figures["descriptive_avg"].value == pytest.approx(0.4)
    assert official.final.value == pytest.approx(0.45)
    assert official.skipped == 3


def test_without_any_reason_the_norms_score_is_half_the_exact_match_and_needs_no_scorer():
    predictions = predict(NORMS, *(f'"불을 켜다{n}."가 옳다.' for n in range(4)))
    found = norms_qa_score(NORMS, predictions, {})
    assert found.figures["exact_match"].value == 1
    assert found.final.value == 0.5
    assert (found.skipped, found.missing) == (4, ())


def test_a_norms_score_without_scorers_has_no_final():
    predictions = predict(NORMS, *(WITH_REASON.format(n) for n in range(4)))
    found = norms_qa_score(NORMS, predictions, {"rouge_1": constant(0.5)})
    assert found.final is None
    assert found.missing == ("bertscore", "bleurt")


SORI, TAL = "판소리는 UNESCO 2003 유산", "탈춤은 UNESCO 2003 유산"


def test_rouge_sees_hangul_where_the_default_tokenizer_does_not():
    default = RougeScorer(["rouge1"])
    assert default.score(SORI, TAL)["rouge1"].fmeasure == 1
    assert default.score("판소리", "판소리")["rouge1"].fmeasure == 0
    assert rouge_1([SORI], [TAL])[0] < 1
    assert rouge_1(["판소리"], ["판소리"]) == [1]


def test_another_particle_costs_rouge_one_morpheme_and_not_the_word():
    (score,) = rouge_1(["판소리는 유산"], ["판소리가 유산"])
    assert score == pytest.approx(2 / 3)


def test_rouge_is_the_f_of_the_morphemes_in_common():
    golds = [SORI, "세종대왕은 훈민정음을 창제하였다. (1443년)", "A급, 『한글』!"]
    texts = [TAL, "훈민정음은 1443년에 세종대왕이 만들었다", "a급 한글"]
    morphemes = MorphemeTokenizer(MeCab().morphs).tokenize
    for gold, text, found in zip(golds, texts, rouge_1(golds, texts), strict=True):
        ours, theirs = Counter(morphemes(text)), Counter(morphemes(gold))
        same = sum(min(ours[m], theirs[m]) for m in ours)
        precision, recall = same / sum(ours.values()), same / sum(theirs.values())
        assert found == pytest.approx(2 * precision * recall / (precision + recall))
    assert found == 1


def test_an_empty_text_scores_0():
    assert rouge_1(["판소리", ""], ["", ""]) == [0, 0]


def test_the_tokenizer_sees_lower_case_letters_digits_and_syllables_of_the_first_1000_words():
    tokenize = MorphemeTokenizer(str.split).tokenize
    assert tokenize("「UNESCO」의 ㄱ,漢字·1945년~") == ["unesco", "의", "1945년"]
    assert tokenize("가 " * 1005) == ["가"] * 1000
    # The limit counts words as written: "1.2.3" is one of them and three afterwards.
    assert len(tokenize("1.2.3 " * 1001)) == 3000


def test_decomposed_hangul_is_lost_as_in_the_official_script():
    assert MorphemeTokenizer(str.split).tokenize(unicodedata.normalize("NFD", "만 6세")) == ["6"]


@pytest.mark.parametrize("library", ["mecab", "rouge_score.rouge_scorer"])
def test_rouge_without_its_libraries_says_what_to_install(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(KoalignError, match=r"pip install 'koalign\[scorers\]'"):
        rouge_1(["가"], ["가"])
