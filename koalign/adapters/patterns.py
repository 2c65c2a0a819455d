"""patterns: ranks and regular expressions of an adapter_config.json, checked before PEFT uses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from koalign.adapters.external import CONFIG, WEIGHTS, matrices_of, modules_of, read_config
from koalign.bounded import bounded
from koalign.records import KoalignError

SECONDS = 5
"""A pattern of PEFT's own fits a name in microseconds."""
MOST_COPIES = 1000
"""Layers of a model that layer_replication may make."""


def refuse_bad_config(folder: Path, base: str) -> None:
    """Raises KoalignError for what would fill memory or never end when PEFT loads the adapter.

    PEFT makes matrices of the ranks in the configuration before it reads the weights, and holds its
    patterns against every module of the base (peft/utils/other.py, get_pattern_key).
    """
    if not (folder / CONFIG).exists() or not (folder / WEIGHTS).exists():
        return  # the scripted engine's
    config = read_config(folder)
    matrices = matrices_of(folder)
    for name, shapes in matrices.items():
        rank = pattern_value(folder, config.get("rank_pattern") or {}, name, config.get("r"))
        pattern_value(folder, config.get("alpha_pattern") or {}, name, 0)
        if rank != shapes.rank:
            raise KoalignError(
                f"{folder}: {name} has rank {shapes.rank}, and {CONFIG} says {rank!r:.40}; take weights "
                "and configuration from one save"
            )
    copies = config.get("layer_replication") or []
    try:
        count = sum(end - start for start, end in copies)
    except (TypeError, ValueError):
        raise KoalignError(f"{folder / CONFIG}: layer_replication is no list of pairs") from None
    if count > MOST_COPIES:
        raise KoalignError(f"{folder / CONFIG}: layer_replication makes {count:,} layers")
    patterns = [config.get("target_modules"), config.get("exclude_modules")]
    if any(isinstance(pattern, str) for pattern in patterns):
        names = {*matrices, *(modules_of(base) or ())}
        for pattern in patterns:
            if isinstance(pattern, str):
                _try_on(folder, pattern, sorted(names))


def pattern_value(folder: Path, pattern: Mapping[str, Any], name: str, default: Any) -> Any:
    """The value of a rank or alpha pattern for a module: the first key that fits the end of its name.

    The rule of get_pattern_key (peft/utils/other.py). Raises KoalignError for a broken pattern.
    """
    if not isinstance(pattern, Mapping):
        raise KoalignError(f"{folder / CONFIG}: a pattern is no mapping of names")
    for key, value in pattern.items():
        if _try_on(folder, rf"(.*\.)?({key})$", [name]):
            return value
    return default


def _try_on(folder: Path, pattern: str, names: list[str]) -> bool:
    """Whether one of the names fits; raises KoalignError where that cannot be found out soon."""
    title = f"{folder / CONFIG}: pattern {pattern!r:.80}"
    try:
        with bounded(title, seconds=SECONDS):
            return any(re.match(pattern, name) for name in names)
    except (re.error, OverflowError) as error:
        raise KoalignError(f"{title} cannot be read ({error})") from None
