"""launch: a function -> run in the processes of a training, by torch's elastic launcher (torchrun).

Rendezvous, signals and the end of all where one fails are torch's affair. A training has its own
checkpoints, so that nothing is restarted: the same command goes on. Of several nodes the first leads: what
it begins, the others join (`follow.py`), by a store at its address.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from koalign.config.training import Training
from koalign.nodes import Node, refuse_without_ray
from koalign.records import KoalignError
from koalign.text.visible import say
from koalign.training.processes import HERE
from koalign.training.worker import RESULT, TASK

T = TypeVar("T")
GRACE_S = 5
"""Seconds for processes to end after a signal, before they are killed; and for nodes to say why."""
MEET_S = 600
"""Seconds for all nodes to come to a training."""
ORDER, CAUSE, LEFT = "koalign/order/", "koalign/cause", "koalign/left"
END, FAILED = "end", "failed"
"""Keys of the store of several nodes, and orders that are no port of a training."""
CAUSES = ("refused", "killed", "failed", "aborted", "stopped")
"""Ends of a process, the likelier cause first: a killed process makes others fail, NCCL abort, and torch
stop the rest."""
ENDS = {signal.SIGABRT: "aborted", signal.SIGTERM: "stopped"}


class _Lead:
    """What the first of several nodes begins."""

    node: Node | None = None
    store: dist.Store | None = None
    orders = 0

    @classmethod
    def order(cls, what: str) -> None:
        """The port of a training to be joined, or the end of all."""
        if cls.store is not None:
            cls.orders += 1
            cls.store.set(f"{ORDER}{cls.orders}", what)

    @classmethod
    def cause(cls) -> str | None:
        """What another node says of the end of a training."""
        until = time.monotonic() + GRACE_S
        while cls.store is not None and time.monotonic() < until:
            if cls.store.check([CAUSE]):
                return cls.store.get(CAUSE).decode()
            time.sleep(0.1)
        return None


def launched(title: str, training: Training, work: Callable[..., T], *arguments: Any) -> T:
    """Run `work` here, or in the processes that `training` asks for; returns the result of the first.

    Everything given must be picklable. On GPUs each process sees one of them. When one fails or is
    killed, or this process is, all end. Raises what a process refused as KoalignError, KoalignError
    for one that was killed, and RuntimeError with the traceback of any other error.
    """
    if training.launcher == "ray":
        refuse_without_ray(training)
        from koalign.training.cluster import on_cluster

        return on_cluster(title, training, work, arguments)
    if training.world == 1 and training.shard == "none":
        return work(*arguments)
    refuse_more_than_gpus(title, training.processes, torch.cuda.device_count())
    if training.nodes > 1 and _Lead.node is None:
        raise KoalignError(f"{title}: this command trains on one node; set training.nodes to 1")
    node = _Lead.node or Node(0, 1, HERE, 0, training.processes)
    with tempfile.TemporaryDirectory(prefix="koalign-") as name:
        folder, port = Path(name), _free_port()
        task = (str(Path.cwd()), training.world, work, arguments)
        (folder / TASK).write_bytes(pickle.dumps(task))
        _Lead.order(str(port))
        try:
            join(title, node, port, folder)
        except RuntimeError:  # say of a connection that is gone, where another node knows why
            if cause := _Lead.cause():
                raise KoalignError(cause) from None
            raise
        result: T = pickle.loads((folder / RESULT).read_bytes())
        return result


def refuse_more_than_gpus(title: str, wanted: int, gpus: int) -> None:
    """Raises KoalignError where processes would have to share a GPU; a machine without any is a CPU."""
    if 0 < gpus < wanted:
        raise KoalignError(
            f"{title}: training.processes is {wanted}, one a GPU, and {gpus} can be seen; set it to {gpus}"
        )


@contextmanager
def leading(node: Node | None) -> Iterator[None]:
    """Let the other nodes join the trainings of this block, and end with it; None: there are no others."""
    if node is None:
        yield
        return
    try:
        store = dist.TCPStore(
            node.address, node.port, is_master=not node.hosted, wait_for_workers=False
        )
    except dist.DistError as error:
        raise KoalignError(
            f"MASTER_ADDR {node.address}, MASTER_PORT {node.port}: the first node cannot listen there; "
            f"take its own address and a free port ({str(error).partition(chr(10))[0]})"
        ) from None
    say(f"node 1 of {node.count}: the others join at {node.address}:{node.port}", err=True)
    how = FAILED
    _Lead.node, _Lead.store, _Lead.orders = node, store, 0
    try:
        yield
        how = END
    finally:
        _Lead.order(how)
        until = time.monotonic() + GRACE_S
        while store.add(LEFT, 0) < node.count - 1 and time.monotonic() < until:
            time.sleep(0.1)  # the store ends with this process
        _Lead.node = _Lead.store = None


def join(title: str, node: Node, port: int, folder: Path) -> None:
    """Run the processes of this node; those of all nodes meet at the first's address and this port.

    Raises as `launched` does.
    """
    arguments = ("-P", "-m", "koalign.training.worker", str(folder), str(os.getpid()))
    with _environment(node), _signals_restored():
        try:
            elastic_launch(_config(node, port, folder), sys.executable)(*arguments)
        except ChildFailedError as error:
            raise _error(title, node.count * node.processes, error.failures) from None
        except dist.DistError:
            raise KoalignError(
                f"{title}: not all of {node.count} nodes came to {node.address} in {MEET_S} seconds; start "
                "the same command on each"
            ) from None
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + error.sigval) from None


def _config(node: Node, port: int, folder: Path) -> LaunchConfig:
    silent = {n: Std.ALL if n or node.number else Std.NONE for n in range(node.processes)}
    return LaunchConfig(
        min_nodes=node.count,
        max_nodes=node.count,
        nproc_per_node=node.processes,
        run_id=f"koalign-{port}",
        rdzv_backend="static",  # so that the first node has the first process
        rdzv_endpoint=f"{node.address}:{port}",
        rdzv_configs={"rank": node.number, "timeout": MEET_S},
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(
            str(folder / "logs"), redirects=silent
        ),  # only the first prints
        signals_to_handle="SIGINT,SIGTERM",
        virtual_local_rank=torch.cuda.is_available(),
        shutdown_timeout=GRACE_S,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


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
def _environment(node: Node) -> Iterator[None]:
    """Processes find the modules that this one finds, and their GPU; what torch logs becomes our error."""
    changes = {"PYTHONPATH": os.pathsep.join(sys.path), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    if node.card is not None and torch.cuda.is_available():
        cards = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(
            map(str, range(torch.cuda.device_count()))
        )
        changes["CUDA_VISIBLE_DEVICES"] = node.own_card(cards.split(","))
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _signals_restored() -> Iterator[None]:
    """Torch's launcher leaves its handlers behind."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
