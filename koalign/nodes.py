"""nodes: the variables of SLURM, torchrun or a shell -> which of several machines this is.

koalign is started on every node with the same command and a shared run folder. The first plans and writes;
the others join its trainings.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from koalign.config.training import Training
from koalign.records import KoalignError

PORT = 29_500
"""Of torchrun, where MASTER_PORT is not set."""
NODE = ("NODE_RANK", "MASTER_ADDR")


@dataclass(frozen=True)
class Node:
    """One koalign of several that train together."""

    number: int
    count: int
    address: str
    """Of the first, which the others reach."""
    port: int
    processes: int
    """That it starts."""
    card: int | None = None
    """The only GPU that it uses, where each GPU has a koalign of its own."""
    hosted: bool = False
    """Whether torchrun keeps the store at that address."""

    def own_card(self, cards: Sequence[str]) -> str:
        """Of the GPUs that can be seen, that of this koalign. Raises KoalignError where there are fewer."""
        if len(cards) == 1:  # its launcher shows each koalign its own
            return cards[0]
        if self.card is None or self.card >= len(cards):
            raise KoalignError(
                f"LOCAL_RANK is {self.card}, and {len(cards)} GPUs can be seen; start one koalign a GPU at "
                "most"
            )
        return cards[self.card]


def node_here(training: Training, variables: Mapping[str, str] = os.environ) -> Node | None:
    """This node; None: koalign runs once. Raises KoalignError where that cannot be."""
    if training.launcher == "ray":
        refuse_without_ray(training)
        return None
    world = _number(variables, "WORLD_SIZE", 1) if "RANK" in variables else 1
    if world > 1:
        return _of_ranks(training, variables, world)
    if training.nodes == 1:
        return None
    if "SLURM_NODEID" in variables:
        return _of_slurm(training, variables)
    missing = [name for name in NODE if not variables.get(name)]
    if missing:
        raise KoalignError(
            f"training.nodes is {training.nodes}, and this node lacks {' and '.join(missing)}; "
            "start koalign on every node by srun or torchrun, or set NODE_RANK (from 0) and MASTER_ADDR"
        )
    return _node(training, variables, _number(variables, "NODE_RANK", 0), variables["MASTER_ADDR"])


def _of_ranks(training: Training, variables: Mapping[str, str], world: int) -> Node:
    """RANK and WORLD_SIZE count nodes (Kubernetes) or processes (torchrun)."""
    wanted = training.nodes * training.processes
    by_node = world == training.nodes and _number(variables, "LOCAL_WORLD_SIZE", 1) == 1
    if world != wanted and not by_node:
        raise KoalignError(
            f"koalign was started {world} times (WORLD_SIZE), and training.nodes × training.processes is "
            f"{training.nodes} × {training.processes}; set them, or start it once a node"
        )
    if not variables.get("MASTER_ADDR"):
        raise KoalignError(
            "RANK and WORLD_SIZE are set, and MASTER_ADDR is not; set it on every node"
        )
    number = _number(variables, "RANK", 0)
    node = _node(training, variables, number, variables["MASTER_ADDR"], world)
    if by_node:
        return node
    return Node(
        number,
        world,
        node.address,
        node.port,
        processes=1,
        card=_number(variables, "LOCAL_RANK", 0),
        hosted=variables.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
    )


def _of_slurm(training: Training, variables: Mapping[str, str]) -> Node:
    nodes = _number(variables, "SLURM_NNODES", 1)
    tasks = _number(variables, "SLURM_STEP_NUM_TASKS", nodes)
    if nodes != training.nodes or tasks != nodes:
        raise KoalignError(
            f"training.nodes is {training.nodes}, and SLURM started {tasks} tasks on {nodes} nodes; start "
            f"koalign once a node: srun --nodes={training.nodes} --ntasks-per-node=1 koalign"
        )
    address = variables.get("MASTER_ADDR") or first_host(variables.get("SLURM_JOB_NODELIST", ""))
    return _node(training, variables, _number(variables, "SLURM_NODEID", 0), address)


def first_host(nodes: str) -> str:
    """The first of SLURM's list of hosts: `r1-[03-05,09]-ib,login` -> r1-03-ib; KoalignError for none."""
    found = re.match(r"(?:[^,\[\s]|\[[^\]]*\])+", nodes)
    if not found:
        raise KoalignError(
            f"SLURM_JOB_NODELIST: {nodes!r} names no host; set MASTER_ADDR on every node"
        )
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", found[0])


def _node(
    training: Training, variables: Mapping[str, str], number: int, address: str, count: int = 0
) -> Node:
    count = count or training.nodes
    if not 0 <= number < count:
        raise KoalignError(f"this is node {number} of {count}; nodes are counted from 0")
    return Node(number, count, address, _number(variables, "MASTER_PORT", PORT), training.processes)


def _number(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name) or str(default)
    if not text.strip().isdigit():
        raise KoalignError(f"{name} is {text!r}, and a whole number is expected")
    return int(text)


def refuse_without_ray(training: Training) -> None:
    """Raises KoalignError where the launcher is ray, and it is not installed."""
    if training.launcher == "ray" and not importlib.util.find_spec("ray"):
        raise KoalignError(
            "training.launcher: ray is not installed; pip install 'koalign[ray]', or take torchrun"
        )
