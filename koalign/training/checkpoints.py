"""checkpoints: what a training leaves on its way -> the state it goes on from, the adapter it ends with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, set_peft_model_state_dict
from peft.utils import load_peft_weights
from transformers import TrainerCallback

from koalign.records import KoalignError

WHOLE = "whole"
"""Written into a checkpoint after everything else; one without it was cut off."""


def checkpoint(work: Path, step: int) -> Path:
    """Where transformers saves the state after this many optimizer steps."""
    return work / f"checkpoint-{step}"


def last_whole(work: Path) -> Path | None:
    """The latest whole checkpoint; none if there is none."""
    whole = [path.parent for path in work.glob(f"checkpoint-*/{WHOLE}")]
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def remove_cut_off(work: Path) -> None:
    """Remove every checkpoint that is not whole."""
    for path in work.glob("checkpoint-*"):
        if not (path / WHOLE).exists():
            shutil.rmtree(path)


def load_adapter(model: PeftModel, folder: Path) -> None:
    """Put the weights of a checkpoint into the adapter `default`, in place and in its precision.

    So gradient hooks and what requires a gradient stay as they are, which PEFT's load_adapter, the way
    of `load_best_model_at_end`, does not promise.
    """
    set_peft_model_state_dict(model, load_peft_weights(str(folder), device="cpu"), "default")


class Finite(TrainerCallback):
    """Marks checkpoints as whole, and ends a training that has left the numbers, before it is saved.

    Raises KoalignError for a gradient, a loss or an adapter weight that is NaN or infinite.
    """

    def __init__(self, title: str) -> None:
        self._title = title

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, *, model: Any, **_: Any
    ) -> None:
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        self._require(_norm(gradients), "the gradient", args, state.global_step + 1)

    def on_log(self, args: Any, state: Any, control: Any, *, logs: Any, **_: Any) -> None:
        if "loss" in logs:
            self._require(torch.tensor(logs["loss"]), "the loss", args, state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        weights = [p.data for p in model.parameters() if p.requires_grad]
        self._require(_norm(weights), "an adapter weight", args, state.global_step)
        if state.is_world_process_zero:
            (checkpoint(Path(args.output_dir), state.global_step) / WHOLE).touch()

    def _require(self, number: torch.Tensor, what: str, args: Any, step: int) -> None:
        if torch.isfinite(number):
            return
        kept = last_whole(Path(args.output_dir))
        raise KoalignError(
            f"{self._title}: {what} of step {step} is not finite; "
            f"{f'the last good adapter is in {kept}' if kept else 'no checkpoint was whole yet'}; "
            f"lower {self._title}.learning_rate or {self._title}.max_grad_norm and run with --force, "
            "which begins anew (copy that folder first if you want it)"
        )


def _norm(tensors: list[torch.Tensor]) -> torch.Tensor:
    """One number that is finite if all are: a single wait for the device."""
    return torch.nn.utils.get_total_norm(tensors)
