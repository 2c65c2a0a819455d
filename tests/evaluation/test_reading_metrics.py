"""Span scores equal the official scripts of KLUE-MRC and KorQuAD, faults included."""

import random
import string
import unicodedata
import warnings

import pytest

from koalign.evaluation.metrics.reading_metrics import (
    SpanScore,
    klue_mrc_score,
    korquad_1_score,
    korquad_2_score,
)
from koalign.records import KoalignError

# prediction, gold, KLUE EM and ROUGE-W, KorQuAD 1.0 EM and F1: measured with the official scripts.
GOLDEN = [
    ("《해리포터》", "해리포터", (0, 0.8000), (1, 1)), ("‘기생충’", "기생충", (0, 0.7500), (1, 1)),
    ("(주)카카오", "주 카카오", (0, 0.6667), (1, 1)), ("“한글”", "한글", (0, 0.6667), (0, 0.6667)),
    ("세종 대왕", "세종대왕", (0, 0.4444), (0, 1.0)), ("세종대왕은", "세종대왕", (0, 0.8889), (0, 0.8889)),
    ("1,000명", "1000명", (1, 1), (1, 1)), ("1,000명", "1000 명", (0, 0.7273), (0, 1.0)),
    ("조선 제4대 왕 세종", "세종", (0, 0.3077), (0, 0.4)), ("제4대 세종, 문종", "문종 세종", (0, 0.4286), (0, 0.7273)),
    ("", "", (1, 1), (1, 0)), (unicodedata.normalize("NFD", "세종대왕"), "세종대왕", (0, 0), (0, 0)),
    ("１９８８년", "1988년", (0, 0.2), (0, 0.2)), ("2019~2020", "2019∼2020", (0, 0.4706), (0, 0.9412)),
]  # fmt: skip


@pytest.mark.parametrize("prediction, gold, klue, korquad", GOLDEN, ids=[row[0] for row in GOLDEN])
def test_the_scores_of_the_official_scripts_are_met(prediction, gold, klue, korquad):
    for score, expected in (
        (klue_mrc_score(prediction, [gold]), klue),
        (korquad_1_score(prediction, [gold]), korquad),
    ):
        assert score.exact_match == expected[0]
        assert round(score.overlap, 4) == expected[1]


def without_punctuation(text):
    kept = [c for c in text if c not in string.punctuation]
    return " ".join("".join(kept).split())


def reference_klue(prediction, gold):
    """By the description: a mark and then `()‘’` in one piece become a space, nothing else of them."""

    def normal(text):
        text = text.lower()
        for mark in "'\"《》<>〈〉":
            text = text.replace(mark + "()‘’", " ")
        return without_punctuation(text)

    predicted, gold = normal(prediction), normal(gold)
    if not gold:
        return float(predicted == gold), float(predicted == gold)
    runs = (gold[i:j] for i in range(len(gold)) for j in range(i + 1, len(gold) + 1))
    longest = max((len(run) for run in runs if run in predicted), default=0)
    if not longest:
        return 0.0, 0.0
    precision, recall = longest / len(predicted), longest / len(gold)
    return float(predicted == gold), 2 * precision * recall / (precision + recall)


def reference_korquad(prediction, gold):
    """By the description: marks become spaces, then characters are matched one by one."""

    def normal(text):
        for mark in "'\"《》<>〈〉()‘’":
            text = text.replace(mark, " ")
        return without_punctuation(text.lower())

    predicted, gold = normal(prediction), normal(gold)
    ours, theirs = list(predicted.replace(" ", "")), list(gold.replace(" ", ""))
    left, same = list(theirs), 0
    for character in ours:
        if character in left:
            left.remove(character)
            same += 1
    if not same:
        return float(predicted == gold), 0.0
    precision, recall = same / len(ours), same / len(theirs)
    return float(predicted == gold), 2 * precision * recall / (precision + recall)


PIECES = [*"가나다라마가나다라마", "A", "a", "1", "２", " ", "\t", ",", ".", "(", ")", "《", "》", "‘", "’",
          "“", "<", ">", "'", '"', "\"()‘’", "》()‘’", "()‘’"]  # fmt: skip


def random_texts(count):
    rng = random.Random(0)
    texts = ["".join(rng.choices(PIECES, k=rng.randrange(16))) for _ in range(2 * count)]
    return list(zip(texts[::2], texts[1::2], strict=True))


@pytest.mark.parametrize(
    "score, reference", [(klue_mrc_score, reference_klue), (korquad_1_score, reference_korquad)]
)
def test_a_thousand_random_pairs_agree_with_the_written_description(score, reference):
    seen = set()
    for prediction, gold in random_texts(1000):
        ours, expected = score(prediction, [gold]), reference(prediction, gold)
        assert (ours.exact_match, ours.overlap) == pytest.approx(expected, abs=1e-12), (
            prediction,
            gold,
        )
        seen.add(expected)
    assert len(seen) > 20


def test_the_best_of_several_golds_counts():
    for score in (klue_mrc_score, korquad_1_score):
        assert score("5500명", ["5500", "5500명"]) == SpanScore(1.0, 1.0)


def test_an_unanswerable_question_wants_an_empty_answer():
    assert klue_mrc_score("", [""]) == SpanScore(1.0, 1.0)
    assert klue_mrc_score("세종", [""]) == SpanScore(0.0, 0.0)


def test_a_gold_of_200_characters_keeps_the_quirk_of_difflib():
    """difflib overlooks "가" where it is frequent; the script leaves that rule switched on."""
    assert klue_mrc_score("가", ["나" + "가" * 198]).overlap == pytest.approx(2 / 200)
    assert klue_mrc_score("가", ["나" + "가" * 199]).overlap == 0


@pytest.mark.parametrize(
    "prediction, gold, expected",
    [
        ("<b>세종</b> 대왕", "세종대왕", (1, 1)),
        ("<td>1418년</td>\n<td>1450년</td>", "1418년 1450년", (1, 1)),
        ("세종\u00a0대왕\t은", "세종대왕", (0, round(8 / 9, 4))),
        ("세종&nbsp;대왕", "세종 대왕", (1, 1)),
        ("3 < 5", "3<5", (1, 1)),
        ("https://ko.wikipedia.org/wiki", "httpskowikipediaorgwiki", (1, 1)),
        ("<br/>", "", (1, 0)),
    ],
)
def test_korquad_2_sees_neither_tags_nor_spaces(prediction, gold, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = korquad_2_score(prediction, [gold])
    assert (score.exact_match, round(score.overlap, 4)) == expected


def test_without_tags_korquad_2_is_korquad_1_on_texts_without_spaces():
    for prediction, gold in random_texts(300):
        if not set("<>&") & set(prediction + gold):
            two, one = korquad_2_score(prediction, [gold]), korquad_1_score(prediction, [gold])
            assert two.overlap == one.overlap
            assert two.exact_match >= one.exact_match


def test_korquad_2_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bs4", None)
    with pytest.raises(KoalignError, match="beautifulsoup4"):
        korquad_2_score("세종", ["세종"])
