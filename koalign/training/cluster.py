"""cluster: a function -> run in the processes of a training, as the workers of Ray Train on a Ray cluster.

A lost worker is a new start of all of them, from the last whole checkpoint in the run folder, which the
machines share.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, TypeVar

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig, WorkerGroupError
from ray.train.torch import TorchConfig, TorchTrainer

from koalign.config.training import Training
from koalign.faults import machine_fault
from koalign.records import KoalignError
from koalign.training import processes

T = TypeVar("T")
RESTARTS = 2
"""New starts after lost workers; more is no accident."""
STORE_BYTES = 2**28
"""Of a local cluster's object store: the rows of a training."""


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
        gpus = ray.cluster_resources().get("GPU", 0)
        if 0 < gpus < training.world:
            raise KoalignError(
                f"{title}: {training.world} processes, one a GPU, and Ray has {gpus:.0f} GPUs; lower "
                "training.processes or training.nodes"
            )
        refusals: Any = ray.remote(num_cpus=0)(_Refusals).remote()
        trainer = TorchTrainer(
            _worker,
            train_loop_config={
                "home": str(Path.cwd()), "work": work, "arguments": arguments, "refusals": refusals,
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
        try:
            result: Any = trainer.fit()
        except WorkerGroupError as error:
            if refusal := ray.get(refusals.first.remote()):
                raise KoalignError(refusal) from None
            raise RuntimeError(f"{title}: {error}") from None
        returned: T = result.return_value
        return returned


@contextmanager
def _cluster(processes_here: int) -> Iterator[None]:
    """Workers find the modules that this process finds, and see one GPU each."""
    variables = {
        "PYTHONPATH": os.pathsep.join(sys.path), "TRAIN_ENABLE_SHARE_CUDA_VISIBLE_DEVICES": "0",
    }  # fmt: skip
    address = os.environ.get("RAY_ADDRESS")
    local: dict[str, Any] = {
        "num_cpus": max(processes_here, len(os.sched_getaffinity(0))), "include_dashboard": False,
        "object_store_memory": STORE_BYTES, "_node_ip_address": processes.HERE,
    }  # fmt: skip
    try:
        ray.init(
            address=address or "local", runtime_env={"env_vars": variables}, logging_level=logging.ERROR,
            **({} if address else local),
        )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise KoalignError(
            f"training.launcher: ray at {address or 'a local cluster'}: {reason}"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


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
    with ExitStack() as quiet:
        if processes.number():  # only the first prints
            nowhere = quiet.enter_context(open(os.devnull, "w", encoding="utf-8"))
            quiet.enter_context(redirect_stderr(nowhere))
        try:
            return task["work"](*task["arguments"])
        except (KoalignError, OSError, MemoryError, RuntimeError) as error:
            refusal = str(error) if isinstance(error, KoalignError) else machine_fault(error)
            if refusal:
                ray.get(task["refusals"].add.remote(refusal))
            raise
