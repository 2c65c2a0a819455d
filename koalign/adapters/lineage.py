"""lineage: a folder -> the adapters below it, what stands on what, and what disk can be freed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

from koalign.adapters.card import AdapterCard, AdapterPart
from koalign.adapters.cards import CARD, adapter_id, read_card, write_card
from koalign.adapters.external import CONFIG, WEIGHTS, matrices_of
from koalign.records import KoalignError
from koalign.run import WORK, read_manifest

STACKS = "stacks"
"""Folder of a run for the sums that `--adapters` names; each is made again when it is named again."""


@dataclass(frozen=True)
class Found:
    """An adapter folder."""

    path: Path
    id: str
    """Empty where it is broken."""
    card: AdapterCard | None
    """None where it is broken."""
    broken: str
    """Why it cannot be read; empty: it can."""
    bytes: int
    """Of its weights; 0: pruned, or canned text."""


@dataclass(frozen=True)
class Node:
    """An adapter in the tree of a folder."""

    adapter: Found
    missing: tuple[AdapterPart, ...]
    """Parents that are not in the folder."""
    children: tuple[Node, ...]
    """Those that contain it, and no other of the folder that stands before it among their parents."""


@dataclass(frozen=True)
class Ancestor:
    """What an adapter contains, and what that contains."""

    part: AdapterPart
    path: Path | None
    """Where it is now; none: not found."""
    parents: tuple[Ancestor, ...]
    """Empty also where nothing more is known, since it was not found."""


@dataclass(frozen=True)
class Removal:
    """What `prune` can remove."""

    path: Path
    """The weights of an adapter, or the folder of stacks."""
    bytes: int
    stage: str
    """The stage that makes it again, as a folder below the run; empty: naming the sum again does."""


def adapters_below(folder: Path) -> list[Found]:
    """Every adapter folder below, in the order of their paths; unfinished work is left out.

    Nothing is written. Raises KoalignError if there is no such folder.
    """
    if not folder.is_dir():
        raise KoalignError(f"{folder}: no such folder; name a run, or a folder of adapters")
    return [_look_at(place) for place in _places(folder)]


def forest(found: Sequence[Found]) -> list[Node]:
    """The adapters as trees, each below the first of its parents that is among them.

    Every adapter stands in one place; of cards whose parents go in a circle one is a root.
    """
    by_id = {one.id: one for one in reversed(found) if one.card}
    below: dict[Path, list[Found]] = {}
    roots = []
    for one in found:
        parents = [by_id[p.id] for p in one.card.parents if p.id in by_id] if one.card else []
        if parents:
            below.setdefault(parents[0].path, []).append(one)
        else:
            roots.append(one)
    placed: set[Path] = set()

    def node(one: Found) -> Node:
        placed.add(one.path)
        missing = [p for p in one.card.parents if p.id not in by_id] if one.card else []
        children = [node(c) for c in below.get(one.path, []) if c.path not in placed]
        return Node(one, tuple(missing), tuple(children))

    trees = [node(root) for root in roots]
    return trees + [node(one) for one in found if one.path not in placed]


def ancestors(folder: Path, places: Sequence[Path]) -> tuple[Ancestor, ...]:
    """What an adapter contains, recursively, as far as cards are found.

    A parent is found where its child's card says, or by its id below one of `places`.
    """
    return _ancestors(read_card(folder, keep=False), [*places, *run_of(folder)], ())


def flat(tree: Sequence[Ancestor]) -> Iterator[Ancestor]:
    """All of a tree, the nearest first."""
    yield from tree
    for one in tree:
        yield from flat(one.parents)


def facts_of(folder: Path, run_dir: Path) -> dict[str, Any]:
    """What is known of an adapter, as one JSON value; None stands for what is not known.

    The fields of its card, its `id` and `path`, its `modules` with the rank of each, the number of its
    `parameters`, and below each of its `parents` the parents of that one, None where it is not found.
    """
    card = read_card(folder)
    modules = matrices_of(folder) if (folder / WEIGHTS).exists() else None
    return {
        **card.model_dump(mode="json"),
        "id": adapter_id(folder),
        "path": str(folder),
        "parents": _nested(ancestors(folder, [run_dir])),
        "modules": None if modules is None else {name: m.rank for name, m in modules.items()},
        "parameters": None if modules is None else sum(m.parameters for m in modules.values()),
    }


def refuse_overlap(parts: Sequence[tuple[str, Path]], run_dir: Path) -> None:
    """Raises KoalignError where a sum would count an adapter twice; `parts` are names and folders."""
    said = "+".join(name for name, _ in parts)
    ids = [adapter_id(folder) for _, folder in parts]
    inside = [
        {one.part.id: one.part.name for one in flat(ancestors(folder, [run_dir]))}
        for _, folder in parts
    ]
    for number, other in combinations(range(len(parts)), 2):
        if ids[number] == ids[other]:
            name, its = parts[number][0], parts[other][0]
            raise KoalignError(f"{said}: {name} and {its} are the same adapter; name it once")
    for number, other in permutations(range(len(parts)), 2):
        if ids[number] in inside[other]:
            name, its = parts[number][0], parts[other][0]
            raise KoalignError(f"{said}: {its} already contains {name}; leave {name} out")
    for number, other in combinations(range(len(parts)), 2):
        for id_of_shared, shared in inside[number].items():
            if id_of_shared in inside[other]:
                raise KoalignError(
                    f"{said}: {parts[number][0]} and {parts[other][0]} both contain {shared}, which "
                    "would count twice; take one of them"
                )


def removable(run_dir: Path, keep: Sequence[Path]) -> list[Removal]:
    """Weights of the run's own adapters but for those in `keep`, and the sums.

    Only what a finished stage of the run wrote, by its manifest: that can be made again. Nothing
    kept needs what goes, since an adapter holds the sum of all that it contains.
    """
    kept = {folder.resolve() for folder in keep}
    found = []
    for place in _places(run_dir):
        weights = place / WEIGHTS
        stage = place.parent.relative_to(run_dir)
        if place.resolve() in kept or STACKS in stage.parts[:1] or not weights.is_file():
            continue
        made = read_manifest(place.parent)
        if made and f"{place.name}/{WEIGHTS}" in made.outputs and not weights.is_symlink():
            found.append(Removal(weights, weights.stat().st_size, stage.as_posix()))
    stacks = run_dir / STACKS
    if stacks.is_dir() and not stacks.is_symlink():
        size = sum(f.lstat().st_size for f in stacks.rglob("*") if f.is_file())
        found.append(Removal(stacks, size, ""))
    return found


def remove(removals: Sequence[Removal]) -> None:
    """Free the disk; the card of each adapter stays, and keeps its id."""
    for one in removals:
        if one.stage:
            card = read_card(one.path.parent)
            if card.id is None:
                write_card(one.path.parent, card)  # which writes its id
            one.path.unlink()
        else:  # under another name first: what is half deleted must not be found as a sum
            doomed = one.path.with_name(one.path.name + ".part")
            shutil.rmtree(doomed, ignore_errors=True)
            one.path.rename(doomed)
            shutil.rmtree(doomed)


def _places(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if f != WORK and not f.startswith(".") and not f.endswith(".part")
        )
        if CONFIG in files or CARD in files:
            yield Path(place)


def _look_at(folder: Path) -> Found:
    weights = folder / WEIGHTS
    size = weights.stat().st_size if weights.exists() else 0
    try:
        return Found(folder, adapter_id(folder), read_card(folder, keep=False), "", size)
    except KoalignError as error:
        return Found(folder, "", None, str(error), size)


def _ancestors(
    card: AdapterCard, places: Sequence[Path], above: tuple[str, ...]
) -> tuple[Ancestor, ...]:
    made = []
    for part in card.parents:
        path = None if part.id in above else located(part, places)
        parents = _ancestors(read_card(path, keep=False), places, (*above, part.id)) if path else ()
        made.append(Ancestor(part, path, parents))
    return tuple(made)


def located(part: AdapterPart, places: Sequence[Path]) -> Path | None:
    """Where a part is now: where the card says, or by its id below one of `places`; none: nowhere."""
    said = Path(part.path)
    if said.is_dir() and _look_at(said).id == part.id:
        return said
    for place in dict.fromkeys(places):
        for folder in _places(place):
            if _look_at(folder).id == part.id:
                return folder
    return None


def _nested(tree: Sequence[Ancestor]) -> list[dict[str, Any]]:
    return [
        {
            **one.part.model_dump(mode="json"),
            "parents": None if one.path is None else _nested(one.parents),
        }
        for one in tree
    ]


def run_of(folder: Path) -> list[Path]:
    """The run that an adapter stands in, where it stands in one."""
    run = folder.absolute().parent.parent
    return [run] if (run / "prepare").is_dir() else []
