"""A DPO step of koalign, which computes a prompt once, against TRL's DPOTrainer, which computes it
twice a pair. The reference log-probabilities are computed before on both sides.

    .venv/bin/python benchmarks/dpo_vs_trl.py [--json] [--lengths 256 512 1024 [--plot FILE.png]]
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from against_trl import Work, arguments, lengths_of, measure, tokenizer
from datasets import Dataset
from peft import PeftModel
from trl import DPOConfig, DPOTrainer

from koalign.config.training import Dpo, Training
from koalign.engines.packing import Group
from koalign.records import Completion, Pair
from koalign.training.dpo import dpo_trainer, group_pairs
from koalign.training.policy import autocast_dtype, unrounded
from koalign.training.scoring import token_logps

WORK = (
    Work("1 pair a prompt of 512 to 1536 tokens", (512, 1536), 2),
    Work("4 pairs a prompt of 512 to 1536 tokens", (512, 1536), 8, batch=1),
)
BETA = 0.1


class Stock(DPOTrainer):
    """TRL's DPOTrainer, told token ids and the reference's log-probabilities, and not text."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.precompute_ref_logps = True

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset


def pairs_of(groups: Sequence[Group]) -> list[Pair]:
    """The first half of a prompt's completions against the second."""
    pairs = []
    for group in groups:
        sides = [Completion(text="", token_ids=ids) for ids in group.completions]
        half = len(sides) // 2
        pairs += [
            Pair(
                problem_id="", prompt="", prompt_ids=group.prompt, chosen=chosen, rejected=rejected,
                reason="",
            )
            for chosen, rejected in zip(sides[:half], sides[half:], strict=True)
        ]  # fmt: skip
    return pairs


def make(
    policy: PeftModel,
    groups: Sequence[Group],
    side: str,
    *,
    checkpointing: bool = False,
    sequences: int | None = None,
    row_tokens: int = 4096,
) -> tuple[Any, Any]:
    """The trainer of a side and the examples of its step."""
    pairs = pairs_of(groups)
    work = Path(tempfile.mkdtemp())
    if side == "koalign":
        training = Training(row_tokens=row_tokens)
        logps = token_logps(policy, pairs, training)
        section = Dpo(
            beta=BETA, batch_size=len(groups), gradient_accumulation_steps=1,
            gradient_checkpointing=checkpointing,
        )  # fmt: skip
        trainer = dpo_trainer(policy, tokenizer(), pairs, logps, section, training, work, 0)
        return trainer, group_pairs(pairs, logps)
    reference = token_logps(policy, pairs, Training(packing="trl"))
    with unrounded(policy):
        trainer = Stock(
            model=policy,
            args=DPOConfig(
                output_dir=str(work), beta=BETA, max_length=None,
                per_device_train_batch_size=(sequences or 2 * len(pairs)) // 2,
                loss_type=["sigmoid", "sft"], loss_weights=[1.0, 1.0],
                use_cpu=policy.device.type == "cpu", bf16=autocast_dtype(policy) is not None,
                gradient_checkpointing=checkpointing, report_to="none", disable_tqdm=True,
            ),
            train_dataset=Dataset.from_list(
                [
                    {
                        "prompt_ids": pair.prompt_ids,
                        "chosen_ids": pair.chosen.token_ids,
                        "rejected_ids": pair.rejected.token_ids,
                        "ref_chosen_logps": sum(chosen),
                        "ref_rejected_logps": sum(rejected),
                    }
                    for pair, (chosen, rejected) in zip(pairs, reference, strict=True)
                ]
            ),
            processing_class=tokenizer(),
        )  # fmt: skip
    return trainer, list(trainer.train_dataset)


if __name__ == "__main__":
    args = arguments(__doc__.splitlines()[0])
    work = lengths_of({2: "1 pair", 8: "4 pairs"}, args.lengths) if args.lengths else WORK
    measure(work, make, args)
