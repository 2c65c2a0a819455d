"""nodes: a command that is started on several nodes: the first does it, the others join its trainings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koalign.config.sections import Config


@contextmanager
def first_node(config: Config) -> Iterator[bool]:
    """Whether this node does the work of the block; another has joined all trainings when it begins.

    Raises KoalignError for a node that does not say which it is.
    """
    from koalign.nodes import node_here

    node = node_here(config.training)
    if node is None:  # the usual: without torch
        yield True
        return
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # what it warns of becomes our error
    if node.number:
        from koalign.training.follow import follow

        follow(node)
        yield False
        return
    from koalign.training.launch import leading

    with leading(node):
        yield True
