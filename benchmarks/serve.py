"""What `koalign serve` adds to the two engine calls of its chain: latency at 1, 8 and 64 clients.

    .venv/bin/python benchmarks/serve.py RUN [--engine hf|scripted|vllm] [--problems 64] [--clients 1 8 64]
        [--rounds 3] [--json]

RUN is the folder of a finished run; koalign.yaml of the current folder is its config, or the built-in
example. Problems of its test split are answered by `koalign`: a hint, then the answer with it, greedily. In
a round each client asks one at least; a short split is gone through again.

    direct    the two calls alone: prompts made beforehand, no server; for vllm `vllm serve` alone, asked
              with token ids over HTTP by as many clients
    serve     a `koalign serve` of its own process, asked at /v1/chat/completions by as many clients

The sides take turns. A client asks its next problem when it has the answer to the last. Milliseconds
are of a problem, p50 and p95 over all rounds. Both sides batch what waits, by the same queue that knows
how many are under way. CPU is of the process that computes and its children, over a problem: it says
the same on a busy machine, and `added` is serve over direct by it. The vLLM of the other side is stopped
meanwhile: its processes spin also where they have nothing to do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from koalign.answering.solving import Solver
from koalign.config.files import load_config
from koalign.engines.opening import open_engine
from koalign.jsonl import read_jsonl
from koalign.records import Problem
from koalign.serving.load import Load
from koalign.serving.queue import Backend, EngineQueue
from koalign.serving.served import CHAIN, ServedRun, open_run

Ask = Callable[[Problem], Awaitable[Any]]


async def latencies(ask: Ask, problems: Sequence[Problem], clients: int) -> list[float]:
    """Seconds of each problem, asked by so many clients."""
    left, seconds = iter(problems), []

    async def client() -> None:
        for problem in left:
            started = time.perf_counter()
            await ask(problem)
            seconds.append(time.perf_counter() - started)

    await asyncio.gather(*(client() for _ in range(clients)))
    return seconds


@dataclass
class Side:
    """One of the two sides: how it is asked, the process that computes, and what was measured."""

    ask: Ask
    process: psutil.Process
    beside: psutil.Process | None = None
    """A child of it that is no part of this side."""
    vllm: psutil.Process | None = None
    """Stopped while the other side is measured."""
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0

    async def round(self, problems: Sequence[Problem], clients: int) -> None:
        before = self._cpu()
        self.seconds += await latencies(self.ask, problems, clients)
        self.cpu_seconds += self._cpu() - before

    def stop(self) -> None:
        for process in tree(self.vllm):
            process.suspend()

    def go_on(self) -> None:
        for process in tree(self.vllm):
            process.resume()

    def _cpu(self) -> float:
        return cpu(self.process) - (cpu(self.beside) if self.beside else 0)

    def figures(self, name: str) -> dict[str, float]:
        """Milliseconds of a problem; what was measured is forgotten."""
        ordered = sorted(self.seconds)
        p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
        values = {
            "p50": statistics.median(ordered),
            "p95": p95,
            "cpu": self.cpu_seconds / len(ordered),
        }
        self.seconds, self.cpu_seconds = [], 0
        return {f"{name}_{key}": round(1000 * value, 2) for key, value in values.items()}


async def measure(
    sides: Mapping[str, Side], problems: Sequence[Problem], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row for each number of clients; the sides take turns, after one problem that is not counted."""
    rows = []
    for side in sides.values():
        await side.ask(problems[0])
        side.stop()
    for clients in options.clients:
        asked = [*islice(cycle(problems), max(options.problems, clients))]
        for _ in range(options.rounds):
            for side in sides.values():
                side.go_on()
                await side.round(asked, clients)
                side.stop()
        figures = [side.figures(name) for name, side in sides.items()]
        rows.append({"clients": clients} | figures[0] | figures[1])
    return rows


def cpu(process: psutil.Process) -> float:
    """Seconds of a process and of those that it has started."""
    times = [one.cpu_times() for one in tree(process)]
    return sum(one.user + one.system for one in times)


def tree(process: psutil.Process | None) -> list[psutil.Process]:
    """A process and those that it has started."""
    return [process, *process.children(recursive=True)] if process else []


