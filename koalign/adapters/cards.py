"""cards: the card of an adapter folder, read, written and checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import koalign
from koalign.adapters.card import AdapterBase, AdapterCard, AdapterPart
from koalign.adapters.external import (
    CONFIG,
    WEIGHTS,
    LoraFacts,
    name_of,
    read_config,
    refuse_misfit,
    refuse_not_finite,
    refuse_pickle,
    refuse_without_weights,
)
from koalign.adapters.model_card import model_card
from koalign.adapters.patterns import refuse_bad_config
from koalign.adapters.weights import ADAPTER_AGAIN
from koalign.hashing import PLAN, hash_path
from koalign.jsonl import parse_record, read_record, write_atomically, write_json
from koalign.manifests import command_of, read_manifest, refuse_changed
from koalign.records import Base, KoalignError, content_hash
from koalign.text.visible import warn

CARD = "koalign.json"
MODEL_CARD = "README.md"
FUNCTION = (CONFIG, WEIGHTS)
"""Files that decide what an adapter computes."""


def base_of(base: Base) -> AdapterBase:
    """The base as a card records it."""
    return AdapterBase(**base.model_dump(exclude={"context"}))


def write_card(folder: Path, card: AdapterCard) -> None:
    """Write the card with the adapter's current id, and its README for people."""
    _write_json_card(folder, card)
    write_atomically(folder / MODEL_CARD, model_card(card))


def read_card(folder: Path, *, keep: bool = True) -> AdapterCard:
    """The card of an adapter folder; an external one gets a card from its PEFT files.

    That is written into the folder if `keep` and the folder is writable. Raises KoalignError where there
    is no adapter, and where a file is broken.
    """
    if (folder / CARD).exists():
        try:
            return read_record(folder / CARD, AdapterCard)
        except KoalignError as error:
            made = (folder.parent / PLAN).exists()
            again = f"`koalign {command_of(folder.parent)} --force` makes it again"
            found = str(error).partition(";")[0]
            raise KoalignError(f"{found}; {again if made else ADAPTER_AGAIN}") from None
    if not (folder / CONFIG).exists():
        if (folder / WEIGHTS).exists():
            raise KoalignError(f"{folder}: holds {WEIGHTS} and no {CONFIG}; {ADAPTER_AGAIN}")
        refuse_pickle(folder)
        raise KoalignError(
            f"{folder}: no adapter here (neither {CARD} nor {CONFIG}); "
            "give the folder of an adapter, such as RUN/dpo/adapter"
        )
    card = _external_card(folder)
    if keep:
        try:
            _write_json_card(folder, card)
        except OSError as error:
            reason = error.strerror
            warn(f"{folder}: its card cannot be kept there ({reason}); nothing is lost", once=True)
    return card


def adapter_id(folder: Path) -> str:
    """Sixteen hex digits: the hash of the adapter's weights and their configuration.

    Card and README do not change the id. Without weights (the scripted engine) the card is hashed, but not
    the places on it: a run has the same ids in every folder. A pruned adapter keeps the id on its card.
    Raises KoalignError where there is no adapter.
    """
    if is_pruned(folder):
        return str(read_card(folder).id)
    if (folder / CONFIG).exists():
        refuse_without_weights(folder)
        weights = [folder / name for name in FUNCTION if (folder / name).exists()]
        return content_hash({path.name: hash_path(path) for path in weights})
    card = read_card(folder)
    return content_hash(
        card.model_dump(mode="json", exclude={"id": True, "parents": {"__all__": {"path"}}})
    )


def refuse_replaced(folder: Path, known: str) -> None:
    """Raises KoalignError where a folder no longer holds the adapter of this id."""
    try:
        now = f"is {adapter_id(folder)}"
    except (KoalignError, OSError):  # its stage is being made again
        now = "cannot be read"
    if now != f"is {known}":
        raise KoalignError(
            f"{folder}: the adapter was {known} when this command opened it, and {now} now; start the "
            "command again"
        )


def is_pruned(folder: Path) -> bool:
    """Whether the weights of an adapter were removed to free disk, and its card has the id."""
    if (folder / WEIGHTS).exists() or not (folder / CARD).exists():
        return False
    return read_card(folder).id is not None


def part(folder: Path) -> AdapterPart:
    """The adapter as the card of one that contains it records it."""
    return AdapterPart(id=adapter_id(folder), name=read_card(folder).name, path=str(folder))


