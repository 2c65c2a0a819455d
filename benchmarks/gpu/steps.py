"""A training step of koalign against TRL's on one device: time, memory, losses, share of the peak."""

from __future__ import annotations

import gc
import statistics
from functools import partial
from typing import Any

import dpo_vs_trl
import sft_vs_trl
import torch
from against_trl import Work, groups_of, move, ready, take_step, with_adapter
from attention import launches
from shapes import Setting, config_of, peak, random_base, step_operations

WORKS = {
    "DPO, a pair": (dpo_vs_trl.make, 2, 8),
    "DPO, four pairs": (dpo_vs_trl.make, 8, 4),
    "SFT, a trace": (sft_vs_trl.make, 1, 8),
    "SFT, four traces": (sft_vs_trl.make, 4, 4),
}
"""Name -> trainers, completions of a prompt, prompts in a step."""
SEQUENCES = 8
"""In a batch of TRL's: up to 13,056 tokens of padded rows."""
ROW_TOKENS = 16_384
"""Of koalign: a step is one row, as far as the card goes; with shorter rows it launches more kernels."""
ROUNDS = 3


def measure(row: str, setting: Setting) -> dict[str, Any]:
    """One row, such as "0.6B: DPO, a pair" or "8B NF4: DPO, a pair"."""
    size, name = row.split(": ")
    make, completions, prompts = WORKS[name]
    config = config_of(size.split()[0], setting)
    lengths = ((24, 48), (4, 8)) if setting.tiny else ((512, 1536), (48, 96))
    work = Work(name, lengths[0], completions, config.vocab_size, lengths[1], prompts)
    groups = groups_of(work)
    checkpointing = size != "0.6B"
    trainers, examples, held = {}, {}, {}
    for side in ("koalign", "trl"):
        before = allocated(setting)
        policy = with_adapter(random_base(config, setting, nf4="NF4" in size))
        trainers[side], examples[side] = make(
            policy,
            groups,
            side,
            checkpointing=checkpointing,
            sequences=SEQUENCES,
            row_tokens=ROW_TOKENS,
        )
        ready(trainers[side])
        move(policy, 0.005, seed=2)  # away from the reference
        gc.collect()
        held[side] = allocated(setting) - before
    seconds: dict[str, list[float]] = {side: [] for side in trainers}
    losses, memory = {}, dict.fromkeys(trainers, 0.0)
    for round_number in range(ROUNDS + 1):
        for side, trainer in trainers.items():
            gc.collect()
            if setting.device == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            taken, losses[side] = take_step(trainer, examples[side])
            other = held["trl" if side == "koalign" else "koalign"]
            if setting.device == "cuda":
                peak_bytes = torch.cuda.max_memory_allocated() - other
                memory[side] = max(memory[side], peak_bytes / 2**30)
            trainer.model.zero_grad(set_to_none=True)
            if round_number:
                seconds[side].append(taken)
    launched = launches(partial(take_step, trainers["koalign"]), examples["koalign"], setting)
    lora = sum(p.numel() for p in policy.parameters() if p.requires_grad)
    operations = step_operations(config, groups, lora)
    rows = trainers["koalign"].data_collator(examples["koalign"])["rows"]
    medians = {side: statistics.median(values) for side, values in seconds.items()}
    ratios = sorted(b / a for a, b in zip(seconds["koalign"], seconds["trl"], strict=True))
    card = torch.cuda.get_device_name() if setting.device == "cuda" else "CPU"
    limit = peak(card)
    return {
        "seconds": medians,
        "ratio": statistics.median(ratios),
        "ratio_range": [ratios[0], ratios[-1]],
        "tokens": sum(group.tokens for group in groups),
        "rows": [row["input_ids"].shape[1] for row in rows],
        "checkpointing": checkpointing,
        "operations": operations,
        "share_of_peak": {s: operations / t / limit for s, t in medians.items()} if limit else {},
        "memory_gb": memory if setting.device == "cuda" else {},
        "losses": losses,
        "launched": launched,
    }


def allocated(setting: Setting) -> int:
    """Bytes that tensors hold on the card."""
    return torch.cuda.memory_allocated() if setting.device == "cuda" else 0
