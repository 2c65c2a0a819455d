"""The board shows the passages of a problem with their sources, escaped, and an export keeps closed ones back."""

import json
import shutil
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

from koalign.serving.board.app import board_app
from koalign.serving.board.pages.exam import exam
from koalign.serving.board.pages.passages import passages
from koalign.serving.board.site import Site, View

pytestmark = pytest.mark.usefixtures("quick_charts")
PAGE = "run/default/passages"


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


@pytest.mark.parametrize("licence", ["CC0", "in-house", ""])
def test_an_export_has_passages_of_free_licences_alone(root, drawn, licence):
    for name in ("retrieve/passages.jsonl", "index/index.json"):
        path = root / "default" / name
        path.write_text(path.read_text("utf-8").replace('"CC0"', json.dumps(licence)), "utf-8")
    site = Site(root, drawn)

    def exported(page, **query: str) -> str:
        view = View(site, "en", "run/default", query, exporting=True)
        return site.render(view, page, slug="default")[1]

    found, answers = exported(passages), exported(exam, of="passages")
    assert (record(TEST[0]) in found) == (record(TEST[0]) in answers) == (licence == "CC0")
    told = "licence does not let them be passed on"
    assert (told in found) == (licence != "CC0") and (licence or "licence unknown") in found
    assert record(TEST[0]) in text_of(root, drawn, PAGE)  # the board of this machine has them all
