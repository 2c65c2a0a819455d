"""serve is for this machine, or for who has the token; what it cannot serve it refuses at the start."""

import json
import shutil
import socket

import httpx
import pytest
import yaml
from support.command import RUN, koalign
from support.serving import chat_body, message_of, served

from koalign.config.files import load_config
from koalign.serving import bodies, check, heads
from koalign.serving.served import open_run

TOKEN = "0123456789abcdef0123456789abcdef"
CHAT = "/v1/chat/completions"


def test_other_hosts_names_and_origins_are_refused(ran):
    with served() as server:
        for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""):
            reply = server.get("/v1/models", headers={"Host": host})
            assert reply.status_code in (400, 403)
        for host in ("localhost:1", "127.0.0.1", "[::1]:8000"):
            assert server.get("/v1/models", headers={"Host": host}).status_code == 200
        origin = {"Origin": "https://evil.example"}
        reply = server.get("/v1/models", headers=origin)
        assert not [name for name in reply.headers if name.startswith("access-control")]
        assert httpx.options(f"{server.url}{CHAT}", headers=origin).status_code == 405
        plain = {"Content-Type": "text/plain"}  # what a page may send without asking
        assert httpx.post(f"{server.url}{CHAT}", content=b"{}", headers=plain).status_code == 415


@pytest.mark.parametrize("body", [b"x" * (2**20 + 1), iter([b"x" * 2**19] * 3)])
def test_a_body_has_an_end(ran, body):
    with served() as server:
        reply = httpx.post(
            f"{server.url}{CHAT}", content=body, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code == 413


def test_a_body_that_is_not_whole_in_time_leaves_its_place(ran, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    with served() as server:
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as slow:
            slow.sendall(f"{head}Content-Length: 20\r\n\r\n{{".encode())
            assert slow.recv(99).startswith(b"HTTP/1.1 408")


def test_a_head_that_is_not_whole_in_time_and_what_is_no_http_end_in_an_error_of_the_same_shape(
    ran, monkeypatch
):
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.3)
    with served() as server:
        address = "127.0.0.1", int(server.url.rpartition(":")[2])
        for sent, status in [
            ("", 408), ("GET /health HTTP/1.1\r\nHost: l", 408), ("\x16\x03\x01 hello\r\n\r\n", 400),
        ]:  # fmt: skip
            with socket.create_connection(address, timeout=20) as slow:
                slow.sendall(sent.encode())
                head, _, body = slow.makefile("rb").read().partition(b"\r\n\r\n")
            assert head.startswith(f"HTTP/1.1 {status}".encode())
            assert json.loads(body)["error"]["type"] == "invalid_request_error"
        assert server.get("/health").status_code == 200


def test_a_body_that_is_no_http_leaves_no_traceback_in_the_log(ran, capfd):
    with served() as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\n"
        with socket.create_connection(address) as broken:
            broken.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\nZZ\r\n".encode())
            assert broken.recv(1000).startswith(b"HTTP/1.1 400")
        assert server.get("/health").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["Application/JSON", "application/json; charset=utf-8"])
def test_a_type_is_json_in_any_letter_case(ran, kind):
    with served() as server:
        body = json.dumps(chat_body(message_of(1)))
        reply = httpx.post(f"{server.url}{CHAT}", content=body, headers={"Content-Type": kind})
        assert reply.status_code == 200


def test_with_a_token_only_its_bearer_is_answered_and_nobody_reads_it(ran, capfd):
    with served(token=TOKEN) as server:
        body = chat_body(message_of(1))
        for headers in (
            {},
            {"Authorization": TOKEN},
            {"Authorization": f"Bearer {TOKEN}x"},
            {"Authorization": "Bearer 한"},
        ):
            raw = {name: value.encode() for name, value in headers.items()}
            reply = server.post(CHAT, body, headers=raw)
            assert (
                reply.status_code == 401 and reply.json()["error"]["type"] == "authentication_error"
            )
            assert server.get("/metrics", headers=raw).status_code == 401
        assert server.get("/health").status_code == 200
        bearer = {"Authorization": f"Bearer {TOKEN}", "Host": "gpu.example"}
        assert server.post(CHAT, body, headers=bearer).status_code == 200
        assert TOKEN not in server.get("/metrics", headers=bearer).text
    assert TOKEN not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "--token-env"),
        (["--host", "0.0.0.0", "--token-env", "NOT_SET"], "openssl rand"),
        (["--token-env", "SHORT"], "16 printable"),
        (["--host", "192.0.2.1", "--token-env", "LONG"], "--host 192.0.2.1"),
        (["--run-dir", "nowhere"], "no run here"),
        (["--adapters", "base"], "the base is not served"),
        (["--adapters", "abstraction,anser"], "unknown adapter"),
        (["-s", "prompt.template=reasoning"], "trained with prompt template"),
    ],
)
def test_what_cannot_be_served_is_refused_at_the_start(ran, arguments, told):
    done = koalign("serve", "--port", "0", *arguments, code=2, SHORT="abc", LONG=TOKEN)
    assert told in done.stderr and done.stderr.count("\n") == 1
    assert TOKEN not in done.stderr and "abc" not in done.stderr


def test_a_run_without_adapters_is_refused(ran):
    for name in ("sft", "dpo", "rft", "abstraction", "answer"):
        shutil.rmtree(RUN / name)
    assert "no adapter to serve" in koalign("serve", code=2).stderr


def test_a_half_written_stage_is_no_model(ran):
    (RUN / "answer" / "manifest.json").unlink()
    with served() as server:
        names = [model["id"] for model in server.get("/v1/models").json()["data"]]
    assert names == ["abstraction", "dpo", "rft", "sft"]


def test_stored_answers_that_come_out_otherwise_end_the_start(ran):
    script = yaml.safe_load((ran / "script.yaml").read_text("utf-8"))
    for rule in script:
        rule["texts"] = [text.replace("정답: 1", "정답: 2") for text in rule["texts"]]
    (ran / "other.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    done = koalign("serve", "--port", "0", "-s", "engine.script=other.yaml", code=2)
    assert "answer: writes otherwise than the run has stored" in done.stderr
    assert "--unchecked" in done.stderr


def test_what_another_version_has_stored_is_not_held(ran):
    config = load_config([])
    assert len(stored_of(config)) == 12 + 3 * 2
    for stage in ("evaluate", "solve"):
        plan = json.loads((RUN / stage / "plan.json").read_text("utf-8"))
        (RUN / stage / "plan.json").write_text(json.dumps({**plan, "version": 1}), "utf-8")
    assert stored_of(config) == []


def stored_of(config):
    run = open_run(RUN, config)
    return [*check._of_evaluate(run), *check._of_solve(run)]
