"""fit: what SFT and DPO share: settings for TRL, whole checkpoints, logs, the saved adapter."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import datasets
import torch
from peft import PeftModel
from transformers import PrinterCallback, Trainer, TrainerCallback

from koalign import progress
from koalign.adapters.cards import write_card
from koalign.config import Training
from koalign.jsonl import read_json, write_json
from koalign.records import AdapterCard, KoalignError
from koalign.tracking import Log

if not sys.stderr.isatty():  # bars of other libraries are for terminals too
    os.environ["TQDM_DISABLE"] = "1"
    datasets.disable_progress_bars()

WHOLE = "whole"
"""Written into a checkpoint after everything else; one without it was cut off."""


def trl_settings(section: Training, work: Path, rows: int, seed: int) -> dict[str, Any]:
    """koalign's training section in the words of transformers.TrainingArguments."""
    on_cpu = not torch.cuda.is_available()
    per_step = section.batch_size * section.gradient_accumulation_steps
    steps = math.ceil(math.ceil(rows / per_step) * section.epochs)
    return {
        "output_dir": str(work),
        "learning_rate": section.learning_rate,
        "num_train_epochs": section.epochs,
        "per_device_train_batch_size": section.batch_size,
        "gradient_accumulation_steps": section.gradient_accumulation_steps,
        "warmup_steps": math.ceil(steps * section.warmup_ratio),
        "lr_scheduler_type": "cosine",
        "max_grad_norm": section.max_grad_norm,
        "weight_decay": 0.0,
        "optim": "adamw_torch",
        "gradient_checkpointing": section.gradient_checkpointing,
        "bf16": not on_cpu and torch.cuda.is_bf16_supported(),
        "use_cpu": on_cpu,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": section.save_steps,
        "save_total_limit": 2,
        "logging_steps": max(1, steps // 100),
        "report_to": "none",
        "disable_tqdm": True,
        "max_length": None,  # nothing is cut: too long a row was refused before
    }


def refuse_too_long(lengths: Iterable[int], card: AdapterCard) -> None:
    """Raises KoalignError if an example has more tokens than the base reads; none is ever cut."""
    longest = max(lengths, default=0)
    if longest > card.base.context:
        raise KoalignError(
            f"{card.name}: an example has {longest} tokens, and the context is {card.base.context}; "
            "raise model.max_length, or shorten or remove the example"
        )


def fit(trainer: Trainer, title: str, log: Log) -> dict[str, float]:
    """Train from the last whole checkpoint, or from the start; returns the last logged metrics.

    Raises RuntimeError if an adapter weight would be trained in less than float32: TRL casts
    adapters on a 4-bit base to bfloat16, in which most entries never move at the rates of DPO.
    """
    model = trainer.model
    if model.active_adapters != ["default"]:
        raise RuntimeError(
            f"one active adapter named 'default' expected, found {model.active_adapters}"
        )
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    trainer.add_callback(_Checkpoints())
    trainer.remove_callback(PrinterCallback)  # added by transformers when its bars are off
    steps = trainer.args.max_steps
    if steps < 0:
        per_epoch = math.ceil(
            len(trainer.get_train_dataloader()) / trainer.args.gradient_accumulation_steps
        )
        steps = math.ceil(per_epoch * trainer.args.num_train_epochs)
    with progress.bar(title, steps) as advance:
        logger = _Logger(log, advance)
        trainer.add_callback(logger)
        checkpoint = _last_whole_checkpoint(Path(trainer.args.output_dir))
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return logger.last


def save_adapter(model: PeftModel, folder: Path, card: AdapterCard) -> None:
    """Write the adapter `default` and its card as one folder that PEFT and vLLM load as it is.

    The same weights give the same bytes on every machine: module names sorted, no local path.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part, selected_adapters=["default"], save_embedding_layers=False)
    (part / "README.md").unlink(missing_ok=True)  # PEFT's empty form
    config = read_json(part / "adapter_config.json")
    config["base_model_name_or_path"] = card.base.path
    config["target_modules"] = sorted(config["target_modules"])
    write_json(part / "adapter_config.json", config)
    write_card(part, card)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _last_whole_checkpoint(work: Path) -> Path | None:
    checkpoints = sorted(work.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for path in checkpoints:
        if not (path / WHOLE).exists():
            shutil.rmtree(path)
    whole = [path for path in checkpoints if path.exists()]
    return whole[-1] if whole else None


class _Checkpoints(TrainerCallback):
    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()


class _Logger(TrainerCallback):
    def __init__(self, log: Log, advance: progress.Advance) -> None:
        self._log, self._advance, self._seen = log, advance, 0
        self.last: dict[str, float] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._advance(state.global_step - self._seen)
        self._seen = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        numbers = {k: float(v) for k, v in logs.items() if isinstance(v, int | float)}
        self._log(numbers, state.global_step)
        self.last.update(numbers)
