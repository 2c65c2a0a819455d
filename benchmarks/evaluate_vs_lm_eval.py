"""`koalign benchmark` against lm-eval's own command, on one model and the same local files.

    .venv/bin/python benchmarks/evaluate_vs_lm_eval.py [--json]
    .venv/bin/python benchmarks/evaluate_vs_lm_eval.py --engine vllm --items 12
    .venv/bin/python benchmarks/evaluate_vs_lm_eval.py --shots 0 1 2 3 5 10 --plot FILE.png

The protocol is kmmlu@lm-eval: lm-eval's own definition of the task, pointed at made-up files of KMMLU's
shape (`kmmlu_like.py`). In rows called "drawn" lm-eval draws the shots of every item anew from the dev
file, in random order, as it does for published figures; in rows called "first" every item of a subject
has the first shots of that file.

Each side is a whole command in a process of its own, both on the same two cores, in turns. The seconds
are lm-eval's inside `loglikelihood` (`timed_lm_eval.py`) and koalign's `seconds.run`: no model is loaded
in either. Of several `--batch-sizes` each is tried once for lm-eval, and its best is taken. Memory
is the largest resident set that a process of the command had.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from koalign.data.formats.sources import read_source
from koalign.evaluation.results import read_evaluation

HERE = Path(__file__).resolve().parent
KOALIGN = [sys.executable, "-c", "from koalign.cli.app import main; main()"]
CORES = 2
ORDERS = {"lm-eval": "drawn", "first": "first"}
"""koalign's --shot-order, and the folder of lm-eval's tasks -> what the table calls it."""
BATCH_SIZES = {"hf": ("1", "8", "32"), "vllm": ("auto",)}


@dataclass(frozen=True)
class Item:
    """What a side said of a question."""

    answer: int
    """Number of the choice, from 1."""
    gold: int
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Run:
    """One command of one side."""

    seconds: float
    """Of scoring."""
    whole_seconds: float
    peak_memory: float
    """MB."""
    items: dict[str, Item]
    """Question -> what was said of it."""


class Bench:
    """The folder with model, files and tasks, and the two commands on them."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.folder = folder
        self.engine = engine
        self.commands = 0
        self.prompt_tokens = 0.0
        """Mean over the items of koalign's latest run."""
        cores = sorted(os.sched_getaffinity(0))[:CORES]
        os.sched_setaffinity(0, cores)
        self.environment = os.environ | {
            "OMP_NUM_THREADS": str(len(cores)),
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_CACHE": str(folder / "datasets"),
        }

    def command(self, command: list[str], out: Path) -> tuple[float, float]:
        """Seconds and peak memory (MB) of a command whose output goes beside `out`."""
        log = out.with_suffix(".log")
        peak, started = 0.0, time.perf_counter()
        with log.open("wb") as file:
            # There is no koalign.yaml in the folder.
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            while True:
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                # vLLM's engine ends unwaited for, so that `usage` does not know of it.
                for child in psutil.Process(process.pid).children(recursive=True):
                    peak = max(peak, high_water(child.pid))
                time.sleep(0.2)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
            sys.exit(f"{tail}\nexit code {process.returncode}: {' '.join(command)}")
        return seconds, max(peak, usage.ru_maxrss / 1024)

    def new_out(self) -> Path:
        """A place that no command has written to."""
        self.commands += 1
        return self.folder / f"out-{self.commands}"

    def koalign(self, shots: int, order: str) -> Run:
        """`koalign benchmark`."""
        out, data = self.new_out(), self.folder / "kmmlu"
        cost = self.command(
            [
                *KOALIGN, "benchmark", "kmmlu@lm-eval", "--model", str(self.folder / "model"),
                "--data", str(data), "--shots", str(shots),
                "--shot-order", order, "--out", str(out), "-s", f"engine.backend={self.engine}",
            ],
            out,
        )  # fmt: skip
        evaluation, predictions = read_evaluation(out)
        self.prompt_tokens = evaluation.tokens["prompt"] / evaluation.n
        questions = {p.id: p.question for p in read_source(str(data), "test").problems}
        items = {
            questions[p.id]: Item(int(p.answer or 0), int(p.gold[0]), p.logprobs)
            for p in predictions
        }
        return Run(evaluation.seconds["run"], *cost, items)

    def lm_eval(self, shots: int, order: str, batch_size: str) -> Run:
        """`lm_eval run`."""
        out = self.new_out()
        clock = out.with_suffix(".json")
        model = f"pretrained={self.folder / 'model'},dtype=float32"
        # As koalign runs vLLM on a CPU; compiling takes longer than it gains.
        engine = ["--device", "cpu"] if self.engine == "hf" else []
        model += ",enforce_eager=True" if self.engine == "vllm" else ""
        cost = self.command(
            [
                sys.executable, str(HERE / "timed_lm_eval.py"), str(clock), "run",
                "--model", self.engine, "--model_args", model, *engine,
                "--tasks", str(self.folder / "tasks" / order), "--num_fewshot", str(shots),
                "--batch_size", batch_size, "--output_path", str(out), "--log_samples",
            ],
            out,
        )  # fmt: skip
        items = {}
        for path in out.rglob("samples_*.jsonl"):
            for line in path.read_text(encoding="utf-8").splitlines():
                sample = json.loads(line)
                logprobs = tuple(float(logprob) for logprob, _ in sample["filtered_resps"])
                items[sample["doc"]["question"]] = Item(
                    logprobs.index(max(logprobs)) + 1, int(sample["target"]) + 1, logprobs
                )
        return Run(json.loads(clock.read_text(encoding="utf-8")), *cost, items)


