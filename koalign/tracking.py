"""tracking: training curves to metrics.jsonl, and to W&B where the config asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from koalign.config.sections import Tracking


class Log(Protocol):
    def __call__(self, metrics: Mapping[str, float], step: int) -> None: ...


@contextmanager
def open_log(
    tracking: Tracking, stage: str, settings: Mapping[str, Any], folder: Path
) -> Iterator[Log]:
    """Yields a function (metrics, step) that writes folder/metrics.jsonl and, if on, a W&B run.

    A continued training repeats the steps since its last checkpoint; of a repeated step the later
    line holds. W&B files go below `folder`; its key comes from the environment only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = None
    if tracking.wandb != "off":
        import wandb

        run = wandb.init(
            project=tracking.project,
            name=stage,
            config=dict(settings),
            dir=str(folder),
            mode=tracking.wandb,
            # W&B asks git about the working directory, whose config may name commands.
            settings=wandb.Settings(silent=True, disable_git=True),
        )
    with (folder / "metrics.jsonl").open("a", encoding="utf-8", newline="\n") as file:

        def log(metrics: Mapping[str, float], step: int) -> None:
            file.write(json.dumps({"step": step, **metrics}, ensure_ascii=False) + "\n")
            file.flush()
            if run is not None:
                run.log(dict(metrics), step=step)

        try:
            yield log
        finally:
            if run is not None:
                run.finish()
