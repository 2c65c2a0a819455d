"""cards: what an adapter folder says of itself, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from koalign.jsonl import parse_record, read_json, write_json
from koalign.records import Base, KoalignError, Record, content_hash
from koalign.run import hash_path

CARD = "koalign.json"
FUNCTION = ("adapter_config.json", "adapter_model.safetensors")
"""Files that decide what an adapter computes."""


class AdapterBase(Record):
    """The base that an adapter was made for."""

    path: str
    """As whoever made the adapter named it; empty: unknown."""
    weight_hash: str | None
    """None: unknown, as of an adapter that koalign did not make."""
    tokenizer_hash: str | None


class AdapterPart(Record):
    """An adapter that another one contains."""

    id: str
    name: str
    path: str
    """Where it was found when the other was made; an adapter is found again by its id."""


class AdapterCard(Record):
    """What an adapter is and what it stands on; `koalign.json` in the adapter's folder."""

    name: str
    role: Literal["policy", "abstraction", "answer", "stack", "unknown"]
    origin: Literal["trained", "stacked", "compressed", "foreign"]
    """trained by koalign; the exact sum of its parents; their sum at a lower rank, with its error in
    `metrics`; or found without a card."""
    base: AdapterBase
    parents: tuple[AdapterPart, ...]
    """The adapters that it contains: continued (DPO), below the new ranks (role adapters), or summed."""
    rank: int
    """The highest of its modules."""
    frozen_rank: int = 0
    """Of a masked stack: the leading rank that belongs to the parent and was not trained."""
    template_hash: str | None
    """Of the prompts that it was trained with; none: unknown."""
    data: dict[str, str]
    """Hashes of the files that it was trained on."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """Last logged metrics of its training; of a compressed one the error."""
    koalign: str | None
    """Version that made it; none: not koalign."""


def base_of(base: Base) -> AdapterBase:
    """What the card of an adapter on this base says of it."""
    return AdapterBase(
        path=base.path, weight_hash=base.weight_hash, tokenizer_hash=base.tokenizer_hash
    )


def write_card(folder: Path, card: AdapterCard) -> None:
    """Put the card into an adapter folder."""
    write_json(folder / CARD, card.model_dump(mode="json"))


def read_card(folder: Path) -> AdapterCard:
    """The card of an adapter folder; raises KoalignError if there is none or it is broken."""
    if not (folder / CARD).exists():
        raise KoalignError(
            f"{folder}: no adapter of koalign here (no {CARD}); "
            "give the folder of an adapter, such as RUN/dpo/adapter"
        )
    return parse_record(AdapterCard, read_json(folder / CARD), str(folder / CARD))


def adapter_id(folder: Path) -> str:
    """Sixteen hex digits: the hash of what the adapter computes, its weights and their configuration.

    The card and the words beside it change no id; where canned text stands in for a model the card is
    all there is.
    """
    weights = [folder / name for name in FUNCTION if (folder / name).exists()]
    return content_hash({path.name: hash_path(path) for path in weights or [folder / CARD]})


def part(folder: Path) -> AdapterPart:
    """What the card of an adapter that contains this one says of it."""
    return AdapterPart(id=adapter_id(folder), name=read_card(folder).name, path=str(folder))


def check_adapter(folder: Path, base: Base, template_hash: str | None) -> AdapterCard:
    """The card, if the adapter fits the base and the prompts; raises KoalignError if not.

    Without a template hash the adapter may have been trained with other prompts.
    """
    card = read_card(folder)
    if card.base.weight_hash != base.weight_hash:
        raise KoalignError(
            f"{folder}: made for the base {card.base.path} (weights {card.base.weight_hash}), "
            f"but this run stands on {base.path} (weights {base.weight_hash})"
        )
    if template_hash not in (None, card.template_hash):
        raise KoalignError(
            f"{folder}: trained with prompt template {card.template_hash}, and this is "
            f"{template_hash}; set prompt.template and prompt.thinking as they were, or train it again"
        )
    return card


def stacked_card(
    parent: Path,
    base: Base,
    role: Literal["abstraction", "answer"],
    rank: int,
    data: dict[str, str],
    template_hash: str,
) -> AdapterCard:
    """The card of a role adapter of `rank` new ranks on top of `parent`, which is checked."""
    below = check_adapter(parent, base, template_hash)
    return below.model_copy(
        update={
            "name": role,
            "role": role,
            "parents": (part(parent),),
            "rank": below.rank + rank,
            "frozen_rank": below.rank,
            "data": data,
        }
    )


def ranks(folders: Sequence[Path]) -> list[int]:
    """The LoRA ranks of adapter folders."""
    return [read_card(folder).rank for folder in folders]