def high_water(pid: int) -> float:
    """The largest resident set (MB) that a process has had so far; 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0  # a zombie has none


def difference(ours: Run, theirs: Run) -> tuple[int, float]:
    """How many items got another answer, and by how much log-probabilities differ at most."""
    golds = [
        {question: item.gold for question, item in run.items.items()} for run in (ours, theirs)
    ]
    if golds[0] != golds[1]:
        raise RuntimeError("the two sides were not asked the same questions")
    pairs = [(ours.items[question], theirs.items[question]) for question in ours.items]
    return (
        sum(a.answer != b.answer for a, b in pairs),
        max(
            abs(x - y) for a, b in pairs for x, y in zip(a.logprobs, b.logprobs, strict=True)
        ),
    )  # fmt: skip


def compare(
    bench: Bench, shots: int, order: str, sizes: Sequence[str], rounds: int
) -> dict[str, Any]:
    """One row: both commands in turns, after lm-eval's batch size is chosen."""
    best, tried = sizes[0], {}
    if len(sizes) > 1:
        bench.koalign(shots, order)
        tried = {size: bench.lm_eval(shots, order, size).seconds for size in sizes}
        best = min(tried, key=tried.__getitem__)
    runs = [
        (bench.koalign(shots, order), bench.lm_eval(shots, order, best)) for _ in range(rounds)
    ]  # fmt: skip
    differences = [difference(ours, theirs) for ours, theirs in runs]
    ratios = sorted(theirs.seconds / ours.seconds for ours, theirs in runs)
    whole = sorted(theirs.whole_seconds / ours.whole_seconds for ours, theirs in runs)
    sides = dict(zip(("koalign", "lm-eval"), zip(*runs, strict=True), strict=True))
    return {
        "engine": bench.engine,
        "shots": shots,
        "order": ORDERS[order],
        "items": len(runs[0][0].items),
        "prompt_tokens": bench.prompt_tokens,
        "batch_size": best,
        "batch_sizes_seconds": tried,
        "ratio": statistics.median(ratios),
        "ratio_range": [ratios[0], ratios[-1]],
        "whole_ratio": statistics.median(whole),
        "whole_ratio_range": [whole[0], whole[-1]],
        "seconds": {k: statistics.median(run.seconds for run in v) for k, v in sides.items()},
        "whole_seconds": {
            k: statistics.median(run.whole_seconds for run in v) for k, v in sides.items()
        },
        "peak_memory": {k: max(run.peak_memory for run in v) for k, v in sides.items()},
        "other_answers": max(count for count, _ in differences),
        "logprob_difference": max(size for _, size in differences),
    }


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """How many times faster scoring is, over the number of shots, with the range of the rounds."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for order in dict.fromkeys(row["order"] for row in rows):
        chosen = [row for row in rows if row["order"] == order]
        shots = [row["shots"] for row in chosen]
        name = {"drawn": "drawn for every item", "first": "the first of the dev file"}[order]
        axes.plot(shots, [row["ratio"] for row in chosen], marker="o", label=f"shots: {name}")
        low, high = zip(*(row["ratio_range"] for row in chosen), strict=True)
        axes.fill_between(shots, low, high, alpha=0.2)
    axes.set_xticks(sorted({row["shots"] for row in rows}))
    axes.set_ylim(bottom=0)
    axes.axhline(1, color="gray", linewidth=0.8)
    axes.set_xlabel("shots")
    axes.set_ylabel(f"times faster than lm-eval {importlib.metadata.version('lm_eval')}")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def show(rows: list[dict[str, Any]]) -> None:
    """The rows as a table."""
    table = Table(
        "shots", "items", "tokens", "koalign, s", "lm-eval, s", "batch", "times faster",
        "whole, s (lm-eval)", "whole: times faster", "other answers", "log-probs differ by",
        "memory, MB (lm-eval)", title=f"{rows[0]['engine']}, {CORES} cores",
    )  # fmt: skip
    for row in rows:
        low, high = row["ratio_range"]
        whole_low, whole_high = row["whole_ratio_range"]
        whole, memory = row["whole_seconds"], row["peak_memory"]
        table.add_row(
            f"{row['shots']}, {row['order']}",
            str(row["items"]),
            f"{row['prompt_tokens']:,.0f}",
            f"{row['seconds']['koalign']:.1f}",
            f"{row['seconds']['lm-eval']:.1f}",
            row["batch_size"],
            f"{row['ratio']:.1f} ({low:.1f} to {high:.1f})",
            f"{whole['koalign']:.1f} ({whole['lm-eval']:.1f})",
            f"{row['whole_ratio']:.1f} ({whole_low:.1f} to {whole_high:.1f})",
            str(row["other_answers"]),
            f"{row['logprob_difference']:.0e}",
            f"{memory['koalign']:,.0f} ({memory['lm-eval']:,.0f})",
        )
    Console(width=170).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side a row")
    parser.add_argument("--engine", choices=BATCH_SIZES, default="hf", help="of both sides")
    parser.add_argument("--batch-sizes", nargs="+", help="tried for lm-eval; 1 8 32, or auto")
    parser.add_argument("--subjects", type=int, default=2)
    parser.add_argument("--items", type=int, default=150, help="of each subject")
    parser.add_argument("--shots", type=int, nargs="+", default=[5], help="a row for each")
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=list(ORDERS))
    parser.add_argument("--plot", type=Path, help="PNG of the ratios over shots; needs matplotlib")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), args.engine)
        made = {"subjects": args.subjects, "items": args.items, "dev": max(5, *args.shots)}
        options = [word for key, value in made.items() for word in (f"--{key}", str(value))]
        # In a process of its own: a child is charged with what its parent held when it began.
        make = [sys.executable, str(HERE / "kmmlu_like.py"), name, *options]
        bench.command(make, Path(name) / "make")
        for order in args.orders:
            for shots in args.shots:
                sizes = args.batch_sizes or BATCH_SIZES[args.engine]
                rows.append(compare(bench, shots, order, sizes, args.rounds))
                print(json.dumps(rows[-1]), file=sys.stderr)
    if args.plot:
        draw(rows, args.plot)
    if args.json:
        print(json.dumps(rows))
    else:
        show(rows)


if __name__ == "__main__":
    main()
