"""passages: what was found for training problems -> gold, distractors and poison. Expensive: samples."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.answering.hinted import HintSampler
from koalign.config.sections import Config, Passages
from koalign.engines.opening import open_engine
from koalign.guard import HELD_OUT, refuse_leaks, write_drops
from koalign.jsonl import read_jsonl, read_record, write_json, write_jsonl
from koalign.records import Base, Count, Drop, Hint, KoalignError, Problem, count_reasons
from koalign.renderer import open_renderer
from koalign.retrieval.records import Passage, ScreenedPassage
from koalign.retrieval.uplift import describe_uplift, is_moved, verdicts
from koalign.run import ENGINE, PREPARED, Inputs, Stage, StageResult


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Each passage stands in the place of a hint; those that move the answers are sampled again."""
    section = config.passages
    base = read_record(inputs["prepare/base.json"], Base)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    train = read_jsonl(inputs["prepare/train.jsonl"], Problem)
    verifiable = {problem.id: problem for problem in train if renderer.can_verify(problem)}
    retrieved = read_jsonl(inputs["retrieve/passages.jsonl"], Passage)
    tried = _to_try(retrieved, verifiable, section)
    if not tried:
        raise KoalignError(
            f"{inputs['retrieve/passages.jsonl']}: no passage of a training problem whose answers a rule "
            "verifies"
        )
    hints = {key: passage.hint for key, passage in tried.items()}
    problems = [verifiable[i] for i in dict.fromkeys(p.problem_id for p in tried.values())]
    refuse_leaks(problems, inputs)
    adapter = inputs["dpo/adapter"]
    check_adapter(adapter, base, renderer.hash)
    counts: dict[str, dict[str, Count]] = {key: {} for key in tried}
    with open_engine(config.engine, config.model, base, [adapter]) as engine:
        sampler = HintSampler(
            section, engine, adapter, renderer, problems, out, config.seed, "passages"
        )

        def sample(kinds: tuple[str, str], keys: list[str]) -> None:
            bare, hinted = kinds
            rows: list[tuple[str, Hint | None]] = [
                (i, None) for i in dict.fromkeys(tried[key].problem_id for key in keys)
            ]
            of_problem = dict(zip((i for i, _ in rows), sampler.count(bare, rows), strict=True))
            shown = sampler.count(hinted, [(tried[key].problem_id, hints[key]) for key in keys])
            for key, count in zip(keys, shown, strict=True):
                counts[key] |= {bare: of_problem[tried[key].problem_id], hinted: count}

        with_room = sampler.has_room([hints[key] for key in tried])
        rooms = dict(zip(tried, with_room, strict=True))
        long = [key for key in tried if not rooms[key]]
        tried = {key: passage for key, passage in tried.items() if rooms[key]}
        if not tried:
            raise KoalignError(
                f"passages: none of {len(long)} leaves room for an answer in the context of {base.context} "
                "tokens; lower corpus.characters, or raise model.max_length"
            )
        sample(("bare", "hinted"), list(tried))
        moved = [key for key in tried if is_moved(counts[key], section.z)]
        sample(("replication_bare", "replication"), moved)
    if not moved:
        write_jsonl(out / "replication.jsonl", [])  # `reader` reads it
    judged = verdicts([counts[key] for key in tried], section.false_discovery_rate)
    screened = [
        ScreenedPassage(passage=passage, verdict=verdict, counts=counts[key])
        for (key, passage), verdict in zip(tried.items(), judged, strict=True)
    ]
    tokens = {kind: round(sampler.prompt_tokens[kind], 1) for kind in ("bare", "hinted")}
    report = describe_uplift(problems, screened) | {"prompt_tokens": tokens}
    dropped = [
        Drop(stage="passages", reason="too_long", problem_id=hints[key].problem_id, detail=hints[key].text)
        for key in long
    ]  # fmt: skip
    write_drops(out, dropped, problems)
    write_jsonl(out / "passages.jsonl", screened)
    write_json(out / "report.json", report)
    sizes = {"problems": len(problems), "passages": len(tried), **report["verdicts"]}
    # Those that no rule verifies, and those beyond the limit.
    with_passages = {passage.problem_id for passage in retrieved}
    if left := len(with_passages & {p.id for p in train} - {p.id for p in problems}):
        sizes["not_asked"] = left
    return StageResult(sizes | count_reasons(dropped, "dropped_"))


def _to_try(
    retrieved: Sequence[Passage], verifiable: Collection[str], section: Passages
) -> dict[str, Passage]:
    """Id of its hint -> each of the first passages of these problems, as far as `limit` goes."""
    tried: dict[str, Passage] = {}
    for passage in retrieved:
        if passage.problem_id in verifiable and passage.rank <= section.per_problem:
            tried.setdefault(passage.hint.id, passage)  # a text that stands twice in the corpus
    return dict(islice(tried.items(), section.limit))


STAGE = Stage(
    name="passages",
    command="passages",
    run=run,
    sections=("model", "prompt", "engine", "passages", "seed"),
    inputs=(*PREPARED, "retrieve/passages.jsonl", "dpo/adapter", *ENGINE),
    looks_at=HELD_OUT,
    version=11,
    draws=True,
)
