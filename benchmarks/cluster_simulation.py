"""Sampling with 1 to 1,024 replicas: throughput, efficiency, and where the driver becomes the limit.

    .venv/bin/python benchmarks/cluster_simulation.py [--tokens-per-second 6628] [--shards 8]

A discrete-event simulation of `engine.backend: ray`: a replica takes a chunk of requests when the driver
has taken its last one; the driver reads a reply, and appends in the order of the requests. What the driver
needs a sample is measured here first. The rate of a replica is 6,628 tokens a second: the hf engine at a
shape of 0.6B on one H200 (benchmarks/README.md); give your own. Losses and start times are assumptions.
"""

import argparse
import heapq
import json
import pickle
import random
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from koalign.jsonl import JsonlAppender
from koalign.records import Sample

REPLICAS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CHUNK = 512
"""Completions of one call to a replica, as koalign sends them to vLLM."""
AHEAD = 4
"""Chunks a replica that may be sent before the first of them is back, as in `engines/ray.py`."""
SPREAD = 0.15
"""Standard deviation of a chunk's time, as a share of its mean: an assumption."""


@dataclass(frozen=True)
class Times:
    """Seconds."""

    chunk: float
    """For a replica to sample a chunk."""
    driver: float
    """For the driver to read the reply of a chunk and to append it."""
    start: float
    """From a replica's birth to its first chunk."""
    between_losses: float
    """A replica lives so long, on average."""


def driver_seconds(tokens: int, samples: int = 2_000) -> float:
    """Seconds that the driver needs a sample: unpickle it, and append it as a line of JSON."""
    pick = random.Random(0)
    text = "".join(
        pick.choices("가나다라마바사아자차카타파하 ", k=tokens * 5 // 3)
    )  # three tokens for five letters
    ids = tuple(pick.choices(range(150_000), k=tokens))
    drawn = [
        Sample(problem_id=f"{n:016x}", index=n % 16, adapter="0" * 16, text=text, token_ids=ids,
               logprob=-12.5, finish_reason="stop")
        for n in range(samples)
    ]  # fmt: skip
    replies = [pickle.dumps(drawn[at : at + 500]) for at in range(0, samples, 500)]
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(3):
            with JsonlAppender(Path(folder) / f"{turn}.jsonl", Sample) as file:
                started = time.process_time()
                for reply in replies:
                    file.append(pickle.loads(reply))
                seconds.append((time.process_time() - started) / samples)
    return statistics.median(seconds)


def simulate(replicas: int, chunks: int, times: Times, seed: int = 0) -> tuple[float, int]:
    """Seconds until the last chunk is appended, and how many chunks were sampled again after a loss."""
    pick = random.Random(seed)
    events: list[tuple[float, int, int]] = []
    """Time, replica, chunk that it ends; -1: the replica is there."""
    for replica in range(replicas):
        heapq.heappush(events, (times.start, replica, -1))
    again: list[int] = []
    waiting: list[int] = []
    done: set[int] = set()
    following = appended = lost = 0
    driver = 0.0
    while appended < chunks:
        now, replica, chunk = heapq.heappop(events)
        if chunk >= 0 and pick.random() < times.chunk / times.between_losses:
            lost += 1
            heapq.heappush(again, chunk)
            heapq.heappush(events, (now + times.start, replica, -1))
            continue
        if chunk >= 0:
            driver = max(driver, now) + times.driver
            done.add(chunk)
            while appended in done:
                done.remove(appended)
                appended += 1
        waiting.append(replica)
        free = max(driver, now)
        while waiting and (again or following < min(chunks, appended + AHEAD * replicas)):
            if again:
                taken = heapq.heappop(again)
            else:
                taken, following = following, following + 1
            took = times.chunk * max(0.2, pick.gauss(1, SPREAD))
            heapq.heappush(events, (free + took, waiting.pop(), taken))
    return driver, lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=16, help="of a problem")
    parser.add_argument("--tokens", type=int, default=200, help="of a completion")
    parser.add_argument("--tokens-per-second", type=float, default=6628, help="of a replica")
    parser.add_argument("--start", type=float, default=120, help="seconds to start a replica")
    parser.add_argument(
        "--hours", type=float, default=24, help="until a replica is lost, on average"
    )
    parser.add_argument("--shards", type=int, default=1, help="drivers, each with its share")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    append = driver_seconds(args.tokens)
    rows = CHUNK // args.samples * args.samples
    chunk = rows * args.tokens / args.tokens_per_second
    times = Times(chunk, append * rows, args.start, args.hours * 3600)
    samples = args.problems * args.samples // args.shards
    results = []
    for replicas in REPLICAS:
        if replicas % args.shards:
            continue
        seconds, lost = simulate(replicas // args.shards, -(-samples // rows), times)
        rate = args.problems * args.samples / seconds
        ideal = replicas * args.tokens_per_second / args.tokens
        results.append({
            "replicas": replicas, "hours": seconds / 3600, "samples_per_second": rate,
            "efficiency": rate / ideal, "driver_busy": -(-samples // rows) * times.driver / seconds,
            "sampled_again": lost * args.shards,
        })  # fmt: skip
    limit = times.chunk / times.driver * args.shards
    measured = {"append_us": append * 1e6, "chunk_s": times.chunk, "limit": limit}
    if args.json:
        print(json.dumps({**measured, "results": results}))
        return
    table = Table(
        "replicas", "hours", "samples/s", "efficiency", "driver busy", "chunks sampled again",
        title=f"{args.problems:,} problems, {args.samples} samples of {args.tokens} tokens, "
        f"{args.shards} driver(s)",
    )  # fmt: skip
    for row in results:
        table.add_row(
            f"{row['replicas']:,}", f"{row['hours']:.2f}", f"{row['samples_per_second']:,.0f}",
            f"{row['efficiency']:.0%}", f"{row['driver_busy']:.0%}", f"{row['sampled_again']:,}",
        )  # fmt: skip
    Console(width=100).print(table)
    print(
        f"driver: {append * 1e6:.0f} us a sample, measured; a chunk of {rows} samples takes a replica "
        f"{times.chunk:.1f} s; the driver is the limit from {limit:,.0f} replicas on"
    )


if __name__ == "__main__":
    main()
