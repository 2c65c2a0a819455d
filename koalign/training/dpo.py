"""dpo: preference pairs -> the policy, trained by DPO; the reference is the adapter it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.utils import FusedCausalLMOutput

from koalign.config.training import Preference, Training
from koalign.engines.packing import Group, pack, rows_of
from koalign.records import Logps, Pair
from koalign.text.visible import say
from koalign.training.fit import Job, on_one_gpu, train, trl_settings
from koalign.training.policy import described, unrounded
from koalign.training.rows import RowByRow, read_group
from koalign.training.scoring import group_sides, share_prompts_of

PAIR_KEYS = (
    "pairs", "lengths", "ref_chosen_logps", "ref_rejected_logps", "pair_share", "token_share"
)  # fmt: skip


def train_dpo(job: Job, pairs: Sequence[Pair], reference: Sequence[Logps]) -> dict[str, float]:
    """Train and save the adapter; returns the last logged metrics of TRL's DPOTrainer.

    `reference`: for each pair the log-probabilities of the tokens of its two sides before training.
    """
    card = job.card
    say(
        f"{card.name}: policy = {described(card)}, reference = {described(card, marked=False)} "
        "as it starts (frozen, log-probs computed once)",
        err=True,
    )
    return train(job, dpo_trainer, pairs, reference)


def dpo_trainer(
    policy: PeftModel,
    tokenizer: Any,
    pairs: Sequence[Pair],
    reference: Sequence[Logps],
    section: Preference,
    training: Training,
    work: Path,
    seed: int,
) -> DPOTrainer:
    """TRL's DPOTrainer on groups: all completions of a prompt are one example, with its pairs.

    `reference` holds for each pair the log-probabilities of the tokens of its two sides. Losses and
    metrics are TRL's, means over the pairs of an optimizer step; `sft` is a mean over the tokens of
    their chosen sides. With packing `trl` and gradient accumulation they are, as in TRL, means of the
    means of its batches.
    """
    examples = group_pairs(pairs, reference)
    grouped = share_prompts_of(policy, group_sides(pairs)[0], training)
    settings = trl_settings(section, policy, work, len(examples), seed, grouped=grouped)
    losses = {section.loss: 1.0} | ({"sft": section.sft_weight} if section.sft_weight else {})
    with unrounded(policy):
        return (GroupedDPOTrainer if grouped else TokenizedDPOTrainer)(
            model=policy,
            args=on_one_gpu(
                DPOConfig(
                    **settings,
                    beta=section.beta,
                    loss_type=list(losses),
                    loss_weights=list(losses.values()),
                    label_smoothing=section.label_smoothing,
                    ld_alpha=section.ld_alpha,
                )
            ),
            data_collator=PairCollator(training.row_tokens, section.ld_alpha)
            if grouped
            else PaddedPairCollator(tokenizer.pad_token_id, section.ld_alpha),
            train_dataset=Dataset.from_list(examples),
            processing_class=tokenizer,
        )


def group_pairs(pairs: Sequence[Pair], reference: Sequence[Logps]) -> list[dict[str, Any]]:
    """One example a prompt, in the order of first appearance: its distinct completions, the pairs as
    numbers of completions, and the reference's log-probabilities of each completion's tokens."""
    groups, places = group_sides(pairs)
    examples: list[dict[str, Any]] = [
        {
            "prompt_ids": group.prompt,
            "completion_ids": group.completions,
            "pairs": [],
            "ref_logps": [[]] * len(group.completions),
        }
        for group in groups
    ]
    for (number, chosen, rejected), logps in zip(places, reference, strict=True):
        example = examples[number]
        example["pairs"].append([chosen, rejected])
        example["ref_logps"][chosen], example["ref_logps"][rejected] = logps
    return examples


class TokenizedDPOTrainer(DPOTrainer):
    """TRL's DPOTrainer on token ids as they were sampled, against a reference computed before."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # The reference came with the data. TRL's frozen copy of the adapter would be saved into
        # checkpoints, and transformers would then restore it on resume and not the policy.
        self.model.delete_adapter("ref")
        self.precompute_ref_logps = True

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset


