"""processes: one training -> data-parallel processes that synchronise at every step.

Each process holds the whole model, reads the same batches in the same order and computes its share of
their rows (`rows.py`); gradients are summed, so all take the same step. For transformers and
accelerate each process is alone: they shard, wrap and average nothing. Only the first process writes
checkpoints, logs and the adapter.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stderr
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from koalign.faults import machine_fault
from koalign.records import KoalignError

T = TypeVar("T")
HERE = "127.0.0.1"
PATIENCE = timedelta(days=1)
"""Timeout of collectives between live processes, say while the first runs the probe; dead ones are noticed
at once."""
GRACE_S = 2.0
"""Seconds to wait for other failures after the first; then the likeliest cause is reported."""
CAUSES = ("refused", "killed", "failed", "aborted")
"""Ends of a process, the likelier cause first: a killed process makes others fail, and NCCL abort."""


class _Place:
    """The number of this process, how many there are, and the port of their store."""

    number, count, port = 0, 1, 0


def number() -> int:
    """The number of this process in the training, from 0."""
    return _Place.number


def count() -> int:
    """How many processes train together; 1 outside of `in_processes`."""
    return _Place.count


def sum_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace every gradient by its sum over the processes; a missing one counts as zeros."""
    if count() == 1:
        return
    _meet()
    flat = torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
    )
    dist.all_reduce(flat)
    parts = flat.split([p.numel() for p in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.grad = part.view_as(parameter)


def gathered(value: T) -> list[T]:
    """The value of each process, in their order."""
    if count() == 1:
        return [value]
    _meet()
    values: list[Any] = [None] * count()
    dist.all_gather_object(values, value)
    return values


def from_first(make: Callable[[], T]) -> T:
    """The value that the first process makes, in all processes."""
    if count() == 1:
        return make()
    _meet()
    values = [make() if number() == 0 else None]
    dist.broadcast_object_list(values, src=0)
    return values[0]  # type: ignore[return-value]


def in_processes(title: str, wanted: int, work: Callable[..., T], *arguments: Any) -> T:
    """Run `work` here, or in `wanted` > 1 processes; returns the result of the first.

    Everything given must be picklable. On GPUs each process sees one of them. When one fails or is
    killed, or this process is, all end. Raises what a process refused as KoalignError, KoalignError
    for one that was killed, and RuntimeError with the traceback of any other error.
    """
    if wanted == 1:
        return work(*arguments)
    devices = _devices(title, wanted)
    task = pickle.dumps((work, arguments))
    store = dist.TCPStore(HERE, 0, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("spawn")
    started: list[tuple[BaseProcess, Connection]] = []
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: Ctrl-C is ours to answer
    try:
        for n, device in enumerate(devices):
            ours, theirs = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(
                target=_work, args=(theirs, n, wanted, store.port, device, task), daemon=True
            )
            process.start()
            theirs.close()  # so that its end is the end of the pipe
            started.append((process, ours))
        signal.signal(signal.SIGINT, interrupt)
        return _result(title, started)
    finally:
        signal.signal(signal.SIGINT, interrupt)
        for process, _ in started:
            process.kill()
            process.join()


def _devices(title: str, wanted: int) -> list[str | None]:
    if not torch.cuda.is_available():
        return [None] * wanted
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(n) for n in range(torch.cuda.device_count())]
    if len(names) < wanted:
        raise KoalignError(
            f"{title}: training.processes is {wanted}, one a GPU, and {len(names)} can be seen; "
            f"set it to {len(names)}"
        )
    return list(names[:wanted])


def _work(
    answer: Connection, place: int, wanted: int, port: int, device: str | None, task: bytes
) -> None:
    """The main function of a process. The task is unpickled last, since its imports may look for GPUs."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Place.number, _Place.count, _Place.port = place, wanted, port
    if device is None:
        torch.set_num_threads(max(1, torch.get_num_threads() // wanted))
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    with ExitStack() as quiet:
        if place:  # only the first prints
            nowhere = quiet.enter_context(open(os.devnull, "w", encoding="utf-8"))
            quiet.enter_context(redirect_stderr(nowhere))
        quiet.push(partial(_send_error, answer))
        work, arguments = pickle.loads(task)
        returned = work(*arguments)
        if dist.is_initialized():
            dist.destroy_process_group()
        answer.send(("done", returned))


def _send_error(
    answer: Connection, kind: type[BaseException] | None, error: BaseException | None, trace: Any
) -> bool:
    """Sends whatever error ends a process to its parent, who raises it."""
    refusal = str(error) if isinstance(error, KoalignError) else error and machine_fault(error)
    if refusal:
        answer.send(("refused", refusal))
    elif error is not None:
        answer.send(("failed", "".join(traceback.format_exception(kind, error, trace))))
    return True


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _meet() -> None:
    """Join the process group at the first collective.

    Not sooner: transformers warns of a process group that it has not made itself.
    """
    if dist.is_initialized():
        return
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    os.environ["GLOO_SOCKET_IFNAME"] = loopback  # or gloo resolves the machine's own name
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
        store=dist.TCPStore(HERE, _Place.port, timeout=PATIENCE),
        rank=number(),
        world_size=count(),
        timeout=PATIENCE,
    )


def _result(title: str, started: Sequence[tuple[BaseProcess, Connection]]) -> Any:
    """The result of the first process, once all are done."""
    places: dict[Any, int] = {ours: place for place, (_, ours) in enumerate(started)}
    returned: dict[int, Any] = {}
    fallen: list[tuple[str, int, str]] = []
    while places:
        ready = wait(list(places), timeout=GRACE_S if fallen else None)
        if not ready:
            break
        for ours in ready:
            place = places.pop(ours)
            how, what = _outcome(started[place])
            if how == "done":
                returned[place] = what
            else:
                fallen.append((how, place, what))
    if not fallen:
        return returned[0]
    how, place, what = min(fallen, key=lambda end: CAUSES.index(end[0]))
    who = f"{title}: process {place + 1} of {len(started)}"
    if how == "refused":
        raise KoalignError(what)
    if how == "failed":
        raise RuntimeError(f"{who} failed:\n{what}")
    raise KoalignError(
        f"{who} ended without an error ({what}); where memory ran out, lower training.row_tokens; "
        "the same command goes on from the last checkpoint"
    )


def _outcome(started: tuple[BaseProcess, Connection]) -> tuple[str, Any]:
    process, ours = started
    try:
        return ours.recv()
    except EOFError:
        process.join()
        code = process.exitcode or 0
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ("aborted" if code == -signal.SIGABRT else "killed"), name
