"""What Ray adds to sampling: 500 prompts on actors and in one process, beyond start-up, interleaved.

Each process computes with one thread. Wall time says something where every actor has a core of its own; the
processor time of all processes together, Ray's own included, says it on a shared core too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import psutil

from koalign.adapters.base import identify
from koalign.config.engine import Engine, Ray
from koalign.config.inputs import Model, Sampling
from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.engines.drawing import draw, requests_for
from koalign.engines.opening import open_engine

MODEL = Model(path="builtin:tiny-ko")
SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_tokens=32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--actors", type=int, default=2)
    asked = parser.parse_args()
    renderer = Renderer(load_template(DEFAULT))
    problems = list({p.id: p for p in read_source(str(ASSETS / "exam"), "train").problems}.values())
    prompts = [renderer.render(problem, "answer") for problem in problems[: asked.prompts]]
    section = Engine(backend="hf", batch_size=16)
    spread = Engine(backend="ray", batch_size=16, ray=Ray(engine="hf", actors=asked.actors))
    base = identify(MODEL)
    ratios: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        open_engine(section, MODEL, base, []) as alone,
        open_engine(spread, MODEL, base, []) as actors,
    ):
        engines = {"none": alone, "ray": actors}
        requests = requests_for(alone, prompts, None)
        warm = requests[: 16 * asked.actors * 4]  # each actor has its weights
        for number in range(-1, asked.rounds):
            spent = {}
            for name, engine in engines.items():
                path = Path(folder) / f"{name}-{number}.jsonl"
                began, used = time.monotonic(), processor_seconds()
                draw(engine, warm if number < 0 else requests, SAMPLING, path, title=name)
                spent[name] = time.monotonic() - began, processor_seconds() - used
            same = len({(Path(folder) / f"{name}-{number}.jsonl").read_bytes() for name in engines})
            assert same == 1
            if number >= 0:
                wall, processor = (spent["ray"][n] / spent["none"][n] for n in (0, 1))
                ratios.append((wall, processor))
                print(
                    f"round {number + 1}: none {spent['none'][0]:.1f} s, ray {spent['ray'][0]:.1f} s: wall "
                    f"x {wall:.3f}, processor x {processor:.3f}",
                    flush=True,
                )
    wall, processor = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(
        f"{len(prompts)} prompts, {asked.actors} actors, {asked.rounds} rounds, the same bytes: median "
        f"wall x {wall:.3f}, processor x {processor:.3f}"
    )


def processor_seconds() -> float:
    """Of this process and of all that it started, Ray's own among them."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


if __name__ == "__main__":
    main()
