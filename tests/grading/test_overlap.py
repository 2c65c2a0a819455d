"""ROUGE-L of long answers equals Lin's on characters, and knows a paraphrase from another text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from koalign.grading.overlap import rouge_l


class Characters:
    def tokenize(self, text: str) -> list[str]:
        return list(text)


SCORER = RougeScorer(["rougeL"], tokenizer=Characters())
TEXTS = st.text("가나다라마바사1a", max_size=40)


@given(TEXTS, TEXTS)
def test_it_is_the_f1_of_rouge_score_on_characters(text, gold):
    expected = SCORER.score(gold, text)["rougeL"].fmeasure
    assert rouge_l(text, gold) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "gold", "score"),
    [
        ("주식 교환이다.", "주식교환이다", 1.0),  # spaces and punctuation
        ("Ａ사가 인수한다", "A사가 인수한다", 1.0),  # width
        ("A사는 인수한다", "A사가 인수한다", 6 / 7),  # a particle costs itself
        ("나다라가", "가나다라", 0.75),  # order counts
        ("", "가나다라", 0.0),
        ("…", "가나다라", 0.0),
    ],
)
def test_examples(text, gold, score):
    assert rouge_l(text, gold) == pytest.approx(score)
