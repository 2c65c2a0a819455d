"""card: the record of what an adapter is and what it stands on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from koalign.records import Record


class AdapterBase(Record):
    """The base that an adapter was made for."""

    path: str
    """As whoever made the adapter named it; empty: unknown."""
    weight_hash: str | None
    """None: unknown, as of an adapter that koalign did not make."""
    tokenizer_hash: str | None
    chat_template: Literal["plain"] | None = None
    """koalign's own, in the place of the base's; none: the base's."""


class AdapterPart(Record):
    """An adapter that another one contains."""

    id: str
    name: str
    path: str
    """Where it was found when the other was made; an adapter is found again by its id."""


class AdapterCard(Record):
    """What an adapter is and what it stands on; `koalign.json` in the adapter's folder."""

    name: str
    role: Literal["policy", "abstraction", "answer", "reader", "query", "stack", "unknown"]
    origin: Literal["trained", "stacked", "compressed", "external"]
    """trained: by koalign; stacked: the exact sum of its parents; compressed: their sum at a lower rank,
    with its error in `metrics`; external: not made by koalign."""
    base: AdapterBase
    parents: tuple[AdapterPart, ...] = Field(max_length=64)
    """The adapters that it contains: continued (DPO), below the new ranks (role adapters), or summed."""
    rank: int
    """The highest rank of its modules."""
    frozen_rank: int = 0
    """Of a masked stack: the leading ranks, which are the parent's and were not trained."""
    template_hash: str | None
    """Of the prompts that it was trained with; None: unknown."""
    data: dict[str, str]
    """Hashes of the files that it was trained on."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """The last logged metrics of its training; of a compressed one the error."""
    koalign: str | None
    """The version that made it; None: not koalign."""
    id: str | None = None
    """Its id when this card was written; None: not recorded."""
