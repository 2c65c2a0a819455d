"""DPO of the query adapter: held-out problems say what is kept, and the policy below stays bit for bit."""

from pathlib import Path

import pytest
from safetensors.torch import load_file
from support.problems import exam
from support.stacks import only_the_new_ranks_moved
from support.training import base_of_tests

from koalign.adapters.cards import read_card
from koalign.config.files import load_config
from koalign.hashing import hash_path
from koalign.jsonl import read_json, write_json, write_jsonl
from koalign.records import Count
from koalign.retrieval.chunk_file import ChunkFile, write_chunks
from koalign.retrieval.lexical import analyser_hash, build_index
from koalign.retrieval.queries import WrittenQuery
from koalign.retrieval.records import Document, Passage, ScreenedPassage
from koalign.run import StageResult
from koalign.stages import query_dpo
from koalign.stages.roles import QUERY

pytest.importorskip("tantivy")
pytestmark = pytest.mark.slow
FINDS, MISSES = "훈민정음 기록", "엉뚱한 말"
QUICK = ("learning_rate=1e-2", "batch_size=4", "gradient_accumulation_steps=1", "epochs=8")
SETTINGS = [
    "query.rank=4", "query.held_out=0.25", "query_dpo.max_displacement=null", "probe.patience=null",
    "query_dpo.max_length_drift=null", *(f"{name}.{one}" for name in ("query", "query_dpo") for one in QUICK),
]  # fmt: skip
CONFIG = load_config([], SETTINGS)


def prepared(folder: Path, parent: Path) -> dict[str, Path]:
    """The inputs of both trainings, but for the queries: a document that all problems need, and another."""
    problems = exam("train")[:12]
    texts = {"해례본": f"{FINDS}이다.", "다른 글": f"{MISSES}이다."}
    documents = [Document(name, name, text, "docs", "CC0") for name, text in texts.items()]
    (folder / "index").mkdir(parents=True)
    path = folder / "index/chunks.jsonl"
    write_chunks(path, documents, 400, 1)
    with ChunkFile(path) as chunks:
        build_index(folder / "index/lexical", (chunk.indexed for chunk in chunks))
        found = chunks[0]
    identity = {"analyser": analyser_hash(), "corpus": hash_path(path), "chunks": 2}
    gold = [
        ScreenedPassage(
            passage=Passage(
                problem_id=problem.id,
                rank=1,
                score=0.1,
                query="stem",
                chunk_id=found.id,
                chunk=found,
            ),
            verdict="gold",
            counts={"bare": Count(right=0, n=4)},
        )
        for problem in problems
    ]
    files = {
        "prepare/train.jsonl": problems,
        "prepare/shots.jsonl": [],
        "passages/passages.jsonl": gold,
    }
    for name, records in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write_jsonl(folder / name, records)
    write_json(folder / "prepare/base.json", base_of_tests().model_dump(mode="json"))
    write_json(folder / "index/index.json", identity)
    names = [*files, "prepare/base.json", "index/chunks.jsonl", "index/index.json"]
    return {name: folder / name for name in names} | {"dpo/adapter": parent}


def queries(folder: Path, ranks: dict[str, int | None]) -> Path:
    """A file in which every problem has these queries."""
    written = [
        WrittenQuery(problem_id=problem.id, text=text, rank=rank)
        for problem in exam("train")[:12]
        for text, rank in ranks.items()
    ]
    path = folder / f"{len(list(folder.glob('*.jsonl')))}.jsonl"
    write_jsonl(path, written)
    return path


def sharpened(folder: Path, parent: Path, taught: str, preferred: str) -> tuple[Path, StageResult]:
    """SFT on one query, then DPO that prefers one of the two."""
    inputs = prepared(folder, parent) | {"queries/queries.jsonl": queries(folder, {taught: 1})}
    own = {name: inputs[name] for name in QUERY.inputs}
    QUERY.run(CONFIG.only(QUERY.sections), own, folder / "query")
    other = MISSES if preferred == FINDS else FINDS
    inputs["queries/queries.jsonl"] = queries(folder, {preferred: 1, other: None})
    inputs["query/adapter"] = folder / "query/adapter"
    stage = query_dpo.STAGE
    out = folder / "query_dpo"
    own = {name: inputs[name] for name in stage.inputs}
    return out, stage.run(CONFIG.only(stage.sections), own, out)


def test_dpo_moves_the_query_adapter_to_what_finds_gold_and_the_policy_stays(
    parent, tmp_path, capsys
):
    out, result = sharpened(tmp_path, parent, MISSES, FINDS)
    assert result.counts == {"pairs": 9, "held_out": 3, "dropped_too_long": 0}
    assert (result.metrics["mrr_before"], result.metrics["mrr_after"]) == (0, 1)
    assert result.metrics["mrr_after_error"] == 0
    said = capsys.readouterr().err
    assert (
        "on 3 held-out problems: 0.000 (standard error 0.000) before, 1.000 (0.000) after" in said
    )
    assert "held-out mean reciprocal rank 100.0% (of 3)" in said
    start = load_file(tmp_path / "query/adapter/adapter_model.safetensors")
    assert only_the_new_ranks_moved(start, out / "adapter")
    card = read_card(out / "adapter")
    assert (card.name, card.role, card.frozen_rank, card.rank) == ("query_dpo", "query", 8, 12)


def test_dpo_that_finds_gold_worse_than_its_start_keeps_the_start(parent, tmp_path, capsys):
    out, result = sharpened(tmp_path, parent, FINDS, MISSES)
    assert (result.metrics["mrr_before"], result.metrics["mrr_after"]) == (1, 1)
    steps = read_json(out / "probe.json")["evaluations"]
    assert steps[-1]["held_out"] == 0 and result.metrics["kept_step"] == 0
    assert "the adapter at the start is kept" in capsys.readouterr().err
    weights = "adapter/adapter_model.safetensors"
    start, kept = (load_file(folder / weights) for folder in (tmp_path / "query", out))
    assert all(start[name].equal(kept[name]) for name in start)
