"""The index finds what shares bigrams with a query, in the same order every time; ranks are fused."""

import pytest

from koalign.records import KoalignError
from koalign.retrieval import lexical
from koalign.retrieval.fusion import fused
from koalign.retrieval.lexical import Hit, LexicalIndex, analyser_hash, bigrams, build_index

pytest.importorskip("tantivy")
TEXTS = [
    "세종대왕은 훈민정음을 반포하였다.",
    "이순신은 한산도에서 이겼다.",
    "ＫＯＲＥＡ의 수도는 서울이다.",
    "훈민정음 해례본은 국보이다.",
]


@pytest.fixture
def index(tmp_path):
    build_index(tmp_path / "index", TEXTS)
    return LexicalIndex(tmp_path / "index")


@pytest.mark.parametrize(
    ("query", "first"),
    [("훈민정음을 반포한 사람은?", 0), ("한산도 대첩", 1), ("korea", 2), ("해례본", 3)],
)
def test_a_query_finds_the_text_it_speaks_of(index, query, first):
    assert index.search(query, 3)[0].chunk == first


def test_signs_of_a_query_language_are_letters(index):
    assert index.search('+"수도" AND (서울) -[x TO y] *:~', 1)[0].chunk == 2


def test_what_shares_no_bigram_is_not_found(index):
    assert index.search("xyz", 5) == index.search("", 5) == index.search("가", 5) == []
    for limit in (5, 10**20):
        assert {hit.chunk for hit in index.search("훈민정음", limit)} == {0, 3}


def test_equal_scores_come_in_the_order_of_the_corpus(tmp_path):
    build_index(tmp_path / "index", ["같은 글이다."] * 50)
    found = LexicalIndex(tmp_path / "index").search("같은 글", 10)
    assert [hit.chunk for hit in found] == [*range(10)]


def test_index_and_query_are_folded_alike():
    assert bigrams("Ａ가\u00a0 나") == bigrams("a가 나") == ["a가", "가 ", " 나"]


def test_another_analyser_has_another_hash(monkeypatch):
    before = analyser_hash()
    monkeypatch.setattr(lexical, "fold", str.lower)
    assert analyser_hash() != before


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(KoalignError, match="no index; `koalign index --force`"):
        LexicalIndex(tmp_path)


def test_ranks_of_several_queries_are_added_and_scores_are_not():
    stem = ("stem", 1, [Hit(7, 1.0), Hit(3, 0.5)])
    found = fused([stem, ("choice 1", 1, [Hit(3, 99.0)]), ("box", 1, [Hit(9, 50.0)])])
    assert [(one.chunk, one.query) for one in found] == [(3, "choice 1"), (7, "stem"), (9, "box")]
    assert found[0].score == pytest.approx(1 / 61 + 1 / 62)


def test_a_ranking_counts_by_its_weight():
    found = fused([("lexical", 0.25, [Hit(1, 9.0)]), ("dense", 0.75, [Hit(2, 0.1)])])
    assert [(one.chunk, one.score) for one in found] == [
        (2, pytest.approx(0.75 / 61)),
        (1, pytest.approx(0.25 / 61)),
    ]
