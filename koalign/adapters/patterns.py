"""patterns: ranks and regular expressions of an adapter_config.json, checked before PEFT uses them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from koalign.adapters.external import (
    CONFIG,
    ONE_SAVE,
    WEIGHTS,
    matrices_of,
    modules_of,
    read_config,
)
from koalign.bounded import bounded
from koalign.records import KoalignError

SECONDS = 5
"""A pattern of PEFT's own fits a name in microseconds."""


def refuse_bad_config(folder: Path, base: str) -> None:
    """Raises KoalignError for what would fill memory or never end when PEFT loads the adapter.

    PEFT makes matrices of the ranks in the configuration before it reads the weights, and holds its
    patterns against every module of the base (peft/utils/other.py, get_pattern_key).
    """
    if not (folder / CONFIG).exists() or not (folder / WEIGHTS).exists():
        return  # the scripted engine's
    config = read_config(folder)
    matrices = matrices_of(folder)
    check_numbers(folder, config)
    for name, shapes in matrices.items():
        rank = pattern_value(folder, config.get("rank_pattern") or {}, name, config.get("r"))
        pattern_value(folder, config.get("alpha_pattern") or {}, name, 0)
        if rank != shapes.rank:
            raise KoalignError(
                f"{folder}: {name} has rank {shapes.rank}, and {CONFIG} says {rank!r:.40}; "
                f"{ONE_SAVE}"
            )
    if config.get("layer_replication"):
        raise KoalignError(
            f"{folder / CONFIG}: layer_replication repeats layers of the base, which koalign does not run; "
            "take an adapter without it"
        )
    patterns = [config.get("target_modules"), config.get("exclude_modules")]
    if any(isinstance(pattern, str) for pattern in patterns):
        names = {*matrices, *(modules_of(base) or ())}
        for pattern in patterns:
            if isinstance(pattern, str):
                _try_on(folder, pattern, sorted(names))
    _refuse_left_out(folder, config, sorted(matrices))


def check_numbers(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises KoalignError for ranks and alphas that are no numbers, or not finite: all would be NaN."""
    for key in ("rank_pattern", "alpha_pattern"):
        if not isinstance(config.get(key) or {}, dict):
            raise KoalignError(
                f"{folder / CONFIG}: {key} maps modules to numbers, and here {config[key]!r}"
            )
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    alphas = [config.get("lora_alpha"), *(config.get("alpha_pattern") or {}).values()]
    # By type: true is an int in Python, and no rank.
    if not all(type(rank) is int and rank > 0 for rank in ranks):
        raise KoalignError(f"{folder / CONFIG}: ranks are whole numbers from 1, and here {ranks}")
    if not all(type(alpha) in (int, float) and math.isfinite(alpha) for alpha in alphas):
        raise KoalignError(f"{folder / CONFIG}: lora_alpha is a number, and here {alphas}")


def _refuse_left_out(folder: Path, config: Mapping[str, Any], names: list[str]) -> None:
    """Raises KoalignError for weights of a module that PEFT would pass over without a word."""
    targets, excluded = config.get("target_modules"), config.get("exclude_modules")
    if config.get("target_parameters") or targets in (None, "all-linear"):
        return
    if config.get("ensure_weight_tying"):  # it has those of tied modules, too
        return
    for name in names:
        if not _fits(folder, targets, name) or (excluded and _fits(folder, excluded, name)):
            raise KoalignError(
                f"{folder}: holds weights for {name}, and by target_modules and exclude_modules of "
                f"{CONFIG} PEFT would leave them out; {ONE_SAVE}"
            )


def _fits(folder: Path, targets: Any, name: str) -> bool:
    """Whether a pattern, or a list of ends of names, means a module, as PEFT decides it."""
    if isinstance(targets, str):
        return _try_on(folder, rf"(?:{targets})\Z", [name])
    if not isinstance(targets, list):
        raise KoalignError(
            f"{folder / CONFIG}: target_modules and exclude_modules are lists of names"
        )
    return any(name == target or name.endswith(f".{target}") for target in targets)


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