class GroupedDPOTrainer(RowByRow, TokenizedDPOTrainer):
    """The same, on rows of groups: a forward pass computes every completion once, and TRL's loss reads
    the two sides of every pair from it."""

    loss_weights: list[Any]  # TRL's, a weight a loss

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        pairing = {key: inputs[key] for key in PAIR_KEYS}
        packed = {key: value for key, value in inputs.items() if key not in PAIR_KEYS}
        outputs = model(**packed, use_cache=False, fused_lm_head=True)
        places, mask = _places(pairing["lengths"], pairing["pairs"])
        sides = FusedCausalLMOutput(
            **{
                name: getattr(outputs, name)[0][places] * mask
                for name in ("log_probs", "entropy", "mean_logits", "is_top1")
            }
        )
        as_padded = {
            "input_ids": torch.nn.functional.pad(places, (1, 0)),
            "completion_mask": torch.nn.functional.pad(mask.long(), (1, 0)),
            "attention_mask": packed["attention_mask"],
            "ref_chosen_logps": pairing["ref_chosen_logps"],
            "ref_rejected_logps": pairing["ref_rejected_logps"],
        }
        pair_share, token_share = pairing["pair_share"], pairing["token_share"]
        weights = self.loss_weights
        self.loss_weights = [
            weight * (token_share if name == "sft" else pair_share)
            for name, weight in zip(self.loss_types, weights, strict=True)
        ]
        loss = super()._compute_loss(lambda **_: sides, as_padded, return_outputs)
        self.loss_weights = weights
        return loss


def _places(lengths: torch.Tensor, pairs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The places of the tokens of the pairs' sides among those of the row's completions.

    lengths (K,), pairs (M, 2) -> places and mask (2M, T), the chosen sides first as in TRL.
    """
    sides = torch.cat([pairs[:, 0], pairs[:, 1]])
    starts = (lengths.cumsum(0) - lengths)[sides]
    token = torch.arange(int(lengths[sides].max()), device=lengths.device)
    mask = token < lengths[sides, None]
    return torch.where(mask, starts[:, None] + token, 0), mask


@dataclass(frozen=True)
class PairCollator:
    """Examples of one optimizer step -> rows for GroupedDPOTrainer."""

    row_tokens: int
    ld_alpha: float | None

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        groups = [read_group(example) for example in examples]
        rows = [
            self._row([groups[n] for n in numbers], [examples[n] for n in numbers])
            for numbers in rows_of([group.tokens for group in groups], self.row_tokens)
        ]
        for share in ("pair_share", "token_share"):
            total = sum(row[share] for row in rows)
            for row in rows:
                row[share] /= total
        return {"rows": rows, "shares": [row["pair_share"] for row in rows]}

    def _row(self, groups: Sequence[Group], examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        pairs, first = [], 0
        for example in examples:
            pairs += [[first + side for side in pair] for pair in example["pairs"]]
            first += len(example["completion_ids"])
        lengths = [len(ids) for group in groups for ids in group.completions]
        sums = [pair for example in examples for pair in reference_sums(example, self.ld_alpha)]
        return {
            **pack(groups),
            "pairs": torch.tensor(pairs),
            "lengths": torch.tensor(lengths),
            "ref_chosen_logps": torch.tensor([chosen for chosen, _ in sums]),
            "ref_rejected_logps": torch.tensor([rejected for _, rejected in sums]),
            "pair_share": len(pairs),
            "token_share": sum(lengths[chosen] for chosen, _ in pairs),
        }


@dataclass(frozen=True)
class PaddedPairCollator:
    """The same examples as TRL pads them: a prompt again for both sides of each of its pairs."""

    pad_token_id: int
    ld_alpha: float | None

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return DataCollatorForPreference(self.pad_token_id)(
            [
                {
                    "prompt_ids": example["prompt_ids"],
                    "chosen_ids": example["completion_ids"][chosen],
                    "rejected_ids": example["completion_ids"][rejected],
                    "ref_chosen_logps": sums[0],
                    "ref_rejected_logps": sums[1],
                }
                for example in examples
                for (chosen, rejected), sums in zip(
                    example["pairs"], reference_sums(example, self.ld_alpha), strict=True
                )
            ]
        )


def reference_sums(example: dict[str, Any], ld_alpha: float | None) -> list[tuple[float, float]]:
    """The reference's log-probability of both sides of each pair. `ld_alpha` weighs the tokens beyond the
    length of the other side (LD-DPO, arXiv 2409.06411; as trl/trainer/dpo_trainer.py sums)."""
    tail = 1.0 if ld_alpha is None else ld_alpha
    sums = []
    for pair in example["pairs"]:
        sides = [example["ref_logps"][number] for number in pair]
        shared = min(map(len, sides))
        chosen, rejected = (sum(s[:shared]) + tail * sum(s[shared:]) for s in sides)
        sums.append((chosen, rejected))
    return sums
