"""stages: the pipeline in the order in which it runs. Stages meet on disk, never by import."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from koalign.config.sections import Config
from koalign.hashing import MANIFEST, PLAN
from koalign.manifests import PRODUCERS, ROUND, read_manifest
from koalign.records import KoalignError
from koalign.run import ENGINE, Stage, in_round, outdated, outdated_note
from koalign.stages import (
    candidates,
    distill,
    dpo,
    evaluate,
    hints,
    index,
    pairs,
    passages,
    prepare,
    queries,
    query_dpo,
    retrieve,
    roles,
    samples,
    sft,
    solve,
    traces,
)
from koalign.text.visible import warn

SFT = (prepare.STAGE, sft.STAGE)
PAIRS = (samples.STAGE, pairs.STAGE)
JUDGED_PAIRS = (samples.STAGE, samples.LONG, pairs.WITH_JUDGE)
OPTIONAL = (distill.STAGE,)
RETRIEVAL = (index.STAGE, retrieve.STAGE)
PASSAGES = (passages.STAGE, roles.READER)
QUERY = (queries.STAGE, roles.QUERY, query_dpo.STAGE)
DPO = (dpo.REFERENCE, dpo.STAGE)
HINTS = (candidates.STAGE, hints.STAGE, roles.ABSTRACTION, roles.ANSWER)
CONTROLS = (dpo.RFT, traces.STAGE, roles.REASONING, sft.PLATEAU)
SOLVING = (solve.STAGE, *CONTROLS, evaluate.STAGE)
CHOOSE = (
    "controls", "dpo.rounds", "candidates.source", "judge.url", "corpus.sources", "query.held_out",
    "retrieve.adapter", "sft.epochs",
)  # fmt: skip
"""Keys that choose stages, whether these read them or not."""
WITH_HINTS = frozenset(stage.name for stage in (*HINTS, solve.STAGE, traces.STAGE, roles.REASONING))
"""Stages that a run without hints does not have, and whose files its `evaluate` does not read."""

PRODUCERS.update(
    {
        stage.name: stage.command
        for stages in (
            SFT[:1],
            RETRIEVAL,
            SFT[1:],
            JUDGED_PAIRS,
            OPTIONAL,
            DPO,
            PASSAGES,
            QUERY,
            HINTS,
            SOLVING,
        )
        for stage in stages
    }
)


def stages_of(command: str, config: Config) -> tuple[Stage, ...]:
    """What a command makes, in order.

    With `dpo.rounds` the policy that DPO made is sampled afresh and is the reference of the next DPO
    (iterative DPO; Yuan et al., arXiv 2401.10020); all later stages use the last round.
    """
    rounds = config.dpo.rounds
    pairing: tuple[Stage, ...] = PAIRS
    training = DPO
    if config.has_judge:
        pairing, training = JUDGED_PAIRS, (dpo.WITH_JUDGE, dpo.STAGE)
    later = tuple(
        _in_round(stage, number)
        for number in range(2, rounds + 1)
        for stage in (*pairing, *training)
    )
    last = {
        "dpo/adapter": f"{in_round('dpo', rounds)}/adapter",
        "samples/samples.jsonl": f"{in_round('samples', rounds)}/samples.jsonl",
    }
    hinting, screening, querying, solved, controls, evaluated = (
        tuple(replace(stage, at=last) for stage in stages)
        for stages in (
            _hint_stages(config), PASSAGES, QUERY, (solve.STAGE,), *_evaluation(config)
        )
    )  # fmt: skip
    has_corpus, retrieval = bool(config.corpus.sources), _retrieval(config)
    made = {
        "prepare": SFT[:1],
        "sft": SFT,
        "index": retrieval[:1],
        "retrieve": (*SFT[:1], *retrieval[1:]),
        "passages": screening[:1],
        "reader": screening[1:],
        "query": querying if config.query.held_out else querying[:2],
        "dpo-pairs": pairing,
        "dpo": (*training, *later),
        "abstractions": hinting,
        "solve": solved,
        "evaluate": (*controls, *evaluated),
        "run": (
            *SFT[:1], *(retrieval if has_corpus else ()), *SFT[1:], *pairing, *training, *later,
            *(screening if has_corpus else ()), *hinting, *solved, *controls, *evaluated,
        ),
    }  # fmt: skip
    if command in ("run", "evaluate") and not config.has_hints:
        return without_hints(made[command])
    return made[command]


def without_hints(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages of a chain that ends with DPO, evaluated as far as it goes."""
    return _without(stages, WITH_HINTS)


