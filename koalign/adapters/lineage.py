"""lineage: a folder -> the adapters below it, their parents, and the disk that can be freed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

from koalign.adapters.card import AdapterCard, AdapterPart
from koalign.adapters.cards import (
    CARD,
    adapter_id,
    is_pruned,
    read_card,
    refuse_damaged,
    write_card,
)
from koalign.adapters.external import CONFIG, PICKLE, WEIGHTS, matrices_of
from koalign.hashing import WORK
from koalign.locking import discard, doomed
from koalign.manifests import SEED, read_manifest
from koalign.records import KoalignError

MOST_ANCESTORS, MOST_LEVELS = 500, 50
STACKS = "stacks"
"""Folder of a run for the sums that `--adapters` names; each is made again when it is named again."""


@dataclass(frozen=True)
class AdapterFolder:
    """An adapter folder as it was found."""

    path: Path
    id: str
    """Empty: it cannot be read."""
    card: AdapterCard | None
    """None: it cannot be read."""
    error: str
    """Why it cannot be read; empty: it can."""
    bytes: int
    """Size of the weights; 0: pruned, or the scripted engine's."""

    @property
    def parents(self) -> tuple[AdapterPart, ...]:
        return self.card.parents if self.card else ()


@dataclass(frozen=True)
class Node:
    """An adapter in the tree of a folder."""

    adapter: AdapterFolder
    missing: tuple[AdapterPart, ...]
    """Parents that are not in the folder."""
    children: tuple[Node, ...]
    """The adapters whose first parent in the folder is this one."""


@dataclass(frozen=True)
class Ancestor:
    """An adapter that another one contains, and what it contains itself."""

    part: AdapterPart
    path: Path | None
    """Where it is now; None: not found."""
    parents: tuple[Ancestor, ...]
    """Empty also where it was not found."""


@dataclass(frozen=True)
class Removal:
    """What `prune` can remove."""

    path: Path
    """The weights of an adapter, or the folder of stacks."""
    bytes: int
    stage: str
    """The stage that makes it again, as a folder below the run; empty: naming the sum again does."""


def adapters_below(folder: Path) -> list[AdapterFolder]:
    """Every adapter folder below, in the order of their paths; unfinished work is left out.

    Nothing is written. Raises KoalignError if there is no such folder.
    """
    if not folder.is_dir():
        raise KoalignError(f"{folder}: no such folder; name a run, or a folder of adapters")
    return [_read_folder(path) for path in _adapter_paths(folder)]


def forest(adapters: Sequence[AdapterFolder]) -> list[Node]:
    """The adapters as trees, each below the first of its parents that is among them.

    Every adapter stands in one place; of cards whose parents go in a circle one is a root.
    """
    by_id = {adapter.id: adapter.path for adapter in reversed(adapters) if adapter.card}
    children: dict[Path | None, list[AdapterFolder]] = {}
    for adapter in adapters:
        parent = next((by_id[part.id] for part in adapter.parents if part.id in by_id), None)
        children.setdefault(parent, []).append(adapter)
    placed: set[Path] = set()

    def node(adapter: AdapterFolder, level: int = 0) -> Node:
        placed.add(adapter.path)
        missing = [part for part in adapter.parents if part.id not in by_id]
        deeper = children.get(adapter.path, []) if level < MOST_LEVELS else []
        below = [node(c, level + 1) for c in deeper if c.path not in placed]
        return Node(adapter, tuple(missing), tuple(below))

    trees = [node(root) for root in children.get(None, [])]
    return trees + [node(adapter) for adapter in adapters if adapter.path not in placed]


def ancestors(folder: Path, places: Sequence[Path]) -> tuple[Ancestor, ...]:
    """The adapters that an adapter contains, recursively, as far as cards are found.

    A parent is found where its child's card says, or by its id below one of `places`. Raises
    KoalignError for more than MOST_ANCESTORS: cards that share parents make a tree without end.
    """
    paths: dict[AdapterPart, Path | None] = {}
    count = 0

    def above(child: Path, places: Sequence[Path], ids: tuple[str, ...]) -> tuple[Ancestor, ...]:
        nonlocal count
        places = [*places, *run_of(child)]
        tree = []
        for part in read_card(child, keep=False).parents:
            count += 1
            if count > MOST_ANCESTORS or len(ids) > MOST_LEVELS:
                raise KoalignError(
                    f"{folder}: its card and those of its parents name more than {MOST_ANCESTORS} "
                    f"adapters, or {MOST_LEVELS} levels of them"
                )
            if paths.get(part) is None:
                paths[part] = located(part, places)
            path = None if part.id in ids else paths[part]  # a circle of cards ends
            tree.append(Ancestor(part, path, above(path, places, (*ids, part.id)) if path else ()))
        return tuple(tree)

    return above(folder, places, ())