def check_adapter(folder: Path, base: Base, template_hash: str | None) -> AdapterCard:
    """The card, if the adapter is finite and fits base and prompts; raises KoalignError if not.

    Where the weight hash of its base is unknown the shapes must fit. Other unknown facts are printed on
    stderr. Without a template hash the adapter may have been trained with other prompts.
    """
    card = read_card(folder)
    refuse_damaged(folder)
    refuse_not_finite(folder)
    refuse_bad_config(folder, base.path)
    unknown = []
    if card.base.weight_hash is None:
        if "://" in base.path:
            raise KoalignError(f"{folder}: {base.path} is a server and takes no adapters")
        if not (fits := base.scripted):
            from koalign.adapters.application import refuse_part  # loads torch, and cards do not

            fits = refuse_misfit(folder, base.path)
            refuse_part(folder, base.path)
        shapes = f"{'' if fits else 'nor whether '}its shapes fit {base.path}"
        unknown.append(f"the weights of its base {card.base.path} ({shapes})")
    elif card.base.weight_hash != base.weight_hash:
        raise KoalignError(
            f"{folder}: made for the base {card.base.path} (weights {card.base.weight_hash}), "
            f"but this run stands on {base.path} (weights {base.weight_hash})"
        )
    if card.base.tokenizer_hash not in (None, base.tokenizer_hash):
        raise KoalignError(
            f"{folder}: made with another tokenizer or chat template ({card.base.tokenizer_hash}) than "
            f"{base.path} has now ({base.tokenizer_hash}); put back the tokenizer files that it had, and "
            f"model.chat_template: {card.base.chat_template or 'null'}"
        )
    if template_hash is not None and card.template_hash is None:
        unknown.append("the prompts it was trained with")
    elif template_hash not in (None, card.template_hash):
        raise KoalignError(
            f"{folder}: trained with prompt template {card.template_hash}, and this is "
            f"{template_hash}; set prompt.template and prompt.thinking as they were, or train it again"
        )
    if unknown:
        warn(f"{folder}: not known of this adapter: {'; '.join(unknown)}", once=True)
    return card


def refuse_damaged(folder: Path) -> None:
    """Raises KoalignError where files of an adapter are missing, or not those that it was saved with.

    They are held against its card and, in a run, against the manifest of its stage; a link out of
    the run is refused. Adapters of the scripted engine have no weights.
    """
    if is_pruned(folder):
        refuse_pickle(folder)
        raise KoalignError(
            f"{folder}: its weights were pruned or deleted; the stage that made it makes them again"
        )
    stage = folder.absolute().parent
    if (stage / PLAN).exists():
        refuse_foreign_files(folder, stage.parent)
        if done := read_manifest(stage):
            refuse_changed(stage, done, folder.absolute())
    card = read_card(folder, keep=False)
    if card.id is not None and card.id != (current := adapter_id(folder)):
        raise KoalignError(
            f"{folder}: {CONFIG} and {WEIGHTS} are not those of its card (id {current}, and {CARD} says "
            f"{card.id}); take the adapter from its source again, or remove {CARD} if you changed them"
        )


def refuse_foreign_files(folder: Path, inside: Path) -> None:
    """Raises KoalignError where a file of an adapter is a link that leads out of `inside`.

    A copied adapter must not hand on a file from elsewhere. The cache of the hub links to its blobs.
    """
    blobs = folder.resolve().parent.parent / "blobs"
    for path in (folder / name for name in (*FUNCTION, CARD)):
        real = path.resolve()
        if not real.is_relative_to(inside.resolve()) and real.parent != blobs:
            raise KoalignError(f"{path}: a link to {real}; put the file itself there")


def stacked_card(
    parent: Path,
    base: Base,
    role: Literal["abstraction", "answer", "reader", "query"],
    rank: int,
    data: dict[str, str],
    template_hash: str,
) -> AdapterCard:
    """The card of a role adapter of `rank` new ranks on top of `parent`, which is checked."""
    below = check_adapter(parent, base, template_hash)
    return AdapterCard(
        name=role,
        role=role,
        origin="trained",
        base=base_of(base),
        parents=(part(parent),),
        rank=below.rank + rank,
        frozen_rank=below.rank,
        template_hash=template_hash,
        data=data,
        koalign=koalign.__version__,
    )


def ranks(folders: Sequence[Path]) -> list[int]:
    """The LoRA ranks of adapter folders."""
    return [read_card(folder).rank for folder in folders]


def _write_json_card(folder: Path, card: AdapterCard) -> None:
    id_ = adapter_id(folder) if (folder / WEIGHTS).exists() else None
    write_json(folder / CARD, card.model_copy(update={"id": id_}).model_dump(mode="json"))


def _external_card(folder: Path) -> AdapterCard:
    facts = parse_record(LoraFacts, read_config(folder), str(folder / CONFIG))
    refuse_without_weights(folder)
    return AdapterCard(
        name=name_of(folder),
        role="unknown",
        origin="external",
        base=AdapterBase(
            path=facts.base_model_name_or_path or "", weight_hash=None, tokenizer_hash=None
        ),
        parents=(),
        rank=facts.rank,
        template_hash=None,
        data={},
        koalign=None,
    )
