"""logps: log-probabilities of the tokens of pairs, to and from one safetensors file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

Logps = tuple[list[float], list[float]]
"""Log-probabilities, in nats, of the tokens of a pair's chosen and rejected side."""


def write_logps(path: Path, logps: Sequence[Logps]) -> None:
    """All tokens in order, in float32, and the length of every side."""
    sides = [side for pair in logps for side in pair]
    save_file(
        {
            "logps": np.array([value for side in sides for value in side], dtype=np.float32),
            "lengths": np.array([len(side) for side in sides], dtype=np.int64),
        },
        path,
    )


def read_logps(path: Path) -> list[Logps]:
    """The log-probabilities that `write_logps` wrote, one entry a pair."""
    kept = load_file(path)
    ends = kept["lengths"].cumsum()
    sides = [side.tolist() for side in np.split(kept["logps"], ends[:-1])] if len(ends) else []
    return list(zip(sides[::2], sides[1::2], strict=True))
