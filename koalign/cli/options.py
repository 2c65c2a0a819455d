"""options: what several commands are told in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[Path] | None,
    typer.Option("-c", help="Config file, repeatable, later ones win. Without: ./koalign.yaml."),
]
Settings = Annotated[
    list[str] | None, typer.Option("-s", help="One key, repeatable: -s dpo.beta=0.05")
]
RunDir = Annotated[Path, typer.Option("--run-dir", help="Folder of the run.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Make again what was made with other settings or inputs; a teacher's replies stay.",
    ),
]
DEFAULT_RUN = Path("runs/default")
