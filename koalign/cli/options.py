"""options: options that several commands share, and what is refused before they run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand, TyperOption

from koalign.records import KoalignError
from koalign.text.visible import say, say_once

if TYPE_CHECKING:
    from koalign.config.sections import Config

Files = Annotated[
    list[Path] | None,
    typer.Option(
        "-c",
        help="Config file, repeatable, later ones win. Without: ./koalign.yaml, else the built-in example.",
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("-s", help="One key, repeatable: -s dpo.beta=0.05")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Make again what is stale, damaged or unfinished; a teacher's replies stay.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value.")]
DEFAULT_RUN = Path("runs/default")
ANSWERING = (
    "model", "data", "prompt", "engine", "solve", "seed", "dpo.rounds", "corpus", "retrieve", "queries",
)  # fmt: skip
"""Settings that play a part in answers of a run to what it is given."""


class Command(TyperCommand):
    """A command that takes an option once, if it has one value; else the last one would win in silence."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Raises KoalignError for an option that is given twice."""
        _, _, given = self.make_parser(ctx).parse_args([*args])
        once = [
            p.opts[0] for p in given if isinstance(p, TyperOption) and not (p.is_flag or p.multiple)
        ]
        if twice := [option for option in once if once.count(option) > 1]:
            raise KoalignError(
                f"{twice[0]} is given twice, and takes one value: leave one of them out"
            )
        return super().parse_args(ctx, args)


def read_config(files: list[Path] | None, settings: list[str] | None) -> Config:
    """The config of `-c` and `-s`; says where it is the built-in example, for want of a koalign.yaml."""
    from koalign.config.files import load_config

    config = load_config(files or [], settings or [])
    if not files and not Path("koalign.yaml").exists():
        say_once(
            "no koalign.yaml here: the built-in example is used; `koalign init --data FILE` writes one for "
            "your data"
        )
    return config


def tell_unread(
    command: str, settings: Sequence[str] | None, config: Config, read: Iterable[str]
) -> None:
    """Say which keys of `-s` play no part in what a command does; `read`: the sections and keys that do.

    Of some sections those that go with what they choose, such as the backend of the engine.
    """
    chosen = {
        "candidates": config.candidates.read,
        "engine": config.engine.read,
        "prompt": config.prompt.read,
    }
    names = [key for name in read for key in chosen.get(name, [name])]
    known = [f"{name}." for name in names]
    keys = dict.fromkeys(setting.partition("=")[0] for setting in settings or ())
    unread = [
        key
        for key in keys
        if not any(f"{key}.".startswith(name) or name.startswith(f"{key}.") for name in known)
    ]
    if unread:
        say(f"-s {', '.join(unread)}: plays no part in `koalign {command}`", err=True)


def refuse_twice(option: str, keys: Iterable[str], settings: Sequence[str] | None) -> None:
    """Raises KoalignError where `-s` sets a key that an option sets too, and would be ignored."""
    given = {setting.partition("=")[0] for setting in settings or ()}
    if twice := [key for key in keys if key in given]:
        raise KoalignError(f"{option} and -s {twice[0]}: say one of them")


def name_board(folder: Path, err: bool = False) -> None:
    """Say how to look at what was found, of the run or evaluation in a folder, with charts."""
    say(f"with charts, in a browser: koalign board {shlex.quote(str(folder.parent))}", err=err)


def refuse_existing(out: Path | None, force: bool) -> None:
    """Raises KoalignError for a file that is there, unless it is to be replaced."""
    if out is not None and out.exists() and not force:
        raise KoalignError(f"{out} is there already; take another -o, or --force to replace it")


def refuse_own_input(out: Path, read: Iterable[str | None]) -> None:
    """Raises KoalignError for an output that the command reads, itself or the folder that it is in.

    So too for one in a stage of a run.
    """
    refuse_in_stage(out)
    for path in map(Path, filter(None, read)):
        inside = path.is_dir() and out.resolve().is_relative_to(path.resolve())
        if out.exists() and (inside or (path.exists() and path.samefile(out))):
            raise KoalignError(
                f"{out}: this command reads it, and would write over it; take another -o"
            )


def refuse_in_stage(out: Path) -> None:
    """Raises KoalignError for an output that is a run, or is at or below a stage of one.

    A stage is cleared to be made again; results in the folder of a run would stand for those of its steps.
    """
    from koalign.plans import is_stage

    if is_stage(out / "prepare"):
        raise KoalignError(f"{out}: the folder of a run; take another place")
    refuse_below_a_stage(out)


def refuse_below_a_stage(place: Path) -> Path:
    """The place itself; raises KoalignError for one at or below a stage, which is cleared with it."""
    from koalign.plans import is_stage

    for folder in (place.resolve(), *place.resolve().parents):
        if is_stage(folder):
            raise KoalignError(
                f"{place}: {folder} is a stage of a run, and cleared when that is made again; take "
                "another place"
            )
    return place


RunDir = Annotated[
    Path, typer.Option("--run-dir", help="Folder of the run.", callback=refuse_below_a_stage)
]


def sources_of(config: Config) -> list[str | None]:
    """The paths of the data that a config names."""
    data = config.data
    return [*(one.path for one in (*data.train, *data.dev, *data.test)), data.hints]


def refuse_other_suffix(out: Path) -> None:
    """Raises KoalignError for JSON lines that would go to a file which says it is something else."""
    if out.suffix != ".jsonl":
        raise KoalignError(f"-o {out}: JSON lines are written; end the name in .jsonl")