def flat(tree: Sequence[Ancestor]) -> Iterator[Ancestor]:
    """All of a tree, the nearest first."""
    yield from tree
    for ancestor in tree:
        yield from flat(ancestor.parents)


def facts_of(folder: Path, run_dir: Path) -> dict[str, Any]:
    """What is known of an adapter, as one JSON value; None stands for what is not known.

    The fields of its card, its `id` and `path`, its `modules` with the rank of each, the number of its
    `parameters`, and below each of its `parents` the parents of that one, None where it is not found.
    """
    if not is_pruned(folder):
        refuse_damaged(folder)
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
    total = "+".join(name for name, _ in parts)
    members = []
    for name, folder in parts:
        contents = {a.part.id: a.part.name for a in flat(ancestors(folder, [run_dir]))}
        members.append((name, adapter_id(folder), contents))
    for (name, id_, _), (other, other_id, _) in combinations(members, 2):
        if id_ == other_id:
            raise KoalignError(f"{total}: {name} and {other} are the same adapter; name it once")
    for (name, id_, _), (other, _, contents) in permutations(members, 2):
        if id_ in contents:
            raise KoalignError(f"{total}: {other} already contains {name}; leave {name} out")
    for (name, _, contents), (other, _, other_contents) in combinations(members, 2):
        if shared := [contents[id_] for id_ in contents if id_ in other_contents]:
            raise KoalignError(
                f"{total}: {name} and {other} both contain {shared[0]}, which would count twice; "
                "take one of them"
            )


def removable(run_dir: Path, keep: Sequence[Path]) -> list[Removal]:
    """Weights of the run's own adapters but for those in `keep`, and the sums.

    Only what a finished stage of the run wrote, by its manifest: that can be made again. Nothing
    kept needs what goes, since an adapter holds the sum of all that it contains. Other seeds are runs of
    their own.
    """
    kept = {folder.resolve() for folder in keep}
    removals = []
    for path in _adapter_paths(run_dir):
        weights = path / WEIGHTS
        stage = path.parent.relative_to(run_dir)
        elsewhere = stage.as_posix().startswith((f"{STACKS}/", SEED))
        whole = weights.is_file() and (path / CARD).is_file()
        if path.resolve() in kept or elsewhere or not whole:
            continue
        manifest = read_manifest(path.parent)
        if manifest and f"{path.name}/{WEIGHTS}" in manifest.outputs and not weights.is_symlink():
            removals.append(Removal(weights, weights.stat().st_size, stage.as_posix()))
    stacks = run_dir / STACKS
    stacks = stacks if stacks.exists() else doomed(stacks)  # what a killed one left
    if stacks.is_dir() and not stacks.is_symlink():
        size = sum(f.lstat().st_size for f in stacks.rglob("*") if f.is_file())
        removals.append(Removal(stacks, size, ""))
    return removals


def remove(removals: Sequence[Removal]) -> None:
    """Free the disk; the card of each adapter stays, and keeps its id."""
    for removal in removals:
        path = removal.path
        if removal.stage:
            card = read_card(path.parent)
            if card.id is None:
                write_card(path.parent, card)  # which writes its id
            path.unlink()
        else:
            discard(path)  # what is half removed must not be found as a sum


def located(part: AdapterPart, places: Sequence[Path]) -> Path | None:
    """Where a part is now: where its card says, or by its id below one of `places`; None: nowhere."""
    recorded = Path(part.path)
    if recorded.is_dir() and _read_folder(recorded).id == part.id:
        return recorded
    paths = (path for place in dict.fromkeys(places) for path in _adapter_paths(place))
    return next((path for path in paths if _read_folder(path).id == part.id), None)


def run_of(folder: Path) -> list[Path]:
    """The run that an adapter stands in, where it stands in one."""
    run = folder.absolute().parent.parent
    return [run] if (run / "prepare").is_dir() else []


def _adapter_paths(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if f != WORK and not f.startswith(".") and not f.endswith(".part")
        )
        if {CONFIG, CARD, WEIGHTS, PICKLE} & {*files}:
            yield Path(path)


def _read_folder(folder: Path) -> AdapterFolder:
    weights = folder / WEIGHTS
    size = weights.stat().st_size if weights.exists() else 0
    try:
        if not is_pruned(folder):
            refuse_damaged(folder)
        return AdapterFolder(folder, adapter_id(folder), read_card(folder, keep=False), "", size)
    except KoalignError as error:
        return AdapterFolder(folder, "", None, str(error), size)


def _nested(tree: Sequence[Ancestor]) -> list[dict[str, Any]]:
    return [
        {
            **ancestor.part.model_dump(mode="json"),
            "parents": None if ancestor.path is None else _nested(ancestor.parents),
        }
        for ancestor in tree
    ]
