"""koalign ask and koalign chat: the hint apart from the answer, through a server or an engine of our own."""

import io
import json
import sys

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


def test_what_a_server_refuses_is_one_line(ran, monkeypatch):
    assert "up there" in koalign("ask", "?", "--url", "http://127.0.0.1:9", code=2).stderr
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
        assert "there are koalign" in done.stderr
