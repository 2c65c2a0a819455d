"""Vectors: exact neighbours in the order of the corpus, and the same file wherever a process was killed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from koalign.records import KoalignError
from koalign.retrieval import dense
from koalign.retrieval.dense import DenseIndex, VectorFile

TEXTS = [f"글 {n}" for n in range(23)]


def encode(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors that depend on their place in the batch, as the last bits of a real model's do."""
    rows = [np.random.default_rng(sum(map(ord, text))).normal(size=6) for text in texts]
    vectors = np.array(rows) + 0.01 * np.arange(len(texts))[:, None]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def write(path: Path, of=encode, texts: Sequence[str] = TEXTS) -> None:
    VectorFile(path, len(texts)).write(texts.__getitem__, of)


@pytest.fixture
def small(monkeypatch) -> None:
    monkeypatch.setattr(dense, "BATCH", 4)
    monkeypatch.setattr(dense, "BLOCK", 5)


def test_a_file_cut_anywhere_ends_in_the_same_bytes(small, tmp_path):
    write(tmp_path / "whole.npy")
    whole = (tmp_path / "whole.npy").read_bytes()
    for size in range(0, len(whole) + 1, 3):
        (tmp_path / "cut.npy").write_bytes(whole[:size])
        write(tmp_path / "cut.npy")
        assert (tmp_path / "cut.npy").read_bytes() == whole


def test_whole_batches_are_not_encoded_again(small, tmp_path):
    write(tmp_path / "whole.npy")
    whole = (tmp_path / "whole.npy").read_bytes()
    row = 6 * 2
    (tmp_path / "cut.npy").write_bytes(whole[: len(whole) - 8 * row])
    asked: list[str] = []

    def counted(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return encode(texts)

    write(tmp_path / "cut.npy", counted)
    assert asked == TEXTS[12:]
    write(tmp_path / "cut.npy", counted)
    assert asked == TEXTS[12:]


@pytest.mark.parametrize("limit", [1, 3, 23, 40])
def test_the_neighbours_are_those_of_a_full_comparison(small, tmp_path, limit):
    write(tmp_path / "v.npy")
    queries = encode(["물음 1", "물음 2", "물음 3"])
    vectors = np.load(tmp_path / "v.npy").astype(np.float32)
    scores = np.round(queries @ vectors.T, 5)
    found = DenseIndex(tmp_path / "v.npy").search(queries, limit)
    for own, row in zip(found, scores, strict=True):
        best = sorted(range(len(row)), key=lambda n: (-row[n], n))[:limit]
        assert [hit.chunk for hit in own] == best
        assert [hit.score for hit in own] == pytest.approx([row[n] for n in best])


def test_of_equal_chunks_the_first_in_the_corpus_comes_first(small, tmp_path):
    def alike(texts: Sequence[str]) -> np.ndarray:
        return np.tile(np.float32([-1, 0]), (len(texts), 1))

    write(tmp_path / "v.npy", alike)
    for query in ([1, 0], [-1, 0], [0, 1]):
        (found,) = DenseIndex(tmp_path / "v.npy").search(np.float32([query]), 4)
        assert [hit.chunk for hit in found] == [0, 1, 2, 3]
        assert {hit.score for hit in found} == {-float(query[0])}


@pytest.mark.parametrize("content", [None, b"", b"no vectors"])
def test_a_file_without_vectors_is_refused_in_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "v.npy").write_bytes(content)
    with pytest.raises(
        KoalignError, match=r"v\.npy: no vectors of chunks; `koalign index --force`"
    ):
        DenseIndex(tmp_path / "v.npy")
