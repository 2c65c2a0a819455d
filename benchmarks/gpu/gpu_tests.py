"""The tests that need a GPU, counted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LAST_LINES = 25
KINDS = {"passed": "passed", "failed": "failed", "errors": "error", "skipped": "skipped"}
"""Key in the results -> pytest's word."""


def measure(row: str, setting: Any) -> dict[str, Any]:
    """Passed and failed tests of tests/gpu, and what pytest said last where not all passed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "gpu", "tests/gpu", "-p", "no:cacheprovider"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(done.stdout, done.stderr, file=sys.stderr)
    counts = {
        kind: sum(map(int, re.findall(rf"(\d+) {word}", done.stdout)))
        for kind, word in KINDS.items()
    }
    lines = (done.stdout + done.stderr).strip().splitlines()
    return {**counts, "exit_code": done.returncode, "last_lines": lines[-LAST_LINES:]}
