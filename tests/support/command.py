"""The koalign command as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KOALIGN = [sys.executable, "-c", "from koalign.cli.app import main; main()"]


def koalign(
    *arguments: str, cwd: Path | None = None, **changes: str
) -> subprocess.CompletedProcess:
    """The command as a user runs it, in a process of its own."""
    return subprocess.run(
        [*KOALIGN, *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "160", **changes},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
