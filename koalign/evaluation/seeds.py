"""seeds: the rows of a run on each seed -> their figures over seeds, and which steps gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from koalign.evaluation.results import Prediction
from koalign.evaluation.rows import Kind, Metric, Row
from koalign.evaluation.stats.intervals import Figure, gap_figure, share_figure
from koalign.records import Record


class Spread(Record):
    """A figure over seeds."""

    mean: float
    lowest: float
    """Of the seeds, as is `highest`: what another seed may do."""
    highest: float
    low: float | None
    """95 %, over passages, of the mean over seeds: what other problems may do. None with one passage."""
    high: float | None


class SeedDifference(Spread):
    """A row minus another on the same items and seeds."""

    above: int
    """Seeds on which it is above 0."""
    is_gain: bool
    """Whether it is above 0 on every seed and its interval lies above 0."""


class SeedRow(Record):
    """A row of a run's results over seeds; the difference is this row minus `against`."""

    kind: Kind
    against: str | None
    metric: Metric = "accuracy"
    """Of `accuracy`, as in results.json."""
    accuracy: Spread
    difference: SeedDifference | None
    rivals: dict[str, SeedDifference]
    """Steps: this row minus each of the rows that it must beat, as in results.json."""
    gain: bool | None
    """Steps: above every rival. None: the base, a control, or a run without controls."""


class SeedReport(Record):
    """seeds.json: the results of a run over its seeds."""

    seeds: tuple[int, ...]
    n: int
    """Problems of the test split."""
    rows: dict[str, SeedRow]
    left_out: tuple[str, ...]
    """Rows that some seeds do not have, such as mismatched hints where there was no hint."""
    evaluations: tuple[str, ...]
    """The fingerprint of the evaluation of each seed."""


def over_seeds(
    rows: Mapping[str, Row], predictions: Sequence[Mapping[str, Sequence[Prediction]]]
) -> dict[str, SeedRow]:
    """The rows of one seed, and the predictions of each seed: the same problems in the same order."""
    passages = [prediction.cluster for prediction in next(iter(predictions[0].values()))]
    right = {name: [[one.earned for one in seed[name]] for seed in predictions] for name in rows}

    def difference(name: str, against: str) -> SeedDifference:
        pairs = zip(right[name], right[against], strict=True)
        seeds = [[a - b for a, b in zip(*pair, strict=True)] for pair in pairs]
        mean = gap_figure(_of_problems(seeds), passages)
        above = sum(sum(seed) > 0 for seed in seeds)
        is_gain = above == len(seeds) and mean.low is not None and mean.low > 0
        return SeedDifference(**_spread(seeds, mean), above=above, is_gain=is_gain)

    made = {}
    for name, row in rows.items():
        accuracy = share_figure(_of_problems(right[name]), clusters=passages)
        rivals = {rival: difference(name, rival) for rival in row.rivals if rival in rows}
        judged = row.gain is not None
        made[name] = SeedRow(
            kind=row.kind,
            against=row.against,
            metric=row.metric,
            accuracy=Spread(**_spread(right[name], accuracy)),
            difference=difference(name, row.against) if row.against else None,
            rivals=rivals,
            gain=all(rival.is_gain for rival in rivals.values()) if judged else None,
        )
    return made


def _of_problems(seeds: Sequence[Sequence[float]]) -> list[float]:
    """The mean over seeds of each problem."""
    return [fmean(problem) for problem in zip(*seeds, strict=True)]


def _spread(seeds: Sequence[Sequence[float]], mean: Figure) -> dict[str, float | None]:
    values = [fmean(seed) for seed in seeds]
    return {
        "mean": mean.value,
        "lowest": min(values),
        "highest": max(values),
        "low": mean.low,
        "high": mean.high,
    }
