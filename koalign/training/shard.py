"""shard: a policy -> its base in parts, one a process, by PyTorch's FSDP2; the adapter is whole in each.

A layer is gathered when a pass reaches it and dropped behind it. So gradients of the adapter are summed as
without shards (`processes.py`), checkpoints are the same files, and a training goes on with any number of
processes. Passes are collective: every process makes as many as the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import torch.distributed as dist
from peft import PeftModel
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, OffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor

from koalign.adapters.base import device_here
from koalign.config.training import Training
from koalign.records import KoalignError
from koalign.text.visible import say
from koalign.training import processes
from koalign.training.policy import Start

T = TypeVar("T")


def open_policy(start: Start, training: Training) -> PeftModel:
    """Make the policy in this process, sharded where `training.shard` says so.

    The processes of a machine load one after another, so that its memory holds one whole base at a time.
    Raises KoalignError where there are fewer processes than asked, or a part of the base stayed whole.
    """
    if training.shard == "none":
        return start()
    if processes.count() != training.world:
        raise KoalignError(
            f"training.shard: {training.world} processes were asked for, and {processes.count()} run"
        )
    mesh = init_device_mesh(device_here().type, (processes.count(),))
    policy: Any = None
    for turn in range(processes.place().local_count):
        if turn == processes.place().local_number:
            policy = start(on_host=True)
            _shard(policy, mesh, offload=training.shard == "fsdp-offload")
        dist.barrier()
    whole, here = base_bytes(policy)
    if processes.number() == 0:
        say(
            f"training.shard: {here / 1e6:,.1f} of {whole / 1e6:,.1f} MB of the base in each of "
            f"{processes.count()} processes",
            err=True,
        )
    opened: PeftModel = policy
    return opened


def is_sharded(model: Any) -> bool:
    """Whether the base of a policy is in parts."""
    return isinstance(model, PeftModel) and isinstance(model.get_base_model(), FSDPModule)


def reshard(policy: Any) -> None:
    """Drop what passes without a backward pass left whole; every process must, before a training goes on.

    Saving a checkpoint drops it too, but in the first process alone: then it would gather more than others.
    """
    for module in policy.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def base_bytes(policy: PeftModel) -> tuple[int, int]:
    """Bytes of the base, and of its part in this process. Raises KoalignError for one that is whole."""
    whole = here = 0
    for name, parameter in policy.named_parameters():
        if parameter.requires_grad:
            continue
        if not isinstance(parameter, DTensor) or parameter.device_mesh.size() != processes.count():
            raise KoalignError(f"training.shard: {name} is not sharded over the processes")
        whole += parameter.numel() * parameter.element_size()
        here += parameter.to_local().numel() * parameter.element_size()
    return whole, here


def share(policy: Any, rows: Sequence[T]) -> tuple[list[T], int]:
    """The rows of this process, and how many passes it makes beyond them to keep step with the others.

    Every N-th row is of one process; a pass more is of any row, and its result is dropped.
    """
    own = list(rows[processes.number() :: processes.count()])
    longest = math.ceil(len(rows) / processes.count())
    return own, longest - len(own) if is_sharded(policy) else 0


def _shard(policy: PeftModel, mesh: DeviceMesh, *, offload: bool) -> None:
    """Shard the frozen parameters: a group a decoder layer, and one of all that is outside of layers.

    That last group, with the LM head, is whole for all of a pass. An embedding that is another tensor has a
    group of its own.
    """
    causal = policy.get_base_model()
    names = set(causal._no_split_modules or ())
    layers = [module for module in causal.modules() if type(module).__name__ in names]
    if not layers:
        raise KoalignError(
            f"training.shard: {causal.config.model_type} names no modules as its layers; set it to none"
        )
    embedding = causal.get_input_embeddings()
    if embedding.weight is not causal.get_output_embeddings().weight:
        layers.append(embedding)
    _keep_quantisation(causal)
    trained = {parameter for parameter in policy.parameters() if parameter.requires_grad}
    # On a machine without GPUs the parts are in its memory already.
    policy_of_parts = (
        CPUOffloadPolicy() if offload and mesh.device_type == "cuda" else OffloadPolicy()
    )
    for module in [*layers, causal]:
        fully_shard(module, mesh=mesh, ignored_params=trained, offload_policy=policy_of_parts)
    for parameter in trained:
        parameter.data = parameter.data.to(device_here())


def _keep_quantisation(causal: Any) -> None:
    """4-bit weights carry their scales as an attribute; bitsandbytes looks for them in the layer too."""
    for module in causal.modules():
        state = getattr(getattr(module, "weight", None), "quant_state", None)
        if state is not None:
            module.quant_state = state
    if hasattr(causal, "hf_device_map"):  # of the loading; accelerate would refuse the host
        del causal.hf_device_map
