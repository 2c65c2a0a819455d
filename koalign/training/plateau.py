"""plateau: the results of the probe -> the learning rate and the end of a training with `epochs: auto`.

The schedule is warmup-stable-decay (MiniCPM, arXiv 2404.06395), since a cosine needs its end known
beforehand: warm-up, a constant rate up to the plateau, a linear fall to 0. A round is an epoch, or of few
data as many epochs as make `ROUND_STEPS`. The probe answers after each round; warm-up is a share of the
first, the fall takes one, and a training has at most `ROUNDS`. Everything follows from the history, so
that a resumed training ends alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from koalign.training.history import PREFIX, Entry, evaluations, fell_each_time, measured

ROUNDS = 20
"""Most rounds of a training, the fall among them."""
ROUND_STEPS = 16
"""Fewest optimizer steps of a round: an epoch of fewer is too short for a rise to show."""
WINDOW = 3
"""Latest evaluations that decide; two end a slow rise too early."""


def epochs_of_round(steps_of_epoch: int) -> int:
    """Epochs between two evaluations."""
    return math.ceil(ROUND_STEPS / steps_of_epoch)


def is_plateau(shares: Sequence[float], error_of: Callable[[float], float]) -> bool:
    """Whether the best of the last `WINDOW` held-out figures is no more than a standard error above the
    best before them.

    The paired error would be smaller, and needs the verdict of every problem in the history.
    """
    if len(shares) <= WINDOW:
        return False
    before = max(shares[:-WINDOW])
    return max(shares[-WINDOW:]) <= before + error_of(before)


def error(share: float, problems: float) -> float:
    """The standard error of a share of so many problems, with one right and one wrong answer added: shares
    of 0 and 1 have one, too."""
    smoothed = (share * problems + 1) / (problems + 2)
    return math.sqrt(smoothed * (1 - smoothed) / problems)


def _error_of(entries: Sequence[Entry], share: float) -> float:
    """The standard error of a held-out figure among those of `entries`; a likelihood comes with its own."""
    entry = next(entry for entry in entries if entry[PREFIX + "held_out"] == share)
    own = entry.get(PREFIX + "held_out_error")
    return error(share, entry[PREFIX + "held_out_n"]) if own is None else own


def start_of_fall(
    history: Sequence[Entry], patience: int | None, round_steps: int
) -> tuple[int, str] | None:
    """The step from which the rate falls, and why; None: not reached.

    The first of: a plateau, `probe.patience`, and all rounds but the one for the fall.
    """
    shares: list[float] = []
    measure = f"held-out {measured(history)}"
    entries = evaluations(history)
    error_of = partial(_error_of, entries)
    for entry in entries:
        step = int(entry["step"])
        shares.append(entry[PREFIX + "held_out"])
        latest = ", ".join(f"{share:.1%}" for share in shares[-WINDOW:])
        if is_plateau(shares, error_of):
            before = max(shares[:-WINDOW])
            return step, (
                f"{measure} no longer rises by more than its error "
                f"({before:.1%} ± {100 * error_of(before):.1f}, then {latest})"
            )
        if patience is not None and fell_each_time(shares, patience):
            return step, f"{measure} fell {patience} evaluations running (probe.patience)"
        if step >= (ROUNDS - 1) * round_steps:
            return step, (
                f"{measure} still rises after {ROUNDS - 1} evaluations, the most ({latest}); "
                "set a number of epochs to train longer"
            )
    return None


def rate(step: int, start: int | None, warmup: int, round_steps: int) -> float:
    """The learning rate after so many steps, as a share of the highest; `start` is that of the fall."""
    if step < warmup:
        return step / warmup
    return 1.0 if start is None else min(1.0, max(0.0, 1 - (step - start) / round_steps))
