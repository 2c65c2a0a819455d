"""history: manifests of this run and of runs beside it -> what is done, and how fast this card was."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from koalign.config.sections import Config
from koalign.hashing import PLAN
from koalign.jsonl import read_record
from koalign.manifests import Manifest, read_manifest
from koalign.planning.cards import Card
from koalign.planning.counts import counts_of
from koalign.planning.estimate import estimate
from koalign.planning.shape import Shape
from koalign.plans import Plan
from koalign.records import KoalignError

MOST_RUNS = 8
"""The last so many are read."""
LEAST_SECONDS = 1.0
"""Of a stage; less says nothing of a card."""


def manifests(run_dir: Path) -> dict[str, Manifest]:
    """The finished stages of a run, by name."""
    done = {}
    for folder in sorted(run_dir.iterdir()) if run_dir.is_dir() else ():
        if folder.is_dir() and (made := read_manifest(folder)):
            done[folder.name] = made
    return done


def speeds(config: Config, shape: Shape, card: Card, run_dir: Path) -> dict[str, float]:
    """Stage -> measured over estimated seconds, the median of past runs of this base on this card.

    Past runs are the folder itself and those beside it. One that cannot be read is passed over.
    """
    ratios: dict[str, list[float]] = defaultdict(list)
    for folder in _runs(run_dir):
        try:
            done = manifests(folder)
            past = _config_of(folder, list(done), config)
            counts = counts_of(past, folder)
        except (KoalignError, ValueError, LookupError, TypeError):  # another version's files too
            continue
        if past.model.path != config.model.path:
            continue
        for stage in estimate(past, shape, counts, card, {}, {}).stages:
            made = done.get(stage.stage)
            if made and made.device == card.name and made.seconds >= LEAST_SECONDS:
                ratios[stage.stage].append(made.seconds / max(stage.seconds, 0.1))
    return {name: statistics.median(values) for name, values in ratios.items()}


def _runs(run_dir: Path) -> Sequence[Path]:
    beside = run_dir.parent.glob("*/prepare/plan.json")
    return [
        path.parents[1] for path in sorted(beside, key=lambda p: -p.stat().st_mtime)[:MOST_RUNS]
    ]


def _config_of(folder: Path, stages: Sequence[str], config: Config) -> Config:
    """The config of a past run by the plans of its stages; what they do not say as in `config`."""
    sections: dict[str, Any] = config.model_dump(mode="json")
    for name in stages:
        for section, value in read_record(folder / name / PLAN, Plan).config.items():
            known = sections.get(section)
            sections[section] = {**known, **value} if isinstance(known, dict) else value
    return Config.model_validate(sections)
