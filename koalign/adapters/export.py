"""export: an adapter of koalign -> a plain PEFT folder for people who do not have koalign."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from koalign.adapters.card import AdapterBase, AdapterCard
from koalign.adapters.cards import (
    adapter_id,
    read_card,
    refuse_damaged,
    refuse_foreign_files,
    refuse_replaced,
    write_card,
)
from koalign.adapters.external import CONFIG, WEIGHTS, read_config, refuse_not_finite
from koalign.adapters.hub import downloaded
from koalign.config.sections import resolve_path
from koalign.data.prompting.tokens import PLAIN
from koalign.jsonl import write_json
from koalign.locking import begun
from koalign.records import KoalignError

TOKENIZER = (
    "tokenizer*", "*.jinja", "*.model", "special_tokens_map.json", "added_tokens.json", "vocab.*",
    "merges.txt", "chat_template.json",
)  # fmt: skip
"""What a tokenizer may consist of."""


def export(folder: Path, out: Path) -> AdapterCard:
    """Write an adapter as a plain PEFT folder with its base's tokenizer and return its card.

    The base is named as others find it: by its hub id, or by the whole path of its folder. Raises
    KoalignError if `out` is there, and if no tokenizer is to be had, or another than it was trained with.
    """
    refuse_foreign_files(folder, folder)
    known = adapter_id(folder)
    refuse_damaged(folder)
    refuse_not_finite(folder)
    config, card = read_config(folder), read_card(folder)
    source = _tokenizer_folder(folder, card)
    _refuse_other_tokenizer(folder, card, source)
    is_folder = Path(resolve_path(card.base.path)).is_dir()
    base = str(source.resolve()) if is_folder else card.base.path
    named = {"base_model_name_or_path": base, "task_type": config.get("task_type") or "CAUSAL_LM"}
    # Where its parents stand on this machine is nobody else's concern; they are found by their ids.
    parents = tuple(parent.model_copy(update={"path": ""}) for parent in card.parents)
    changed = {"base": card.base.model_copy(update={"path": base}), "parents": parents}
    with begun(out) as new:
        copy_tokenizer(source, new, card.base)
        write_json(new / CONFIG, {**config, **named})
        shutil.copyfile(folder / WEIGHTS, new / WEIGHTS)
        write_card(new, card.model_copy(update=changed))
        refuse_replaced(folder, known)
    return read_card(out)


def unknown_base(folder: Path) -> str:
    """What is wrong with an adapter that does not say which base it is for, and the remedy."""
    return (
        f"{folder}: its base is unknown; write its folder or hub id as base_model_name_or_path "
        f"into {folder / CONFIG}, and remove its koalign.json"
    )


def copy_tokenizer(source: Path, out: Path, base: AdapterBase) -> None:
    """Copy the tokenizer of a base, with the chat template that koalign read it with."""
    copy_files(source, out, TOKENIZER)
    if base.chat_template:
        (out / "chat_template.jinja").write_text(PLAIN, encoding="utf-8")


def copy_files(source: Path, out: Path, patterns: Sequence[str]) -> None:
    """Copy the files of a folder whose names fit one of the patterns."""
    for path in sorted({path for pattern in patterns for path in source.glob(pattern)}):
        if path.is_file():
            shutil.copyfile(path, out / path.name)


def _tokenizer_folder(folder: Path, card: AdapterCard) -> Path:
    path = card.base.path
    if not path:
        raise KoalignError(unknown_base(folder))
    here = Path(resolve_path(path))
    if not here.is_dir():
        here = downloaded(path, TOKENIZER, f"{folder}: its base {path}")
    if not (here / "tokenizer_config.json").exists():
        raise KoalignError(
            f"{here}: the base of {folder} has no tokenizer_config.json; put it there"
        )
    return here


def _refuse_other_tokenizer(folder: Path, card: AdapterCard, source: Path) -> None:
    """Raises KoalignError where the tokenizer of the base was replaced since the adapter was trained."""
    from koalign.adapters.base import tokenizer_hash  # loads torch

    now = tokenizer_hash(source, card.base.chat_template)
    if card.base.tokenizer_hash not in (None, now):
        raise KoalignError(
            f"{source}: its tokenizer or chat template is another ({now}) than {folder} was trained with "
            f"({card.base.tokenizer_hash}); put back the tokenizer files that it had"
        )
