"""launch: a function -> run in the processes of a training, by torch's elastic launcher (torchrun).

Rendezvous, signals and the end of all where one fails are torch's affair. A training has its own
checkpoints, so that nothing is restarted: the same command goes on.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from koalign.config.training import Training
from koalign.records import KoalignError
from koalign.training.processes import HERE
from koalign.training.worker import RESULT, TASK

T = TypeVar("T")
GRACE_S = 5
"""Seconds for the processes to end after a signal, before they are killed."""
CAUSES = ("refused", "killed", "failed", "aborted", "stopped")
"""Ends of a process, the likelier cause first: a killed process makes others fail, NCCL abort, and torch
stop the rest."""
ENDS = {signal.SIGABRT: "aborted", signal.SIGTERM: "stopped"}


def launched(title: str, training: Training, work: Callable[..., T], *arguments: Any) -> T:
    """Run `work` here, or in the processes that `training` asks for; returns the result of the first.

    Everything given must be picklable. On GPUs each process sees one of them. When one fails or is
    killed, or this process is, all end. Raises what a process refused as KoalignError, KoalignError
    for one that was killed, and RuntimeError with the traceback of any other error.
    """
    if training.processes == 1 and training.shard == "none":
        return work(*arguments)
    refuse_more_than_gpus(title, training.processes, torch.cuda.device_count())
    with tempfile.TemporaryDirectory(prefix="koalign-") as name, _quiet(), _signals_restored():
        folder = Path(name)
        (folder / TASK).write_bytes(pickle.dumps((work, arguments)))
        try:
            elastic_launch(_config(training.processes, folder), sys.executable)(
                "-P", "-m", "koalign.training.worker", name, str(os.getpid())
            )
        except ChildFailedError as error:
            raise _error(title, training.processes, error.failures) from None
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + error.sigval) from None
        result: T = pickle.loads((folder / RESULT).read_bytes())
        return result


def refuse_more_than_gpus(title: str, wanted: int, gpus: int) -> None:
    """Raises KoalignError where processes would have to share a GPU; a machine without any is a CPU."""
    if 0 < gpus < wanted:
        raise KoalignError(
            f"{title}: training.processes is {wanted}, one a GPU, and {gpus} can be seen; set it to {gpus}"
        )


def _config(wanted: int, folder: Path) -> LaunchConfig:
    silent = {number: Std.ALL if number else Std.NONE for number in range(wanted)}
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=wanted,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{HERE}:0",
        rdzv_configs={"is_host": True},
        local_addr=HERE,
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(
            str(folder / "logs"), redirects=silent
        ),  # only the first prints
        signals_to_handle="SIGINT,SIGTERM",
        virtual_local_rank=torch.cuda.is_available(),
        shutdown_timeout=GRACE_S,
    )


def _error(title: str, wanted: int, failures: Mapping[int, ProcessFailure]) -> Exception:
    """The likeliest cause of what ended the processes."""
    ends = [(*_end(failure), rank) for rank, failure in failures.items()]
    how, _, what, rank = min(ends, key=lambda end: (CAUSES.index(end[0]), end[1]))
    who = f"{title}: process {rank + 1} of {wanted}"
    if how == "refused":
        return KoalignError(what)
    if how == "failed":
        return RuntimeError(f"{who} failed:\n{what}")
    return KoalignError(
        f"{who} ended without an error ({what}); where memory ran out, lower training.row_tokens; "
        "the same command goes on from the last checkpoint"
    )


def _end(failure: ProcessFailure) -> tuple[str, float, str]:
    """How a process ended, when, and what of."""
    message = failure.error_file_data["message"]
    if isinstance(message, dict):
        told = message["extraInfo"]
        if told["refusal"]:
            return "refused", told["time"], told["refusal"]
        return "failed", told["time"], told["py_callstack"]
    if failure.exitcode >= 0:
        return "killed", failure.timestamp, f"exit code {failure.exitcode}"
    number = signal.Signals(-failure.exitcode)
    return ENDS.get(number, "killed"), failure.timestamp, number.name


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch logs what becomes our error; and its processes find the modules that this one finds."""
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        os.environ.pop("PYTHONPATH")
        if path is not None:
            os.environ["PYTHONPATH"] = path


@contextmanager
def _signals_restored() -> Iterator[None]:
    """Torch's launcher leaves its handlers behind."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
