"""Pages of documentation: their shell blocks, a shell that runs one as a reader would, and their links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from support.command import KOALIGN, ROOT

ENGLISH = [ROOT / "README.md", *sorted((ROOT / "docs" / "en").glob("*.md"))]
_BLOCK = re.compile(r"<!-- folder: ([\w-]+) -->\n```sh\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


class Block(NamedTuple):
    """A ```sh block of a page; the name of the prepared folder that it runs in."""

    folder: str
    script: str

    @property
    def commands(self) -> str:
        """The script without its comments, which are translated."""
        return re.sub(r"(^|\s+)#.*$", "", self.script, flags=re.MULTILINE)


def twin(page: Path) -> Path:
    """The Korean page of an English one."""
    return ROOT / "README.ko.md" if page.parent == ROOT else ROOT / "docs" / "ko" / page.name


def blocks(page: Path) -> list[Block]:
    """The shell blocks of a page in order; each names its folder in a comment on the line before it."""
    text = page.read_text(encoding="utf-8")
    made = [Block(*found.groups()) for found in _BLOCK.finditer(text)]
    assert len(made) == text.count("```sh\n"), (
        f"{page}: a shell block has no `<!-- folder: NAME -->`"
    )
    return made


def run_block(block: Block, cwd: Path, bin_dir: Path) -> subprocess.CompletedProcess:
    """The block in bash, which stops at the first failure; `koalign` and `python` are those of the tests."""
    bin_dir.mkdir(exist_ok=True)
    shim = bin_dir / "koalign"
    shim.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{KOALIGN[-1]}' \"$@\"\n", "utf-8")
    shim.chmod(0o755)
    path = os.pathsep.join((str(bin_dir), str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", block.script], cwd=cwd,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "160"},
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def links(page: Path) -> list[str]:
    """Relative targets of links and pictures, outside of code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [first or second for first, second in _LINK.findall(text)]
    return [target for target in targets if not target.startswith(("http://", "https://"))]


def anchors(page: Path) -> set[str]:
    """What GitHub names the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}
