"""Pages of documentation -> their shell blocks, and a shell that runs one as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from support.command import KOALIGN, ROOT

_BLOCK = re.compile(r"(?:<!-- folder: ([\w-]+) -->\n)?```sh\n(.*?)```", re.DOTALL)


class Block(NamedTuple):
    """A ```sh block of a page; the name of the prepared folder that it runs in."""

    folder: str
    script: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found.groups("")) for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def run_block(block: Block, cwd: Path, bin_dir: Path) -> subprocess.CompletedProcess:
    """The block in bash, which stops at the first failure; `koalign` and `python` are those of the tests."""
    bin_dir.mkdir(exist_ok=True)
    shim = bin_dir / "koalign"
    shim.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{KOALIGN[-1]}' \"$@\"\n", "utf-8")
    shim.chmod(0o755)
    path = os.pathsep.join((str(bin_dir), str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", block.script],
        cwd=cwd,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
