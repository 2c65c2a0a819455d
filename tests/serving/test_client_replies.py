"""Whatever a server answers to koalign ask, it is an answer or one line."""

import gzip
import json

import pytest
from support.command import koalign
from support.raw_server import http, raw_server
from support.refusals import refused

from koalign.records import KoalignError
from koalign.serving import client
from koalign.serving.client import remote

STREAM = ("Content-Type: text/event-stream; charset=hex",)
PART = {"choices": [{"delta": {"content": "정답: 1"}, "finish_reason": "stop"}]}
SHAPES = (
    None, 3, "x", [], [3], {}, {"data": None}, {"data": [3]}, {"data": [{}]}, {"data": [{"id": 3}]}, {"choices": 3},
    {"choices": [3]}, {"choices": [{"delta": 3}]}, {"choices": [{"delta": {"content": 3}}]}, {"error": 3},
    {"choices": [{"delta": {"reasoning": {}}}]}, {"choices": None}, {"error": {"message": "a\nb"}},
)  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with raw_server() as running:
        yield running


def streamed(server, data: bytes, status: int = 200) -> str:
    server.answer = http(status, b"data: " + data + b"\n\ndata: [DONE]\n\n", STREAM)
    with remote(server.url, None) as asking:
        return asking.chat([], "m", lambda hint: None, lambda text: None).text


def test_an_answer_is_read_whatever_charset_is_named(server):
    assert streamed(server, json.dumps(PART).encode()) == "정답: 1"


@pytest.mark.parametrize("text", ["가\u2028나", "\u0085", "\x1e\x0b", "\n\r\n"])
@pytest.mark.parametrize("escaped", [True, False])
def test_an_event_ends_where_its_line_does_and_not_at_another_sign(server, text, escaped):
    part = {"choices": [{"delta": {"content": text}, "finish_reason": "stop"}]}
    assert streamed(server, json.dumps(part, ensure_ascii=escaped).encode()) == text


def test_half_a_sign_is_a_question_mark_that_can_be_sent_back(server):
    part = {"choices": [{"delta": {"content": "정답: \ud800"}, "finish_reason": "stop"}]}
    assert streamed(server, json.dumps(part).encode()) == "정답: ?"


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("shape", SHAPES, ids=json.dumps)
def test_an_answer_of_another_shape_is_a_line(server, shape, status):
    data = json.dumps(shape).encode()
    with pytest.raises(KoalignError) as caught:
        streamed(server, data, status)
    assert "\n" not in str(caught.value)
    server.answer = http(status, shape)
    with remote(server.url, None) as client:
        for ask in (client.models, lambda: client.solve({}, "m")):
            with pytest.raises(KoalignError):
                ask()


@pytest.mark.parametrize("slip", [
    {"text": None}, {"abstraction": 3}, {"votes": None}, {"votes": {"1": "x"}}, {"probabilities": [1]},
    {"probabilities": {"1": None}}, {"probabilities": {"1": 10**400}},
])  # fmt: skip
def test_a_solution_of_another_shape_is_a_line(server, slip):
    whole = {"text": "정답: 1", "abstraction": "", "answer": "1", "why": "match"}
    whole |= {"probabilities": None, "votes": {"1": 2}}
    with remote(server.url, None) as client:
        server.answer = http(200, whole)
        assert client.solve({}, "m").votes == {"1": 2}
        server.answer = http(200, whole | slip)
        with refused("answers otherwise than `koalign serve`"):
            client.solve({}, "m")


def test_a_chat_with_a_server_without_a_model_is_a_line(server):
    server.answer = http(200, {"data": []})
    done = koalign("chat", "--url", server.url, code=2)
    assert done.stderr == f"koalign: {server.url}: serves no model\n"


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 99_999, b"\xff", b"9" * 9999])
def test_an_answer_that_is_no_json_is_a_line(server, data):
    with pytest.raises(KoalignError) as caught:
        streamed(server, data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"x" * 9000, b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n' * 200]
)
def test_a_reply_without_an_end_is_a_line(server, monkeypatch, data):
    monkeypatch.setattr(client, "MOST_BYTES", 8000)
    server.answer = http(200, data, STREAM)
    with remote(server.url, None) as asking, refused("larger than 8,000 bytes"):
        asking.chat([], "m", lambda hint: None, lambda text: None)
    with remote(server.url, None) as asking, refused("larger than 8,000 bytes"):
        asking.models()


def test_a_packed_reply_is_not_unpacked(server):
    server.answer = http(200, gzip.compress(b"0" * 2**20), ("Content-Encoding: gzip",))
    with remote(server.url, None) as asking, refused("answers with no JSON"):
        asking.models()
