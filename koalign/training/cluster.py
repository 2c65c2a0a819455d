"""cluster: a function -> run in the processes of a training, as the workers of Ray Train on a Ray cluster.

A lost worker is a new start of all of them, from the last whole checkpoint in the run folder, which the
machines share.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig, WorkerGroupError
from ray.train.torch import TorchConfig, TorchTrainer

from koalign.config.training import Training
from koalign.engines.ray_cluster import connect
from koalign.faults import machine_fault
from koalign.records import KoalignError
from koalign.training import processes

T = TypeVar("T")
LOOK_S = 0.5
"""Seconds between looks at what the first process writes."""
RESTARTS = 2
"""New starts after lost workers; more is no accident."""


def on_cluster(
    title: str, training: Training, work: Callable[..., T], arguments: tuple[Any, ...]
) -> T:
    """Run `work` on a Ray cluster, that of RAY_ADDRESS or else of this machine; the result of the first.

    Raises as `launch.launched` does.
    """
    with (
        _cluster(training.world),
        tempfile.TemporaryDirectory(prefix=".koalign-", dir=Path.cwd()) as notes,
    ):
        held = ray.cluster_resources()
        gpus = held.get("GPU", 0)
        unit, room = ("GPU", gpus) if gpus else ("core", held.get("CPU", 0))
        if room < training.world:  # Ray would wait for more
            raise KoalignError(
                f"{title}: {training.world} processes, one a {unit}, and Ray has {room:.0f}; lower "
                "training.processes or training.nodes"
            )
        told = Path(notes) / "stderr"
        told.touch()
        refusals: Any = ray.remote(num_cpus=0)(_Refusals).remote()
        trainer = TorchTrainer(
            _worker,
            train_loop_config={
                "home": str(Path.cwd()), "work": work, "arguments": arguments, "refusals": refusals,
                "told": str(told),
            },
            torch_config=TorchConfig(
                "cpu:gloo,cuda:nccl" if gpus else "gloo",
                timeout_s=int(processes.PATIENCE.total_seconds()),
            ),
            scaling_config=ScalingConfig(num_workers=training.world, use_gpu=bool(gpus)),
            run_config=RunConfig(
                name=title, storage_path=notes, failure_config=FailureConfig(max_failures=RESTARTS)
            ),
        )  # fmt: skip
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            with _shown(told):
                result: Any = trainer.fit()
        except SystemExit:  # Ray's answer to Ctrl-C
            raise KeyboardInterrupt from None
        except WorkerGroupError as error:
            if refusal := ray.get(refusals.first.remote()):
                raise KoalignError(refusal) from None
            raise RuntimeError(f"{title}: {error}") from None
        finally:
            signal.signal(signal.SIGINT, interrupt)  # Ray leaves its own
        returned: T = result.return_value
        return returned


@contextmanager
def _cluster(processes_here: int) -> Iterator[None]:
    connect(
        os.environ.get("RAY_ADDRESS"), processes_here, "training.launcher: ray: RAY_ADDRESS",
        PYTHONPATH=os.pathsep.join(sys.path),  # they find the modules that this process finds
        TRAIN_ENABLE_SHARE_CUDA_VISIBLE_DEVICES="0",  # each process sees one GPU
        RAY_TRAIN_ENABLE_PRINT_PATCH="0",
    )  # fmt: skip
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _shown(told: Path) -> Iterator[None]:
    """Show what the first process writes into this file; Ray would show its own affairs too."""
    over = threading.Event()

    def show() -> None:
        with told.open(encoding="utf-8") as lines:
            while not over.wait(LOOK_S):
                sys.stderr.write(lines.read())
            sys.stderr.write(lines.read())

    shows = threading.Thread(target=show)
    shows.start()
    try:
        yield
    finally:
        over.set()
        shows.join()


class _Refusals:
    """What processes refuse: it would be refused again after a new start, and so is at once."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        self._lines.append(line)

    def first(self) -> str | None:
        return self._lines[0] if self._lines else None


def _worker(task: Mapping[str, Any]) -> Any:
    """What each worker does; of the first, Ray hands on the result."""
    if refusal := ray.get(task["refusals"].first.remote()):
        raise KoalignError(refusal)
    processes.enter()
    os.chdir(task["home"])
    told = os.devnull if processes.number() else task["told"]  # only the first prints
    with open(told, "a", buffering=1, encoding="utf-8") as file, redirect_stderr(file):
        try:
            return task["work"](*task["arguments"])
        except (KoalignError, OSError, MemoryError, RuntimeError) as error:
            refusal = str(error) if isinstance(error, KoalignError) else machine_fault(error)
            if refusal:
                ray.get(task["refusals"].add.remote(refusal))
            raise
