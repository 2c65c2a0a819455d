"""comparability: folders -> evaluations of the same items, and why a difference may mislead."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from koalign.evaluation.results import Evaluation, Prediction, read_evaluation
from koalign.evaluation.stats.wording import percent
from koalign.naming import counted
from koalign.records import KoalignError

BASE = "base"
"""`adapters` of the model alone."""


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
        Evaluated(name, str(folder), evaluation, sorted(predictions, key=lambda p: p.id))
        for name, folder in zip(_names(whole), folders, strict=True)
        for evaluation, predictions in [read_evaluation(folder)]
    ]


def _names(folders: Sequence[Path]) -> list[str]:
    depth = 1
    while len({folder.parts[-depth:] for folder in folders}) < len(folders):
        depth += 1
    return ["/".join(folder.parts[-depth:]) for folder in folders]


def on_the_same_items(systems: Sequence[Evaluated], common: bool = False) -> list[Evaluated]:
    """The evaluations as they are where all have the same items; with `common`, on those all have.

    Raises KoalignError where items differ, and where nothing is left.
    """
    first, *others = systems
    wanted = {p.id for p in first.predictions}
    ids = set(wanted)
    for other in others:
        theirs = {p.id for p in other.predictions}
        ids &= theirs
        if theirs != wanted and not common:
            raise KoalignError(
                f"{other.folder}: lacks {len(wanted - theirs):,} items of {first.folder} and has "
                f"{len(theirs - wanted):,} others, the first {min(theirs ^ wanted)!r}; evaluate both "
                "on the same data, or compare on the items that all have with --common"
            )
    if not ids:
        raise KoalignError(f"{first.folder}: no item that all have; evaluate all on the same data")
    return [
        replace(system, predictions=[p for p in system.predictions if p.id in ids])
        for system in systems
    ]


MOST_UNREAD = 0.1
"""Share of items without a readable answer above which a comparison says so; a rule of thumb."""

_EQUAL: dict[str, Callable[[Evaluation], str]] = {
    "protocol": lambda e: e.protocol,
    "headline": lambda e: f"{e.metric}, {e.average}",
    "mode": lambda e: e.mode,
    "template": lambda e: e.template,
    "hash of the data": lambda e: " ".join(sorted(e.data.values())),
    "samples a problem": lambda e: str(e.samples),
    "dtype": lambda e: e.dtype,
    "engine": lambda e: e.engine,
    "keys that the server refused": lambda e: ", ".join(e.left_out),
}
"""What a reader takes to be equal, as text."""
_DRAWN = ("temperature", "top_p")
"""Settings of one completion, or of several that vote."""


def doubts(systems: Sequence[Evaluated]) -> list[str]:
    """One line for each thing that differs, or is missing, where a reader would not expect it.

    Shots, model and adapters stand in every row and may differ. Needs the same items in all.
    """
    lines: list[str] = []
    for what, show in _EQUAL.items():
        lines += _differs(what, {system.name: show(system.evaluation) for system in systems})
    lines += _other_settings(systems)
    by_shots: dict[int, dict[str, str]] = {}  # the hash covers the number of shots
    by_model: dict[str, dict[str, str]] = {}
    for system in systems:
        evaluation = system.evaluation
        by_shots.setdefault(evaluation.shots, {})[system.name] = evaluation.template_hash
        by_model.setdefault(evaluation.model, {})[system.name] = evaluation.weight_hash
    for shots, hashes in by_shots.items():
        lines += _differs(f"hash of the prompt with {shots} shots", hashes)
    for model, hashes in by_model.items():
        lines += _differs(f"hash of the weights of {model}", hashes)
    lines += _other_bases(systems)
    for system in systems:
        if system.evaluation.n < system.evaluation.of:
            lines.append(
                f"{system.name}: {system.evaluation.n:,} of {system.evaluation.of:,} items were "
                "evaluated; these are not the figures of the whole data"
            )
        unread = sum(p.answer is None for p in system.predictions) / len(system.predictions)
        if unread > MOST_UNREAD:
            lines.append(
                f"{system.name}: no answer could be read of {percent(unread)} of its items; what another "
                "gains on it may be the form of an answer only"
            )
    lines += _other_gold(systems)
    return [*lines, *_missing_baselines([system.evaluation for system in systems])]


def _other_settings(systems: Sequence[Evaluated]) -> Iterator[str]:
    """What is known of all; votes are drawn in another way than one answer, and `samples` says so."""
    told = [system.evaluation for system in systems if system.evaluation.settings]
    for key in told[0].settings if told else ():
        alike: dict[int, dict[str, str]] = {}
        for name, of in ((system.name, system.evaluation) for system in systems):
            if key in of.settings:
                group = of.samples if key in _DRAWN else 0
                value = json.dumps(of.settings[key], ensure_ascii=False)
                alike.setdefault(group, {})[name] = value
        for values in alike.values():
            yield from _differs(key, values)


def _other_bases(systems: Sequence[Evaluated]) -> Iterator[str]:
    """What one model was read with, as far as it is known."""
    by_weights: dict[str, list[Evaluated]] = {}
    for system in systems:
        if system.evaluation.tokenizer_hash:
            by_weights.setdefault(system.evaluation.weight_hash, []).append(system)
    for alike in by_weights.values():
        model = alike[0].evaluation.model
        yield from _differs(
            f"hash of the tokenizer and chat template of {model}",
            {system.name: system.evaluation.tokenizer_hash for system in alike},
        )
        yield from _differs(
            f"context of {model}", {one.name: str(one.evaluation.context) for one in alike}
        )


def _differs(what: str, values: Mapping[str, str]) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for name, value in values.items():
        names.setdefault(value, []).append(name)
    if len(names) > 1:
        listed = (f"{value or 'none'} ({', '.join(who)})" for value, who in names.items())
        yield f"{what} differs: {'; '.join(listed)}"


def _other_gold(systems: Sequence[Evaluated]) -> Iterator[str]:
    first, *others = systems
    for other in others:
        both = zip(first.predictions, other.predictions, strict=True)
        ids = [a.id for a, b in both if set(a.gold) != set(b.gold)]
        if ids:
            yield (
                f"gold answers of {first.name} and {other.name} differ on {counted(len(ids), 'item')}, the "
                f"first {ids[0]!r}; evaluate both on the same data"
            )


def _missing_baselines(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """A tuned model is reported against its base model without shots, and with them."""
    tuned = [e for e in evaluations if e.adapters != BASE]
    for weights, model in {e.weight_hash: e.model for e in tuned}.items():
        shots = sorted(
            {e.shots for e in evaluations if e.adapters == BASE and e.weight_hash == weights}
        )
        if not shots:
            yield f"no baseline of {model} here; evaluate it alone, with 0 shots and with some"
        elif shots[0] > 0 or len(shots) == 1:
            had = "only one baseline" if len(shots) == 1 else "no baseline without shots"
            wanted, listed = "0 shots" if shots[0] else "shots", ", ".join(map(str, shots))
            yield f"{had} here (shots {listed}); evaluate the base with {wanted} too"
