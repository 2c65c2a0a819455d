"""checkpoints: a training resumes from its last whole checkpoint; each is verified as it is saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch.nn.utils import get_total_norm
from transformers import TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME

from koalign.hashing import hash_path
from koalign.jsonl import read_json, write_json
from koalign.locking import refuse_moved
from koalign.records import KoalignError
from koalign.training import processes

WHOLE = "whole"
"""Written into a checkpoint after everything else: its files with their hashes."""
LEAST_SCALE = 1
"""Of a loss in float16; where gradients overflow unscaled, they are not finite."""
KEPT = 2
"""Checkpoints that stay: the last, and the best or else the one before."""


def checkpoint(work: Path, step: int) -> Path:
    """Where transformers saves the state after this many optimizer steps."""
    return work / f"checkpoint-{step}"


def step_of(folder: Path | None) -> int:
    """Optimizer steps before a checkpoint; 0 before there is one."""
    return int(folder.name.split("-")[1]) if folder else 0


def last_whole(work: Path) -> Path | None:
    """The latest whole checkpoint from which a training can go on; none if there is none.

    The one that it names as the best must be whole too, since the end of the training loads it.
    """
    whole = sorted(filter(_is_whole, work.glob("checkpoint-*")), key=step_of)
    return next((path for path in reversed(whole) if _best_of(path) in (None, *whole)), None)


def remove_cut_off(work: Path) -> None:
    """Remove every checkpoint that is not whole."""
    for path in work.glob("checkpoint-*"):
        if not _is_whole(path):
            _remove(path)


def mark_whole(folder: Path) -> None:
    """Say that a checkpoint is whole; nothing in it changes any more."""
    write_json(folder / WHOLE, _hashes(folder))


def rotate(work: Path, last: int, best: int | None) -> None:
    """Remove all checkpoints but the last, the best and, where these are one, the one before."""
    paths = sorted(work.glob("checkpoint-*"), key=step_of, reverse=True)
    kept = [path for path in paths if step_of(path) in (last, best)]
    others = [path for path in paths if path not in kept]
    for path in others[max(0, KEPT - len(kept)) :]:
        _remove(path)


def _remove(folder: Path) -> None:
    (folder / WHOLE).unlink(
        missing_ok=True
    )  # first: a kill in the middle leaves nothing to go on from
    shutil.rmtree(folder)


def _best_of(folder: Path) -> Path | None:
    best = read_json(folder / TRAINER_STATE_NAME).get("best_global_step")
    return checkpoint(folder.parent, best) if best else None


def _is_whole(folder: Path) -> bool:
    try:
        return bool(read_json(folder / WHOLE) == _hashes(folder))
    except KoalignError:
        return False


def _hashes(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hash_path(path)
        for path in paths
        if path.name not in (WHOLE, f"{WHOLE}.part")
    }


class Finite(TrainerCallback):
    """Marks checkpoints as whole, and stops a training that is no longer finite before it is saved.

    Raises KoalignError for a gradient, a loss or an adapter weight that is NaN or infinite. The norm of all
    is one number, so that it waits for the device once. A scaled loss (float16) may overflow: the step is
    passed over and the scale halved, down to `LEAST_SCALE`.
    """

    def __init__(self, title: str, settings: str) -> None:
        self._title, self._settings = title, settings

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, *, model: Any, optimizer: Any, **_: Any
    ) -> None:
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        if args.fp16 and optimizer.scaler.get_scale() > LEAST_SCALE:
            return
        self._require(get_total_norm(gradients), "the gradient", args, state.global_step + 1)

    def on_log(self, args: Any, state: Any, control: Any, *, logs: Any, **_: Any) -> None:
        if "loss" in logs:
            self._require(torch.tensor(logs["loss"]), "the loss", args, state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        weights = [p.data for p in model.parameters() if p.requires_grad]
        self._require(get_total_norm(weights), "an adapter weight", args, state.global_step)
        if processes.number() == 0:
            work = Path(args.output_dir)
            mark_whole(checkpoint(work, state.global_step))
            rotate(work, state.global_step, state.best_global_step)

    def _require(self, number: torch.Tensor, what: str, args: Any, step: int) -> None:
        if torch.isfinite(number):
            return
        kept = last_whole(Path(args.output_dir))
        raise KoalignError(
            f"{self._title}: {what} of step {step} is not finite; "
            f"{f'the last good adapter is in {kept}' if kept else 'no checkpoint was whole yet'}; "
            f"lower {self._settings}.learning_rate or {self._settings}.max_grad_norm and run with --force, "
            "which begins anew (copy that folder first if you want it)"
        )


class InPlace(TrainerCallback):
    """Stops a training whose folder was moved, before it saves into another run of the old name.

    Raises KoalignError at the end of a step, and behind a save before the checkpoint is marked as whole.
    """

    def __init__(self, out: Path, began: int) -> None:
        self._out, self._began = out, began

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        refuse_moved(self._out, self._began)

    on_save = on_step_end


class Frozen(TrainerCallback):
    """Keeps all but the last `learning` ranks of the adapter `default` bit for bit as they are.

    Their gradient is zeroed: without weight decay AdamW leaves such weights as they are, and the clipped
    norm counts only the trained ones. At the start of a training, resumed or not, and at every save they
    are compared with their values when this was made. Raises RuntimeError that names a moved tensor, and
    for weight decay and dropout, which would move or disturb them.
    """

    def __init__(self, model: PeftModel, learning: int) -> None:
        self._learning = learning
        self._before = {name: part.clone() for name, part in self._parts(model)}

    def on_train_begin(
        self, args: Any, state: Any, control: Any, *, model: Any, optimizer: Any, **_: Any
    ) -> None:
        if any(group["weight_decay"] for group in optimizer.param_groups):
            raise RuntimeError("weight decay would move the frozen ranks of a stack")
        for name, module in model.named_modules():
            if ".lora_dropout." in name and isinstance(module, torch.nn.Dropout) and module.p:
                raise RuntimeError(f"{name}: dropout would disturb the frozen ranks of a stack")
        self.require_unmoved(model)
        for name, parameter in model.named_parameters():
            if name in self._before:  # here: a resumed training has its parameters by now
                parameter.register_hook(partial(_only_the_last, self._learning, _axis(name)))

    def on_save(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        self.require_unmoved(model)

    def require_unmoved(self, model: PeftModel) -> None:
        """Raises RuntimeError if a frozen part is no longer what it was."""
        for name, part in self._parts(model):
            if not torch.equal(part, self._before[name]):
                raise RuntimeError(f"{name}: its frozen ranks have moved")

    def _parts(self, model: PeftModel) -> Iterator[tuple[str, torch.Tensor]]:
        for name, parameter in model.named_parameters():
            if ".lora_A.default." in name or ".lora_B.default." in name:
                frozen = parameter.shape[_axis(name)] - self._learning
                yield name, parameter.data.narrow(_axis(name), 0, frozen)


def _axis(name: str) -> int:
    """The axis of the ranks: A is (rank, in), B is (out, rank)."""
    return 0 if ".lora_A." in name else 1


def _only_the_last(learning: int, axis: int, gradient: torch.Tensor) -> torch.Tensor:
    kept = gradient.clone()
    kept.narrow(axis, 0, gradient.shape[axis] - learning).zero_()
    return kept
