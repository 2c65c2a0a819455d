"""follow: what a node that is not the first does: it joins the trainings that the first begins."""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from itertools import count
from pathlib import Path

import torch.distributed as dist

from koalign.nodes import Node
from koalign.records import KoalignError
from koalign.text.visible import say
from koalign.training.launch import CAUSE, END, FAILED, LEFT, MEET_S, ORDER, join

LOOK_S = 0.5
"""Seconds between looks for the next training."""
REACH = timedelta(seconds=10)
"""How long one try to reach the first node takes."""


def follow(node: Node) -> None:
    """Join every training of the first node until it ends.

    Raises KoalignError where it does not come, stops or is gone, and what ends a process of this node.
    """
    title = f"node {node.number + 1} of {node.count}"
    say(f"{title}: joins the trainings of {node.address}:{node.port}", err=True)
    store = _reach(node, MEET_S)
    for number in count(1):
        what = _wait(store, f"{ORDER}{number}", node)
        if what in (END, FAILED):
            store.add(LEFT, 1)
        if what == END:
            return
        if what == FAILED:
            raise KoalignError(
                f"{title}: the first node stopped, and its output says why; the same command on all nodes "
                "goes on"
            )
        with tempfile.TemporaryDirectory(prefix="koalign-") as folder:
            try:
                join(title, node, int(what), Path(folder))
            except KoalignError as error:
                store.set(CAUSE, str(error))
                raise


def _reach(node: Node, seconds: float) -> dist.Store:
    """The store of the first node, once that is there. Raises KoalignError after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        try:
            return dist.TCPStore(node.address, node.port, timeout=REACH)
        except dist.DistError:
            if time.monotonic() > until:
                raise KoalignError(
                    f"node {node.number + 1} of {node.count}: no first node at {node.address}:{node.port} "
                    f"in {seconds:.0f} seconds; start koalign there, or mend MASTER_ADDR and MASTER_PORT"
                ) from None
            time.sleep(LOOK_S)  # the first is not there yet


def _wait(store: dist.Store, key: str, node: Node) -> str:
    try:
        while not store.check([key]):
            time.sleep(LOOK_S)
        return store.get(key).decode()
    except dist.DistError:
        raise KoalignError(
            f"node {node.number + 1} of {node.count}: the first node is gone; the same command on all "
            "nodes goes on"
        ) from None
