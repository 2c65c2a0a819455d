"""Texts become vectors by what sets them apart, and terms a reader understands say what that is."""

from collections import Counter
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koalign.mining.mistakes.tfidf import DIMENSIONS, distinctive_terms, plane, reduced, weigh

CELLS = [f"세포막은 물질을 {what}" for what in ("거른다", "나른다", "막는다", "통과시킨다")]
KINGS = [f"임금이 신하를 {what}" for what in ("불렀다", "벌했다", "칭찬했다", "보냈다")]


def by_hand(texts: list[str]) -> list[dict[str, float]]:
    """TF-IDF without a library: (1 + ln tf) ln((1 + n) / (1 + df)), scaled to unit length."""
    counts = []
    for text in texts:
        words = [f" {word} " for word in text.split()]
        counts.append(
            Counter(
                word[i : i + n]
                for word in words
                for n in range(2, min(5, len(word)) + 1)
                for i in range(len(word) - n + 1)
            )
        )
    df = Counter(gram for count in counts for gram in count)
    rows = []
    for count in counts:
        raw = {g: (1 + log(n)) * log((1 + len(texts)) / (1 + df[g])) for g, n in count.items()}
        norm = sqrt(sum(v * v for v in raw.values())) or 1.0
        rows.append({g: v / norm for g, v in raw.items() if v})
    return rows


@settings(deadline=None)  # the first call imports scikit-learn
@given(
    st.lists(
        st.text("가나다 ", min_size=1, max_size=12).map(lambda t: t + "라마"),
        min_size=2,
        max_size=6,
    )
)
def test_weights_are_tf_idf_as_computed_by_hand(texts):
    weights = weigh(texts)
    for row, expected in zip(weights.matrix.toarray(), by_hand(texts), strict=True):
        found = {t: v for t, v in zip(weights.terms, row, strict=True) if abs(v) > 1e-12}
        assert found == pytest.approx(expected)


def test_what_stands_in_every_text_weighs_nothing():
    weights = weigh([f"정답: {word}" for word in ("하나", "둘셋", "넷")])
    column = dict(zip(weights.terms, weights.matrix.toarray().T, strict=True))
    assert not column["정답"].any() and column["하나"].any()


def test_texts_that_differ_in_width_and_case_only_are_one():
    first, second, _ = weigh(["ＡＢＣ 문제", "abc 문제", "다른 글"]).matrix.toarray()
    assert np.array_equal(first, second)


def test_texts_on_one_thing_lie_nearer_than_texts_on_another():
    vectors = reduced(weigh(CELLS + KINGS), seed=0)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(8))
    alike = vectors @ vectors.T
    assert alike[:4, :4].min() > alike[:4, 4:].max() and alike[4:, 4:].min() > alike[:4, 4:].max()


def test_vectors_have_as_many_dimensions_as_texts_allow_and_a_hundred_at_most():
    assert reduced(weigh(CELLS), seed=0).shape == (4, 3)
    many = [f"{chr(0xAC00 + n)}{chr(0xB000 + n)} {chr(0xC000 + n)}낱말" for n in range(150)]
    assert reduced(weigh(many), seed=0).shape == (150, DIMENSIONS)


def test_equal_texts_have_equal_vectors_even_where_nothing_sets_any_apart():
    vectors = reduced(weigh(["같은 글"] * 5), seed=0)
    assert len(np.unique(vectors, axis=0)) == 1 and np.isfinite(vectors).all()


def test_terms_are_stems_of_what_sets_the_members_apart():
    weights = weigh([f"{text} 정답: 3" for text in CELLS + KINGS])
    cells, kings = (distinctive_terms(weights, rows, 6) for rows in (range(4), range(4, 8)))
    assert "세포막은"[: len(cells[0])] == cells[0] or "물질을"[: len(cells[0])] == cells[0]
    assert {term[0] for term in cells} <= set("세물거나막통") and {t[0] for t in kings} <= set(
        "임신불벌칭보"
    )
    assert not any("정답" in term for term in cells + kings)


def test_one_word_gives_one_term():
    terms = distinctive_terms(weigh(CELLS + KINGS), range(4), 20)
    assert not [(a, b) for a in terms for b in terms if a != b and a.startswith(b)]
    assert len(distinctive_terms(weigh(CELLS + KINGS), range(4), 2)) == 2


def test_the_picture_keeps_the_distances_that_lie_in_a_plane():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(20, 2)) @ rng.normal(size=(2, 7)) + 5
    drawn = plane(flat)
    assert drawn.shape == (20, 2)
    for one, other in ((0, 1), (3, 17), (8, 9)):
        distance = np.linalg.norm(flat[one] - flat[other])
        assert np.linalg.norm(drawn[one] - drawn[other]) == pytest.approx(distance)
    assert plane(np.zeros((3, 1))).tolist() == [[0, 0]] * 3
