"""What dpo_vs_trl.py and sft_vs_trl.py share: the model, the data, and the measurements.

The model is a Qwen3 of 26 M parameters with random weights, in float32; the prompts and completions
are random token ids of given lengths. Both sides get the same weights, LoRA adapter, batch and data.
A step is collation, forward and backward; the sides take turns, and the first round warms up.
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from rich.console import Console
from rich.table import Table
from transformers import Qwen3Config, Qwen3ForCausalLM

from koalign.adapters.base import load_tokenizer
from koalign.config.inputs import Model
from koalign.engines.packing import Group
from koalign.provenance import measured

Make = Callable[..., tuple[Any, Any]]
"""(policy, groups, "koalign" or "trl") -> the trainer of that side and the examples of its step.

By keyword: `checkpointing` of gradients; `sequences`, the most in one of TRL's batches (None: all)."""
BATCH = 4
"""Prompts in a step."""
VOCABULARY = 32_000


@dataclass(frozen=True)
class Work:
    """One row of a table: what a step computes."""

    name: str
    prompt: tuple[int, int]
    """Shortest and longest prompt, in tokens."""
    completions: int
    """Of each prompt."""
    vocabulary: int = VOCABULARY
    completion: tuple[int, int] = (48, 96)
    batch: int = BATCH


def groups_of(work: Work, seed: int = 0) -> list[Group]:
    """The prompts of a step and their completions."""
    rng = random.Random(seed)

    def ids(low: int, high: int) -> tuple[int, ...]:
        return tuple(rng.randrange(10, work.vocabulary) for _ in range(rng.randint(low, high)))

    return [
        Group(ids(*work.prompt), tuple(ids(*work.completion) for _ in range(work.completions)))
        for _ in range(work.batch)
    ]


def new_policy(vocabulary: int) -> PeftModel:
    """The model with a LoRA adapter of rank 16 that is no longer zero."""
    torch.manual_seed(0)
    base = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=vocabulary, hidden_size=384, intermediate_size=1088, num_hidden_layers=8,
            num_attention_heads=6, num_key_value_heads=2, head_dim=64, max_position_embeddings=8192,
            tie_word_embeddings=True,
        )
    )  # fmt: skip
    return with_adapter(base.requires_grad_(False))


