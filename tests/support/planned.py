"""Estimates of runs that were not made: configs, counts, and what a plan reads of an earlier run."""

from pathlib import Path

from koalign.config.files import load_config
from koalign.config.sections import ASSETS
from koalign.manifests import Manifest
from koalign.planning.cards import (
    CPU_BANDWIDTH,
    CPU_OPERATIONS,
    Card,
)
from koalign.planning.counts import Counts
from koalign.planning.estimate import estimate
from koalign.planning.memory import GIB
from koalign.planning.shape import read_shape
from koalign.plans import Plan, write_plan

TWO_CORES = Card("CPU, 2 cores", 16 * GIB, 2 * CPU_OPERATIONS, 2 * CPU_BANDWIDTH, capability=None)

COUNTS = Counts(2000, 200, 500, 0, 600, 16, 64, 2400)


def config_of(*settings, example=False):
    return load_config([ASSETS / ("example.yaml" if example else "no_data.yaml")], settings)


def planned(config, card, counts=COUNTS):
    return estimate(config, read_shape(config.model), counts, card, {}, {})


def made_before(folder: Path, seconds: float, device: str, config) -> None:
    """A run that has prepared and trained, as far as a plan reads it."""
    for name in ("prepare", "sft"):
        (folder / name).mkdir(parents=True)
        sections = {"model": config.model.model_dump(mode="json"), "seed": 0}
        write_plan(
            folder / name, Plan(stage=name, version=1, template="", config=sections, inputs={})
        )
        manifest = Manifest(
            stage=name, fingerprint="", template="", outputs={}, counts={}, metrics={}, koalign="",
            git=None, packages={}, seconds=seconds, peak_memory_mb=1, device=device,
        )  # fmt: skip
        (folder / name / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
