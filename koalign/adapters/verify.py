"""verify: an adapter and its card -> what of the card is so, what is not, and what cannot be told here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from koalign.adapters.card import AdapterCard, AdapterPart
from koalign.adapters.cards import CARD, adapter_id, is_pruned, read_card
from koalign.adapters.external import CONFIG, WEIGHTS
from koalign.adapters.lineage import located, run_of
from koalign.adapters.lora import Lora, read_lora
from koalign.adapters.stack import ERROR, Matrices, compare, summed
from koalign.config.sections import resolve_path
from koalign.jsonl import read_record
from koalign.records import KoalignError, Record
from koalign.run import WORK, Manifest, hash_path

TOLERANCE = 1e-6
"""Of the sum on random input, relative; folding a scale into B rounds by 1e-7."""
INPUTS = 8
"""Random inputs for each layer."""


class Check(Record):
    """One thing that was held against the card."""

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
        return [Check(name="card", result="failed", detail=str(error))]
    return list(_checks(folder, card, places))


def _checks(folder: Path, card: AdapterCard, places: Sequence[Path]) -> Iterator[Check]:
    yield _own_id(folder, card)
    yield from _own_files(folder)
    yield from _base(card)
    yield from _data(card, places)
    found = [located(parent, places) for parent in card.parents]
    for parent, path in zip(card.parents, found, strict=True):
        yield _parent(parent, path)
    if is_pruned(folder):
        yield _unknown("weights", "they were pruned")
        return
    try:
        lora = read_lora(folder)
    except KoalignError as error:
        # An external one may be more than a sum of matrices; what koalign makes never is.
        result = "unknown" if card.origin == "external" else "failed"
        yield Check(name="matrices", result=result, detail=str(error))
        return
    yield _rank(card, lora)
    odd = [
        name
        for name, module in lora.modules.items()
        if not (module.a.isfinite().all() and module.b.isfinite().all())
    ]
    yield _told("finite", not odd, odd[0] if odd else f"all numbers of {len(lora.modules)} layers")
    if not odd and (card.frozen_rank or card.origin in ("stacked", "compressed")):
        yield _function(card, lora, found)


def _told(name: str, good: bool, detail: str) -> Check:
    return Check(name=name, result="ok" if good else "failed", detail=detail)


def _unknown(name: str, detail: str) -> Check:
    return Check(name=name, result="unknown", detail=detail)


def _same(name: str, recorded: str | None, here: str) -> Check:
    if recorded is None:
        return _unknown(name, f"is {here}, and none is recorded")
    same = recorded == here
    return _told(name, same, here if same else f"is {here}, and {recorded} is recorded")


def _own_id(folder: Path, card: AdapterCard) -> Check:
    if is_pruned(folder):
        return _unknown("id", f"{card.id} by its card; there are no weights to hash")
    try:
        return _same("id", card.id, adapter_id(folder))
    except KoalignError as error:
        return _told("id", False, str(error))


def _own_files(folder: Path) -> Iterator[Check]:
    """What the stage that made the adapter hashed when it was done."""
    path = folder.absolute().parent / "manifest.json"
    if not path.exists():
        return
    try:
        recorded = read_record(path, Manifest).outputs
    except KoalignError as error:  # broken, or some other program's
        yield _unknown("manifest", str(error))
        return
    for name, its in recorded.items():
        path = folder.absolute().parent / name
        if not name.startswith(f"{folder.absolute().name}/"):
            continue
        if path.exists():
            yield _same(f"manifest: {path.name}", its, hash_path(path))
        elif path.name == WEIGHTS:
            yield _unknown(f"manifest: {path.name}", "not there")
        else:
            yield _told(f"manifest: {path.name}", False, "not there")


def _base(card: AdapterCard) -> Iterator[Check]:
    folder = _base_here(card.base.path)
    if folder is None:
        yield _unknown("base", f"{card.base.path or 'its name'} is not here")
        return
    from koalign.adapters.base import tokenizer_hash, weight_hash

    yield _same("base: weights", card.base.weight_hash, weight_hash(folder))
    yield _same("base: tokenizer", card.base.tokenizer_hash, tokenizer_hash(folder))


def _base_here(path: str) -> Path | None:
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
    for name, its in sorted(card.data.items()):
        files = [
            file
            for place in places
            for file in sorted(place.rglob(Path(name).name))
            if WORK not in file.parts and file.is_file()
        ]
        hashes = {hash_path(file): file for file in files}
        if its in hashes:
            yield _told(f"data: {name}", True, str(hashes[its]))
        elif hashes:
            listed = ", ".join(f"{file} is {one}" for one, file in hashes.items())
            yield _told(f"data: {name}", False, f"trained on {its}, and {listed}")
        else:
            yield _unknown(f"data: {name}", "not in the run")


def _parent(parent: AdapterPart, path: Path | None) -> Check:
    name = f"parent: {parent.name}"
    if path is not None:
        return _told(name, True, f"{parent.id} in {path}")
    said = Path(parent.path)
    try:
        other = adapter_id(said) if parent.path and said.is_dir() else None
    except (KoalignError, FileNotFoundError):
        other = None
    if other is None:
        return _unknown(name, f"{parent.id} is not found")
    return _told(name, False, f"{said} is {other} now, and {parent.id} is recorded")


def _rank(card: AdapterCard, lora: Lora) -> Check:
    if lora.rank != card.rank:
        return _told("rank", False, f"is {lora.rank}, and {card.rank} is recorded")
    if card.frozen_rank >= card.rank:
        return _told("rank", False, f"{card.rank}, and of that {card.frozen_rank} would be frozen")
    return _told("rank", True, str(card.rank))


def _function(card: AdapterCard, lora: Lora, found: Sequence[Path | None]) -> Check:
    """Whether the adapter is what its parents make of it."""
    name = "frozen slice" if card.frozen_rank else "sum of its parents"
    missing = [
        parent.name
        for parent, path in zip(card.parents, found, strict=True)
        if path is None or is_pruned(path)
    ]
    if missing or not found:
        return _unknown(name, f"no weights of {', '.join(missing) or 'any parent'}")
    folders = [path for path in found if path is not None]
    try:
        parts = [read_lora(folder) for folder in folders]
        whole = summed(folders, parts)
    except KoalignError as error:
        return _told(name, False, str(error))
    own = {layer: module.folded(lora.rank) for layer, module in lora.modules.items()}
    if whole.keys() != own.keys():
        odd = sorted(whole.keys() ^ own.keys())[0]
        return _told(name, False, f"layer {odd} is not in both")
    if card.frozen_rank:
        return _frozen(name, card, own, whole)
    if card.origin == "compressed":
        return _compressed(name, card, own, whole)
    return _stacked(name, own, parts)


def _frozen(name: str, card: AdapterCard, own: Matrices, whole: Matrices) -> Check:
    rank = card.frozen_rank
    for layer, (a, b) in whole.items():
        if not (torch.equal(own[layer][0][:rank], a) and torch.equal(own[layer][1][:, :rank], b)):
            return _told(name, False, f"{layer}: its first {rank} ranks are not the parent's")
    return _told(name, True, f"the first {rank} ranks are the parent's, bit for bit")


def _compressed(name: str, card: AdapterCard, own: Matrices, whole: Matrices) -> Check:
    error, recorded = compare(whole, own).error, card.metrics.get(ERROR)
    if recorded is None:
        return _unknown(name, f"differs by {error:.3e}, and no error is recorded")
    good = abs(error - recorded) <= TOLERANCE
    return _told(name, good, f"differs by {error:.3e}, and {recorded:.3e} is recorded")


def _stacked(name: str, own: Matrices, parts: Sequence[Lora]) -> Check:
    """On random input in float64, where nothing but the rounding of the stack itself is left."""
    worst = 0.0
    generator = torch.Generator().manual_seed(0)
    for layer, (a, b) in own.items():
        x = torch.randn(a.shape[1], INPUTS, generator=generator, dtype=torch.float64)
        terms: list[Any] = [
            module.scale * (module.b.double() @ (module.a.double() @ x))
            for module in (part.modules.get(layer) for part in parts)
            if module is not None
        ]
        stacked = b.double() @ (a.double() @ x)
        size = sum(float(term.norm()) for term in terms)
        off = float((stacked - sum(terms)).norm())
        worst = max(worst, off / size if size else off)
    return _told(name, worst <= TOLERANCE, f"on random input differs by {worst:.1e}, relative")
