"""compare: `koalign compare`: evaluations side by side, on the same items."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from koalign.cli.options import AsJson, Force, refuse_in_stage
from koalign.records import KoalignError
from koalign.text.visible import say, say_json


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR",
            help="Folders of `koalign benchmark`, or runs, which stand for their steps; the first is what "
            "the others are compared with.",
        ),
    ],
    as_json: AsJson = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for JSON and CSV files.")
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Compare on the items that all have.")
    ] = False,
    force: Force = False,
) -> None:
    """Differences of evaluations on the same items, with intervals, tests and what flipped."""
    from koalign.evaluation.comparability import read_evaluations
    from koalign.evaluation.comparison import compare_evaluations
    from koalign.locking import alone
    from koalign.manifests import unchanged, warn_of_older
    from koalign.reports.comparison import FILES, JSON, print_comparison, write_comparison

    def refuse_made(out: Path) -> None:
        for path in (out / name for name in FILES):
            if path.exists() and not force:
                raise KoalignError(f"{path} is there already; take another --out, or --force")

    if out is not None:
        refuse_in_stage(out)
        refuse_made(out)
    steps = [step for folder in folders for step in _steps(folder)]
    with ExitStack() as runs:
        for folder in folders:
            runs.enter_context(unchanged(folder, "evaluate"))
            is_step = folder.parent.name == "evaluate"
            warn_of_older(folder.parents[1] if is_step else folder, "evaluate")
        evaluations = read_evaluations(steps)
    comparison = compare_evaluations(evaluations, common)
    if as_json:
        say_json(comparison.model_dump(mode="json"))
    else:
        print_comparison(comparison)
    if out is not None:
        with alone(out):
            refuse_made(out)  # another process has written it meanwhile
            write_comparison(out, comparison)
        say(f"{out}: {JSON}, subjects.csv and flips.csv with every flip", err=as_json)


def _steps(folder: Path) -> list[Path]:
    """The evaluations in a folder: of a run those of its steps."""
    from koalign.manifests import output_of
    from koalign.plans import is_stage

    evaluated = folder / "evaluate"
    if (folder / "results.json").exists() or not is_stage(folder / "prepare"):
        return [folder]
    if not (evaluated / "manifest.json").exists():
        raise KoalignError(
            f"{folder}: a run without an evaluation; `koalign evaluate --run-dir {folder}` makes it"
        )
    steps = (name for name in ("base", "sft", "dpo", "solve") if (evaluated / name).exists())
    return [output_of(folder, f"evaluate/{name}", "compare") for name in steps]