async def direct(run: ServedRun, backend: Backend, problems: Sequence[Problem], load: Load) -> Ask:
    """The two calls of the chain, their prompts made before the clock runs."""
    model = run.models[CHAIN]
    solver = Solver(backend.engine, model.section, run.renderer, model.steps, run.config.seed)
    made = {}
    for problem in problems:
        hinting, bare = solver.first_requests(problem)
        assert hinting, "a chain of two steps is measured"
        asked = [replace(hinting, n=1)]
        (hints,) = await backend.generate(asked, model.section.for_hints, solver.seed)
        made[problem.id] = asked, solver.with_hints(problem, hinting, bare, hints).requests

    async def ask(problem: Problem) -> None:
        first, second = made[problem.id]
        place = load.enter()
        await backend.generate(first, model.section.for_hints, solver.seed)
        await backend.generate(second, model.section, solver.seed)
        place.leave()

    return ask


def through_server(run: ServedRun, http: httpx.AsyncClient) -> Ask:
    """A problem as a message to `koalign`."""

    async def ask(problem: Problem) -> None:
        text = run.renderer.render(problem, "answer").messages[-1].text
        body = {"model": CHAIN, "messages": [{"role": "user", "content": text}]}
        reply = await http.post("/chat/completions", json=body)
        assert reply.json()["koalign"]["prompt"].startswith("problem"), reply.text

    return ask


@contextmanager
def backend_of(run: ServedRun, engine: str, load: Load) -> Iterator[Any]:
    """What computes for `direct`."""
    if engine == "vllm":
        from koalign.serving.vllm_child import vllm_child

        yield vllm_child(run)
        return
    config = run.config
    with open_engine(config.engine, config.model, run.base, run.adapters) as opened:
        yield EngineQueue(opened, lambda: load.active)


async def compare(
    run: ServedRun,
    backend: Any,
    server: subprocess.Popen[str],
    options: argparse.Namespace,
    load: Load,
) -> list[dict[str, Any]]:
    assert server.stdout
    url = server.stdout.readline().split()[-1]
    problems = read_jsonl(run.run_dir / "prepare" / "test.jsonl", Problem)[: options.problems]
    limits = httpx.Limits(max_connections=None)
    async with (
        backend as alone,
        httpx.AsyncClient(base_url=url, timeout=None, limits=limits) as http,
    ):
        ask = await direct(run, alone, problems, load)
        served = psutil.Process(server.pid)
        sides = {
            "direct": Side(ask, psutil.Process(), served),
            "serve": Side(through_server(run, http), served),
        }
        if options.engine == "vllm":
            sides["direct"].vllm = psutil.Process(alone.server.process.pid)
            (sides["serve"].vllm,) = served.children()
        try:
            return await measure(sides, problems, options)
        finally:
            for side in sides.values():
                side.go_on()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--engine", choices=["hf", "scripted", "vllm"], default="hf")
    parser.add_argument("--problems", type=int, default=64)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = rows_of(options)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    sides = [
        f"{side} {name}" for side in ("direct", "serve") for name in ("p50 ms", "p95", "CPU ms")
    ]
    table = Table("clients", *sides, "added")
    for row in rows:
        values = [f"{value:,.1f}" for key, value in row.items() if key not in ("clients", "added")]
        table.add_row(str(row["clients"]), *values, f"{row['added']:.1%}")
    Console().print(table)


def rows_of(options: argparse.Namespace) -> list[dict[str, Any]]:
    setting = f"engine.backend={options.engine}"
    run = open_run(options.run, load_config([], [setting]))
    command = "from koalign.cli.app import main; main()"
    arguments = [
        "serve",
        "--run-dir",
        str(options.run),
        "-s",
        setting,
        "--port",
        "0",
        "--unchecked",
    ]
    server = subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        load = Load()
        with backend_of(run, options.engine, load) as backend:
            rows = asyncio.run(compare(run, backend, server, options, load))
    finally:
        server.terminate()
        server.wait()
    for row in rows:
        row["added"] = round(row["serve_cpu"] / row["direct_cpu"] - 1, 4)
    return rows


if __name__ == "__main__":
    main()
