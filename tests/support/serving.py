"""A koalign server on a free port with the scripted engine, in a thread of this process or in a process."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import yaml

from koalign.config.files import load_config
from koalign.engines.opening import open_engine
from koalign.engines.scripted import ScriptedEngine
from koalign.serving.api import Service, make_app
from koalign.serving.child import ChildServer
from koalign.serving.completions import Completions
from koalign.serving.heads import Heads
from koalign.serving.queue import EngineQueue
from koalign.serving.served import open_run
from koalign.serving.start import bind, serve
from support.command import RUN
from support.problems import CITIES

QUESTION = "{}번 사람이 사는 곳은?"
JSON = {"Content-Type": "application/json"}


def message_of(number: int) -> str:
    """A problem as a user writes it."""
    choices = "\n".join(f"{n}. {city}" for n, city in enumerate(CITIES, start=1))
    return f"{QUESTION.format(number)}\n{choices}"


def chat_body(text: str, model: str = "koalign", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def write_script(path: Path, count: int) -> Path:
    """A hint and an answer of its own for each of the first problems; with another's hint no rule fits."""
    lines = []
    for n in range(count):
        asks = f"문제: {QUESTION.format(n)}"
        answer = f"고른 답: {CITIES[n % 4]}\n정답: {n % 4 + 1}"
        lines += [
            {"contains": [asks, "풀이의 실마리를"], "texts": [f"기록의 {n}째 줄을 본다."]},
            {"contains": [asks, f"실마리: 기록의 {n}째 줄"], "texts": [answer]},
        ]
    path.write_text(yaml.safe_dump(lines, allow_unicode=True), "utf-8")
    return path


class SlowEngine(ScriptedEngine):
    """The scripted engine with a pause in each call; remembers the size of each call."""

    seconds = 0.0
    calls: list[int]

    def generate(self, requests: Sequence[Any], sampling: Any, **rest: Any) -> Any:
        self.calls.append(len(requests))
        time.sleep(self.seconds)
        return super().generate(requests, sampling, **rest)


class Server:
    """A running server: its address, its service and its engine."""

    def __init__(self, url: str, service: Service, engine: SlowEngine) -> None:
        self.url, self.service, self.engine = url, service, engine

    def post(self, route: str, body: Any, **more: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{route}", json=body, timeout=60, **more)

    def get(self, route: str, **more: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{route}", timeout=60, **more)

    def until_idle(self) -> None:
        end = time.monotonic() + 10
        while self.service.load.active and time.monotonic() < end:
            time.sleep(0.01)
        assert not self.service.load.active


@contextmanager
def served(
    *settings: str, most: int = 256, seconds: float = 0, token: str | None = None
) -> Iterator[Server]:
    """The run in ./runs/default behind a server in a thread; `seconds`: a pause in each call of the engine."""
    config = load_config([], settings)
    service = Service(open_run(RUN, config), most)
    engine = SlowEngine(config.engine, service.run.base)
    engine.seconds, engine.calls = seconds, []
    queue = EngineQueue(engine, lambda: service.load.active, service.metrics.batch)
    with _running(service, queue, token) as url:
        yield Server(url, service, engine)


def child_server(*options: str, log: Path = RUN / "vllm.log") -> ChildServer:
    """`support/completions_server.py` as the child that `vllm serve` is."""
    program = Path(__file__).with_name("completions_server.py")
    return ChildServer([sys.executable, str(program), *options], log)


@contextmanager
def served_by_child(*options: str, most: int = 256) -> Iterator[tuple[Server, ChildServer]]:
    """The same, by a child."""
    config = load_config([])
    service = Service(open_run(RUN, config), most)
    engine = SlowEngine(config.engine, service.run.base)
    child = child_server(*options)

    @asynccontextmanager
    async def backend() -> AsyncIterator[Completions]:
        async with child:
            yield Completions(engine, child)

    with _running(service, backend(), None) as url:
        yield Server(url, service, engine), child


@contextmanager
def _running(
    service: Service, opened: AbstractAsyncContextManager[Any], token: str | None
) -> Iterator[str]:
    """A server in a thread; its address."""
    bound = bind("127.0.0.1", 0)
    started = threading.Event()
    servers: list[uvicorn.Server] = []

    async def main() -> None:
        async with opened as backend:
            app = make_app(service, backend, token)
            options = {
                "http": Heads, "log_level": "error", "lifespan": "off", "timeout_graceful_shutdown": 5,
            }  # fmt: skip
            servers.append(uvicorn.Server(uvicorn.Config(app, **options)))
            started.set()
            await servers[0].serve(sockets=[bound])

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    started.wait(30)
    try:
        while not servers[0].started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        servers[0].should_exit = True
        thread.join(30)


def main() -> None:
    """`python -m support.serving SECONDS`: `koalign serve` whose engine takes that long for each call."""
    import koalign.serving.start as start

    def opened(*arguments: Any) -> SlowEngine:
        engine = open_engine(*arguments)
        engine.__class__ = SlowEngine
        engine.seconds, engine.calls = float(sys.argv[1]), []
        return engine

    start.open_engine = opened
    service = Service(open_run(RUN, load_config([])))
    serve(service, bind("127.0.0.1", 0), None, checked=False)


if __name__ == "__main__":
    main()
