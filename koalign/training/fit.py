"""fit: what SFT and DPO share: settings for TRL, the training itself, its logs, the saved adapter."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import torch
from peft import PeftModel
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from koalign import progress
from koalign.adapters.cards import AdapterCard, write_card
from koalign.config import Optimization
from koalign.jsonl import read_json, write_json
from koalign.tracking import Log
from koalign.training.checkpoints import (
    Finite,
    checkpoint,
    last_whole,
    load_adapter,
    remove_cut_off,
)
from koalign.training.guards import Guard, Watch, kept_step, reason_to_stop, report
from koalign.training.policy import in_bfloat16

if not sys.stderr.isatty():  # bars of other libraries are for terminals too
    os.environ["TQDM_DISABLE"] = "1"
    datasets.disable_progress_bars()


def trl_settings(
    section: Optimization, policy: PeftModel, work: Path, rows: int, seed: int
) -> dict[str, Any]:
    """A section of koalign.yaml in the words of transformers.TrainingArguments."""
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
        "bf16": in_bfloat16(policy),
        "use_cpu": on_cpu,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": section.save_steps,
        "save_total_limit": 2,
        # Each: a mean over steps on both sides of a checkpoint would be another one after a resume.
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would write the last good loss for one that is not finite
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "max_length": None,  # nothing is cut: what is too long was refused or dropped before
    }


def fit(trainer: Trainer, title: str, log: Log, watch: Watch | None = None) -> dict[str, float]:
    """Train from the last whole checkpoint, or from the start, and leave the adapter that is kept.

    That is the checkpoint which `watch` judges best, and the last without it. Returns the last logged
    metrics, those of the probe from the kept step. `title` is the section of the config. Raises
    KoalignError where a number is no longer finite, and RuntimeError if more than one adapter is active.
    """
    model = trainer.model
    if model.active_adapters != ["default"]:
        raise RuntimeError(
            f"one active adapter named 'default' expected, found {model.active_adapters}"
        )
    # TRL casts adapters on a 4-bit base to bfloat16, in which most entries never move at DPO's rates.
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    trainer.remove_callback(PrinterCallback)  # added by transformers when its bars are off
    trainer.add_callback(Finite(title))
    if watch:
        trainer.add_callback(Guard(title, watch, log))
    work = Path(trainer.args.output_dir)
    remove_cut_off(work)
    with progress.bar(title, _steps(trainer)) as advance:
        trainer.add_callback(_Logger(log, advance))
        _train(trainer, title, last_whole(work), watch)
    history = trainer.state.log_history
    kept = kept_step(history)
    load_adapter(model, checkpoint(work, trainer.state.global_step if kept is None else kept))
    last = {name: value for entry in history for name, value in entry.items() if name != "step"}
    return {**_numbers(last), **(report(title, watch, trainer.state) if watch else {})}


def _train(trainer: Trainer, title: str, start: Path | None, watch: Watch | None) -> None:
    if start and watch:
        state = TrainerState.load_from_json(str(start / TRAINER_STATE_NAME))
        if reason_to_stop(title, watch, state.log_history, state.max_steps):
            trainer.state = state  # it was stopped, and killed before it could save its adapter
            return
    trainer.train(resume_from_checkpoint=str(start) if start else None)


def _steps(trainer: Trainer) -> int:
    if trainer.args.max_steps >= 0:
        return trainer.args.max_steps
    per_epoch = math.ceil(
        len(trainer.get_train_dataloader()) / trainer.args.gradient_accumulation_steps
    )
    return math.ceil(per_epoch * trainer.args.num_train_epochs)


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


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items() if isinstance(value, int | float)}


class _Logger(TrainerCallback):
    def __init__(self, log: Log, advance: progress.Advance) -> None:
        self._log, self._advance, self._seen = log, advance, 0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._advance(state.global_step - self._seen)
        self._seen = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self._log(_numbers(logs), state.global_step)
