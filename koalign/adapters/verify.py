"""verify: an adapter and its card -> a list of checks: ok, failed, or unknown here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from koalign.adapters.card import AdapterCard, AdapterPart
from koalign.adapters.cards import CARD, adapter_id, is_pruned, read_card
from koalign.adapters.external import CONFIG, WEIGHTS
from koalign.adapters.lineage import located, run_of
from koalign.adapters.lora import Lora, read_lora
from koalign.adapters.stack import ERROR, compare, summed
from koalign.adapters.weights import ADAPTER_AGAIN, open_weights
from koalign.config.sections import resolve_path
from koalign.hashing import PLAN, WORK, hash_path
from koalign.manifests import read_manifest
from koalign.records import KoalignError, Record

TOLERANCE = 1e-6
"""Of a sum on random input, relative to its terms; folding a scale into B rounds by 1e-7."""
INPUTS = 8
"""Random inputs for each layer."""


class Check(Record):
    """One claim of the card, computed again."""

    name: str
    result: Literal["ok", "failed", "unknown"]
    """unknown: what it is to be compared with is not here; never counted as ok."""
    detail: str


def verify(folder: Path, run_dir: Path | None = None) -> list[Check]:
    """Compute again what the card of an adapter says, from its files, its parents, base and run.

    The hashes of its own files, of its parents, its base and its data; its ranks; whether all numbers
    are finite; and whether it computes what its parents do: a sum on random input, a masked stack in
    its frozen slice, a compressed one up to the error that it records. Parents are looked for where
    the card found them, then by their id below `run_dir` and the run that the adapter is in. Raises
    KoalignError where there is no adapter.
    """
    places = [*([run_dir] if run_dir else []), *run_of(folder)]
    try:
        card = read_card(folder, keep=False)
    except KoalignError as error:
        if not any((folder / name).exists() for name in (CARD, CONFIG)):
            raise
        return [_check("card", False, str(error))]
    return list(_checks(folder, card, places))


def _checks(folder: Path, card: AdapterCard, places: Sequence[Path]) -> Iterator[Check]:
    pruned = is_pruned(folder)
    if pruned:
        yield _check("id", None, f"{card.id} by its card; there are no weights to hash")
    else:
        yield _own_id(folder, card)
    yield from _own_files(folder.absolute())
    yield from _base(card)
    yield from _data(card, places)
    paths = [located(parent, places) for parent in card.parents]
    for parent, path in zip(card.parents, paths, strict=True):
        yield _parent(parent, path)
    if pruned:
        yield _check("weights", None, "they were pruned")
        return
    if (folder / WEIGHTS).exists():
        try:
            with open_weights(folder / WEIGHTS, ADAPTER_AGAIN):
                pass
        except KoalignError as error:
            yield _check("weights", False, str(error))
            return
    try:
        lora = read_lora(folder)
    except KoalignError as error:
        # An external one may be more than a sum of matrices; what koalign makes never is.
        yield _check("matrices", None if card.origin == "external" else False, str(error))
        return
    yield _rank(card, lora)
    infinite = [name for name, module in lora.modules.items() if not module.finite]
    numbers = infinite[0] if infinite else f"all numbers of {len(lora.modules)} layers"
    yield _check("finite", not infinite, numbers)
    if not infinite and (card.frozen_rank or card.origin in ("stacked", "compressed")):
        yield _function(card, lora, paths)


def _check(name: str, passed: bool | None, detail: str) -> Check:
    """The result in words; None: unknown."""
    return Check(
        name=name,
        result="unknown" if passed is None else "ok" if passed else "failed",
        detail=detail,
    )


def _same(name: str, recorded: str | None, current: str) -> Check:
    if recorded is None:
        return _check(name, None, f"is {current}, and none is recorded")
    same = recorded == current
    return _check(name, same, current if same else f"is {current}, and {recorded} is recorded")


def _own_id(folder: Path, card: AdapterCard) -> Check:
    try:
        return _same("id", card.id, adapter_id(folder))
    except KoalignError as error:
        return _check("id", False, str(error))


def _own_files(folder: Path) -> Iterator[Check]:
    """The files of the adapter against the manifest of the stage that made it."""
    try:
        manifest = read_manifest(folder.parent)
    except KoalignError as error:  # broken, or without a plan beside it some other program's
        yield _check("manifest", False if (folder.parent / PLAN).exists() else None, str(error))
        return
    for name, recorded in manifest.outputs.items() if manifest else ():
        path = folder.parent / name
        if folder not in path.parents:
            continue
        if path.exists():
            yield _same(f"manifest: {path.name}", recorded, hash_path(path))
        else:  # weights may be pruned
            passed = None if path.name == WEIGHTS else False
            yield _check(f"manifest: {path.name}", passed, "not there")


def _base(card: AdapterCard) -> Iterator[Check]:
    folder = _local_base(card.base.path)
    if folder is None:
        yield _check("base", None, f"{card.base.path or 'its name'} is not here")
        return
    from koalign.adapters.base import tokenizer_hash, weight_hash

    yield _same("base: weights", card.base.weight_hash, weight_hash(folder))
    tokenizer = tokenizer_hash(folder, card.base.chat_template)
    yield _same("base: tokenizer", card.base.tokenizer_hash, tokenizer)


def _local_base(path: str) -> Path | None:
    """The folder of a base, without a download."""
    folder = Path(resolve_path(path)) if path else None
    if folder is None or folder.is_dir():
        return folder
    try:
        return Path(snapshot_download(path, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        return None


def _data(card: AdapterCard, places: Sequence[Path]) -> Iterator[Check]:
    """A file of that name below the run must have the hash, wherever it is: rounds have their own."""
    for name, recorded in sorted(card.data.items()):
        files = {
            hash_path(file): file
            for place in places
            for file in sorted(place.rglob(Path(name).name))
            if WORK not in file.parts and file.is_file()
        }
        if recorded in files:
            yield _check(f"data: {name}", True, str(files[recorded]))
        elif files:
            listed = ", ".join(f"{file} is {current}" for current, file in files.items())
            yield _check(f"data: {name}", False, f"trained on {recorded}, and {listed}")
        else:
            yield _check(f"data: {name}", None, "not in the run")


def _parent(parent: AdapterPart, path: Path | None) -> Check:
    name = f"parent: {parent.name}"
    if path is not None:
        return _check(name, True, f"{parent.id} in {path}")
    recorded = Path(parent.path)
    try:
        current = adapter_id(recorded) if parent.path and recorded.is_dir() else None
    except (KoalignError, FileNotFoundError):
        current = None
    if current is None:
        return _check(name, None, f"{parent.id} is not found")
    return _check(name, False, f"{recorded} is {current} now, and {parent.id} is recorded")


def _rank(card: AdapterCard, lora: Lora) -> Check:
    if lora.rank != card.rank:
        return _check("rank", False, f"is {lora.rank}, and {card.rank} is recorded")
    if card.frozen_rank >= card.rank:
        return _check("rank", False, f"{card.rank}, and of that {card.frozen_rank} would be frozen")
    return _check("rank", True, str(card.rank))


def _function(card: AdapterCard, lora: Lora, paths: Sequence[Path | None]) -> Check:
    """Whether the adapter computes what its parents do."""
    name = "frozen slice" if card.frozen_rank else "sum of its parents"
    folders = [path for path in paths if path is not None and not is_pruned(path)]
    if not folders or len(folders) < len(paths):
        missing = [
            parent.name
            for parent, path in zip(card.parents, paths, strict=True)
            if path not in folders
        ]
        return _check(name, None, f"no weights of {', '.join(missing) or 'any parent'}")
    try:
        parts = [read_lora(folder) for folder in folders]
        whole = summed(folders, parts)
    except KoalignError as error:
        return _check(name, False, str(error))
    own = {layer: module.folded(lora.rank) for layer, module in lora.modules.items()}
    if whole.keys() != own.keys():
        odd = sorted(whole.keys() ^ own.keys())[0]
        return _check(name, False, f"layer {odd} is not in both")
    if rank := card.frozen_rank:
        for layer, (a, b) in whole.items():
            own_a, own_b = own[layer]
            if not (torch.equal(own_a[:rank], a) and torch.equal(own_b[:, :rank], b)):
                return _check(name, False, f"{layer}: its first {rank} ranks are not the parent's")
        return _check(name, True, f"the first {rank} ranks are the parent's, bit for bit")
    if card.origin == "stacked":
        worst = _error_of_sum(lora, parts)
        return _check(name, worst <= TOLERANCE, f"on random input differs by {worst:.1e}, relative")
    lost, recorded = compare(whole, own).error, card.metrics.get(ERROR)
    if recorded is None:
        return _check(name, None, f"differs by {lost:.3e}, and no error is recorded")
    same = abs(lost - recorded) <= TOLERANCE
    return _check(name, same, f"differs by {lost:.3e}, and {recorded:.3e} is recorded")


def _error_of_sum(lora: Lora, parts: Sequence[Lora]) -> float:
    """The largest of a layer, in float64, by the scales and matrices of the files alone.

    Not by `Module.folded`, which made the sum; relative to the terms, since they may cancel.
    """
    generator = torch.Generator().manual_seed(0)
    errors = []
    for layer, module in lora.modules.items():
        x = torch.randn(module.a.shape[1], INPUTS, generator=generator, dtype=torch.float64)
        modules = [module, *(part.modules[layer] for part in parts if layer in part.modules)]
        own, *terms = [m.scale * (m.b.double() @ (m.a.double() @ x)) for m in modules]
        size = sum(float(term.norm()) for term in terms)
        errors.append(float((own - torch.stack(terms).sum(0)).norm()) / (size or 1.0))
    return max(errors)
