"""seeds: one run repeated with other seeds, each in a folder of its own, all on the same prepared data."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from koalign.config.sections import Config
from koalign.evaluation.results import PREDICTIONS, Prediction
from koalign.evaluation.rows import Row
from koalign.evaluation.seeds import SeedReport, over_seeds
from koalign.jsonl import (
    parse_record,
    read_json,
    read_jsonl,
    read_record,
    write_json,
)
from koalign.manifests import SEED, read_manifest
from koalign.records import KoalignError
from koalign.run import Inputs, Stage, StageResult

REPORT = "seeds.json"
MOST = 100
"""Seeds of a run; more are a slip of the keyboard."""


def seed_folders(run_dir: Path, seeds: int | None = None) -> list[Path]:
    """The folder of each seed, the run itself first; without `seeds` as many as the run has.

    An empty folder is none that it has: a killed command leaves it.
    Raises KoalignError for fewer than it has or more than MOST, and for a file where a folder belongs.
    """
    if seeds is not None and seeds > MOST:
        raise KoalignError(f"--seeds {seeds}: take at most {MOST}")
    numbers = [n for n in range(1, MOST) if (run_dir / f"{SEED}{n}" / "prepare").exists()]
    present = 1 + max(numbers, default=0)
    if seeds is not None and seeds < present:
        surplus = f", or remove {run_dir / SEED}{max(seeds, 1)} and later ones" * (present > 1)
        has = f" {run_dir} has {present};" * (present > 1)
        raise KoalignError(f"--seeds {seeds}:{has} take --seeds {present} or more{surplus}")
    folders = [run_dir, *(run_dir / f"{SEED}{n}" for n in range(1, seeds or present))]
    if file := next((path for path in folders if path.is_file()), None):
        raise KoalignError(f"{file} is a file, and a run goes there; move it away")
    return folders


def of_seed(stages: Sequence[Stage], config: Config, number: int) -> tuple[list[Stage], Config]:
    """The stages and the config of a seed, counted from 0; all but the first copy its prepare."""
    if number == 0:
        return list(stages), config
    prepare, *others = stages
    seeded = config.model_copy(update={"seed": config.seed + number})
    return [replace(prepare, run=_copy), *others], seeded


def config_in(run_dir: Path, config: Config) -> Config:
    """The config of the run in a folder: with the seed of a folder of `--seeds`."""
    folder = run_dir.resolve()
    first = folder.parent
    folders = seed_folders(first) if (first / "prepare").exists() else []
    number = folders.index(folder) if folder in folders else 0
    return config.model_copy(update={"seed": config.seed + number})


def _copy(config: Config, inputs: Inputs, out: Path) -> StageResult:
    first = out.parents[1] / out.name
    made = read_manifest(first)
    assert made is not None  # the first seed has run
    for name in made.outputs:
        shutil.copyfile(first / name, out / name)
    return StageResult(made.counts, made.metrics)


def write_report(folders: Sequence[Path], config: Config) -> SeedReport:
    """Read what every seed answered to the test split; write a report into the first folder.

    Their evaluations are whole: stages of a run that were made or found made.
    """
    results = [_rows(folder / "evaluate") for folder in folders]
    shared = set.intersection(*map(set, results))
    rows = {name: row for name, row in results[0].items() if name in shared}
    predictions = [
        {name: read_jsonl(folder / "evaluate" / name / PREDICTIONS, Prediction) for name in rows}
        for folder in folders
    ]
    report = SeedReport(
        seeds=tuple(config.seed + number for number in range(len(folders))),
        n=rows["base"].n,
        rows=over_seeds(rows, predictions),
        left_out=tuple(sorted(set.union(*map(set, results)) - shared)),
        evaluations=_fingerprints(folders),
    )
    write_json(folders[0] / REPORT, report.model_dump(mode="json"))
    return report


def _rows(evaluated: Path) -> dict[str, Row]:
    path = evaluated / "results.json"
    return {name: parse_record(Row, row, str(path)) for name, row in read_json(path).items()}


def read_report(folders: Sequence[Path]) -> SeedReport | None:
    """The results over seeds; none where an evaluation has changed since, or is not there.

    Raises KoalignError for a damaged file.
    """
    path = folders[0] / REPORT
    if not path.exists():
        return None
    try:
        report = read_record(path, SeedReport)
    except KoalignError:
        raise KoalignError(f"{path}: damaged; `koalign run` writes it again") from None
    return report if report.evaluations == _fingerprints(folders) else None


def _fingerprints(folders: Sequence[Path]) -> tuple[str, ...]:
    manifests = (read_manifest(folder / "evaluate") for folder in folders)
    return tuple(made.fingerprint if made else "" for made in manifests)
