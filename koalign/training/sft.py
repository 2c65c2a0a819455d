"""sft: (prompt ids, completion ids) -> an adapter that writes the completions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import PeftModel
from trl import SFTConfig, SFTTrainer

from koalign.config import Tracking, Training
from koalign.records import AdapterCard
from koalign.run import WORK
from koalign.tracking import open_log
from koalign.training.fit import fit, refuse_too_long, save_adapter, trl_settings

IGNORED = -100
Row = tuple[Sequence[int], Sequence[int]]
"""Token ids of the prompt, and of the completion with its end of turn."""


def teach(
    policy: PeftModel,
    tokenizer: Any,
    rows: Sequence[Row],
    card: AdapterCard,
    section: Training,
    tracking: Tracking,
    seed: int,
    out: Path,
) -> dict[str, float]:
    """Fit the policy's adapter, or go on fitting it, and save it as `out`/adapter.

    Returns the last logged metrics of TRL's SFTTrainer.
    """
    refuse_too_long((len(prompt) + len(completion) for prompt, completion in rows), card)
    trainer = SFTTrainer(
        model=policy,
        args=SFTConfig(
            **trl_settings(section, out / WORK, len(rows), seed),
            dataset_kwargs={"skip_prepare_dataset": True},  # these are the ids to train on
        ),
        train_dataset=Dataset.from_dict(
            {
                "input_ids": [[*prompt, *completion] for prompt, completion in rows],
                "labels": [[IGNORED] * len(prompt) + list(done) for prompt, done in rows],
            }
        ),
        processing_class=tokenizer,
    )
    with open_log(tracking, card.name, section.model_dump(), out) as log:
        metrics = fit(trainer, card.name, log)
    save_adapter(policy, out / "adapter", card)
    return metrics
