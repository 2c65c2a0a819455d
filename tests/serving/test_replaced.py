"""A run that is made again under a server: it goes on as it started, or says what was replaced."""

import json
import shutil

import pytest
import yaml
from support.command import RUN, koalign
from support.serving import chat_body, message_of, served

from koalign.adapters.cards import CARD
from koalign.config.files import load_config
from koalign.config.inputs import Sampling
from koalign.engines.engine import Request
from koalign.engines.opening import open_engine
from koalign.records import KoalignError
from koalign.serving.api import Service, make_app
from koalign.serving.queue import EngineQueue
from koalign.serving.served import open_run

ADAPTER = RUN / "sft" / "adapter"


@pytest.fixture
def run(scripted_run, tmp_path, monkeypatch):
    """A run whose script has an answer of its own for each name of an adapter."""
    shutil.copytree(scripted_run, tmp_path, dirs_exist_ok=True)
    script = [
        {"adapter": name, "texts": [f"정답: {n}"]} for n, name in enumerate(["sft", "new"], 1)
    ]
    (tmp_path / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    monkeypatch.chdir(tmp_path)
    return open_run(RUN, load_config([]))


def make_again() -> None:
    """What another `koalign sft` leaves of the adapter."""
    card = json.loads((ADAPTER / CARD).read_text("utf-8"))
    (ADAPTER / CARD).write_text(json.dumps(card | {"name": "new"}), "utf-8")


def ask(engine) -> str:
    request = Request("p", tuple(b"?"), ADAPTER)
    ((sample,),) = engine.generate([request], Sampling(temperature=0), seed=0)
    return sample.text


def opened(run):
    return open_engine(run.config.engine, run.config.model, run.base, run.adapters)


def test_an_adapter_that_was_replaced_before_it_was_loaded_is_not_asked(run):
    with opened(run) as engine:
        make_again()
        with pytest.raises(KoalignError, match="sft/adapter: the adapter was"):
            ask(engine)


def test_an_adapter_that_is_being_written_is_not_asked(run):
    with opened(run) as engine:
        (ADAPTER / CARD).unlink()
        with pytest.raises(KoalignError, match="cannot be read now"):
            ask(engine)


def test_a_loaded_adapter_answers_as_it_was_when_it_is_replaced(run):
    with opened(run) as engine:
        engine.load(ADAPTER)
        make_again()
        assert ask(engine) == "정답: 1"


def test_a_server_names_the_adapters_that_it_checked_and_answers_with_no_other(run):
    with served() as server:
        before = (
            server.get("/v1/models/sft").json()["adapters"],
            server.get("/health").json()["run"],
        )
        make_again()
        now = server.get("/v1/models/sft").json()["adapters"], server.get("/health").json()["run"]
        assert now == before
        answer = server.post("/v1/chat/completions", chat_body(message_of(0), "sft"))
        assert answer.status_code == 500
        assert "the adapter was" in answer.json()["error"]["message"]
        shutil.rmtree(ADAPTER)
        assert server.get("/v1/models").status_code == 200


def test_a_server_whose_adapters_are_replaced_while_it_starts_does_not_start(run):
    make_again()
    with opened(run) as engine, pytest.raises(KoalignError, match="sft/adapter: replaced while"):
        make_app(Service(run), EngineQueue(engine))


def test_solve_names_no_answers_by_an_adapter_that_did_not_give_them(run, monkeypatch):
    import koalign.stages.solve as solve

    def then_opened(*arguments):
        make_again()
        return open_engine(*arguments)

    monkeypatch.setattr(solve, "open_engine", then_opened)
    said = koalign("solve", "test.jsonl", "-o", "a.jsonl", "--adapters", "sft", code=2).stderr
    assert "sft/adapter: replaced while this command started" in said
