"""A server under load: closed sockets free their place, the queue has an end, a signal drains it."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from support.command import hear_hang_up
from support.serving import chat_body, message_of, served

from koalign.serving import streams
from koalign.serving.queue import EngineQueue

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("stream", [True, False])
def test_a_closed_socket_frees_its_place_and_its_work(ran, stream):
    with served(most=2, seconds=0.3) as server:
        for _ in range(5):
            body = chat_body(message_of(1), "koalign-vote", stream=stream)
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{server.url}{CHAT}", json=body, timeout=0.1).read()
            server.until_idle()
        time.sleep(0.5)
        begun = len(server.engine.calls)
        assert begun <= 5, "the answers to hints that nobody waits for are not computed"
        assert server.post(CHAT, chat_body(message_of(1))).status_code == 200
        assert 'status="499"' in server.get("/metrics").text


def test_a_full_queue_is_a_429_that_says_when_to_come_back(ran):
    with served(most=1, seconds=0.5) as server:
        first = threading.Thread(target=server.post, args=(CHAT, chat_body(message_of(1))))
        first.start()
        time.sleep(0.2)
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            turns = [{"role": "user", "content": message_of(2)}]
            with pytest.raises(openai.RateLimitError) as caught:
                client.chat.completions.create(model="koalign", messages=turns)
        assert int(caught.value.response.headers["retry-after"]) >= 1
        assert server.get("/health").status_code == 200
        first.join()
        assert server.post(CHAT, chat_body(message_of(2))).status_code == 200


@contextmanager
def server_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`koalign serve` in a process of its own, whose engine takes a second for a call; and its address."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-m", "support.serving", "1"], env={**os.environ, "PYTHONPATH": path},
        preexec_fn=hear_hang_up, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_takes_no_new_request_and_ends_those_under_way(ran, number):
    with server_process() as (process, url):
        replies = []

        def ask() -> None:
            replies.append(
                httpx.post(f"{url}/chat/completions", json=chat_body(message_of(1)), timeout=60)
            )

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.5)
        process.send_signal(number)
        time.sleep(0.5)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/models")
        asking.join()
        assert replies[0].json()["choices"][0]["message"]["content"] == "고른 답: 서울\n정답: 1"
        assert process.wait(30) == 0


def test_a_head_without_an_end_is_refused_and_not_kept(ran):
    with server_process() as (_, url):
        address = "127.0.0.1", httpx.URL(url).port
        with socket.create_connection(address, timeout=30) as endless, pytest.raises(OSError):
            endless.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
            for _ in range(1000):
                endless.sendall(b"X: " + b"x" * 100_000 + b"\r\n")


def test_a_second_ctrl_c_cuts_off_what_is_under_way_and_logs_no_fault(ran):
    with server_process() as (process, url):
        cut = []

        def ask() -> None:
            try:
                reply = httpx.post(
                    f"{url}/chat/completions", json=chat_body(message_of(1)), timeout=60
                )
                cut.append(reply.status_code == 500)
            except httpx.TransportError:
                cut.append(True)

        asking = threading.Thread(target=ask)
        asking.start()
        for _ in range(2):
            time.sleep(0.4)
            process.send_signal(signal.SIGINT)
        asking.join()
        assert cut == [True]
        assert "Exception in ASGI" not in process.communicate(timeout=30)[1]


def test_a_connection_that_was_idle_for_as_long_as_clients_keep_it_is_answered(ran):
    """5 s in httpx and in OpenAI's client; one that the server closes then is an error in the client."""
    with server_process() as (_, url):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        for pause in (0, 5.5):
            time.sleep(pause)
            connection.request("GET", "/health")
            assert connection.getresponse().read().startswith(b'{"status":"ok"')


def test_silence_is_broken_by_comments(ran, monkeypatch):
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.1)
    with served(seconds=0.35) as server:
        text = server.post(CHAT, chat_body(message_of(1), stream=True)).text
    assert text.count(": still at work\n\n") >= 4 and text.endswith("data: [DONE]\n\n")


def test_a_stream_that_is_closed_ends_the_work_on_its_next_part():
    ended = []

    async def parts():
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def read_one() -> None:
        stream = streams.with_comments(parts())
        assert await anext(stream) == 1
        await asyncio.sleep(0)
        await stream.aclose()

    asyncio.run(read_one())
    assert ended


class _Engine:
    def __init__(self, gate: threading.Event) -> None:
        self.gate, self.calls = gate, []

    def requests_at_once(self, n: int) -> int:
        return 16 // n

    def generate(self, requests, sampling, *, seed, stop):
        self.gate.wait(5)
        self.calls.append(len(requests))
        return [[request.problem_id] for request in requests]


def test_what_waits_goes_in_calls_that_fill_the_engine_and_what_was_cancelled_does_not():
    from koalign.config.inputs import Sampling
    from koalign.engines.engine import Request

    gate = threading.Event()
    engine = _Engine(gate)

    async def run() -> None:
        async with EngineQueue(engine) as queue:

            def ask(name: str, seed: int = 0):
                return asyncio.ensure_future(
                    queue.generate([Request(name, (1,))], Sampling(), seed)
                )

            first = ask("first")
            await asyncio.sleep(0.05)
            waiting = [ask(str(n)) for n in range(20)]
            other = ask("other seed", seed=1)
            await asyncio.sleep(0)
            waiting[3].cancel()
            gate.set()
            results = await asyncio.gather(first, *waiting, other, return_exceptions=True)
            assert isinstance(results[4], asyncio.CancelledError)
            assert results[1] == [["0"]] and results[-2] == [["19"]]

    asyncio.run(run())
    assert engine.calls == [1, 16, 3, 1]


class _SlowEngine:
    """Takes a tenth of a second for a call, however many share it."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def requests_at_once(self, n: int) -> int:
        return 64

    def generate(self, requests, sampling, *, seed, stop):
        self.calls.append(len(requests))
        time.sleep(0.1)
        return [[request.problem_id] for request in requests]


def test_users_who_came_one_by_one_come_to_share_calls_of_hints_and_of_answers():
    from koalign.config.inputs import Sampling
    from koalign.engines.engine import Request

    engine, clients, problems = _SlowEngine(), 8, 32
    left = iter(range(problems))

    async def client(number: int, queue: EngineQueue) -> None:
        await asyncio.sleep(0.03 * number)
        for problem in left:
            for adapter in ("abstraction", "answer"):
                await asyncio.sleep(0.003)
                request = Request(str(problem), (1,), adapter=Path(adapter))
                assert await queue.generate([request], Sampling(), 0) == [[str(problem)]]

    async def run() -> None:
        async with EngineQueue(engine, lambda: clients) as queue:
            await asyncio.gather(*(client(number, queue) for number in range(clients)))

    asyncio.run(run())
    in_step = 2 * problems // clients
    assert sum(engine.calls) == 2 * problems
    assert len(engine.calls) <= 1.6 * in_step, "18 for 8 where calls of hints and answers alternate"


def test_a_port_in_use_is_refused_before_the_run_is_loaded(ran):
    from support.command import koalign

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = koalign("serve", "--port", port, code=2)
    assert f"--port {port}" in done.stderr and "in use" in done.stderr
