"""scoring: log-probabilities and hidden states of completions under a fixed policy.

Computed as in training: the prompt once for all of its completions, or, with `packing: trl`, one completion
at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from peft import PeftModel
from trl.trainer.utils import add_fused_lm_head

from koalign.adapters.base import device_here
from koalign.config.inputs import Model
from koalign.config.training import Training
from koalign.engines.packing import Group, inexactness, pack, rows_of, share_prompts
from koalign.records import KoalignError, Logps, Pair
from koalign.text.visible import warn
from koalign.training.launch import launched
from koalign.training.policy import Start, autocast, continued_policy
from koalign.training.processes import gathered
from koalign.training.shard import open_policy, share

T = TypeVar("T")
IGNORED = -100

Read = Callable[[PeftModel, dict[str, Any]], torch.Tensor]
"""(policy, a row) -> something of every predicted token, (N, ...)."""


def reference_logps(start: Start, pairs: Sequence[Pair], training: Training) -> list[Logps]:
    """`token_logps` of the policy that `start` makes, by the processes of the training together."""
    return launched("reference", training, _reference_logps, start, pairs, training)


def _reference_logps(start: Start, pairs: Sequence[Pair], training: Training) -> list[Logps]:
    return token_logps(open_policy(start, training), pairs, training)


def token_logps(policy: PeftModel, pairs: Sequence[Pair], training: Training) -> list[Logps]:
    """For each pair the log-probabilities of the tokens of its two sides, in nats."""
    groups, places = group_sides(pairs)
    scored = _scored(policy, groups, training, _logps, torch.Tensor.tolist)
    return [(scored[group][chosen], scored[group][rejected]) for group, chosen, rejected in places]


def ln_ches(adapter: Path, model: Model, pairs: Sequence[Pair], training: Training) -> list[float]:
    """For each pair the length-normalised CHES under `adapter`: the similarity of its sides' hidden states.

    With s the sum over a completion's tokens of the last hidden states that predict them:
    <s+, s-> / (|y+| |y-|) - |s+|^2 / |y+|^2 (Razin et al., arXiv 2410.08847, Definition 2 and its
    normalised variant). Computed without padding; 0 for two equal sides. The higher, the more
    DPO pushes the chosen side down with the rejected one.
    """
    return launched("pairs", training, _ln_ches, adapter, model, pairs, training)


def _ln_ches(adapter: Path, model: Model, pairs: Sequence[Pair], training: Training) -> list[float]:
    policy = open_policy(partial(continued_policy, model, adapter), training)
    groups, places = group_sides(pairs)
    means = _scored(policy, groups, training, _states, partial(torch.mean, dim=0))
    return [
        float(means[group][chosen] @ (means[group][rejected] - means[group][chosen]))
        for group, chosen, rejected in places
    ]


def group_sides(pairs: Sequence[Pair]) -> tuple[list[Group], list[tuple[int, int, int]]]:
    """One group a prompt, in the order of first appearance, of its distinct completions; and for each pair
    the number of its group and those of its chosen and rejected completion."""
    groups: dict[tuple[int, ...], tuple[int, dict[tuple[int, ...], int]]] = {}
    places = []
    for pair in pairs:
        group, numbers = groups.setdefault(pair.prompt_ids, (len(groups), {}))
        chosen = numbers.setdefault(pair.chosen.token_ids, len(numbers))
        rejected = numbers.setdefault(pair.rejected.token_ids, len(numbers))
        places.append((group, chosen, rejected))
    return [Group(prompt, tuple(numbers)) for prompt, (_, numbers) in groups.items()], places


def share_prompts_of(policy: PeftModel, groups: Sequence[Group], training: Training) -> bool:
    """Make a policy read rows of groups where `training.packing` says so and it is exact; whether it does.

    Verified on the longest group (`packing.inexactness`): a model may use positions or neighbours in a way
    of its own. Where groups are not exact TRL's batches take their place, and stderr says what that costs.
    Raises KoalignError if several processes are to share the rows, or the base is sharded.
    """
    if training.packing == "trl":
        return False
    add_fused_lm_head(policy.get_base_model())
    reason = gathered(_why_not_shared(policy, groups))[0]
    if reason is None:
        return True
    if training.world > 1:
        raise KoalignError(f"training.processes: {reason}; set training.processes: 1")
    if training.shard != "none":
        raise KoalignError(f"training.shard: {reason}; set training.shard: none")
    shared = sum(group.tokens for group in groups)
    alone = shared + sum(len(group.prompt) * (len(group.completions) - 1) for group in groups)
    warn(
        f"training.packing: trl, since {reason}: a prompt is computed once for each completion, "
        f"{alone / shared:.1f} times the tokens; batch_size bounds the memory, and not row_tokens",
        once=True,
    )
    return False


def _why_not_shared(policy: PeftModel, groups: Sequence[Group]) -> str | None:
    """None: the policy reads rows of groups now."""
    causal = policy.get_base_model()
    before = causal.config.get_text_config()._attn_implementation
    policy.eval()
    group = max(groups, key=lambda group: group.tokens)
    try:
        share_prompts(policy)
        with torch.no_grad(), autocast(policy):
            together = torch.cat(list(_packed(policy, [group], _logps)))
            alone = [_alone(policy, group.prompt, ids, _logps) for ids in group.completions]
    except KoalignError as error:
        reason = str(error)
    else:
        difference = inexactness(policy, together, torch.cat(alone))
        if difference is None:
            return None
        reason = f"groups is not exact on this model (log-probabilities differ by {difference:.2g})"
    causal.set_attn_implementation(before)
    return reason


def _scored(
    policy: PeftModel,
    groups: Sequence[Group],
    training: Training,
    read: Read,
    keep: Callable[[torch.Tensor], T],
) -> dict[int, list[T]]:
    """By the number of a group what is kept of its completions, of those that all processes computed."""
    grouped = share_prompts_of(policy, groups, training)
    policy.eval()
    add_fused_lm_head(policy.get_base_model())
    rows = rows_of([group.tokens for group in groups], training.row_tokens)
    own, more = share(policy, rows)
    scored: dict[int, list[T]] = {}
    with torch.no_grad(), autocast(policy):
        for numbers in own:
            of_row = [groups[number] for number in numbers]
            values = _packed(policy, of_row, read) if grouped else _apart(policy, of_row, read)
            for number, group in zip(numbers, of_row, strict=True):
                scored[number] = [keep(next(values)) for _ in group.completions]
        for _ in range(more):
            next(_packed(policy, [groups[number] for number in rows[-1]], read))
    return {number: kept for part in gathered(scored) for number, kept in part.items()}


def _apart(policy: PeftModel, groups: Sequence[Group], read: Read) -> Iterator[torch.Tensor]:
    for group in groups:
        for ids in group.completions:
            yield _alone(policy, group.prompt, ids, read)


def _packed(policy: PeftModel, groups: Sequence[Group], read: Read) -> Iterator[torch.Tensor]:
    """The values of `read` for each completion of a row, (T, ...), in order."""
    row = pack(groups)
    row = {
        key: value.to(device_here()) if torch.is_tensor(value) else value
        for key, value in row.items()
    }
    lengths = [len(ids) for group in groups for ids in group.completions]
    yield from read(policy, row).split(lengths)


def _alone(
    policy: PeftModel, prompt: tuple[int, ...], completion: tuple[int, ...], read: Read
) -> torch.Tensor:
    ids = torch.tensor([[*prompt, *completion]], device=device_here())
    targets = torch.full_like(ids, IGNORED)
    targets[0, len(prompt) - 1 : -1] = ids[0, len(prompt) :]
    return read(policy, {"input_ids": ids, "shift_labels": targets})[len(prompt) - 1 : -1]


def _logps(policy: PeftModel, inputs: dict[str, Any]) -> torch.Tensor:
    return policy(**inputs, use_cache=False, fused_lm_head=True).log_probs[0].float()


def _states(policy: PeftModel, inputs: dict[str, Any]) -> torch.Tensor:
    """By a call of the whole model, as a sharded base is gathered; what the head computes is not read."""
    states: list[torch.Tensor] = []
    hook = policy.get_base_model().base_model.register_forward_hook(
        lambda *call: states.append(call[-1].last_hidden_state[0].float())
    )
    _logps(policy, inputs)
    hook.remove()
    return states[0]