def with_adapter(base: Any) -> PeftModel:
    """A frozen model with a LoRA adapter of rank 16 on all linear layers that is no longer zero."""
    policy = get_peft_model(
        base, LoraConfig(r=16, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    move(policy, 0.02, seed=1)
    return policy


def move(policy: PeftModel, size: float, seed: int) -> None:
    """Add the same noise to the adapter of any policy."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in (p for _, p in sorted(policy.named_parameters()) if p.requires_grad):
        noise = size * torch.randn(parameter.shape, generator=generator)
        parameter.data += noise.to(parameter.device)


def tokenizer() -> Any:
    """A tokenizer for the trainers' sake; only its pad token is used."""
    return load_tokenizer(Model(path="builtin:tiny-ko"))


def ready(trainer: Any) -> None:
    """What `Trainer.train` does to the model before the first step: checkpointing, autocast."""
    if trainer.args.gradient_checkpointing:
        trainer.model.gradient_checkpointing_enable(
            gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs
        )
    trainer.accelerator.prepare_model(trainer.model)


def take_step(trainer: Any, examples: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Seconds and loss of one step without the optimizer's part, gradients left in place.

    Examples beyond `per_device_train_batch_size` are accumulated, as the training loop does.
    """
    device, size = trainer.args.device, trainer.args.per_device_train_batch_size
    trainer.model.zero_grad()
    trainer.model.train()
    synchronize(device)
    started = time.perf_counter()
    starts = range(0, len(examples), size)
    trainer.current_gradient_accumulation_steps = len(starts)
    batches = [trainer.data_collator(examples[start : start + size]) for start in starts]
    # What the training loop counts for losses that are means over tokens.
    tokens = trainer._get_num_items_in_batch(batches, device)
    loss = sum(trainer.training_step(trainer.model, batch, tokens) for batch in batches)
    synchronize(device)
    return time.perf_counter() - started, float(loss)


def synchronize(device: torch.device) -> None:
    """Wait for what a GPU still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def median_seconds(call: Callable[[], Any], device: torch.device, rounds: int) -> float:
    """Median seconds of a call, after a warm-up."""
    taken = []
    for _ in range(rounds + 1):
        synchronize(device)
        started = time.perf_counter()
        call()
        synchronize(device)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def gradients(trainer: Any) -> torch.Tensor:
    """Of all adapter weights, as one vector."""
    return torch.cat(
        [p.grad.flatten() for _, p in sorted(trainer.model.named_parameters()) if p.requires_grad]
    )


def causal_seconds(policy: PeftModel, groups: Sequence[Group]) -> float:
    """Seconds of plain causal forward and backward passes over sequences as long as the groups, with
    as many tokens through the LM head as the groups have completion tokens."""
    seconds = 0.0
    for group in groups:
        ids = torch.tensor([[*group.prompt, *(t for one in group.completions for t in one)]])
        labels = ids.clone()
        labels[:, : len(group.prompt)] = -100
        kept = int((labels != -100).sum())
        policy.zero_grad()
        started = time.perf_counter()
        logits = policy(input_ids=ids, use_cache=False, logits_to_keep=kept).logits
        torch.nn.functional.cross_entropy(logits[0], labels[0, -kept:]).backward()
        seconds += time.perf_counter() - started
    return seconds


def compare(work: Work, make: Make, rounds: int, memory: bool) -> dict[str, Any]:
    """Time both sides in turns; losses and gradients of the same step; peak memory if asked for."""
    groups = groups_of(work)
    policy = new_policy(work.vocabulary)
    ours, our_examples = make(copy.deepcopy(policy), groups, "koalign")
    theirs, their_examples = make(copy.deepcopy(policy), groups, "trl")
    for trainer in (ours, theirs):
        ready(trainer)
        move(trainer.model, 0.005, seed=2)  # away from the reference
    times: dict[str, list[float]] = {"koalign": [], "trl": [], "causal": []}
    for round_number in range(rounds + 1):
        our_seconds, our_loss = take_step(ours, our_examples)
        their_seconds, their_loss = take_step(theirs, their_examples)
        if round_number == 0:
            ours_grad, theirs_grad = gradients(ours), gradients(theirs)
        causal = causal_seconds(policy, groups)
        if round_number:
            times["koalign"].append(our_seconds)
            times["trl"].append(their_seconds)
            times["causal"].append(causal)
    ratios = sorted(b / a for a, b in zip(times["koalign"], times["trl"], strict=True))
    limits = sorted(a / c for a, c in zip(times["koalign"], times["causal"], strict=True))
    return {
        "work": work.name,
        "ratio": statistics.median(ratios),
        "ratio_range": [ratios[0], ratios[-1]],
        "seconds": {side: statistics.median(values) for side, values in times.items()},
        "to_the_limit": statistics.median(limits),
        "to_the_limit_range": [limits[0], limits[-1]],
        "loss_difference": abs(our_loss - their_loss),
        "gradient_difference": float((ours_grad - theirs_grad).norm() / theirs_grad.norm()),
        "peak_memory": {
            side: in_a_process(peak_memory, work, make, side)
            for side in (("koalign", "trl") if memory else ())
        },
    }


def peak_memory(work: Work, make: Make, side: str) -> float:
    """Largest resident memory (MB) of a process that takes a step, over that before it."""
    trainer, examples = make(new_policy(work.vocabulary), groups_of(work), side)
    ready(trainer)
    before = psutil.Process().memory_info().rss / 2**20
    with measured() as cost:
        take_step(trainer, examples)
    return cost["peak_memory_mb"] - before


def in_a_process(function: Callable[..., float], *arguments: Any) -> float:
    """The result of a call in a fresh process, whose memory nothing else has touched."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def arguments(description: str) -> argparse.Namespace:
    """--json, --rounds, --lengths, --plot."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    parser.add_argument("--rounds", type=int, default=5, help="steps of each side")
    parser.add_argument(
        "--lengths", type=int, nargs="+", help="one row for each prompt length, without memory"
    )
    parser.add_argument("--plot", type=Path, help="PNG of the ratios; needs --lengths, matplotlib")
    return parser.parse_args()


def lengths_of(names: dict[int, str], lengths: Sequence[int]) -> tuple[Work, ...]:
    """One row for each prompt length and each number of completions, a prompt a step."""
    return tuple(
        Work(f"{name} a prompt of {length}", (length, length), completions, batch=1)
        for completions, name in names.items()
        for length in lengths
    )


def measure(works: Sequence[Work], make: Make, args: argparse.Namespace) -> None:
    """Measure the rows and show them as was asked."""
    rows = []
    for work in works:
        rows.append(compare(work, make, args.rounds, memory=not args.lengths))
        print(json.dumps(rows[-1]), file=sys.stderr)
    if args.plot:
        draw(works, rows, args.plot)
    if args.json:
        print(json.dumps(rows))
    else:
        show(rows)


def draw(works: Sequence[Work], rows: Sequence[dict[str, Any]], path: Path) -> None:
    """How many times faster, over the length of the prompt, with the range of the rounds."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for completions in dict.fromkeys(work.completions for work in works):
        chosen = [(w, r) for w, r in zip(works, rows, strict=True) if w.completions == completions]
        lengths = [work.prompt[0] for work, _ in chosen]
        name = chosen[0][0].name.split(" a prompt")[0] + " a prompt"
        axes.plot(lengths, [row["ratio"] for _, row in chosen], marker="o", label=name)
        low, high = zip(*(row["ratio_range"] for _, row in chosen), strict=True)
        axes.fill_between(lengths, low, high, alpha=0.2)
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.set_ylim(bottom=0)
    axes.axhline(1, color="gray", linewidth=0.8)
    axes.set_xlabel("tokens in the prompt")
    axes.set_ylabel("times faster than TRL 1.16")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def show(rows: Sequence[dict[str, Any]]) -> None:
    """The rows as a table."""
    table = Table(
        "a step", "koalign, s", "TRL, s", "times faster", "to the limit", "loss differs by",
        "gradient differs by", "peak memory, MB",
    )  # fmt: skip
    for row in rows:
        low, high = row["ratio_range"]
        table.add_row(
            row["work"],
            f"{row['seconds']['koalign']:.2f}",
            f"{row['seconds']['trl']:.2f}",
            f"{row['ratio']:.1f} ({low:.1f} to {high:.1f})",
            f"{row['to_the_limit']:.2f}",
            f"{row['loss_difference']:.0e}",
            f"{row['gradient_difference']:.0e}",
            " against ".join(f"{megabytes:,.0f}" for megabytes in row["peak_memory"].values()),
        )
    Console(width=140).print(table)
