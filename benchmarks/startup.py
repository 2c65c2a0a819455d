"""How long `koalign --help` and `koalign plan` take, beside an empty Python and an import to avoid.

.venv/bin/python benchmarks/startup.py [--json]
"""

import argparse
import json
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

CASES = {
    "python, doing nothing": "pass",
    "koalign --help": "from koalign.cli.app import app; app(['--help'])",
    "koalign plan": (
        "from koalign.cli.app import app; app(['plan', '--gpu', '24GB', '--model', 'Qwen/Qwen3-8B'])"
    ),
    "from trl import SFTConfig": "from trl import SFTConfig",
}


def seconds(program: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(args.rounds):  # interleaved, since the machine's load drifts
        for name, program in CASES.items():
            times[name].append(seconds(program))
    result = {name: {"best": min(found), "worst": max(found)} for name, found in times.items()}
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    table = Table("", "best, s", "worst, s", title=f"{args.rounds} rounds, interleaved")
    for name, row in result.items():
        table.add_row(name, f"{row['best']:.2f}", f"{row['worst']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
