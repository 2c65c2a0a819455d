"""An SFT step of koalign, which computes a prompt once for all of its traces, against TRL's SFTTrainer,
which computes it once a trace.

    .venv/bin/python benchmarks/sft_vs_trl.py [--json] [--lengths 256 512 1024 [--plot FILE.png]]
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from against_trl import Work, arguments, lengths_of, measure, tokenizer
from datasets import Dataset
from peft import PeftModel
from trl import SFTConfig, SFTTrainer

from koalign.config.training import Sft, Training
from koalign.engines.packing import Group
from koalign.training.policy import autocast_dtype, unrounded
from koalign.training.sft import sft_trainer

WORK = (
    Work("1 trace a prompt of 512 to 1536 tokens", (512, 1536), 1),
    Work("4 traces a prompt of 512 to 1536 tokens", (512, 1536), 4, batch=1),
)


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
    work = Path(tempfile.mkdtemp())
    rows = [(group.prompt, completion) for group in groups for completion in group.completions]
    if side == "koalign":
        section = Sft(
            batch_size=len(groups), gradient_accumulation_steps=1,
            gradient_checkpointing=checkpointing,
        )  # fmt: skip
        trainer = sft_trainer(
            policy, tokenizer(), rows, section, Training(row_tokens=row_tokens), work, 0
        )
        return trainer, list(trainer.train_dataset)
    with unrounded(policy):
        trainer = SFTTrainer(
            model=policy,
            args=SFTConfig(
                output_dir=str(work), max_length=None,
                per_device_train_batch_size=sequences or len(rows),
                use_cpu=policy.device.type == "cpu", bf16=autocast_dtype(policy) is not None,
                gradient_checkpointing=checkpointing, report_to="none", disable_tqdm=True,
                dataset_kwargs={"skip_prepare_dataset": True},
            ),
            train_dataset=Dataset.from_list(
                [
                    {
                        "input_ids": [*prompt, *completion],
                        "labels": [-100] * len(prompt) + list(completion),
                    }
                    for prompt, completion in rows
                ]
            ),
            processing_class=tokenizer(),
        )  # fmt: skip
    return trainer, list(trainer.train_dataset)


if __name__ == "__main__":
    args = arguments(__doc__.splitlines()[0])
    work = lengths_of({1: "1 trace", 4: "4 traces"}, args.lengths) if args.lengths else WORK
    measure(work, make, args)
