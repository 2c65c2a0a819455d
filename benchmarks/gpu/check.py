"""Check koalign on one NVIDIA GPU: tests, training steps against TRL, attention, sampling. `make gpu`.

    PYTHONPATH=. python3 benchmarks/gpu/check.py [--minutes 7] [--out DIR] [--pieces NAME...]
    PYTHONPATH=. python3 benchmarks/gpu/check.py --device cpu --tiny     a dry run without a GPU

Each piece runs in a process of its own under a time limit. A row that fails, hangs or lacks a package says
so, and the others go on. `results.json` is written after each piece, `table.md` and `log.txt` beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from table import markdown

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes", "triton")
LAST_LINES = 12
"""Of a failed piece's output, kept in its row."""
STEPS = ("DPO, a pair", "SFT, a trace", "DPO, four pairs", "SFT, four traces")


@dataclass(frozen=True)
class Piece:
    """What one process measures."""

    name: str
    module: str
    rows: tuple[str, ...]
    max_seconds: float
    """Seconds, imports left out."""
    min_seconds: float
    """Started only with at least this much time left."""


PIECES = (
    Piece("tests", "gpu_tests", ("pytest -m gpu tests/gpu",), 90, 20),
    Piece("steps-0.6b", "steps", tuple(f"0.6B: {step}" for step in STEPS), 120, 15),
    Piece("attention", "attention", ("1 group", "4 groups", "16 groups", "64 groups"), 45, 10),
    Piece("steps-8b", "steps", tuple(f"8B: {step}" for step in STEPS), 150, 25),
    Piece(
        "engine", "sampling",
        ("sampling, 64 at once", "sampling, 256 at once", "scoring, 512 prompts"), 60, 15,
    ),
    Piece("nf4", "steps", ("8B NF4: DPO, a pair",), 60, 25),
)  # fmt: skip
"""The most valuable first."""


class Check:
    """The pieces one after the other; the next one's imports run meanwhile."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._deadline = time.monotonic() + 60 * args.minutes
        self._scratch = Path(tempfile.mkdtemp())
        self.report: dict[str, Any] = {**machine(args), "rows": []}
        try:
            args.out.mkdir(parents=True, exist_ok=True)
            self._log = (args.out / "log.txt").open("w", encoding="utf-8")
        except OSError as error:
            print(f"--out {args.out}: {error.strerror}; take another folder", file=sys.stderr)
            raise SystemExit(2) from None

    def run(self, pieces: list[Piece]) -> None:
        """Measure all that fits into the minutes."""
        waiting = self._start(pieces[0])
        while pieces:
            piece, child = pieces.pop(0), waiting
            waiting = self._start(pieces[0]) if pieces else None
            rest = self._measure(piece, child)
            while rest.rows:
                rest = self._measure(rest, self._start(rest))
            self._write()
        self._log.close()

    def _start(self, piece: Piece) -> subprocess.Popen[str]:
        """The process of a piece, which imports and waits for a line."""
        paths = [str(ROOT), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "HF_HUB_OFFLINE": "1",
            "TQDM_DISABLE": "1",
            **({"CUDA_VISIBLE_DEVICES": ""} if self._args.device == "cpu" else {}),
        }
        (self._scratch / piece.name).unlink(missing_ok=True)
        size = "tiny" if self._args.tiny else "whole"
        return subprocess.Popen(
            [
                sys.executable, str(HERE / "piece.py"), piece.module, self._args.device, size,
                str(self._scratch / piece.name), *piece.rows,
            ],
            stdin=subprocess.PIPE, stdout=(self._scratch / f"{piece.name}.log").open("w"),
            stderr=subprocess.STDOUT, text=True, env=env, cwd=ROOT, start_new_session=True,
        )  # fmt: skip

    def _measure(self, piece: Piece, child: subprocess.Popen[str]) -> Piece:
        """Let a piece go; returns what of it is still to be measured after a row that failed."""
        left = self._deadline - time.monotonic()
        max_seconds = min(piece.max_seconds, left) if self._args.device == "cuda" else left
        if max_seconds < piece.min_seconds:
            stop(child)
            self._add(piece, [{"row": row, "error": "not run: time is up"} for row in piece.rows])
            return replace(piece, rows=())
        started, failure = time.monotonic(), ""
        try:
            child.communicate("go\n", timeout=max_seconds)
        except subprocess.TimeoutExpired:
            failure = f"stopped after {max_seconds:.0f} s"
        stop(child)
        output = (self._scratch / f"{piece.name}.log").read_text("utf-8", errors="replace")
        self._log.write(f"==== {piece.name}\n{output}\n")
        self._log.flush()
        measured = lines(self._scratch / piece.name)
        self._add(piece, measured)
        rest = piece.rows[len(measured) :]
        if rest:
            last = output.strip().splitlines()[-LAST_LINES:]
            failure = failure or (last[-1] if last else f"exit code {child.returncode}")
            self._add(piece, [{"row": rest[0], "error": failure, "last_lines": last}])
        seconds = time.monotonic() - started
        return replace(piece, rows=rest[1:], max_seconds=piece.max_seconds - seconds)

    def _add(self, piece: Piece, rows: list[dict[str, Any]]) -> None:
        self.report["rows"] += [{**row, "piece": piece.name} for row in rows]
        for row in rows:
            print(f"{piece.name}: {row['row']}: {row.get('error', 'done')}", file=sys.stderr)

    def _write(self) -> None:
        text = json.dumps(self.report, indent=1, ensure_ascii=False)
        (self._args.out / "results.json").write_text(text + "\n", encoding="utf-8")
        (self._args.out / "table.md").write_text(markdown(self.report), encoding="utf-8")


def stop(child: subprocess.Popen[str]) -> None:
    """End a piece's process and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file; none where it is missing."""
    return (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )


def machine(args: argparse.Namespace) -> dict[str, Any]:
    """Card, driver, versions and date."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    card, driver = ("CPU", "none") if args.device == "cpu" else card_and_driver()
    return {
        "card": card,
        "driver": driver,
        "python": sys.version.split()[0],
        "packages": versions,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "dry_run": args.tiny or args.device == "cpu",
        "minutes": args.minutes,
    }


def card_and_driver() -> tuple[str, str]:
    """As nvidia-smi names them, or PyTorch where it is missing; exit code 2 without a card."""
    smi = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    torch = [
        sys.executable,
        "-c",
        "import torch; print(torch.cuda.get_device_name(), 'unknown', sep=', ')",
    ]
    for command in (smi, torch):
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            continue
        card, comma, driver = answer.stdout.partition("\n")[0].partition(", ")
        if comma:  # nvidia-smi without a card may say so and end well
            return card, driver
    print("no NVIDIA GPU here; a dry run: --device cpu --tiny", file=sys.stderr)
    raise SystemExit(2)


def main() -> None:
    """Read the options, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=7, help="for everything")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="tiny shapes, for a dry run")
    names = [piece.name for piece in PIECES]
    parser.add_argument("--pieces", nargs="+", choices=names, default=names)
    args = parser.parse_args()
    check = Check(args)
    check.run([piece for piece in PIECES if piece.name in args.pieces])
    print(markdown(check.report))


if __name__ == "__main__":
    main()
