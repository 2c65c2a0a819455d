"""The board shows the passages of a problem with their sources, escaped, and an export keeps closed ones back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.board import LOCAL, SCRIPT
from support.command import koalign
from support.documents import TEST, record, set_up_documents
from support.problems import write_lines

pytest.importorskip("fastapi")
pytest.importorskip("altair")
pytest.importorskip("tantivy")
from fastapi.testclient import TestClient

from koalign.jsonl import write_jsonl
from koalign.retrieval.records import Chunk, Passage, passages_text
from koalign.serving.board.app import board_app
from koalign.serving.board.pages.compare import compare
from koalign.serving.board.pages.exam import exam
from koalign.serving.board.pages.passages import passages
from koalign.serving.board.quoting import LEFT_OUT, Quoting
from koalign.serving.board.site import Reply, Site, View

pytestmark = pytest.mark.usefixtures("quick_charts")
PAGE = "run/default/passages"
BARE = ("passages_votes_written", "passages_votes_total", "reader_alone")
"""Systems beside those with passages that are shown none."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Path:
    folder = set_up_documents(tmp_path_factory.mktemp("documents"))
    koalign("run", "-s", "reader.passages=1", cwd=folder, code=0)
    return folder / "runs"


@pytest.fixture
def root(ran: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ran, tmp_path / "runs"))


def text_of(root: Path, drawn: Path, page: str) -> str:
    return TestClient(board_app(Site(root, drawn)), base_url=LOCAL).get(f"/en/{page}").text


def test_a_problem_has_its_passages_with_source_licence_and_verdict(root, drawn):
    test, train = (text_of(root, drawn, f"{PAGE}?split={split}") for split in ("test", "train"))
    assert record(TEST[0]) in test and "docs · docs/100호.txt · CC0" in test
    assert "gold" in train and "replication" in train
    results = text_of(root, drawn, "run/default/results")
    assert results.count("Do passages pay for themselves?") == 2
    assert results.count("Table by subject") == 2 and "points against more votes" in results
    assert (
        "passages pay for themselves here" in results
        and "another problem&#39;s passages" in results
    )


def test_the_text_of_a_document_is_never_markup(root, drawn):
    path = root / "default/retrieve/passages.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    hostile = dict.fromkeys(("title", "text", "source", "licence", "document"), SCRIPT)
    write_lines(path, [row | {"chunk": row["chunk"] | hostile} for row in rows])
    page = text_of(root, drawn, PAGE)
    assert SCRIPT not in page and "&lt;script" in page


def licensed(root: Path, licence_of: Callable[[str], str]) -> None:
    """The passages of the run with a licence by the text of each."""
    path = root / "default/retrieve/passages.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        row["chunk"]["licence"] = licence_of(row["chunk"]["text"])
    write_lines(path, rows)


def exported(root: Path, drawn: Path, page: Callable[..., Reply], **query: str) -> str:
    """A page as an export holds it."""
    site = Site(root, drawn)
    view = View(site, "en", "run/default", query, exporting=True)
    return site.render(view, page, **({} if page is compare else {"slug": "default"}))[1]


@pytest.mark.parametrize("licence", ["CC0", "in-house", ""])
def test_an_export_has_passages_of_free_licences_alone(root, drawn, licence):
    licensed(root, lambda _: licence)
    found, answers = exported(root, drawn, passages), exported(root, drawn, exam, of="passages")
    assert (record(TEST[0]) in found) == (record(TEST[0]) in answers) == (licence == "CC0")
    told = "licence does not let them be passed on"
    assert (told in found) == (licence != "CC0") and (licence or "licence unknown") in found
    assert record(TEST[0]) in text_of(root, drawn, PAGE)  # the board of this machine has them all


def test_an_export_leaves_out_the_passages_without_permission_and_no_others(root, drawn):
    closed, free = record(TEST[0]), record(TEST[1])
    licensed(root, lambda text: "in-house" if text == closed else "CC0")
    paper = exported(root, drawn, exam, of="passages")
    assert closed not in paper and LEFT_OUT in paper and free in paper
    pair = {"a": "default/passages", "b": "default/dpo", "kind": "A_only"}
    sides = exported(root, drawn, compare, **pair)
    assert closed not in sides and free in sides


def test_answers_that_read_no_passage_are_exported_whole(root, drawn):
    before = [exported(root, drawn, exam, of=name) for name in BARE]
    licensed(root, lambda _: "in-house")
    assert [exported(root, drawn, exam, of=name) for name in BARE] == before
    assert all("licence does not let" not in page for page in before)


def test_of_several_passages_in_a_prompt_those_without_permission_are_left_out(tmp_path):
    texts = {
        "첫 글이다.": "CC0",
        "둘째\n\n글이다.": "in-house",
        "둘째": "CC0",
        "셋째 글이다.": "CC BY 4.0",
    }
    found = [
        Passage(problem_id="p", rank=1, score=0, query="stem", chunk_id="c", chunk=Chunk(
            document="d", title="", source="s", licence=licence, start=0, end=1, text=text))
        for text, licence in texts.items()
    ]  # fmt: skip
    write_jsonl(tmp_path / "passages.jsonl", found)
    quoting = Quoting(tmp_path / "passages.jsonl")

    def passed_on(*shown: Passage) -> tuple[str, str]:
        return tuple(quoting.passed_on(passages_text(shown), "풀이").values())

    first, second, beginning, third = found
    assert passed_on() == ("", "풀이")
    assert passed_on(third, beginning, first) == (passages_text([third, beginning, first]), "풀이")
    assert passed_on(first, second, third) == (f"첫 글이다.\n\n{LEFT_OUT}\n\n셋째 글이다.", "")
    unknown = first.model_copy(update={"chunk": first.chunk.model_copy(update={"text": "딴 글"})})
    assert passed_on(third, unknown, first) == (f"셋째 글이다.\n\n{LEFT_OUT}", "")


def test_where_the_passages_of_a_run_are_gone_nothing_that_was_read_is_exported(root, drawn):
    (root / "default/retrieve/passages.jsonl").unlink()
    paper = exported(root, drawn, exam, of="passages")
    assert record(TEST[1]) not in paper and LEFT_OUT in paper
