"""ray_cluster: an address -> a joined cluster whose machines hold the same koalign, base and adapters."""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._private.authentication.authentication_token_setup import (
    maybe_enable_token_auth_if_token_available,
)
from ray.exceptions import RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from koalign.adapters.cards import adapter_id
from koalign.config.inputs import Model
from koalign.provenance import source_hash
from koalign.records import Base, KoalignError

STORE_BYTES = 2**28
"""Of a local cluster's object store: prompts and samples."""
STARTS = 3
"""Tries of a local cluster to start: Ray gives its own processes 30 seconds, which is little on a busy
machine."""
CACHE = Path(".cache/koalign/adapters")
"""Below the home folder of a machine: adapters that its file system lacked, by their ids."""


def standing(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    """The folder of an adapter of this id on this machine; where it is not there, made of its files."""
    if folder.exists() and adapter_id(folder) == name:
        return folder
    made = Path.home() / CACHE / name
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=made.parent))
        for path, content in files.items():
            (part / path).write_bytes(content)
        with suppress(OSError):  # another actor was quicker
            part.rename(made)
    if adapter_id(made) != name:
        raise KoalignError(f"{made}: is not the adapter {name}; remove the folder")
    return made


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of an adapter's folder by name, for machines that do not have it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _take_token() -> None:
    """Show a cluster the token of this machine: `ray start` wants it, and `ray.init` does not show it."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def connect(
    address: str | None, actors: int, key: str = "engine.ray.address", **variables: str
) -> None:
    """Join the cluster, or start one of this machine. Raises KoalignError where it refuses.

    `key`: what the error names. `variables`: environment of all that is started.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if variables:
        quiet["runtime_env"] = {"env_vars": variables}
    try:
        if address:
            _take_token()
            ray.init(address=address, **quiet)
        else:
            _start_local(max(actors, len(os.sched_getaffinity(0))), quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise KoalignError(f"{key}: {address or 'a local cluster'}: {reason}") from None


def _start_local(cores: int, quiet: dict[str, Any]) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_worker_niceness", "0")  # as this process; Ray's default is 15
    ray_constants.ENABLE_RAY_CLUSTER = False  # so all that starts listens on 127.0.0.1 alone
    try:
        for tries in range(1, STARTS + 1):
            try:
                ray.init(
                    address="local", num_cpus=cores, include_dashboard=False,
                    object_store_memory=STORE_BYTES, _node_ip_address="127.0.0.1", **quiet,
                )  # fmt: skip
                return
            except Exception as error:  # Ray raises no narrower one for a start that took too long
                ray.shutdown()
                if type(error) is not Exception:
                    raise
                if tries == STARTS:
                    raise RuntimeError(f"did not start in {STARTS} tries; {error}") from None
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = True


def refuse_other_nodes(model: Model, base: Base) -> bool:
    """Whether there are other machines. Raises KoalignError for one with another koalign or base."""
    source = source_hash()

    def probe() -> tuple[str, str]:  # travels as it is: koalign may not be there
        try:
            from koalign.adapters.base import identify
            from koalign.provenance import source_hash
            from koalign.records import KoalignError
        except ImportError as error:
            return f"has no koalign like this one ({error})", ""
        if source_hash() != source:
            return "has another koalign", ""
        try:
            return "", identify(model).weight_hash
        except KoalignError as error:
            return f"lacks the base: {error}", ""

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) == 1:  # this machine
        return False
    task = ray.remote(num_cpus=0)(probe)
    probes = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        reference = task.options(scheduling_strategy=there).remote()
        probes.append((node["NodeManagerAddress"], reference))
    for place, reference in probes:
        fault, weights = result_of(reference)
        if not fault and weights != base.weight_hash:
            fault = f"has other weights at {model.path}"
        if fault:
            raise KoalignError(f"engine.backend: ray: the machine {place} {fault}")
    return True


def result_of(reference: Any) -> Any:
    """What a task returned; raises what it raised, without Ray's own account of it."""
    try:
        return ray.get(reference)
    except RayActorError:
        raise
    except RayTaskError as error:
        raise (error.cause or error) from None


def free_resources() -> dict[str, float]:
    """Cores and GPUs that nothing has claimed."""
    free = ray.available_resources()
    return {name: free[name] for name in ("CPU", "GPU") if name in free}
