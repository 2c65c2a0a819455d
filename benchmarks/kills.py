"""A run that is killed again and again at random moments, and what is left against one that was not.

.venv/bin/python benchmarks/kills.py [--kills 100] [--seed 0] [--json]

Every stage of the chain takes part, on a small part of the built-in exam. A run that has ended is begun
anew until there were enough kills. Ends with 1 where a file differs from that of a run without kills.
Files in which two runs without kills differ, since they hold times, are left out and named.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.jsonl import read_jsonl, write_jsonl
from koalign.records import Hint

RUN = ["-c", "from koalign.cli.app import main; main()", "run", "-c", "small.yaml"]
PROBLEMS = {"train": 96, "dev": 24, "test": 24}
STEPS = {"batch_size": 8, "save_steps": 3}
SMALL = {
    "data": {
        **{split: [f"{split}.jsonl"] for split in PROBLEMS},
        "hints": "hints.jsonl",
    },
    "engine": {"batch_size": 16},
    "probe": {"problems": 16},
    "sft": {**STEPS, "epochs": 2},
    "dpo": STEPS,
    "hints": {"limit": 60},
    "abstraction": {**STEPS, "epochs": 2},
    "answer": STEPS,
}
LONGEST = 0.2
"""Of the time of a whole run, from the first stage on until a kill: more than a stage has to repeat."""


def folder_of(parent: Path, name: str) -> Path:
    """A folder with small splits and the settings of the example for them."""
    folder = parent / name
    folder.mkdir()
    problems = {
        split: read_source(str(ASSETS / "exam"), split).problems[:count]
        for split, count in PROBLEMS.items()
    }
    for split, rows in problems.items():
        write_jsonl(folder / f"{split}.jsonl", rows)
    known = {problem.id for problem in problems["train"]}
    hints = read_jsonl(ASSETS / "exam" / "hints.jsonl", Hint)
    write_jsonl(folder / "hints.jsonl", [hint for hint in hints if hint.problem_id in known])
    settings = yaml.safe_load((ASSETS / "example.yaml").read_text(encoding="utf-8"))
    for section, keys in SMALL.items():
        settings[section] |= keys
    (folder / "small.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


def start(folder: Path) -> subprocess.Popen:
    with (folder / "log").open("w", encoding="utf-8") as log:
        return subprocess.Popen([sys.executable, *RUN], cwd=folder, stdout=log, stderr=log)


def stage_of(folder: Path) -> str:
    """Of the last line that names one; empty before the first."""
    named = re.findall(r"stage \d+ of \d+: (\S+)", (folder / "log").read_text(encoding="utf-8"))
    return named[-1] if named else ""


def ended(folder: Path, process: subprocess.Popen) -> None:
    if process.wait():
        sys.exit(f"{stage_of(folder)} failed:\n{(folder / 'log').read_text(encoding='utf-8')}")


def files(folder: Path) -> dict[str, bytes]:
    """By name, without locks."""
    run = folder / "runs"
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> set[str]:
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


def killed_run(folder: Path, seconds: float, kills: int, random_: random.Random) -> Counter[str]:
    """Run until the end, with at most so many kills on the way; the stages that were killed."""
    killed: Counter[str] = Counter()
    while killed.total() < kills:
        process = start(folder)
        while process.poll() is None and not stage_of(folder):
            time.sleep(0.05)
        try:
            process.wait(random_.uniform(0, LONGEST * seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed[stage_of(folder)] += 1
        else:
            ended(folder, process)
            return killed
    ended(folder, start(folder))
    return killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    random_ = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as name:
        parent = Path(name)
        whole = []
        for number in range(2):
            folder, began = folder_of(parent, f"whole-{number}"), time.monotonic()
            ended(folder, start(folder))
            seconds = time.monotonic() - began
            whole.append(files(folder))
        timed = differing(*whole)
        killed: Counter[str] = Counter()
        runs, wrong = 0, set()
        while killed.total() < args.kills:
            folder = folder_of(parent, "killed")
            killed += killed_run(folder, seconds, args.kills - killed.total(), random_)
            wrong |= differing(whole[0], files(folder)) - timed
            runs += 1
            shutil.rmtree(folder)
    result = {
        "kills": dict(killed), "runs": runs, "seconds of a run": round(seconds), "files": len(whole[0]),
        "with times": sorted(timed), "differ": sorted(wrong),
    }  # fmt: skip
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        table = Table(
            "stage", "kills", title=f"{killed.total()} kills over {runs} runs of {seconds:.0f} s"
        )
        for stage, count in killed.most_common():
            table.add_row(stage, str(count))
        Console().print(table)
        compared = len(whole[0]) - len(timed)
        print(
            f"{compared} files compared, {len(wrong)} differ: {', '.join(sorted(wrong)) or 'none'}"
        )
        print(f"left out, with times: {', '.join(sorted(timed))}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
