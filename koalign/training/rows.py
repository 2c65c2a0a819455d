"""rows: the groups of an optimizer step -> rows of bounded length, a backward pass each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class RowByRow:
    """Mix-in for TRL's trainers: a batch is all groups of an optimizer step, as
    {"rows": [...], "shares": [weight of a row in the means of the step]}.

    The losses of the rows are shares of the step's loss, so the gradient does not depend on how the
    groups were laid into rows: `row_tokens` is memory against speed and no hyper-parameter. For one
    process: TRL gathers metrics with every row, and two processes need not have as many.
    """

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Forward and backward of every row; returns the step's loss."""
        rows = inputs["rows"]
        loss = torch.zeros((), device=self.args.device)
        for row in rows:
            loss = loss + super().training_step(model, row, num_items_in_batch)
        self._metrics["train"].update(_means(self._metrics["train"], inputs["shares"]))
        return loss

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not estimated: transformers counts input_ids, which here are one level down."""
        return 0


def row_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """TRL's settings with all examples of an optimizer step in one batch, since rows bound the memory."""
    steps = settings["gradient_accumulation_steps"]
    return {
        **settings,
        "per_device_train_batch_size": settings["per_device_train_batch_size"] * steps,
        "gradient_accumulation_steps": 1,
        "router_aux_loss_coef": 0.0,
    }


def _means(metrics: dict[str, list[float]], shares: Sequence[float]) -> dict[str, list[float]]:
    """What TRL noted for each row, as one mean of the step where it noted one value a row.

    The shares are those of pairs, or of tokens in SFT; a mean over tokens of DPO is so weighted too.
    """
    rows = len(shares)
    return {
        key: [
            *values[:-rows],
            sum(w * v for w, v in zip(shares, values[-rows:], strict=True)) / sum(shares),
        ]
        for key, values in metrics.items()
        if rows > 1 and len(values) >= rows
    }
