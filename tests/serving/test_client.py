"""koalign ask and koalign chat: the hint apart from the answer, through a server or an engine of our own."""

import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support.command import koalign
from support.serving import message_of, served

TOKEN = "0123456789abcdef0123456789abcdef"
ANSWER = "고른 답: 서울\n정답: 1\n"


def chat(lines: list[str], monkeypatch, *arguments: str):
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return koalign("chat", *arguments, code=0)


def test_ask_answers_on_stdout_and_hints_on_stderr(ran):
    done = koalign("ask", message_of(1), code=0)
    assert done.stdout == ANSWER and "hint: 기록의 1째 고을을 본다." in done.stderr
    with served() as server:
        assert koalign("ask", message_of(1), "--url", f"{server.url}/v1", code=0).stdout == ANSWER
        assert (
            koalign("ask", "안녕?", "--url", server.url, "--model", "dpo", code=0).stdout == ANSWER
        )


def test_chat_changes_models_asks_rows_and_keeps_what_was_said(ran, monkeypatch):
    lines = [
        "/model",
        "/model dpo",
        "안녕?",
        "/model koalign-vote",
        "/problem test.jsonl 3",
        "/hint off",
    ]
    lines += [
        "/problem test.jsonl 3",
        "/paste",
        *message_of(1).split("\n"),
        ".",
        "/save 대화.jsonl",
        "/quit",
        "x",
    ]
    done = chat(lines, monkeypatch)
    assert "there are koalign, koalign-vote, abstraction" in done.stdout
    assert done.stdout.count("[hint] 기록의 1째 고을을 본다.") == 1
    assert done.stdout.count("102번 사람이 사는 곳은?\n1. 서울") == 2
    assert "; key 3; 1: " in done.stdout and "votes 1: " in done.stdout
    said = [json.loads(line) for line in (ran / "대화.jsonl").read_text("utf-8").splitlines()]
    assert [turn["role"] for turn in said] == ["user", "assistant"] * 4
    assert said[1]["model"] == "dpo" and said[3]["reasoning"] == "기록의 1째 고을을 본다."


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/model gpt", "there are koalign"),
        ("/problem test.jsonl 99", "rows 1 to 16"),
        ("/problem test.jsonl 0", "rows 1 to 16"),
        ("/problem test.jsonl", "too few or too many words"),
        ("/problem none.jsonl 1", "none.jsonl: no such file"),
        ("/hint maybe", "on or off"),
        ("/save test.jsonl", "there already"),
        ('/save "x', "No closing quotation"),
        ("/dance", "no such command"),
        ("/", "no such command"),
    ],
)
def test_a_slip_is_one_line_and_the_chat_goes_on(ran, monkeypatch, line, told):
    done = chat([line, "안녕?"], monkeypatch, "--model", "dpo")
    assert told in done.stderr and ANSWER in done.stdout


def test_a_question_on_standard_input_is_asked_as_one_that_is_an_argument(ran, monkeypatch):
    for arguments in [(), ("-",)]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{message_of(1)}\n"))
        assert koalign("ask", *arguments, code=0).stdout == ANSWER


@pytest.mark.parametrize(
    ("given", "told"), [(b" \n", "empty"), ("가나".encode("cp949"), "iconv -f cp949")]
)
def test_a_question_of_nothing_or_in_another_encoding_is_one_line(ran, monkeypatch, given, told):
    text = io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", text)
    for arguments in [(), (given.decode("utf-8", "surrogateescape"),)]:
        done = koalign("ask", *arguments, code=2)
        assert told in done.stderr and done.stderr.count("\n") == 1


def test_a_chat_in_a_pipe_has_answers_alone_on_stdout_and_goes_on_after_bytes_that_are_no_text(
    ran, monkeypatch
):
    lines = b"\xb0\xa1\n" + "안녕?\n/save test.jsonl/here.jsonl\n/paste\n하나\n둘".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines), encoding="utf-8"))
    done = koalign("chat", "--model", "dpo", code=0)
    assert done.stdout == 2 * ANSWER
    assert "iconv -f cp949" in done.stderr and "test.jsonl" in done.stderr


@pytest.mark.parametrize(
    "body",
    [
        "<html>hello</html>",
        'data: {"choices": [{"delta": {"content": "고른 답"}, "finish_reason": null}]}\n\n',
    ],
)
def test_a_reply_without_an_end_is_no_answer(body):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = koalign("ask", "?", "--url", f"http://127.0.0.1:{server.server_port}", code=2)
        server.shutdown()
    assert "no whole answer" in done.stderr and done.stdout == ""


def test_a_server_on_this_machine_is_not_looked_for_behind_a_proxy(ran):
    with served() as server:
        proxies = dict.fromkeys(("HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
        done = koalign("ask", message_of(1), "--url", server.url, code=0, **proxies)
    assert done.stdout == ANSWER


def test_what_a_server_refuses_is_one_line(ran, monkeypatch):
    unreached = koalign("ask", "?", "--url", "http://127.0.0.1:9/v1", code=2).stderr
    assert "http://127.0.0.1:9/v1: no connection; is `koalign serve` up there? (" in unreached
    assert "--url" in koalign("ask", "?", "--url", "127.0.0.1:9", code=2).stderr
    assert (
        "nobody has allowed" in koalign("ask", "?", "--url", "http://192.0.2.1/v1", code=2).stderr
    )
    assert (
        "not set"
        in koalign("ask", "?", "--url", "http://127.0.0.1:9", "--token-env", "NO", code=2).stderr
    )
    with served(token=TOKEN) as server:
        done = koalign("ask", "?", "--url", server.url, code=2)
        assert "no valid token" in done.stderr and done.stderr.count("\n") == 1
    with served() as server:
        done = koalign("ask", "?", "--url", server.url, "--model", "gpt", code=2)
        assert "there are koalign" in done.stderr and "`koalign ask --model koalign`" in done.stderr
