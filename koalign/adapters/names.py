"""names: what `--adapters` says -> the folder of an adapter for each step."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from koalign.adapters.cards import (
    CARD,
    FUNCTION,
    adapter_id,
    is_pruned,
    read_card,
    refuse_damaged,
)
from koalign.adapters.external import is_hub_id
from koalign.adapters.hub import downloaded
from koalign.adapters.lineage import STACKS, refuse_overlap
from koalign.hashing import PLAN, hash_path
from koalign.jsonl import read_json
from koalign.locking import refuse_links
from koalign.manifests import ROUND, warn_of_older, well_formed
from koalign.records import KoalignError, content_hash
from koalign.run import in_round

BASE = "base"
SHARPENED = "query_dpo"
"""The stage that trains the query adapter by DPO."""
RUN_ADAPTERS = ("sft", "dpo", "abstraction", "answer", "reader", "query")


def find_adapters(names: str, run_dir: Path, rounds: int | None = None) -> list[Path | None]:
    """The folders that `--adapters` names, one a step; none for `base`.

    Steps are parted by commas; a step is an adapter or a sum of several, parted by `+`, which is made
    below the run when it is named first. An adapter is a folder of the run (`sft`, `dpo-2`, `answer`;
    `dpo` is the last of `rounds`, or of those that are there; `query` is what DPO made of it, where that is
    there), a path, or a hub id. What names a
    folder as it stands is that folder, whatever commas it holds. Raises KoalignError for an unknown
    name, with the known ones, for one not trained yet, for a sum that counts an adapter twice, and for
    the roles of two steps in the wrong order.
    """
    folders = [_step(step, run_dir, rounds) for step in steps_of(names)]
    roles = [role_of(folder) for folder in folders]
    if roles == ["answer", "abstraction"]:
        raise KoalignError(
            f"--adapters {names}: the first step writes the hint and the second answers with it; give "
            f"`--adapters {','.join(reversed(steps_of(names)))}`"
        )
    return folders


def role_of(folder: Path | None) -> str:
    """What an adapter is for, by its card; empty for the base and where there is no card."""
    return read_card(folder).role if folder and (folder / CARD).exists() else ""


def find_adapter(name: str, run_dir: Path) -> Path:
    """The folder of one adapter; raises KoalignError for more steps than one and for `base`."""
    folders = find_adapters(name, run_dir)
    if len(folders) > 1:
        raise KoalignError(f"{name}: {len(folders)} steps; name one adapter at a time")
    if folders[0] is None:
        raise KoalignError(f"{name}: is no adapter; `koalign adapters list` shows what there is")
    return folders[0]


def steps_of(names: str) -> list[str]:
    """The steps that `--adapters` names."""
    return _parted(names, ",")


def _step(step: str, run_dir: Path, rounds: int | None) -> Path | None:
    names = _parted(step, "+")
    if names == [BASE]:
        return None
    if BASE in names:
        raise KoalignError(f"{step}: every adapter stands on the base; leave `base` out of the sum")
    parts = [(name, _find(name, run_dir, rounds)) for name in names]
    return _sum(parts, run_dir) if len(parts) > 1 else parts[0][1]


def _parted(text: str, sign: str) -> list[str]:
    return [text] if _is_folder(text) else [part.strip() for part in text.split(sign)]


def _find(name: str, run_dir: Path, rounds: int | None) -> Path:
    made = made_in(run_dir)
    folder = in_round("dpo", rounds or last_round(made)) if name == "dpo" else name
    if name == "query" and SHARPENED in made and _is_of_query(run_dir):
        folder = SHARPENED
    if folder in made:
        warn_of_older(run_dir, folder)
        return run_dir / folder / "adapter"
    stage = name.partition(ROUND)[0]
    if name in RUN_ADAPTERS or re.fullmatch(rf"dpo{ROUND}\d+", name):
        commands = {"sft": "sft", "dpo": "dpo", "reader": "reader", "query": "query"}
        others = f", or take what is there: {', '.join(made)}" if made else ""
        raise KoalignError(
            f"adapter {name!r} is not in {run_dir}; "
            f"run `koalign {commands.get(stage, 'abstractions')}` first{others}"
        )
    if _is_folder(name):
        return Path(name)
    if is_hub_id(name):
        return downloaded(name, (*FUNCTION, CARD), f"adapter {name!r}")
    known = dict.fromkeys([BASE, *RUN_ADAPTERS, *made])
    raise KoalignError(
        f"unknown adapter {name!r}; known are {', '.join(known)}, adapter folders, and hub ids "
        "(owner/name)"
    )


def _is_of_query(run_dir: Path) -> bool:
    """Whether `query_dpo` started from the query adapter that is there now, if one is."""
    start = run_dir / "query" / "adapter"
    if not start.exists() or is_pruned(start):
        return True
    path = run_dir / SHARPENED / PLAN
    with well_formed(path):
        return bool(read_json(path)["inputs"]["query/adapter"] == hash_path(start))


def made_in(run_dir: Path) -> list[str]:
    """The stages of a run that have made an adapter, by name."""
    if not run_dir.is_dir():
        return []
    return [
        place.name
        for place in sorted(run_dir.iterdir())
        if (place / "manifest.json").exists() and (place / "adapter").is_dir()
    ]


def last_round(made: Sequence[str]) -> int:
    """The last round of DPO among stages; 1 if there is none."""
    numbers = [int(m[1]) for name in made if (m := re.fullmatch(rf"dpo{ROUND}(\d+)", name))]
    return max(numbers, default=1)


def last_policy(run_dir: Path) -> str | None:
    """The stage that made the last policy of a run: the last round of DPO, else SFT; none: neither."""
    made = made_in(run_dir)
    found = [name for name in (in_round("dpo", last_round(made)), "sft") if name in made]
    return found[0] if found else None


def _sum(parts: Sequence[tuple[str, Path]], run_dir: Path) -> Path:
    """The folder of the exact sum, named by the ids of its parts in their order; made once."""
    for _, folder in parts:
        refuse_damaged(folder)
    refuse_overlap(parts, run_dir)
    if run_dir.is_dir():
        refuse_links(run_dir)  # the sum is written below it, whoever is at work in the run
    out = run_dir / STACKS / content_hash([adapter_id(folder) for _, folder in parts])
    if not out.exists():
        from koalign.adapters.stack import stack  # loads torch

        unfinished = out.with_name(f"{out.name}.{os.getpid()}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        stack([folder for _, folder in parts], unfinished)
        try:
            unfinished.rename(out)
        except OSError:
            if not out.exists():  # else another process has made it meanwhile
                raise
            shutil.rmtree(unfinished)
    return out


def _is_folder(name: str) -> bool:
    try:
        return bool(name.strip()) and Path(name).is_dir()
    except OSError:  # longer than a path can be
        return False
