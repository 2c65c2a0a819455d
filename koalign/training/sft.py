"""sft: prompts and completions -> an adapter, by TRL's SFTTrainer on groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from koalign.config.training import Optimization, Training
from koalign.engines.packing import Group, pack, rows_of
from koalign.text.visible import say
from koalign.training.fit import Job, on_one_gpu, train, trl_settings
from koalign.training.policy import described, unrounded
from koalign.training.rows import RowByRow, read_group
from koalign.training.scoring import IGNORED, share_prompts_of

Row = tuple[Sequence[int], Sequence[int]]
"""Token ids of the prompt, and of the completion with its end of turn."""


def train_sft(job: Job, rows: Sequence[Row]) -> dict[str, float]:
    """Train and save the adapter; returns the last logged metrics of TRL's SFTTrainer."""
    say(f"{job.card.name}: policy = {described(job.card)}", err=True)
    return train(job, sft_trainer, rows)


def sft_trainer(
    policy: PeftModel,
    tokenizer: Any,
    rows: Sequence[Row],
    section: Optimization,
    training: Training,
    work: Path,
    seed: int,
) -> SFTTrainer:
    """TRL's SFTTrainer on groups: the completions of equal prompts are one example.

    The loss is TRL's: the mean over the completion tokens of an optimizer step.
    """
    groups = group_rows(rows)
    grouped = share_prompts_of(policy, groups, training)
    settings = {
        **trl_settings(section, policy, work, len(groups), seed, grouped=grouped),
        "dataset_kwargs": {"skip_prepare_dataset": True},  # these are the ids to train on
    }
    with unrounded(policy):
        return (GroupedSFTTrainer if grouped else SFTTrainer)(
            model=policy,
            args=on_one_gpu(SFTConfig(**settings)),
            data_collator=GroupCollator(training.row_tokens)
            if grouped
            else PaddedCollator(tokenizer.pad_token_id),
            train_dataset=Dataset.from_list(
                [{"prompt_ids": g.prompt, "completion_ids": g.completions} for g in groups]
            ),
            processing_class=tokenizer,
        )


def group_rows(rows: Sequence[Row]) -> list[Group]:
    """One group for each prompt, in the order of first appearance."""
    completions: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for prompt, completion in rows:
        completions.setdefault(tuple(prompt), []).append(tuple(completion))
    return [Group(prompt, tuple(ids)) for prompt, ids in completions.items()]


class GroupedSFTTrainer(RowByRow, SFTTrainer):
    """TRL's SFTTrainer whose batches are rows of groups."""


@dataclass(frozen=True)
class GroupCollator:
    """Examples of one optimizer step -> rows for GroupedSFTTrainer."""

    row_tokens: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        groups = [read_group(example) for example in examples]
        rows = [
            pack([groups[n] for n in numbers])
            for numbers in rows_of([group.tokens for group in groups], self.row_tokens)
        ]
        targets = torch.cat([row["shift_labels"] for row in rows], dim=1)
        return {
            # What transformers counts to divide the loss of every row by.
            "labels": targets,
            "shift_labels": targets,
            "rows": rows,
            "shares": [row["shift_labels"].numel() / targets.numel() for row in rows],
        }


@dataclass(frozen=True)
class PaddedCollator:
    """The same examples as TRL pads them: a prompt again for each of its completions."""

    pad_token_id: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        rows = [
            (group.prompt, completion)
            for group in map(read_group, examples)
            for completion in group.completions
        ]
        return DataCollatorForLanguageModeling(self.pad_token_id)(
            [
                {
                    "input_ids": [*prompt, *completion],
                    "labels": [IGNORED] * len(prompt) + list(completion),
                }
                for prompt, completion in rows
            ]
        )
