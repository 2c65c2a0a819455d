"""stack: several adapters -> one adapter that is exactly their sum, or with room for one more."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import torch

import koalign
from koalign.adapters.card import AdapterBase, AdapterCard
from koalign.adapters.cards import (
    adapter_id,
    part,
    read_card,
    refuse_damaged,
    refuse_foreign_files,
    refuse_replaced,
    write_card,
)
from koalign.adapters.external import CONFIG
from koalign.adapters.lora import Lora, Module, read_lora, write_lora
from koalign.config.sections import resolve_path
from koalign.locking import alone, aside, empty
from koalign.records import KoalignError

ERROR = "error"
"""Metric of a compressed adapter: ||sum - kept|| / ||sum|| over all modules (Frobenius)."""
WORST = "error of "
"""Before the name of the module that lost most: the metric of that module alone."""
Matrices = dict[str, tuple[torch.Tensor, torch.Tensor]]
"""Layer -> A (rank, in) and B (out, rank), to be multiplied with the factor 1."""


def stack(
    parts: Sequence[Path], out: Path, *, rank: int | None = None, force: bool = False
) -> AdapterCard:
    """Write the sum of adapters as one PEFT folder with a card, and return the card.

    A' = [A1; A2; ...] and B' = [s1 B1, s2 B2, ...] in float32 with alpha = r = the sum of the ranks; a
    layer that an adapter leaves alone gets zeros. With `rank` each layer keeps its largest `rank`
    singular values, and the metrics tell what that lost. Raises KoalignError for what cannot be summed
    exactly, and for an `out` that is there, unless `force` lets it be replaced.
    """
    if len(parts) < (1 if rank else 2):
        raise KoalignError(
            "stack: one adapter is no sum; give two or more, or --rank to compress it"
        )
    refuse_occupied(parts, out, force)
    for folder in parts:
        refuse_foreign_files(folder, folder)
    known = [adapter_id(folder) for folder in parts]
    for folder in parts:
        refuse_damaged(folder)
    cards = [read_card(folder) for folder in parts]
    loras = [read_lora(folder) for folder in parts]
    base = common_base(parts, cards, loras)
    whole = summed(parts, loras)
    total = sum(lora.rank for lora in loras)
    metrics: dict[str, float] = {}
    kept = whole
    if rank is not None:
        if not 1 <= rank < total:
            exact = f"the sum has rank {total} already, and is exact; leave --rank out, or lower it"
            raise KoalignError(f"--rank {rank}: {exact if rank >= 1 else 'a rank is at least 1'}")
        kept = compressed(whole, rank)
        loss = compare(whole, kept)
        metrics = {ERROR: loss.error, WORST + loss.worst: loss.worst_error}
    card = AdapterCard(
        name="+".join(card.name for card in cards),
        role="stack",
        origin="stacked" if rank is None else "compressed",
        base=base,
        parents=tuple(part(folder) for folder in parts),
        rank=total if rank is None else rank,
        template_hash=_template(parts, cards),
        data={},
        metrics=metrics,
        koalign=koalign.__version__,
    )
    new = out.with_name(out.name + ".part")
    with alone(new):
        refuse_occupied(parts, out, force)  # another process has made it meanwhile
        empty(new)
        write_lora(new, kept, base=base.path, fan_in_fan_out=_turned(parts, loras))
        write_card(new, card)
        for folder, its in zip(parts, known, strict=True):
            refuse_replaced(folder, its)
        old = aside(out) if out.exists() else None
        new.rename(out)
        if old:
            shutil.rmtree(old)
    return read_card(out)


def refuse_occupied(parts: Sequence[Path], out: Path, force: bool) -> None:
    """Raises KoalignError if `out` is there, unless `force` may replace an adapter that is no part."""
    if not out.exists():
        return
    if not force:
        raise KoalignError(f"{out} is there already; take another -o, or --force to replace it")
    if not (out / CONFIG).is_file():
        raise KoalignError(f"{out} is no adapter folder, and is not written over; take another -o")
    if any(folder.resolve().is_relative_to(out.resolve()) for folder in parts):
        raise KoalignError(f"{out} is one of the parts; take another -o")


def widen(source: Path, out: Path, extra_rank: int, seed: int) -> int:
    """Write `source` widened by `extra_rank` as a PEFT folder; returns the rank of the old slice.

    A' = [A; A_new] and B' = [s B, 0] with alpha' = r': the same function, in which only the new rows of
    A and columns of B remain to be trained. A_new has PEFT's own initialisation (Kaiming uniform,
    a = sqrt(5)). Raises KoalignError for what a sum of LoRA matrices cannot carry.
    """
    lora = read_lora(source)
    generator = torch.Generator().manual_seed(seed)
    widened: Matrices = {}
    for name, module in lora.modules.items():
        a, b = module.folded(lora.rank + extra_rank)
        bound = 1 / math.sqrt(a.shape[1])  # Kaiming uniform with a = sqrt(5)
        a[lora.rank :].uniform_(-bound, bound, generator=generator)
        widened[name] = (a, b)
    write_lora(
        out,
        widened,
        base=lora.config.get("base_model_name_or_path") or "",
        fan_in_fan_out=bool(lora.config.get("fan_in_fan_out")),
    )
    return lora.rank


def summed(folders: Sequence[Path], loras: Sequence[Lora]) -> Matrices:
    """The matrices of the sum; raises KoalignError where two adapters see layers of unequal shape."""
    shapes: dict[str, tuple[list[int], Path]] = {}
    for folder, lora in zip(folders, loras, strict=True):
        for name, module in lora.modules.items():
            if not module.finite:
                raise KoalignError(
                    f"{folder}: {name} holds numbers that are not finite; train again"
                )
            shape = [module.b.shape[0], module.a.shape[1]]
            first_shape, first = shapes.setdefault(name, (shape, folder))
            if shape != first_shape:
                raise KoalignError(
                    f"{folder}: layer {name} is {shape}, and in {first} {first_shape}; they were made "
                    "for other bases"
                )
    sums = {}
    for name, ((rows, columns), _) in sorted(shapes.items()):
        untouched = Module(torch.empty(0, columns), torch.empty(rows, 0), 1.0)
        folded = [lora.modules.get(name, untouched).folded(lora.rank) for lora in loras]
        sums[name] = (torch.cat([a for a, _ in folded]), torch.cat([b for _, b in folded], dim=1))
    return sums


def compressed(whole: Matrices, rank: int) -> Matrices:
    """Each product B A at its best approximation of `rank` in the Frobenius norm, in float32.

    Eckart and Young 1936, by a QR of both factors and the SVD of the small core between them, in
    float64; the singular values are shared evenly between A and B.
    """
    kept = {}
    for name, (a, b) in whole.items():
        left, upper = torch.linalg.qr(b.double())
        right, lower = torch.linalg.qr(a.double().T)
        u, s, v = torch.linalg.svd(upper @ lower.T, full_matrices=False)
        root = s[:rank].sqrt()
        new_a, new_b = root[:, None] * (right @ v[:rank].T).T, (left @ u[:, :rank]) * root
        kept[name] = Module(new_a, new_b, 1.0).folded(rank)
    return kept


@dataclass(frozen=True)
class Loss:
    """How far one set of matrices is from another, relative to the first, in the Frobenius norm."""

    error: float
    """Over all layers together."""
    worst: str
    """The layer that is furthest."""
    worst_error: float


def compare(whole: Matrices, kept: Matrices) -> Loss:
    """What `kept` lost of `whole`, both with the same layers."""
    lost, had = {}, {}
    for name, (a, b) in whole.items():
        new_a, new_b = kept[name]
        had[name] = _norm(a, b)
        lost[name] = _norm(torch.cat([a, new_a]), torch.cat([b, -new_b], dim=1))
    errors = {name: lost[name] / (had[name] or 1.0) for name in lost}
    worst = max(errors, key=lambda name: errors[name])
    error = math.hypot(*lost.values()) / (math.hypot(*had.values()) or 1.0)
    return Loss(error, worst, errors[worst])


def _norm(a: torch.Tensor, b: torch.Tensor) -> float:
    """||B A|| of factors of low rank, without the product: by QR, so that small ones stay exact."""
    upper = torch.linalg.qr(b.double()).R
    lower = torch.linalg.qr(a.double().T).R
    return float(torch.linalg.matrix_norm(upper @ lower.T))


def common_base(
    folders: Sequence[Path], cards: Sequence[AdapterCard], loras: Sequence[Lora]
) -> AdapterBase:
    """The base that all adapters stand on; raises KoalignError unless it is one and the same.

    Weight hashes decide; where a card knows none, the same name and revision, or else the hash of the
    folder that the name leads to here.
    """
    for first, other in combinations(range(len(folders)), 2):
        ours, theirs = cards[first].base, cards[other].base
        revisions = [loras[n].config.get("revision") for n in (first, other)]
        hashes = (ours.weight_hash, theirs.weight_hash)
        if None in hashes and (ours.path, revisions[0]) == (theirs.path, revisions[1]):
            continue
        hashes = (_weight_hash(ours), _weight_hash(theirs))
        if None in hashes:
            raise KoalignError(
                f"{folders[other]}: made for the base {theirs.path or 'unknown'}, and {folders[first]} "
                f"for {ours.path or 'unknown'}; nothing here shows that they are one; write the folder "
                "of the base as base_model_name_or_path into both adapter_config.json"
            )
        if hashes[0] != hashes[1]:
            raise KoalignError(
                f"{folders[other]}: made for the base {theirs.path} (weights {hashes[1]}), and "
                f"{folders[first]} for {ours.path} (weights {hashes[0]}); take adapters of one base"
            )
    known = next((card.base for card in cards if card.base.weight_hash), cards[0].base)
    tokenizers = {card.base.tokenizer_hash for card in cards} - {None}
    agreed = tokenizers.pop() if len(tokenizers) == 1 else None
    # An adapter that koalign did not make says neither.
    templates = {card.base.chat_template for card in cards if card.base.tokenizer_hash}
    if len(templates) > 1:
        raise KoalignError(
            f"{', '.join(map(str, folders))}: one was made with model.chat_template: plain, and another "
            "without; take adapters of one chat template"
        )
    template = templates.pop() if templates else None
    return known.model_copy(update={"tokenizer_hash": agreed, "chat_template": template})


def _weight_hash(base: AdapterBase) -> str | None:
    if base.weight_hash or not base.path:
        return base.weight_hash
    folder = Path(resolve_path(base.path))
    if not folder.is_dir():
        return None
    from koalign.adapters.base import weight_hash

    return weight_hash(folder)


def _turned(folders: Sequence[Path], loras: Sequence[Lora]) -> bool:
    """Whether the base keeps its weights transposed (fan_in_fan_out); all adapters must agree."""
    turned = [bool(lora.config.get("fan_in_fan_out")) for lora in loras]
    for folder, value in zip(folders, turned, strict=True):
        if value != turned[0]:
            raise KoalignError(
                f"{folder}: fan_in_fan_out is {value}, and in {folders[0]} {turned[0]}: they see the "
                "weights of the base transposed; save them again on one version of it"
            )
    return turned[0]


def _template(folders: Sequence[Path], cards: Sequence[AdapterCard]) -> str | None:
    known = {
        card.template_hash: folder
        for folder, card in zip(folders, cards, strict=True)
        if card.template_hash
    }
    if len(known) > 1:
        listed = ", ".join(f"{folder}: {template}" for template, folder in known.items())
        raise KoalignError(
            f"the parts were trained with different prompts ({listed}); take parts of one"
        )
    return cards[0].template_hash if len({card.template_hash for card in cards}) == 1 else None
