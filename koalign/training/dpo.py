"""dpo: preference pairs -> the policy, sharpened; the reference is the adapter it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import PeftModel
from trl import DPOConfig, DPOTrainer

from koalign.config import Dpo, Tracking
from koalign.records import AdapterCard, Pair
from koalign.run import WORK
from koalign.tracking import open_log
from koalign.training.fit import fit, refuse_too_long, save_adapter, trl_settings


class TokenizedDPOTrainer(DPOTrainer):
    """TRL's DPOTrainer on token ids as they were sampled; TRL would tokenize the text again."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset


def dpo_trainer(
    policy: PeftModel, tokenizer: Any, pairs: Sequence[Pair], section: Dpo, work: Path, seed: int
) -> TokenizedDPOTrainer:
    """The trainer, its reference log-probabilities computed once from the policy as it comes.

    The loss is sigmoid DPO (Rafailov et al. 2023) plus `sft_weight` times the mean negative
    log-likelihood of the chosen tokens (RPO; Pang et al. 2024).
    """
    dataset = Dataset.from_dict(
        {
            "prompt_ids": [list(pair.prompt_ids) for pair in pairs],
            "chosen_ids": [list(pair.chosen.token_ids) for pair in pairs],
            "rejected_ids": [list(pair.rejected.token_ids) for pair in pairs],
        }
    )
    losses = {"sigmoid": 1.0, "sft": section.sft_weight} if section.sft_weight else {"sigmoid": 1.0}
    trainer = TokenizedDPOTrainer(
        model=policy,
        args=DPOConfig(
            **trl_settings(section, work, len(pairs), seed),
            beta=section.beta,
            loss_type=list(losses),
            loss_weights=list(losses.values()),
            precompute_ref_log_probs=True,
        ),
        train_dataset=dataset,
        processing_class=tokenizer,
    )
    # Its log-probabilities are columns of the data by now. Left in place it would be saved into
    # checkpoints, and transformers would then restore it on resume and not the policy.
    policy.delete_adapter("ref")
    return trainer


def sharpen(
    policy: PeftModel,
    tokenizer: Any,
    pairs: Sequence[Pair],
    card: AdapterCard,
    section: Dpo,
    tracking: Tracking,
    seed: int,
    out: Path,
) -> dict[str, float]:
    """Fit the policy's adapter, or go on fitting it, and save it as `out`/adapter.

    Returns the last logged metrics of TRL's DPOTrainer.
    """
    sides = ((pair.prompt_ids, side) for pair in pairs for side in (pair.chosen, pair.rejected))
    refuse_too_long((len(prompt) + len(side.token_ids) for prompt, side in sides), card)
    trainer = dpo_trainer(policy, tokenizer, pairs, section, out / WORK, seed)
    with open_log(tracking, card.name, section.model_dump(), out) as log:
        metrics = fit(trainer, card.name, log)
    save_adapter(policy, out / "adapter", card)
    return metrics
