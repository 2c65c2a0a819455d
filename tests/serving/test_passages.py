"""serve with passages: the answer says which were shown, with their sources, and no other model is shown any."""

import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.documents import OTHERS, TEST, question, record
from support.serving import served

from koalign.config.files import load_config
from koalign.records import KoalignError
from koalign.serving.served import open_run

pytest.importorskip("tantivy")
SHOW = ("solve.passages=2", "solve.adapters=dpo")


@pytest.fixture
def run(folder: Path, retrieved: Path) -> Path:
    shutil.copytree(retrieved, folder, dirs_exist_ok=True)
    return folder


def asked(number: int, **more: str) -> dict:
    row = question(number)
    return {name: row[name] for name in ("question", "choices")} | more


def test_solve_returns_the_passages_that_it_showed_with_their_sources(run):
    with served(*SHOW) as server:
        for number in (TEST[0], OTHERS[0]):  # one frozen, one searched now
            answer = server.post("/v1/solve", asked(number)).json()
            first, second = answer["passages"]
            assert first == {
                "document": f"docs/{number}호.txt", "title": f"{number}호", "source": "docs",
                "licence": "CC0", "text": record(number),
            }  # fmt: skip
            assert second["text"] in answer["abstraction"]
            assert answer["answer"] == str(number % 4 + 1)
        bare = server.post("/v1/solve", asked(TEST[0], model="dpo")).json()
        assert "passages" not in bare and not bare["abstraction"]


def test_a_chat_has_the_passages_beside_the_answer_and_calls_none_of_them_reasoning(run):
    row = question(TEST[1])
    choices = "\n".join(f"{n}. {city}" for n, city in enumerate(row["choices"], start=1))
    turns = [{"role": "user", "content": f"{row['question']}\n{choices}"}]
    with served(*SHOW) as server:
        body = {"model": "koalign", "messages": turns}
        answer = server.post("/v1/chat/completions", body).json()
    assert answer["koalign"]["passages"][0]["text"] == record(TEST[1])
    assert "reasoning" not in answer["choices"][0]["message"]


def test_without_the_setting_an_answer_has_no_key_of_passages(run):
    with served("solve.adapters=dpo") as server:
        answer = server.post("/v1/solve", asked(TEST[0])).json()
    assert "passages" not in answer and answer["hints"] == []


@pytest.mark.parametrize(
    ("gone", "settings", "says"),
    [
        ("index", SHOW, "run `koalign index` first"),
        ("retrieve", SHOW, "run `koalign retrieve` first"),
        ("", ("solve.passages=1",), "passages stand in the place of hints"),
        (
            "index",
            (*SHOW, "retrieve.adapter=q"),
            "retrieve.adapter has written queries for those alone",
        ),
        ("", (*SHOW, "retrieve.passages=3"), "retrieve was made with retrieve.passages = 5"),
    ],
)
def test_a_server_that_could_show_none_does_not_start(run, gone, settings, says):
    if gone:
        shutil.rmtree(run / RUN / gone)
    with pytest.raises(KoalignError, match=says):
        open_run(RUN, load_config([], settings))


def test_ask_without_a_server_reads_the_passages_too(run):
    row = question(TEST[2])
    choices = " ".join(f"{mark} {city}" for mark, city in zip("①②③④", row["choices"], strict=True))
    done = koalign("ask", f"{row['question']} {choices}", "-s", SHOW[0], "-s", SHOW[1], code=0)
    assert str(TEST[2] % 4 + 1) in done.stdout
