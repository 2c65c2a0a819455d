"""A misbehaving server, short waits between tries, and a log: what the tests of teachers share."""

from pathlib import Path

import pytest
from support.faulty_server import Server, faulty_server

from koalign.engines import call_queue


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(call_queue, "FIRST_WAIT", 0.02)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def server():
    with faulty_server(Server()) as running:
        yield running


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "log.jsonl"
