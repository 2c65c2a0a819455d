"""koalign index and koalign retrieve: frozen passages, the same bytes after a kill, and refusals of one line."""

import json
import shutil
from pathlib import Path
from random import Random

import pytest
import yaml
from support.command import RUN, koalign
from support.kills import kill_when, lines_in
from support.manifests import record_outputs
from support.problems import problem, write_lines

from koalign.jsonl import read_json, read_jsonl
from koalign.records import Problem
from koalign.retrieval.chunk_file import ChunkFile, write_chunks
from koalign.retrieval.records import Document, Passage

pytest.importorskip("tantivy")
KINGS = ("세종", "태종", "문종", "단종")


def castle(number: int) -> str:
    """A name of three syllables."""
    return "".join(chr(Random(number * 3 + n).randrange(0xAC00, 0xD7A4)) for n in range(3))


def fact(number: int) -> str:
    return (
        f"{number}호 문서. 왕조의 기록에 따르면 {KINGS[number % 4]}이 {castle(number)}성을 쌓았다."
    )


def question(number: int) -> dict:
    asked = f"{castle(number)}성을 쌓은 왕은?"
    return problem(number, question=asked, passage="", choices=list(KINGS), group="")


@pytest.fixture
def corpus(scripted: Path) -> Path:
    """As `scripted`, with problems that a folder of documents answers."""
    write_lines(scripted / "train.jsonl", [question(n) for n in range(24)])
    write_lines(scripted / "test.jsonl", [question(n) for n in range(100, 110)])
    (scripted / "docs").mkdir()
    for n in range(120):
        (scripted / "docs" / f"{n:03}.txt").write_text(fact(n), "utf-8")
    config = yaml.safe_load((scripted / "koalign.yaml").read_text("utf-8"))
    config["corpus"] = {"sources": [{"path": "docs", "licence": "CC0"}]}
    config["data"].pop("hints")
    (scripted / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return scripted


def passages(folder: Path) -> dict[str, list[Passage]]:
    found: dict[str, list[Passage]] = {}
    for one in read_jsonl(folder / RUN / "retrieve/passages.jsonl", Passage):
        found.setdefault(one.problem_id, []).append(one)
    return found


def test_each_problem_has_its_passages_frozen_with_place_source_and_licence(corpus):
    koalign("index", code=0)
    koalign("retrieve", code=0)
    found = passages(corpus)
    for split in ("train", "test"):
        for one in read_jsonl(corpus / RUN / f"prepare/{split}.jsonl", Problem):
            first, *others = found[one.id]
            assert one.question.partition("을 쌓은")[0] in first.chunk.text
            assert [p.rank for p in (first, *others)] == [1, 2, 3, 4, 5]
            text = Path(first.chunk.document).read_text("utf-8")
            assert text[first.chunk.start : first.chunk.end] == first.chunk.text
            assert (first.chunk.source, first.chunk.licence) == ("docs", "CC0")
    assert read_json(corpus / RUN / "retrieve/report.json")["splits"]["test"]["with_passages"] == 10


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("corpus.characters=60", "corpus.characters = 400, and it is now 60"),
        ("corpus.sources=[{path: 문서, licence: CC0}]", "corpus.sources = "),
    ],
)
def test_an_index_of_other_documents_or_settings_is_told_before_it_is_used(corpus, setting, named):
    shutil.copytree("docs", "문서")
    koalign("index", code=0)
    told = koalign("retrieve", "-s", setting, code=0).stderr
    assert f"{RUN / 'index'} was made with {named}" in told
    assert "it is used as it is, and `koalign index --force` makes it again" in told
    koalign("index", "--force", "-s", setting, code=0)
    assert "it is used as it is" not in koalign("retrieve", "--force", "-s", setting, code=0).stderr


def test_commentary_on_a_test_question_is_dropped_for_all_and_counted(corpus):
    asked = "아주 먼 옛날 바닷가 언덕 위에 성을 처음으로 쌓은 왕은 누구인가?"
    write_lines(corpus / "test.jsonl", [question(100) | {"question": asked}])
    (corpus / "docs" / "해설.txt").write_text(f"{asked} 이 물음에는 세종이 맞다.", "utf-8")
    (corpus / "docs" / "답.txt").write_text(
        f"{castle(1)}성을 쌓은 왕을 물으면 정답은 2번이다.", "utf-8"
    )
    koalign("index", code=0)
    done = koalign("retrieve", code=0)
    assert "leaking_chunks 1" in done.stdout
    assert "dropped_states_an_answer" in done.stdout
    shown = {p.chunk.document for own in passages(corpus).values() for p in own}
    assert not shown & {"docs/해설.txt", "docs/답.txt"}


