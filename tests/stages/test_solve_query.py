"""solve with the run's own query adapter: its greedy query finds the passages that the reader answers with."""

import shutil
from pathlib import Path

import pytest
import yaml
from support.board import client
from support.command import RUN, koalign
from support.corpora import with_a_corpus
from support.problems import problem, write_lines
from support.project import set_up

from koalign.cli.passages import find_passages
from koalign.config.files import load_config
from koalign.evaluation.solving.solutions import Solution
from koalign.jsonl import read_json, read_jsonl, read_record
from koalign.records import Base, KoalignError
from koalign.retrieval.records import Passage

pytest.importorskip("tantivy")
ASKED = ("김가람", "이나래", "박다온")
SILENT = "윤차돌"
"""For whom the adapter writes no query."""
SHOW = ("-s", "solve.passages=1", "--adapters", "query,reader")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run that has trained query and reader, and a file of further problems."""
    folder = with_a_corpus(set_up(tmp_path_factory.mktemp("trained")))
    script = yaml.safe_load((folder / "script.yaml").read_text("utf-8"))
    silent = {"contains": ["검색어를 한 줄 쓰시오", SILENT], "texts": ["검색어:"]}
    text = yaml.safe_dump([silent, *script], allow_unicode=True)
    (folder / "script.yaml").write_text(text, "utf-8")
    rows = [
        problem(n, question=f"{name}이 옛날에 살던 고을은?", passage="", group="")
        for n, name in enumerate((*ASKED, SILENT))
    ]  # fmt: skip
    write_lines(folder / "others.jsonl", rows)
    koalign("run", "-s", "controls=off", cwd=folder, code=0)
    koalign("query", cwd=folder, code=0)
    return folder


@pytest.fixture
def run(folder: Path, trained: Path) -> Path:
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    return folder


def found_in(folder: Path) -> Path:
    """The one folder of queries and passages."""
    (path,) = (folder / RUN / "solving").glob("*/passages.jsonl")
    return path.parent


def test_the_query_of_the_adapter_finds_what_the_reader_answers_with_and_is_paid_for(run):
    done = koalign("solve", "others.jsonl", "-o", "o.jsonl", *SHOW, "--report", code=0)
    lines = read_jsonl(run / "o.jsonl", Solution)
    for name, line in zip(ASKED, lines, strict=False):
        (hint,) = line.hints
        assert hint.query == f"{name} 고을 기록"
        assert [one.document for one in hint.passages] == [f"docs/{name}-기록.txt"]
        written = f"검색어: {hint.query}".encode()
        assert line.tokens.hints == len(written) + 1  # the scripted tokens are bytes
    assert lines[-1].hints[0].query == ""
    passages = read_jsonl(found_in(run) / "passages.jsonl", Passage)
    assert [(one.query, one.written) for one in passages if one.problem_id != lines[-1].id] == [
        ("written", f"{name} 고을 기록") for name in ASKED
    ]
    report = read_json(run / "o.report.json")
    (note,) = (one for one in report["notes"] if "query of an adapter" in one)
    assert "of 3 problems; 1 without one were looked for by their own text" in note
    columns = {column["name"]: column for column in report["columns"]}
    assert columns["hint_vote"]["accuracy"] > columns["bare_average"]["accuracy"]
    spent = [line.tokens for line in lines]
    assert columns["vote"]["generated"] == pytest.approx(
        sum(t.generated for t in spent) / 4, abs=0.01
    )
    assert columns["bare"]["generated"] >= columns["vote"]["generated"]
    assert "1 without a query" in done.stderr and "queries " in done.stdout
    stem = koalign("solve", "others.jsonl", "-o", "s.jsonl", *SHOW[:3], "reader", code=0)
    assert "queries " not in stem.stdout
    assert all(one.hints[0].query is None for one in read_jsonl(run / "s.jsonl", Solution))


def test_a_killed_search_ends_in_the_same_bytes_and_another_reader_uses_its_queries(run):
    koalign("solve", "-o", "o.jsonl", *SHOW, code=0)
    made = found_in(run)
    whole = {path.name: path.read_bytes() for path in made.iterdir()}
    first, *_ = whole["queries.jsonl"].splitlines(keepends=True)
    (made / "queries.jsonl").write_bytes(first + b'{"problem')
    (made / "passages.jsonl").unlink()
    koalign("solve", "-o", "dpo.jsonl", *SHOW[:3], "query,dpo", code=0)
    assert {path.name: path.read_bytes() for path in found_in(run).iterdir()} == whole
    shown = [
        [hint.passages for line in read_jsonl(run / name, Solution) for hint in line.hints]
        for name in ("o.jsonl", "dpo.jsonl")
    ]
    assert shown[0] == shown[1] and any(shown[0])


def test_queries_that_were_begun_end_with_the_engine_that_began_them(run, monkeypatch, capsys):
    def killed(config, base, adapter, problems, path):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{config.engine.opened}\n")
        raise KoalignError("killed")

    def asked(installed):
        monkeypatch.setattr("importlib.util.find_spec", lambda _: installed or None)
        with pytest.raises(KoalignError) as error:
            find_passages(config, RUN, base, [], RUN / "query/adapter")
        return str(error.value)

    monkeypatch.setattr("koalign.answering.queries.greedy_queries", killed)
    settings = ["solve.passages=1", "engine.backend=auto", "engine.script=null"]
    config = load_config([], settings)
    base = read_record(RUN / "prepare/base.json", Base)
    assert [asked(installed) for installed in (False, True)] == ["killed"] * 2
    assert "engine: hf, with which runs/default/solving/" in capsys.readouterr().err
    (queries,) = RUN.glob("solving/*/queries.jsonl")
    assert queries.read_text("utf-8") == "hf\nhf\n"
    (queries.parent / "unfinished/backend").write_text("vllm", "utf-8")
    assert f"or remove {queries.parent} to begin again" in asked(False)


def not_trained(folder: Path) -> None:
    shutil.rmtree(folder / RUN / "query")


def not_indexed(folder: Path) -> None:
    shutil.rmtree(folder / RUN / "index")


@pytest.mark.parametrize(
    ("change", "arguments", "says"),
    [
        (not_trained, SHOW, "adapter 'query' is not in runs/default; run `koalign query` first"),
        (not_indexed, SHOW, "run `koalign index` first"),
        (None, (*SHOW[:3], "reader,query"), "give `--adapters query,reader`"),
        (None, (*SHOW[:3], "query"), "writes a search query and answers nothing"),
        (None, SHOW[2:], "solve.passages is 0; say how many are shown"),
        (None, (*SHOW[:3], "query,sft,dpo"), "passages stand in the place of hints"),
        (None, (*SHOW, "--shard", "1/2"), "--shard: one process writes the queries"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(run, change, arguments, says):
    if change:
        change(run)
    done = koalign("solve", "others.jsonl", "-o", "o.jsonl", *arguments, code=2)
    assert says in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (run / "o.jsonl").exists() and not (run / RUN / "solving").exists()


@pytest.mark.parametrize("command", [("benchmark", "kmmlu", "--data", "others.jsonl"), ("serve",)])
def test_where_nothing_is_searched_a_query_adapter_is_refused(run, command):
    done = koalign(*command, "--adapters", "query,reader", code=2)
    assert "query writes search queries" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_board_shows_the_queries_and_what_they_found(run, tmp_path_factory):
    pytest.importorskip("fastapi")
    pytest.importorskip("altair")
    koalign("solve", "others.jsonl", "-o", "o.jsonl", *SHOW, code=0)
    board = client(run / "runs", tmp_path_factory.mktemp("drawn"))
    page = "/en/run/default/passages"
    assert f"?split={found_in(run).name}" in board.get(page).text
    text = board.get(f"{page}?split={found_in(run).name}").text
    assert "Search query: 김가람 고을 기록" in text and "docs/김가람-기록.txt" in text
    assert SILENT in text and text.count("Search query: ") == len(ASKED)
