"""processes: how the processes of one training share it: their number, values gathered, gradients summed.

Each reads the same batches in the same order and computes its share of their rows (`rows.py`); gradients
are summed, so all take the same step. For transformers and accelerate each process is alone: they shard,
wrap and average nothing. Only the first process writes checkpoints, logs and the adapter. `launch.py`
starts them.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")
HERE = "127.0.0.1"
PATIENCE = timedelta(days=1)
"""Timeout of collectives between live processes, say while the first runs the probe; dead ones are noticed
at once."""
LAUNCHERS_OWN = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK",
    "ROLE_WORLD_SIZE", "ROLE_NAME", "MASTER_ADDR", "MASTER_PORT",
)  # fmt: skip
"""Variables by which accelerate would start to wrap and average on its own."""


@dataclass(frozen=True)
class Place:
    """Which process this is."""

    number: int = 0
    count: int = 1
    local_number: int = 0
    """Among those of this machine."""
    local_count: int = 1


class _Here:
    place = Place()


def enter(local_number: int | None = None) -> None:
    """Join the others, by the variables of a launcher, which are removed.

    `local_number`: where the launcher shows each process one GPU and so calls each the first.
    """
    rank, world, local, local_world = (
        int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    )
    if not dist.is_initialized():
        if os.environ["MASTER_ADDR"] in (
            HERE,
            "localhost",
        ):  # or gloo resolves the machine's own name
            os.environ["GLOO_SOCKET_IFNAME"] = next(
                name for _, name in socket.if_nameindex() if name.startswith("lo")
            )
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE)
    _Here.place = Place(rank, world, local if local_number is None else local_number, local_world)
    for name in LAUNCHERS_OWN:
        os.environ.pop(name, None)
    # transformers warns of a process group that it does not use.
    logging.getLogger("transformers.training_args").addFilter(
        lambda record: "process group is initialized" not in record.getMessage()
    )
    if not torch.cuda.is_available():
        torch.set_num_threads(max(1, torch.get_num_threads() // local_world))


def leave() -> None:
    """The end of a process that has done its work, once all have."""
    if dist.is_initialized():
        dist.barrier()  # or the first to end would tear the others' connections
        dist.destroy_process_group()


def place() -> Place:
    """The place of this process; of one alone outside of a launch."""
    return _Here.place


def number() -> int:
    """The number of this process in the training, from 0."""
    return place().number


def count() -> int:
    """How many processes train together; 1 outside of a launch."""
    return place().count


def sum_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace every gradient by its sum over the processes; a missing one counts as zeros."""
    if count() == 1:
        return
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
    values: list[Any] = [None] * count()
    dist.all_gather_object(values, value)
    return values


def from_first(make: Callable[[], T]) -> T:
    """The value that the first process makes, in all processes."""
    if count() == 1:
        return make()
    values = [make() if number() == 0 else None]
    dist.broadcast_object_list(values, src=0)
    return values[0]  # type: ignore[return-value]
