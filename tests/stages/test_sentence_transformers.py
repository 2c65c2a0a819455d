"""corpus.embedding with a model of sentence-transformers: its own vectors, and safetensors alone."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from support.command import RUN, koalign
from support.embedding_model import tiny_bert
from support.problems import problem, write_lines

from koalign.jsonl import read_json, read_jsonl
from koalign.records import Problem
from koalign.retrieval.records import Chunk, Passage

pytest.importorskip("tantivy")
pytest.importorskip(
    "sentence_transformers", reason="sentence-transformers is not installed: koalign[embedding]"
)
ASKED = [f"{name}에서 가장 높은 산은?" for name in ("가람", "나루", "다솜", "라온")]
TEXTS = [asked.replace("은?", "은 여럿이다.") for asked in ASKED]


@pytest.fixture
def corpus(scripted: Path) -> Path:
    """As `scripted`, with a document for each question, and a model beside them."""
    rows = [problem(n, question=asked, passage="", group="") for n, asked in enumerate(ASKED)]
    write_lines(scripted / "train.jsonl", rows[:3])
    write_lines(scripted / "test.jsonl", rows[3:])
    (scripted / "docs").mkdir()
    for n, text in enumerate(TEXTS):
        (scripted / "docs" / f"{n}.txt").write_text(text, "utf-8")
    tiny_bert(scripted / "model", [*ASKED, *TEXTS])
    config = yaml.safe_load((scripted / "koalign.yaml").read_text("utf-8"))
    config["corpus"] = {"sources": ["docs"], "embedding": "model"}
    config["retrieve"] = {"dense_weight": 1, "leak_overlap": 1}
    config["data"].pop("hints")
    (scripted / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return scripted


def test_the_index_holds_the_vectors_of_the_model_and_queries_are_asked_as_queries(corpus):
    from sentence_transformers import SentenceTransformer

    koalign("index", code=0)
    koalign("retrieve", code=0)
    model = SentenceTransformer("model")
    chunks = read_jsonl(RUN / "index/chunks.jsonl", Chunk)
    texts = [chunk.indexed for chunk in chunks]
    vectors = np.load(RUN / "index/vectors.npy").astype(np.float32)
    assert np.abs(vectors - model.encode_document(texts, normalize_embeddings=True)).max() < 1e-3
    assert np.abs(vectors - model.encode_query(texts, normalize_embeddings=True)).max() > 1e-2
    (asked,) = read_jsonl(RUN / "prepare/test.jsonl", Problem)
    (query,) = model.encode_query([asked.question], normalize_embeddings=True)
    assert read_json(RUN / "index/index.json")["embedding"]["model"] == "model"
    found = read_jsonl(RUN / "retrieve/passages.jsonl", Passage)
    assert {one.chunk_id for one in found if one.problem_id == asked.id} == {c.id for c in chunks}
    by_stem = [one for one in found if one.problem_id == asked.id and one.query == "stem"]
    assert chunks[int(np.argmax(vectors @ query))].id in {one.chunk_id for one in by_stem}


def test_a_changed_model_makes_the_index_stale(corpus):
    koalign("index", code=0)
    tiny_bert(corpus / "other", ["다른 말"])
    (corpus / "model" / "tokenizer.json").write_bytes(
        (corpus / "other" / "tokenizer.json").read_bytes()
    )
    refused = koalign("retrieve", code=2).stderr
    assert "its vectors are of another embedding model" in refused


def test_texts_that_the_model_does_not_read_to_their_end_are_told(corpus):
    said = "corpus.embedding model: reads 64 tokens of a text, and some texts are longer"
    assert said not in koalign("index", code=0).stderr
    (corpus / "docs" / "long.txt").write_text("가람 나루 다솜 라온 " * 18, "utf-8")
    assert koalign("index", "--force", code=0).stderr.count(said) == 1


def test_a_model_that_is_not_in_safetensors_is_refused_in_one_line(corpus):
    tiny_bert(corpus / "pickled", ASKED, safetensors=False)
    refused = koalign("index", "-s", "corpus.embedding=pickled", code=2).stderr
    assert "corpus.embedding pickled: cannot be loaded" in refused
    assert "in safetensors" in refused and len(refused.splitlines()) == 1
