"""learned: problems to measure on -> whether the adapters of a run were trained on them, said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from koalign.naming import counted
from koalign.text.visible import warn

if TYPE_CHECKING:
    from koalign.config.sections import Config
    from koalign.records import Problem


def tell_learned(
    config: Config, run_dir: Path, steps: Sequence[Path | None], problems: Sequence[Problem]
) -> None:
    """Say how many problems, or their passages, the run trained on that wrote one of the adapters.

    By the leak guard of `prepare`, which has seen the run's own splits and no other file.
    """
    from koalign.data.preparing.leaks import find_leaks
    from koalign.jsonl import read_jsonl
    from koalign.records import Problem

    path = run_dir / "prepare" / "train.jsonl"
    own = run_dir.resolve()
    of_this_run = any(step and step.resolve().is_relative_to(own) for step in steps)
    if not of_this_run or not path.exists():
        return
    learned = read_jsonl(path, Problem)
    leaks = find_leaks(problems, learned, config.data.leak_overlap, config.data.memory_mb << 20)
    if leaks:
        number, kind = leaks[0].trained, leaks[0].kind
        warn(
            f"{len(leaks):,} of {counted(len(problems), 'problem')}, or their passages, stand in the train "
            f"split of {run_dir} too, the first {problems[number].name} ({kind}): the adapters have "
            "learned them, and the accuracy is not that of new problems"
        )
