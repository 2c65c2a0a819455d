"""names: what `--adapters` says -> the folder of an adapter for each step."""

from __future__ import annotations

from pathlib import Path

from koalign.records import KoalignError
from koalign.run import in_round

RUN_ADAPTERS = ("sft", "dpo", "abstraction", "answer")


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
