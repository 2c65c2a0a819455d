"""benchmark: koalign benchmark, any model and adapters in a published protocol or an own one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from koalign.cli.benchmark_options import (
    DIAGNOSIS,
    FILES,
    default_folder,
    is_made,
    open_benchmark,
    open_system,
    plan_of,
    refuse_contradictions,
    with_model,
)
from koalign.cli.learned import tell_learned
from koalign.cli.options import (
    DEFAULT_RUN,
    Files,
    Force,
    RunDir,
    Settings,
    name_board,
    read_config,
    refuse_in_stage,
    refuse_own_input,
    refuse_twice,
    tell_unread,
)
from koalign.cli.retrieval import PROTOCOL, benchmark_retrieval
from koalign.cli.shards import ShardOption, drawing, read_shard, tell_outdated
from koalign.records import KoalignError
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.answering.system import System
    from koalign.config.sections import Config
    from koalign.evaluation.benchmark import Benchmark


def benchmark(
    protocol: Annotated[
        str,
        typer.Argument(
            help="kmmlu@lm-eval, click, csat, klue-mrc, …, a template, a YAML file; or retrieval."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Files of the benchmark, or a source. Without: what the run has prepared.",
        ),
    ] = None,
    split: Annotated[
        Literal["test", "dev", "train"], typer.Option("--split", help="Which split is evaluated.")
    ] = "test",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Folder, hub id, or http://host:port/v1#name. Without: model.path of the config.",
        ),
    ] = None,
    adapters: Annotated[
        str | None,
        typer.Option(
            "--adapters",
            help="base, sft, dpo or folders; two with a comma: a hint, then the answer. Without: the "
            "policy of the run, and of another --model none.",
        ),
    ] = None,
    shots: Annotated[
        int | None, typer.Option("--shots", min=0, help="Answered problems before each question.")
    ] = None,
    shots_data: Annotated[
        str | None,
        typer.Option(
            "--shots-data", help="Files of the shots, or a source. Without: those of --data."
        ),
    ] = None,
    shot_order: Annotated[
        Literal["first", "lm-eval"] | None,
        typer.Option("--shot-order", help="The first of the subject, or drawn as lm-eval does."),
    ] = None,
    subset: Annotated[
        list[str] | None, typer.Option("--subset", help="A subject or a group, repeatable.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="The first so many of each subject.")
    ] = None,
    mode: Annotated[
        Literal["choice", "generate"] | None,
        typer.Option("--mode", help="Score the candidates, or read what is written."),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Completions of each; their majority answers.")
    ] = 1,
    cyclic: Annotated[
        bool, typer.Option("--cyclic", help="Ask in every cyclic order of the choices, too.")
    ] = False,
    diagnose: Annotated[
        bool,
        typer.Option(
            "--diagnose", help="And say why the training score rose and this one did not."
        ),
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the results.")] = None,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
    shard: ShardOption = None,
    force: Force = False,
) -> None:
    """Evaluate any model, with or without adapters, under a protocol."""
    from dataclasses import replace

    from koalign.answering.evaluate import evaluate
    from koalign.config.files import load_config
    from koalign.evaluation.protocols import in_mode, load_protocol
    from koalign.evaluation.results import read_evaluation
    from koalign.hashing import PLAN, WORK
    from koalign.locking import discard, locked, refuse_links
    from koalign.parts import parts_of, refuse_other_total
    from koalign.plans import begun_with
    from koalign.reports.evaluation import (
        print_evaluation,
        write_csv,
        write_results_csv,
    )
    from koalign.stages.pipeline import stages_of

    if protocol == PROTOCOL:
        asks = {
            "--model": model, "--adapters": adapters, "--shots": shots, "--shots-data": shots_data,
            "--shot-order": shot_order, "--subset": subset, "--mode": mode, "--samples": samples > 1,
            "--cyclic": cyclic, "--diagnose": diagnose, "--shard": shard,
        }  # fmt: skip
        if said := [name for name, value in asks.items() if value]:
            raise KoalignError(
                f"benchmark retrieval asks no model, so {said[0]} says nothing to it"
            )
        config = read_config(files, settings)
        tell_unread("benchmark retrieval", settings, config, ("corpus", "retrieve.dense_weight"))
        benchmark_retrieval(config, data, split, limit, out, force)
        return
    draw = read_shard(shard, force)
    if model is not None:
        refuse_twice("--model", ["model.path"], settings)
        config = with_model(load_config(files or [], settings or []), model)
    else:
        config = read_config(files, settings)
    read = ["model", "engine", "seed", "prompt.thinking", "dpo.rounds", "solve.max_tokens"]
    read += ["sample.temperature", "sample.top_p"] if samples > 1 else []
    tell_unread("benchmark", settings, config, [*read, *(["prompt", "solve"] if diagnose else [])])
    chosen = load_protocol(protocol, config.solve.max_tokens)
    if mode is not None:
        chosen = in_mode(chosen, mode)
    if diagnose and draw:
        raise KoalignError(
            "--shard with --diagnose: diagnose with the command that merges the parts"
        )
    if shot_order not in (None, chosen.shot_order):
        name = f"{chosen.name}, shots {shot_order}"
        chosen = chosen.model_copy(update={"shot_order": shot_order, "name": name})
    refuse_contradictions(chosen, config.model.path, adapters, samples, cyclic)
    if data is None and model is None:
        tell_outdated(stages_of("sft", config)[1:], config, run_dir)
    system = open_system(config, adapters, run_dir, own_model=model is None)
    items = open_benchmark(
        config, chosen, data, split, shots, shots_data, subset or [], limit, run_dir
    )
    if data:
        tell_learned(config, run_dir, system.steps, items.problems)
    if shot_order and not items.renderer.shots:
        raise KoalignError("--shot-order: no shots are shown; say how many with --shots")
    items = replace(items, samples=samples, cyclic=cyclic)
    if diagnose and (len(system.steps) != 1 or system.steps[0] is None):
        raise KoalignError(
            f"--diagnose compares one adapter with its base, and not {system.adapters}; name one with "
            "--adapters"
        )
    if out == Path():
        raise KoalignError("--out: the working folder; name a folder for the results")
    if out is None and run_dir.is_dir():
        refuse_links(run_dir)
    folder = out or default_folder(run_dir, items, system, split)
    refuse_in_stage(folder)
    for name in FILES:
        refuse_own_input(folder / name, items.data)
    planned = plan_of(config, items, system)
    if draw:
        with drawing(folder, draw) as part:
            if not is_made(part, planned, force):
                evaluate(begun_with(config, folder), items, system, part)
        return
    with locked(folder):
        if force:
            shutil.rmtree(folder / WORK, ignore_errors=True)
            if (folder / DIAGNOSIS / PLAN).exists():
                discard(folder / DIAGNOSIS)
        refuse_other_total(folder)
        for part in parts_of(folder).values():
            is_made(part, planned, False)
        if not is_made(folder, planned, force):
            evaluate(begun_with(config, folder), items, system, folder)
            shutil.rmtree(folder / WORK, ignore_errors=True)
        evaluation, predictions = read_evaluation(folder)
        write_csv(folder / "predictions.csv", predictions)
        write_results_csv(folder / "results.csv", evaluation)
    print_evaluation(evaluation, predictions)
    say(f"{folder}: results.json predictions.jsonl and as CSV")
    name_board(folder)
    if diagnose:
        with locked(folder):
            _diagnose(config, items, system, run_dir, folder / DIAGNOSIS)


def _diagnose(
    config: Config, items: Benchmark, system: System, run_dir: Path, folder: Path
) -> None:
    """The signs of memorising, under the prompts that the adapter was trained with."""
    from koalign.engines.opening import open_engine
    from koalign.manifests import output_of
    from koalign.renderer import open_renderer
    from koalign.reports.generalisation import print_diagnosis
    from koalign.stages.diagnose import diagnose, trained_on

    (adapter,) = system.steps
    assert adapter is not None  # benchmark has seen to it
    renderer = open_renderer(config.prompt, output_of(run_dir, "prepare/shots.jsonl", "--diagnose"))
    template = renderer.template
    with open_engine(config.engine, config.model, system.base, system.steps) as engine:
        report = diagnose(
            config.solve.greedy,
            engine,
            renderer,
            trained_on(run_dir, adapter),
            list({problem.id: problem for problem in items.problems}.values()),
            adapter,
            folder,
            seed=config.seed,
            stop=() if template.chat else (template.separator,),
        )
    print_diagnosis(report)
    say(f"{folder}: diagnosis.json; its page on the board has examples")