def test_a_changed_document_makes_the_index_stale_and_a_changed_template_does_not(corpus):
    koalign("index", code=0)
    done = koalign("index", "-s", "prompt.template=reasoning", code=0)
    assert "nothing to do" in done.stdout
    (corpus / "docs" / "000.txt").write_text("다른 글이다.", "utf-8")
    assert "has changed since" in koalign("index", code=2).stderr


@pytest.mark.slow
def test_a_kill_while_cutting_and_while_searching_ends_in_the_same_bytes(corpus):
    rows = [{"text": " ".join(fact(n * 50 + m) for m in range(50))} for n in range(800)]
    write_lines(corpus / "rows.jsonl", rows)
    write_lines(corpus / "train.jsonl", [question(n) for n in range(200, 320)])
    setting = ["-s", "corpus.sources=[docs, rows.jsonl]"]
    koalign("index", *setting, "--run-dir", "whole", code=0)
    koalign("retrieve", *setting, "--run-dir", "whole", code=0)
    chunks = lines_in(f"{RUN}/index/chunks.jsonl")
    kill_when(["index", *setting], corpus, lambda: chunks(corpus) > 500)
    assert not (corpus / RUN / "index/manifest.json").exists()
    koalign("index", *setting, code=0)
    searched = lines_in(f"{RUN}/retrieve/unfinished/retrieved.jsonl")
    kill_when(["retrieve", *setting], corpus, lambda: searched(corpus) > 20)
    assert not (corpus / RUN / "retrieve/manifest.json").exists()
    koalign("retrieve", *setting, code=0)
    for name in (
        "index/chunks.jsonl",
        "index/index.json",
        "retrieve/passages.jsonl",
        "retrieve/dropped.jsonl",
    ):
        assert (corpus / RUN / name).read_bytes() == (corpus / "whole" / name).read_bytes()


def test_chunks_go_on_wherever_the_file_was_cut(tmp_path):
    documents = [Document(str(n), "", fact(n) * (1 + n % 3), "docs", "") for n in range(12)]
    write_chunks(tmp_path / "whole.jsonl", documents, 50, 1)
    whole = (tmp_path / "whole.jsonl").read_bytes()
    for size in range(0, len(whole) + 1, 37):
        (tmp_path / "cut.jsonl").write_bytes(whole[:size])
        write_chunks(tmp_path / "cut.jsonl", documents, 50, 1)
        assert (tmp_path / "cut.jsonl").read_bytes() == whole
    with ChunkFile(tmp_path / "whole.jsonl") as chunks:
        assert [chunks[n] for n in range(len(chunks))] == [*chunks]


def no_sources(folder: Path) -> list[str]:
    return ["index", "-s", "corpus.sources=[]"]


def no_text(folder: Path) -> list[str]:
    shutil.rmtree(folder / "docs")
    (folder / "docs").mkdir()
    (folder / "docs" / "a.txt").write_text(" \n", "utf-8")
    return ["index"]


def listed_twice(folder: Path) -> list[str]:
    return ["index", "-s", "corpus.sources=[docs, docs]"]


def not_indexed(folder: Path) -> list[str]:
    return ["retrieve"]


def another_analyser(folder: Path) -> list[str]:
    koalign("index", code=0)
    path = folder / RUN / "index/index.json"
    changed = json.loads(path.read_text("utf-8")) | {"analyser": "0" * 16}
    path.write_text(json.dumps(changed), "utf-8")
    record_outputs(folder / RUN / "index")
    return ["retrieve"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (no_sources, "index needs corpus.sources"),
        (no_text, "corpus.sources: no text in docs"),
        (listed_twice, "docs is listed twice"),
        (not_indexed, "run `koalign index` first"),
        (another_analyser, "made by another analyser"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(corpus, change, says):
    done = koalign(*change(corpus), code=2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
