"""fit: what SFT and DPO share: the job, settings for TRL, the training, its logs, the saved adapter."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from peft.utils import load_peft_weights
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME

from koalign import progress
from koalign.adapters.base import refuse_replaced_base
from koalign.adapters.card import AdapterCard
from koalign.adapters.cards import write_card
from koalign.config.training import Optimization, Training
from koalign.hashing import WORK
from koalign.jsonl import read_json, write_json
from koalign.locking import held, refuse_moved
from koalign.tracking.events import Log, training_log, training_warnings
from koalign.training import processes
from koalign.training.checkpoints import (
    Finite,
    Frozen,
    InPlace,
    checkpoint,
    last_whole,
    remove_cut_off,
    step_of,
)
from koalign.training.guards import SETTINGS, Guard, Watch, is_over, kept_step, report
from koalign.training.launch import launched
from koalign.training.plateau import ROUNDS, epochs_of_round
from koalign.training.policy import Start, autocast_dtype
from koalign.training.shard import open_policy

if not sys.stderr.isatty():  # bars of other libraries are for terminals too
    os.environ["TQDM_DISABLE"] = "1"
    datasets.disable_progress_bars()


TIMES = ("train_runtime", "train_samples_per_second", "train_steps_per_second")


@dataclass(frozen=True)
class Job:
    """One training; picklable where `training.processes` is more than 1."""

    start: Start
    """Makes the policy that the training begins with."""
    tokenizer: Any
    card: AdapterCard
    """Of the adapter to be trained."""
    section: Optimization
    """Optimizer settings; of DPO a `Preference`."""
    training: Training
    seed: int
    out: Path
    """The stage's folder: checkpoints, and at the end adapter/; its steps go to the run's events.jsonl,
    beside it."""
    watch: Watch | None = None
    """Evaluates while training; None: the last checkpoint is kept."""


def trl_settings(
    section: Optimization, policy: PeftModel, work: Path, rows: int, seed: int, *, grouped: bool
) -> dict[str, Any]:
    """A section of koalign.yaml as keyword arguments of transformers.TrainingArguments.

    `grouped`: all examples of an optimizer step are one batch, since rows bound the memory.
    """
    per_step = section.batch_size * section.gradient_accumulation_steps
    steps_of_epoch = math.ceil(rows / per_step)
    if section.epochs == "auto":  # Guard lowers the rate and ends it
        schedule, warmed = "constant_with_warmup", float(epochs_of_round(steps_of_epoch))
        epochs = ROUNDS * warmed
    else:
        schedule, warmed, epochs = "cosine", section.epochs, section.epochs
    steps = math.ceil(steps_of_epoch * warmed)
    return {
        "output_dir": str(work),
        "learning_rate": section.learning_rate,
        "num_train_epochs": epochs,
        "per_device_train_batch_size": per_step if grouped else section.batch_size,
        "gradient_accumulation_steps": 1 if grouped else section.gradient_accumulation_steps,
        # The first step of a warm-up has a rate of 0: a training of one step would train nothing.
        "warmup_steps": min(math.ceil(steps * section.warmup_ratio), steps - 1),
        "lr_scheduler_type": schedule,
        "max_grad_norm": section.max_grad_norm,
        "weight_decay": 0.0,
        "optim": "adamw_torch",
        "gradient_checkpointing": section.gradient_checkpointing,
        "bf16": autocast_dtype(policy) == torch.bfloat16,
        "fp16": autocast_dtype(policy) == torch.float16,  # with loss scaling
        "use_cpu": not torch.cuda.is_available(),
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": section.save_steps,
        "save_total_limit": None,  # checkpoints.rotate: transformers may be killed with half of one left
        # Each: a mean over steps on both sides of a checkpoint would be another one after a resume.
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would write the last good loss for one that is not finite
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "max_length": None,  # nothing is cut: what is too long was refused or dropped before
        "router_aux_loss_coef": 0.0,  # routers are not trained
    }


def on_one_gpu(args: TrainingArguments) -> TrainingArguments:
    """The same settings, where several GPUs are visible too: a process trains on the first of its own.

    transformers would lay the model over all of them (nn.DataParallel) and multiply the batch.
    """
    args._n_gpu = min(args.n_gpu, 1)
    return args


def train(job: Job, trainer: Callable[..., Trainer], *data: Any) -> dict[str, float]:
    """Fit the adapter in `training.processes` processes and save it as `job.out`/adapter; see `fit`.

    `trainer` makes the trainer: (policy, tokenizer, *data, section, training, work folder, seed).
    Raises ValueError where `epochs: auto` is not watched by a probe to its plateau.
    """
    to_plateau = job.watch is not None and job.watch.to_plateau and job.watch.measure is not None
    if (job.section.epochs == "auto") != to_plateau:
        raise ValueError(f"epochs {job.section.epochs}, and a watch that is for another")
    return launched(job.card.name, job.training, _fit_and_save, job, trainer, data)


def _fit_and_save(
    job: Job, trainer_of: Callable[..., Trainer], data: Sequence[Any]
) -> dict[str, float]:
    refuse_replaced_base(job.card.base.path, job.card.base.weight_hash)
    job.out.mkdir(parents=True, exist_ok=True)
    with held(job.out) as began:

        def fitted(log: Log) -> tuple[Trainer, dict[str, float]]:
            policy, work = open_policy(job.start, job.training), job.out / WORK
            trainer = trainer_of(
                policy, job.tokenizer, *data, job.section, job.training, work, job.seed
            )
            if processes.number() == 0:
                trainer.add_callback(InPlace(job.out, began))
            return trainer, fit(trainer, job.card, log, job.watch)

        if processes.number():  # of several processes the first alone logs and saves
            return fitted(lambda metrics, step: None)[1]
        with training_warnings(job.out):
            trainer, metrics = fitted(training_log(job.out))
        refuse_moved(job.out, began)
        card = job.card.model_copy(update={"metrics": lasting(metrics)})
        save_adapter(trainer.model, job.out / "adapter", card)
        return metrics


def fit(
    trainer: Trainer, card: AdapterCard, log: Log, watch: Watch | None = None
) -> dict[str, float]:
    """Train from the last whole checkpoint, or from the start, and leave the adapter that is kept.

    The kept checkpoint is the best by `watch`, or the last without it; where the start is a trained adapter
    and all are worse, the start. Returns the last logged metrics, those of the probe from the kept step; of
    several processes only the first loads and returns. The card gives the frozen ranks and the title.
    Raises KoalignError where a number is not finite, and RuntimeError if more than one adapter is active or
    a frozen rank has moved.
    """
    title, model = card.name, trainer.model
    if model.active_adapters != ["default"]:
        raise RuntimeError(
            f"one active adapter named 'default' expected, found {model.active_adapters}"
        )
    trainer.remove_callback(PrinterCallback)  # added by transformers when its bars are off
    frozen = Frozen(model, card.rank - card.frozen_rank) if card.frozen_rank else None
    if frozen:
        trainer.add_callback(frozen)  # before Finite: a stack that has moved is no whole checkpoint
    trainer.add_callback(Finite(title, SETTINGS.get(title, title)))
    if watch:
        trainer.add_callback(Guard(title, watch, log))
    weights = _weights(model) if watch and watch.from_adapter else {}
    work = Path(trainer.args.output_dir)
    if processes.number() == 0:
        remove_cut_off(work)
    start = processes.from_first(lambda: last_whole(work))
    most = " (at most)" if watch and watch.to_plateau else ""
    done = step_of(start)
    with progress.bar(title + most, _steps(trainer), done) as advance:
        trainer.add_callback(_Logger(log, advance, done))
        _train(trainer, title, start, watch)
    if processes.number():
        return {}
    history = trainer.state.log_history
    kept = kept_step(history, watch)
    if kept != 0:
        folder = checkpoint(work, trainer.state.global_step if kept is None else kept)
        weights = load_peft_weights(str(folder), device="cpu")
    # In place: PEFT's load_adapter need not keep gradient hooks and what requires a gradient.
    set_peft_model_state_dict(model, weights, "default")
    if frozen:
        frozen.require_unmoved(model)
    watched = report(title, watch, trainer.state) if watch else {}
    return {**_last_logged(history, resumed=start is not None), **watched}


def _last_logged(history: Sequence[Mapping[str, Any]], *, resumed: bool) -> dict[str, float]:
    """The last value of each logged number; the mean loss is over all steps, those before a resume too."""
    last = {name: value for entry in history for name, value in entry.items() if name != "step"}
    if losses := [entry["loss"] for entry in history if "loss" in entry]:
        last["train_loss"] = sum(losses) / len(losses)
    if resumed:  # transformers times the last part alone
        last = {name: value for name, value in last.items() if name not in TIMES}
    return _numbers(last)


def _weights(model: PeftModel) -> dict[str, torch.Tensor]:
    """A copy of the adapter; made before a checkpoint is resumed, it is the start of the training."""
    state = get_peft_model_state_dict(model, adapter_name="default", save_embedding_layers=False)
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}


def _train(trainer: Trainer, title: str, start: Path | None, watch: Watch | None) -> None:
    if start:
        state = TrainerState.load_from_json(str(start / TRAINER_STATE_NAME))
        if watch and is_over(title, watch, state):
            trainer.state = state  # it was stopped, and killed before it saved its adapter
            return
        counts = [entry["num_tokens"] for entry in state.log_history if "num_tokens" in entry]
        # TRL counts from 0 after a resume.
        trainer._total_train_tokens = counts[-1] if counts else 0
    trainer.train(resume_from_checkpoint=str(start) if start else None)


def _steps(trainer: Trainer) -> int:
    per_epoch = math.ceil(
        len(trainer.get_train_dataloader()) / trainer.args.gradient_accumulation_steps
    )
    return math.ceil(per_epoch * trainer.args.num_train_epochs)


def save_adapter(model: PeftModel, folder: Path, card: AdapterCard) -> None:
    """Write the adapter `default` and its card as one folder that PEFT and vLLM load as it is.

    The same weights give the same bytes on every machine: module names sorted, no local path. The card's
    page for people takes the place of PEFT's empty form.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(part, selected_adapters=["default"], save_embedding_layers=False)
    config = read_json(part / "adapter_config.json")
    config["base_model_name_or_path"] = card.base.path
    config["target_modules"] = sorted(config["target_modules"])
    write_json(part / "adapter_config.json", config)
    write_card(part, card)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def lasting(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics for the card, to 4 digits: those that a resumed training ends with as well, so no times."""
    passing = ("train_", "total_flos", "num_tokens", "epoch", "learning_rate", "grad_norm")
    return {
        name: float(f"{value:.4g}")
        for name, value in sorted(metrics.items())
        if not name.startswith(passing)
    }


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items() if isinstance(value, int | float)}


class _Logger(TrainerCallback):
    def __init__(self, log: Log, advance: progress.Advance, done: int) -> None:
        self._log, self._advance, self._seen = log, advance, done

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:  # of each step; the last line of a training has none
            self._advance(state.global_step - self._seen, f"loss {logs['loss']:.3f}")
            self._seen = state.global_step
        self._log(_numbers(logs), state.global_step)
