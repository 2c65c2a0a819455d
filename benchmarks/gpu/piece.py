"""One piece of the GPU check in a process of its own; `check.py` starts it.

    python benchmarks/gpu/piece.py PIECE DEVICE SIZE FILE ROW...

It imports, waits for a line on stdin, which says that the card is free, and appends a JSON line to FILE
for each row that it measures.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Measure the rows in order; the first error ends the process."""
    module, device, size, file, *rows = sys.argv[1:]
    measure = importlib.import_module(module).measure
    from shapes import Setting

    setting = Setting(device, tiny=size == "tiny")
    if not sys.stdin.readline():
        return  # the check is gone
    for row in rows:
        print(f"== {module}: {row}", file=sys.stderr, flush=True)
        started = time.perf_counter()
        result = measure(row, setting)
        result["took"] = time.perf_counter() - started
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(json.dumps({"piece": module, "row": row, **result}) + "\n")
        gc.collect()


if __name__ == "__main__":
    main()
