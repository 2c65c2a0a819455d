"""Solving on one engine that holds both adapters, against two engines one after the other.

    .venv/bin/python benchmarks/solve.py RUN [--engine hf|vllm] [--problems 200] [--rounds 3] [--json]

RUN is the folder of a finished run (`runs/default`); its development split is solved greedily, one hint
and one answer a problem, with the run's settings of the built-in example.

    one       one process: one engine, both adapters, all hints of a batch before all of its answers
    two       two processes, one after the other, as two scripts do it: an engine with the abstraction
              adapter writes all hints, then an engine with the answer adapter reads them and answers
    at once   one process that holds the two engines of `two` side by side: what keeping both costs

All three are koalign's own pieces on the same prompts, sampling and cores, each on a whole command in
turns; seconds are of the command, imports and loading included. Memory is the proportional set size of the
command and all of its children together, sampled ten times a second; its highest value counts. `same` is
the share of problems that `two` answers with the same text as `one`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

CORES = 2
SIDES = {"one": ["one"], "two": ["hints", "answers"], "at once": ["both"]}
"""Row of the table -> its commands, one after the other."""


def work(part: str, run: Path, engine: str, count: int, folder: Path) -> None:
    """What one command does; reads and writes below `folder`."""
    from koalign.answering.solving import Solver, hinted_requests
    from koalign.config.engine import Engine
    from koalign.config.files import load_config
    from koalign.engines.drawing import draw, requests_for
    from koalign.engines.opening import open_engine
    from koalign.evaluation.solving.solutions import solve_by_vote
    from koalign.evaluation.solving.voting import uses_of
    from koalign.jsonl import read_jsonl, read_record
    from koalign.records import Base, Problem, Sample
    from koalign.renderer import open_renderer

    greedy = ("hints=1", "answers=1", "bare=0", "temperature=0", "hint_temperature=0")
    config = load_config([], [f"solve.{one}" for one in greedy])
    base = read_record(run / "prepare" / "base.json", Base)
    renderer = open_renderer(config.prompt, run / "prepare" / "shots.jsonl")
    problems = read_jsonl(run / "prepare" / "dev.jsonl", Problem)[:count]
    abstraction, answer = (run / name / "adapter" for name in ("abstraction", "answer"))
    section = Engine(backend=engine, batch_size=config.engine.batch_size)
    samples_file = folder / "hints.jsonl"

    def opened(stack: ExitStack, adapters: list[Path]) -> Any:
        return stack.enter_context(open_engine(section, config.model, base, adapters))

    with ExitStack() as stack:
        if part == "one":
            solver = Solver(
                opened(stack, [abstraction, answer]), config.solve, renderer,
                [abstraction, answer], config.seed,
            )  # fmt: skip
            made = [a for batch in solver.attempts(problems, folder / "one.jsonl") for a in batch]
            texts = [solve_by_vote(p, a).text for p, a in zip(problems, made, strict=True)]
        else:
            writer = opened(stack, [abstraction]) if part in ("hints", "both") else None
            answerer = opened(stack, [answer]) if part in ("answers", "both") else None
            if writer is not None:
                asked = [renderer.render(problem, "abstraction") for problem in problems]
                draw(
                    writer, requests_for(writer, asked, abstraction), config.solve.for_hints,
                    samples_file, title="hints", seed=config.seed,
                )  # fmt: skip
            if answerer is None:
                return
            hints = read_jsonl(samples_file, Sample)
            pairs = [
                (p, one.text.strip() if uses_of(p, [one], [True]) == ["used"] else "")
                for p, one in zip(problems, hints, strict=True)
            ]
            drawn = draw(
                answerer, hinted_requests(answerer, renderer, pairs, answer), config.solve,
                folder / "answers.jsonl", title="answers", seed=config.seed,
            )  # fmt: skip
            texts = [one.text for (one,) in drawn]
        (folder / "texts.json").write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")


def command(part: str, args: argparse.Namespace, folder: Path) -> tuple[float, float]:
    """Seconds and highest memory (MB) of one command."""
    said = [
        sys.executable, __file__, str(args.run), "--engine", args.engine, "--problems",
        str(args.problems), "--part", part, "--folder", str(folder),
    ]  # fmt: skip
    log = folder / f"{part}.log"
    started, peak = time.perf_counter(), 0.0
    with log.open("wb") as file:
        process = subprocess.Popen(said, stdout=file, stderr=subprocess.STDOUT)
        own = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, memory_of(own))
            time.sleep(0.1)
    seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"{log.read_text(encoding='utf-8', errors='replace')[-3000:]}\n{part} failed")
    return seconds, peak


def memory_of(process: psutil.Process) -> float:
    """MB that a process and its children hold now; what they share counts once."""
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
    return total / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--engine", choices=("hf", "vllm"), default="hf")
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        work(args.part, args.run, args.engine, args.problems, args.folder)
        return
    os.environ |= {"HF_HUB_OFFLINE": "1"}
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    memory: dict[str, list[float]] = {side: [] for side in SIDES}
    same: list[float] = []
    for _ in range(args.rounds):
        texts: dict[str, Sequence[str]] = {}
        for side, parts in SIDES.items():
            with tempfile.TemporaryDirectory() as name:
                costs = [command(part, args, Path(name)) for part in parts]
                texts[side] = json.loads((Path(name) / "texts.json").read_text(encoding="utf-8"))
            seconds[side].append(sum(spent for spent, _ in costs))
            memory[side].append(max(peak for _, peak in costs))
        same.append(
            statistics.fmean(a == b for a, b in zip(texts["one"], texts["two"], strict=True))
        )
    ratios = sorted(b / a for a, b in zip(seconds["one"], seconds["two"], strict=True))
    found = {
        "engine": args.engine,
        "problems": args.problems,
        "rounds": args.rounds,
        "seconds": {side: statistics.median(values) for side, values in seconds.items()},
        "memory_mb": {side: statistics.median(values) for side, values in memory.items()},
        "times_faster": statistics.median(ratios),
        "times_faster_low": ratios[0],
        "times_faster_high": ratios[-1],
        "memory_of_at_once": statistics.median(memory["one"])
        / statistics.median(memory["at once"]),
        "same": statistics.fmean(same),
    }
    if args.json:
        print(json.dumps(found))
        return
    table = Table(args.engine, "seconds", "peak MB", title=f"{args.problems} problems, greedily")
    for side in SIDES:
        table.add_row(side, f"{found['seconds'][side]:.1f}", f"{found['memory_mb'][side]:,.0f}")
    Console().print(table)
    print(
        f"one engine is {found['times_faster']:.2f} times as fast as two "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}) and holds {found['memory_of_at_once']:.0%} of what both "
        f"hold at once; {found['same']:.1%} of the answers are the same"
    )


if __name__ == "__main__":
    main()
