"""comparability: folders -> evaluations of the same items, and why a difference may mislead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from koalign.evaluation.results import Evaluation, Prediction, read_evaluation
from koalign.records import KoalignError

BASE = "base"
"""What `adapters` says of the model alone."""


@dataclass(frozen=True)
class Evaluated:
    """An evaluation and its predictions."""

    name: str
    """The shortest end of its path that no other evaluation has."""
    folder: str
    evaluation: Evaluation
    predictions: Sequence[Prediction]
    """In the order of their ids."""


def read_evaluations(folders: Sequence[Path]) -> list[Evaluated]:
    """What `koalign benchmark` or a run wrote into each folder.

    Raises KoalignError for fewer than two folders, for one that stands twice, and where there is no
    evaluation.
    """
    if len(folders) < 2:
        raise KoalignError(f"{folders[0]}: one evaluation alone; name another to compare it with")
    whole = [folder.resolve() for folder in folders]
    for place, folder in enumerate(whole):
        if folder in whole[:place]:
            raise KoalignError(f"{folders[place]}: stands twice; name each evaluation once")
    return [
        Evaluated(name, str(folder), evaluation, sorted(predictions, key=lambda one: one.id))
        for name, folder in zip(_names(whole), folders, strict=True)
        for evaluation, predictions in [read_evaluation(folder)]
    ]


def _names(folders: Sequence[Path]) -> list[str]:
    depth = 1
    while len({folder.parts[-depth:] for folder in folders}) < len(folders):
        depth += 1
    return ["/".join(folder.parts[-depth:]) for folder in folders]


def on_the_same_items(read: Sequence[Evaluated], common: bool = False) -> list[Evaluated]:
    """The evaluations as they are where all have the same items; with `common`, on those all have.

    Raises KoalignError where items differ, and where nothing is left.
    """
    first, *others = read
    asked = {p.id for p in first.predictions}
    ids = set(asked)
    for other in others:
        theirs = {p.id for p in other.predictions}
        ids &= theirs
        if theirs != asked and not common:
            raise KoalignError(
                f"{other.folder}: lacks {len(asked - theirs):,} items of {first.folder} and has "
                f"{len(theirs - asked):,} others, the first {min(theirs ^ asked)!r}; evaluate both "
                "on the same data, or compare on the items that all have with --common"
            )
    if not ids:
        raise KoalignError(f"{first.folder}: no item that all have; evaluate all on the same data")
    return [replace(one, predictions=[p for p in one.predictions if p.id in ids]) for one in read]


_EQUAL: dict[str, Callable[[Evaluation], str]] = {
    "protocol": lambda one: one.protocol,
    "headline": lambda one: f"{one.metric}, {one.average}",
    "mode": lambda one: one.mode,
    "template": lambda one: one.template,
    "hash of the data": lambda one: " ".join(sorted(one.data.values())),
    "samples a problem": lambda one: str(one.samples),
    "dtype": lambda one: one.dtype,
    "engine": lambda one: one.engine,
}
"""What a reader takes to be equal, and how it is said."""


def doubts(read: Sequence[Evaluated]) -> list[str]:
    """One line for each thing that differs, or is missing, where a reader would not expect it.

    Shots, model and adapters stand in every row and may differ. Needs the same items in all.
    """
    found: list[str] = []
    for what, said in _EQUAL.items():
        found += _differs(what, {one.name: said(one.evaluation) for one in read})
    by_shots: dict[int, dict[str, str]] = {}  # the hash covers the number of shots
    by_model: dict[str, dict[str, str]] = {}
    for one in read:
        by_shots.setdefault(one.evaluation.shots, {})[one.name] = one.evaluation.template_hash
        by_model.setdefault(one.evaluation.model, {})[one.name] = one.evaluation.weight_hash
    for shots, hashes in by_shots.items():
        found += _differs(f"hash of the prompt with {shots} shots", hashes)
    for model, hashes in by_model.items():
        found += _differs(f"hash of the weights of {model}", hashes)
    for one in read:
        if one.evaluation.n < one.evaluation.of:
            found.append(
                f"{one.name}: {one.evaluation.n:,} of {one.evaluation.of:,} items were evaluated; "
                "these are not the figures of the whole data"
            )
    return [*found, *_other_gold(read), *_missing_baselines([one.evaluation for one in read])]


def _differs(what: str, said: Mapping[str, str]) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for name, value in said.items():
        names.setdefault(value, []).append(name)
    if len(names) > 1:
        listed = (f"{value or 'none'} ({', '.join(who)})" for value, who in names.items())
        yield f"{what} differs: {'; '.join(listed)}"


def _other_gold(read: Sequence[Evaluated]) -> Iterator[str]:
    first, *others = read
    for other in others:
        both = zip(first.predictions, other.predictions, strict=True)
        ids = [a.id for a, b in both if set(a.gold) != set(b.gold)]
        if ids:
            yield (
                f"gold answers of {first.name} and {other.name} differ on {len(ids):,} items, the "
                f"first {ids[0]!r}; evaluate both on the same data"
            )


def _missing_baselines(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """A tuned model is reported against its base model without shots, and with them."""
    tuned = [one for one in evaluations if one.adapters != BASE]
    for weights, model in {one.weight_hash: one.model for one in tuned}.items():
        shots = sorted(
            {e.shots for e in evaluations if e.adapters == BASE and e.weight_hash == weights}
        )
        if not shots:
            yield f"no baseline of {model} here; evaluate it alone, with 0 shots and with some"
        elif shots[0] > 0 or len(shots) == 1:
            had = "only one baseline" if len(shots) == 1 else "no baseline without shots"
            wanted, listed = "0 shots" if shots[0] else "shots", ", ".join(map(str, shots))
            yield f"{had} here (shots {listed}); evaluate the base with {wanted} too"
