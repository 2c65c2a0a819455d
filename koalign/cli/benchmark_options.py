"""benchmark_options: the options of koalign benchmark -> system, benchmark, and the folder for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from koalign.jsonl import field_errors, read_json, write_json
from koalign.records import KoalignError, Problem
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.answering.system import System
    from koalign.config.sections import Config
    from koalign.evaluation.benchmark import Benchmark
    from koalign.evaluation.protocols import Protocol

PLAN = "plan.json"
RESULTS = "results.json"
FILES = (
    RESULTS, "predictions.jsonl", "scores.jsonl", "samples.jsonl", "hint_samples.jsonl",
    "predictions.csv", "results.csv",
)  # fmt: skip
DIAGNOSIS = "diagnosis"
"""What an evaluation writes, and its folder of a diagnosis; nothing else in its folder is ever touched."""


def refuse_contradictions(
    protocol: Protocol, model: str, adapters: str | None, samples: int, cyclic: bool
) -> None:
    """Raises KoalignError for options that contradict one another."""
    from koalign.adapters.names import steps_of
    from koalign.engines.opening import is_endpoint

    scored = protocol.mode == "choice"
    if scored and is_endpoint(model):
        raise KoalignError(
            f"--model {model}: log-probabilities of candidates need the weights; say --mode generate"
        )
    if scored and samples > 1:
        raise KoalignError("--samples: candidates are scored, not sampled; say --mode generate")
    if scored and adapters is not None and len(steps_of(adapters)) > 1:
        raise KoalignError(
            f"--adapters {adapters}: a hint is written before an answer; say --mode generate"
        )
    if cyclic and not (scored and protocol.candidates == "label"):
        raise KoalignError(
            f"--cyclic: of {protocol.name} the choices cannot be turned; it needs scored labels of "
            "choices that the template shows" + "; say --mode choice" * (not scored)
        )


def with_model(config: Config, path: str) -> Config:
    """The config with another model.

    Raises KoalignError for an address with a secret in it, and for weights that no engine would load.
    """
    from koalign.config.inputs import Model
    from koalign.engines.opening import is_endpoint

    if config.engine.script is not None and not is_endpoint(path):
        raise KoalignError(
            f"--model {path}: engine.script answers in its place; leave one of them out "
            "(-s engine.backend=auto -s engine.script=null)"
        )
    try:
        model = Model(**{**config.model.model_dump(), "path": path})
    except ValidationError as error:
        raise KoalignError(f"--model: {field_errors(error)[0].message}") from None
    return config.model_copy(update={"model": model})


def open_system(config: Config, adapters: str | None, run_dir: Path, *, own_model: bool) -> System:
    """The base and the adapters; raises KoalignError where they do not fit."""
    from koalign.adapters.cards import check_adapter
    from koalign.adapters.names import find_adapters
    from koalign.answering.passages import refuse_query
    from koalign.answering.system import System
    from koalign.engines.opening import describe_base
    from koalign.run import in_round

    base, _ = describe_base(config.engine, config.model)
    if adapters is None:
        policies = [
            name
            for name, stage in (("dpo", in_round("dpo", config.dpo.rounds)), ("sft", "sft"))
            if own_model and (run_dir / stage / "manifest.json").exists()
        ]
        adapters = policies[0] if policies else "base"
        say(f"adapters: {adapters}{f' of {run_dir}' if policies else ''}", err=True)
    steps = find_adapters(adapters, run_dir, config.dpo.rounds)
    refuse_query(adapters, steps, "a benchmark")
    if len(steps) > 2:
        raise KoalignError(f"--adapters: {len(steps)} steps; give one, or a hint's and an answer's")
    cards = [check_adapter(step, base, None) for step in steps if step is not None]
    return System(base, adapters, steps, cards)


def open_benchmark(
    config: Config,
    protocol: Protocol,
    data: str | None,
    split: str,
    shots: int | None,
    shots_data: str | None,
    subsets: list[str],
    limit: int | None,
    run_dir: Path,
) -> Benchmark:
    """The problems and their shots, which are drawn for all problems, whatever is evaluated of them."""
    from koalign.data.prompting.prompts import Renderer, load_template
    from koalign.evaluation.benchmark import Benchmark, select
    from koalign.evaluation.items import refuse_unfit, shots_of
    from koalign.evaluation.protocols import for_kinds
    from koalign.manifests import unchanged

    count = protocol.shots if shots is None else shots
    if shots_data and not count:
        raise KoalignError(
            f"--shots-data {shots_data}: no shots are shown; say how many with --shots"
        )
    # One `prepare`: the shots of another may be the items of this one.
    with unchanged(run_dir, *([] if data else ["prepare"])):
        problems, hashes = _read(data, split, run_dir)
        renderer = Renderer(load_template(protocol.template), config.prompt.thinking, count)
        numbers = select(problems, protocol, subsets, limit)
        refuse_unfit(protocol, [problems[number] for number in numbers])
        pool: list[Problem] = []
        if count and not (protocol.shots_from == "test" and shots_data is None):
            pool, more = _read(shots_data or data, protocol.shots_from, run_dir)
            hashes |= more
    drawn = shots_of(protocol, renderer, problems, count, pool)
    return Benchmark(
        protocol=for_kinds(protocol, problems),
        renderer=renderer,
        problems=[problems[number] for number in numbers],
        shots=[drawn[number] for number in numbers],
        of=len(problems),
        data=hashes,
        seed=config.seed,
    )


def _read(data: str | None, split: str, run_dir: Path) -> tuple[list[Problem], dict[str, str]]:
    """The problems of a split, a second occurrence included, and path -> hash."""
    from koalign.config.files import parse_source
    from koalign.config.sections import resolve_path
    from koalign.data.formats.sources import read_source
    from koalign.hashing import hash_source
    from koalign.manifests import output_of
    from koalign.plans import HUB

    if data is None:
        prepared = run_dir / "prepare" / f"{split}.jsonl"
        if not prepared.exists():
            raise KoalignError(
                f"{prepared}: nothing prepared here; name the files of the benchmark with --data"
            )
        if not output_of(run_dir, f"prepare/{split}.jsonl", "benchmark").stat().st_size:
            raise KoalignError(
                f"data.{split} of {run_dir} holds no problem; set it, or name the problems with --data"
            )
        data = str(prepared)
    source = parse_source(data)
    path = resolve_path(source.path)
    here = None if path.startswith(HUB) or not Path(path).exists() else Path(path)
    before = here and hash_source(here)
    reading = read_source(path, split, **source.options)
    if here and hash_source(here) != before:
        raise KoalignError(
            f"{path}: was written while it was read; repeat the command once it is whole"
        )
    for name, why in reading.not_read.items():
        say(f"{path}: not read: {name}: {why}", err=True)
    if reading.drops:
        first = reading.drops[0]
        raise KoalignError(
            f"{first.place}: {first.reason}: {first.detail} ({len(reading.drops)} rows that cannot be "
            "asked; correct or remove them)"
        )
    if reading.rankings:
        raise KoalignError(f"{path}: holds rankings, and not problems to answer")
    return [*reading.problems], {path: before} if before else {}


def default_folder(run_dir: Path, benchmark: Benchmark, system: System, split: str) -> Path:
    """Where results go without --out: a folder a protocol, below it one for each system."""
    name = "".join(c if c.isalnum() or c in "@.-" else "-" for c in benchmark.protocol.name)
    steps = "".join(c if c.isalnum() or c in ",+-" else "-" for c in system.adapters)
    parts = [steps, f"{benchmark.renderer.shots}-shot"]
    return run_dir / "evaluations" / name / "-".join(parts + ([split] if split != "test" else []))


def plan_of(config: Config, benchmark: Benchmark, system: System) -> dict[str, Any]:
    """What decides the results; an evaluation is only continued under the same."""
    from koalign.adapters.cards import adapter_id
    from koalign.config.narrowing import settings_of
    from koalign.hashing import hash_path, hashes_of
    from koalign.plans import outside_of
    from koalign.records import content_hash

    shown = {shot.id: shot for shots in benchmark.shots for shot in shots}
    settings = {
        f"{section}.{key}": value
        for section, keys in settings_of(config, ("model", "engine")).items()
        for key, value in keys.items()
        if (section, key) != ("model", "path")  # the base is known by its hash
    }
    script = config.engine.script
    return {
        "protocol": benchmark.protocol.model_dump(mode="json"),
        "template": benchmark.renderer.hash,
        "base": system.base.model_dump(mode="json", exclude={"path"}),
        "adapters": [adapter_id(step) if step else "" for step in system.steps],
        # With their answers and subjects, which an id does not hold.
        "items": content_hash([_dumped(problem) for problem in benchmark.problems]),
        "of": benchmark.of,
        "shots": content_hash(
            [[shot.id for shot in shots] for shots in benchmark.shots],
            [_dumped(shot) for shot in shown.values()],
        ),
        "samples": benchmark.samples,
        "cyclic": benchmark.cyclic,
        "sampling": config.sample.model_dump(mode="json") if benchmark.samples > 1 else None,
        "seed": benchmark.seed,
        **settings,
        "engine.script": hash_path(Path(script)) if script else None,
        **hashes_of(outside_of("engine.vllm.weights", config)),
    }


def _dumped(problem: Problem) -> dict[str, Any]:
    return problem.model_dump(mode="json")


def is_made(folder: Path, plan: dict[str, Any], force: bool) -> bool:
    """Whether the folder holds this evaluation whole; an unfinished one is left to be continued.

    Raises KoalignError where it is a stage of a run, and where it holds another evaluation or files that
    no evaluation wrote, unless `force` says to replace them.
    """
    path = folder / PLAN
    written = [
        name for name in FILES if (folder / name).exists() and (folder / name).stat().st_size
    ]
    earlier = read_json(path) if path.exists() else None
    of_a_stage = (folder / "manifest.json").exists()
    if of_a_stage or not (earlier is None or (isinstance(earlier, dict) and "protocol" in earlier)):
        raise KoalignError(f"{folder}: a stage of a run is there; take another --out")
    if written and earlier is None and not force:
        raise KoalignError(
            f"{folder}: holds {written[0]}, and no {PLAN} says that an evaluation wrote it; take another "
            "--out, or --force to replace it"
        )
    if written and earlier is not None and earlier != plan and not force:
        changed = [key for key in plan if key in earlier and earlier[key] != plan[key]]
        other = f"with another {changed[0]}" if changed else "by another version of koalign"
        raise KoalignError(
            f"{folder}: holds an evaluation {other}; take another --out, or --force to replace it"
        )
    if force or not written or earlier is None:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        write_json(path, plan)
    return (folder / RESULTS).exists()
