"""A small real run; kill a koalign command at a chosen moment, and compare what is left byte by byte."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from koalign.jsonl import write_jsonl
from support.command import KOALIGN, koalign
from support.problems import exam


def small_run(folder: Path, problems: dict[str, int], **sections: object) -> Path:
    """A folder with so many problems of each split of the built-in exam, for the built-in model."""
    folder.mkdir(exist_ok=True)
    for split, count in problems.items():
        write_jsonl(folder / f"{split}.jsonl", exam(split)[:count])
    data = {split: f"{split}.jsonl" for split in problems}
    config = {"model": {"path": "builtin:tiny-ko"}, "data": data, "engine": {"backend": "hf"}}
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config | sections), encoding="utf-8")
    return folder


def run_and_its_samples(folder: Path) -> tuple[Path, Path]:
    """A run of the built-in model after `koalign sft`, and a copy of it after `koalign dpo-pairs`."""
    run, whole = folder / "run", folder / "whole"
    small_run(
        run, {"train": 48, "dev": 8, "test": 4},
        engine={"backend": "hf", "batch_size": 8}, sft={"epochs": 1, "batch_size": 8},
        sample={"n": 4, "temperature": 1.0, "top_p": 1.0, "max_tokens": 24},
    )  # fmt: skip
    koalign("sft", cwd=run, code=0)
    shutil.copytree(run, whole)
    koalign("dpo-pairs", cwd=whole, code=0)
    return run, whole


def lines_in(pattern: str) -> Callable[[Path], int]:
    return lambda folder: sum(p.read_bytes().count(b"\n") for p in folder.glob(pattern))


def kill_when(command: list[str], folder: Path, ready: Callable[[], bool]) -> None:
    """Start the command and kill it, unasked, as soon as `ready`."""
    with subprocess.Popen(
        [*KOALIGN, *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 300
        while not ready():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def content(path: Path) -> dict[str, bytes] | bytes:
    if path.is_file():
        return path.read_bytes()
    return {p.name: p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
