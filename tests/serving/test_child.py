"""A child that is killed: its answers end with an error, what follows gets 503, and /health says why."""

import asyncio
import json
import os
import re
import signal
import sys
import threading
import time

import httpx
import openai
import pytest
from support.serving import chat_body, message_of, served_by_child

from koalign.records import KoalignError
from koalign.serving.child import ChildServer

CHAT = "/v1/chat/completions"
ENDED = "vllm has ended (SIGKILL); `koalign serve` must be started again"


def read_until_killed(url: str, child, body: dict) -> list[dict]:
    """The events of a stream whose child is killed after the ninth piece of the answer."""
    events = []
    with httpx.stream("POST", f"{url}{CHAT}", json=body, timeout=30) as reply:
        assert reply.status_code == 200
        for line in reply.iter_lines():
            if not line.startswith("data: "):
                continue
            events.append(json.loads(line.removeprefix("data: ")))
            if len(texts_of(events)) == 9 and not child.failure and child.process.poll() is None:
                os.kill(child.process.pid, signal.SIGKILL)
    return events


def texts_of(events: list[dict]) -> list[str]:
    choices = [choice for event in events for choice in event.get("choices", ())]
    return [text for choice in choices if (text := choice["delta"].get("content"))]


@pytest.mark.parametrize("options", [(), ("--whole-looking",)])
def test_a_stream_whose_child_is_killed_ends_with_an_error_and_never_as_if_it_were_whole(
    ran, capsys, options
):
    with served_by_child(*options, most=2) as (server, child):
        body = chat_body(message_of(1), "dpo", stream=True)
        started = time.monotonic()
        *events, last = read_until_killed(server.url, child, body)
        assert time.monotonic() - started < 10
        assert texts_of(events)[:9] == [*"할말 가나다라마\u2028"]
        assert last == {
            "error": {"message": ENDED, "type": "server_error", "param": None, "code": None}
        }
        assert not any(c["finish_reason"] for event in events for c in event["choices"])
        server.until_idle()

        for number in range(3):  # more than there are places
            reply = server.post(CHAT, chat_body(message_of(number), stream=number == 1))
            assert (reply.status_code, reply.json()["error"]["message"]) == (503, ENDED)
        health = server.get("/health")
        assert (health.status_code, health.json()["error"]["message"]) == (503, ENDED)
        assert server.get("/v1/models").status_code == 200
        counted = re.findall(
            r'requests_total.*model="(\w+)".*status="(\d+)"} (\d)', server.get("/metrics").text
        )
        assert counted == [("dpo", "503", "1"), ("koalign", "503", "3")]
    logged = capsys.readouterr().err
    assert logged.count("vllm has ended") == 1 and "runs/default/vllm.log" in logged


def test_openai_s_client_raises_for_requests_of_every_kind_under_way_when_the_child_is_killed(ran):
    with served_by_child() as (server, child):
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        raised = []

        def ask(model: str, stream: bool) -> None:
            turns = [{"role": "user", "content": message_of(1)}]
            try:
                made = client.chat.completions.create(model=model, messages=turns, stream=stream)
                for _ in made if stream else ():
                    pass
            except openai.APIError as error:
                raised.append(str(error))

        asking = [
            threading.Thread(target=ask, args=(model, stream))
            for model in ("koalign", "koalign-vote", "dpo")
            for stream in (True, False)
        ]
        for one in asking:
            one.start()
        time.sleep(0.2)
        os.kill(child.process.pid, signal.SIGKILL)
        for one in asking:
            one.join(20)
        assert len(raised) == 6 and all(ENDED in text for text in raised)
        server.until_idle()


def test_a_child_that_ends_while_it_starts_is_one_line_with_its_log(tmp_path):
    async def start() -> None:
        async with ChildServer([sys.executable, "-c", "no_such_name"], tmp_path / "vllm.log"):
            pass

    with pytest.raises(KoalignError, match=r"cannot start: NameError: .*; its log is .*vllm.log$"):
        asyncio.run(start())


def test_a_server_that_ends_takes_its_child_with_it_and_says_nothing_of_it(ran, capsys):
    with served_by_child() as (server, child):
        assert server.get("/health").json()["status"] == "ok"
        assert child.process.poll() is None
    assert child.process.poll() is not None
    assert "has ended" not in capsys.readouterr().err