def without_reader(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages of a chain in which no passage is gold."""
    return _without(stages, {roles.READER.name})


def without_pairs(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages of a chain that ends with SFT, evaluated as far as it goes."""
    policy = (*JUDGED_PAIRS, *DPO, dpo.RFT, *PASSAGES)
    return _without(stages, {*WITH_HINTS, *(stage.name for stage in policy)})


def _without(stages: Sequence[Stage], gone: Collection[str]) -> tuple[Stage, ...]:
    """The stages but for those of these names, in any round, and without the inputs that they make."""
    return tuple(
        replace(stage, inputs=tuple(name for name in stage.inputs if _maker(name) not in gone))
        for stage in stages
        if _maker(stage.name) not in gone
    )


def makes_no_pairs(run_dir: Path, config: Config) -> bool:
    """Whether nothing tells a right answer to the training problems: no rule, no rankings, no judge."""
    if config.has_judge:
        return False
    prepared = read_manifest(run_dir / prepare.STAGE.name)
    counts = prepared.counts if prepared else {}
    return 0 < counts.get("train", 0) == counts.get("long", 0) and not counts.get("rankings")


def has_no_gold(run_dir: Path) -> bool:
    """Whether passages were tried, and none of them is gold."""
    tried = read_manifest(run_dir / passages.STAGE.name)
    return tried is not None and not tried.counts.get("gold")


def refuse_outdated_passages(config: Config, run_dir: Path) -> None:
    """Raises KoalignError where the passages of a run are of other problems, chunks or settings.

    Of an index that is of other documents by now it is said.
    """
    stage = stages_of("retrieve", config)[-1]
    if other := outdated(stage, config, run_dir):
        raise KoalignError(
            f"{run_dir / stage.name} was made with {other}; or run `koalign retrieve --force`"
        )
    (indexed,) = stages_of("index", config)
    if note := outdated_note(indexed, config, run_dir):
        warn(note, once=True)


def makers(stage: Stage) -> set[str]:
    """The names of the stages whose files are inputs of a stage."""
    inputs = (stage.at.get(name, name) for name in stage.inputs if "/" in name)
    return {name.partition("/")[0] for name in inputs}


def stages_before(stages: Sequence[Stage], config: Config) -> tuple[Stage, ...]:
    """The stages whose files these are made of, directly or through others, in order."""
    own = {stage.name for stage in stages}
    needed = set[str]().union(*map(makers, stages)) - own
    commands = (
        "prepare", "index", "retrieve", "sft", "dpo-pairs", "dpo", "passages", "reader",
        "abstractions", "solve",
    )  # fmt: skip
    known = {stage.name: stage for command in commands for stage in stages_of(command, config)}
    before: list[Stage] = []
    for stage in reversed(known.values()):
        if stage.name in needed:
            before.insert(0, stage)
            needed |= makers(stage) - own
    return tuple(before)


def stale_in(run_dir: Path, config: Config) -> set[str]:
    """The finished stages of `run` with other settings or inputs than now, and those made of them."""
    stale: set[str] = set()
    for stage in stages_of("run", config):
        if read_manifest(run_dir / stage.name) and (
            makers(stage) & stale or outdated(stage, config, run_dir)
        ):
            stale.add(stage.name)
    return stale


def outdated_notes(run_dir: Path, config: Config) -> dict[str, str]:
    """Finished stage of a run -> what to say of it, where its settings or inputs are not those of now."""
    chain = left_in(stages_of("run", config), run_dir, config)
    notes = {
        stage.name: outdated_note(stage, config, run_dir)
        for stage in (*chain, *stages_of("query", config))
    }
    return {name: note for name, note in notes.items() if note}


def _maker(name: str) -> str:
    """The name of the stage, without its round, that an input comes from."""
    return name.partition("/")[0].partition(ROUND)[0]


def _evaluation(config: Config) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """The stages that train controls, and evaluate with their adapters among its inputs."""
    controls: tuple[Stage, ...] = ()
    if config.controls != "off":
        later = tuple(
            f"{in_round('pairs', number)}/pairs.jsonl" for number in range(2, config.dpo.rounds + 1)
        )
        controls = (replace(dpo.RFT, inputs=(*dpo.RFT.inputs, *later)),)
    if config.controls == "all":
        controls += (traces.STAGE, roles.REASONING)
        if config.sft.epochs != "auto":
            controls += (sft.PLATEAU,)
    adapters = (f"{stage.name}/adapter" for stage in controls if stage is not traces.STAGE)
    evaluated = replace(evaluate.STAGE, inputs=(*evaluate.STAGE.inputs, *adapters))
    if config.corpus.sources:
        evaluated = replace(
            evaluated,
            inputs=(*evaluated.inputs, evaluate.PASSAGES, "reader/adapter"),
            sections=(*evaluated.sections, "reader"),
        )
    if config.has_judge:
        evaluated = replace(
            evaluated,
            run=partial(evaluate.run, has_judge=True),
            sections=(*evaluated.sections, "judge"),
        )
    return controls, (evaluated,)


def _retrieval(config: Config) -> tuple[Stage, ...]:
    """The stages that index and retrieve; with an adapter that writes the queries the last one prompts."""
    first, last = RETRIEVAL
    if config.retrieve.adapter is not None:
        last = replace(
            last,
            version=2,
            sections=(*last.sections, "model", "prompt", "engine", "queries", "seed"),
            inputs=(*last.inputs, "prepare/base.json", "retrieve.adapter", *ENGINE),
        )
    return first, last


def _hint_stages(config: Config) -> tuple[Stage, ...]:
    """The stages on top of the policy; they depend on `teacher` only if it writes the hints."""
    first, *others = HINTS
    if config.candidates.source == "teacher":
        first = replace(first, draws=False)  # its calls are paid for: one process makes them
    else:
        first = replace(first, sections=tuple(s for s in first.sections if s != "teacher"))
    return (first, *others)


def names_in(run_dir: Path, config: Config | None) -> list[str]:
    """The folders of a run's stages in order: those that were begun, and those that `run` would make.

    Without a config, those that were begun.
    """
    chain = left_in(stages_of("run", config), run_dir, config) if config else ()
    wanted = {stage.name for stage in chain}
    rounds = config.dpo.rounds if config else 1
    names = list(PRODUCERS)
    after, number = names.index("dpo") + 1, 2
    while number <= rounds or (run_dir / in_round("samples", number)).exists():
        later = [in_round(stage.name, number) for stage in (*JUDGED_PAIRS, *DPO)]
        names[after:after] = later
        after, number = after + len(later), number + 1
    return [name for name in names if name in wanted or _is_begun(run_dir / name)]


def _is_begun(folder: Path) -> bool:
    return any((folder / name).exists() for name in (PLAN, MANIFEST))


def left_in(stages: Sequence[Stage], run_dir: Path, config: Config) -> tuple[Stage, ...]:
    """The stages of `run` after what its first ones found: no pairs, no gold passage, no kept hint."""
    if makes_no_pairs(run_dir, config):
        return without_pairs(stages)
    if has_no_gold(run_dir):
        stages = without_reader(stages)
    screened = read_manifest(run_dir / hints.STAGE.name)
    return without_hints(stages) if screened and not screened.counts["kept"] else tuple(stages)


def _in_round(stage: Stage, number: int) -> Stage:
    """A stage of DPO's first round as one of a later round, which continues the one before."""
    at = {"sft/adapter": f"{in_round('dpo', number - 1)}/adapter"}
    for made in (*JUDGED_PAIRS, *DPO):
        for name in stage.inputs:
            if name.startswith(f"{made.name}/"):
                at[name] = name.replace(made.name, in_round(made.name, number), 1)
    return replace(stage, name=in_round(stage.name, number), command="dpo", at=at)
