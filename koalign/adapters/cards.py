"""cards: what an adapter folder says of itself, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from koalign.jsonl import parse_record, read_json, write_json
from koalign.records import AdapterCard, Base, KoalignError
from koalign.run import hash_path, in_round

CARD = "koalign.json"
RUN_ADAPTERS = ("sft", "dpo", "abstraction", "answer")


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
    """Sixteen hex digits: the hash of all bytes of the adapter folder."""
    return hash_path(folder)


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
            "parents": (adapter_id(parent),),
            "rank": below.rank + rank,
            "frozen_rank": below.rank,
            "data": data,
        }
    )


def find_adapters(names: str, run_dir: Path, rounds: int) -> list[Path | None]:
    """The folders that `--adapters` names, one a step: names of the run's adapters, paths, or `base`.

    `dpo` is the adapter of the last of `rounds`. Raises KoalignError for an unknown name, with the
    known ones, and for one not trained yet.
    """
    return [_find(name.strip(), run_dir, rounds) for name in names.split(",")]


def _find(name: str, run_dir: Path, rounds: int) -> Path | None:
    if name == "base":
        return None
    if name in RUN_ADAPTERS:
        made = run_dir / (in_round(name, rounds) if name == "dpo" else name)
        if not (made / "manifest.json").exists():
            commands = {"sft": "sft", "dpo": "dpo"}
            raise KoalignError(
                f"adapter {name!r} is not in {run_dir}; "
                f"run `koalign {commands.get(name, 'abstractions')}` first"
            )
        return made / "adapter"
    if name and Path(name).is_dir():
        return Path(name)
    raise KoalignError(
        f"unknown adapter {name!r}; known are base, {', '.join(RUN_ADAPTERS)}, and adapter folders"
    )


def ranks(folders: Sequence[Path]) -> list[int]:
    """The LoRA ranks of adapter folders."""
    return [read_card(folder).rank for folder in folders]
