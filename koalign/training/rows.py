"""rows: the groups of an optimizer step -> rows of bounded length, a backward pass each, in any process."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Trainer

from koalign.engines.packing import Group
from koalign.training import processes
from koalign.training.policy import without_input_casts
from koalign.training.shard import is_sharded, share


class RowByRow(Trainer):
    """Mix-in for TRL's trainers: a batch is all groups of an optimizer step, as
    {"rows": [...], "shares": [weight of a row in the means of the step]}.

    The losses of the rows are shares of the step's loss, so the gradient does not depend on how the
    groups were laid into rows, nor on the process that computed a row: `row_tokens` and `processes` trade
    memory for speed and are no hyper-parameters. Of N processes, each computes every N-th row.
    """

    _total_train_tokens: float  # TRL's
    _share = 1.0
    """Weight of the row in the making; 0 of a pass that only keeps step with other processes."""

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Forward and backward of this process's rows; returns the loss of the step, of all rows."""
        model.train()  # a process may have no row, and TRL logs to the side that the mode says
        noted, read = self._metrics["train"], self._total_train_tokens
        losses = []
        rows, more = share(model, inputs["rows"])
        with without_input_casts(model):
            for row in rows:
                losses.append(super().training_step(model, row, num_items_in_batch))
            tokens, self._share = self._total_train_tokens - read, 0.0
            for _ in range(more):  # what it notes stands behind the rows' own, and is not read
                super().training_step(model, inputs["rows"][-1], num_items_in_batch)
            self._share = 1.0
        processes.sum_gradients([p for p in model.parameters() if p.requires_grad])
        done = processes.gathered(([loss.item() for loss in losses], dict(noted), tokens))
        self._total_train_tokens = read + sum(tokens for _, _, tokens in done)
        shares = inputs["shares"]
        places = [(n % len(done), n // len(done)) for n in range(len(shares))]
        for key in done[0][1].keys() - {"num_tokens"}:
            values = [done[process][1][key][place] for process, place in places]
            noted[key] = [sum(w * v for w, v in zip(shares, values, strict=True)) / sum(shares)]
        noted["num_tokens"] = [self._total_train_tokens]
        loss = torch.zeros((), device=self.args.device)
        for process, place in places:
            loss = loss + done[process][0][place]
        return loss

    def compute_loss(self, *arguments: Any, **named: Any) -> Any:
        """The loss of a row; see Trainer."""
        loss = super().compute_loss(*arguments, **named)
        return loss * self._share if self._share != 1 else loss

    def _move_model_to_device(self, model: Any, device: torch.device) -> None:
        if not is_sharded(model):  # parts are where they belong
            super()._move_model_to_device(model, device)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if processes.number() == 0:
            super()._save_checkpoint(model, trial)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """0: transformers would count input_ids, which are inside the rows."""
        return 0


def read_group(example: dict[str, Any]) -> Group:
    """The group of a line of the training set."""
    return Group(tuple(example["prompt_ids"]), tuple(map(tuple, example["completion_ids"])))
