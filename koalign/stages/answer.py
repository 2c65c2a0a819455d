"""answer: the policy's own samples with and without kept hints -> the adapter that answers with a hint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from koalign.adapters.cards import stacked_card, write_card
from koalign.config.sections import Config
from koalign.data.prompting.orders import render_in_order
from koalign.data.prompting.tokens import prompt_ids
from koalign.guard import within_context
from koalign.jsonl import read_jsonl, read_record
from koalign.mining.hints.traces import Trace, answer_traces
from koalign.records import Abstraction, Base, KoalignError, Problem, Sample
from koalign.renderer import open_renderer
from koalign.run import WORK, Stage, StageResult, hash_path


def run(config: Config, inputs: Mapping[str, Path], out: Path) -> StageResult:
    base = read_record(inputs["prepare/base.json"], Base)
    problems = {p.id: p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem)}
    section = config.answer
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    traces = answer_traces(
        problems,
        [h for h in read_jsonl(inputs["hints/abstractions.jsonl"], Abstraction) if h.kept],
        hinted=read_jsonl(inputs["hints/hinted.jsonl"], Sample)
        + read_jsonl(inputs["hints/replication.jsonl"], Sample),
        bare=read_jsonl(inputs["hints/bare.jsonl"], Sample),
        traces=section.traces,
        bare_share=section.bare_share,
        mismatched_share=section.mismatched_share,
        seed=config.seed,
    )
    if not traces:
        raise KoalignError("no right answer under a kept hint; see hints/abstractions.jsonl")
    card = stacked_card(
        inputs["dpo/adapter"],
        base,
        "answer",
        section.rank,
        {path.name: hash_path(path) for name, path in inputs.items() if name.startswith("hints/")},
        renderer.hash,
    )
    counts = _count(traces)
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult(counts)

    from koalign.adapters.base import load_tokenizer
    from koalign.training.fit import Job
    from koalign.training.policy import masked_stack
    from koalign.training.sft import train_sft

    tokenizer = load_tokenizer(config.model)
    prompts = [
        render_in_order(renderer, problems[trace.problem_id], trace.permutation, trace.hint)
        for trace in traces
    ]
    rows = [
        (ids, trace.token_ids)
        for ids, trace in zip(prompt_ids(tokenizer, prompts), traces, strict=True)
    ]
    names = [trace.problem_id for trace in traces]
    fitting = within_context(rows, names, base, config.training.too_long, out)
    dropped, rows = len(rows) - len(fitting), [rows[number] for number in fitting]
    counts = {**_count([traces[number] for number in fitting]), "dropped_too_long": dropped}
    build = partial(
        masked_stack, config.model, inputs["dpo/adapter"], section.rank, config.seed, out / WORK
    )
    metrics = train_sft(
        Job(build, tokenizer, card, section, config.training, config.tracking, config.seed, out),
        rows,
    )
    return StageResult(counts, metrics)


def _count(traces: Sequence[Trace]) -> dict[str, int]:
    kinds = ("hinted", "mismatched", "bare")
    return {
        "examples": len(traces),
        **{kind: sum(trace.kind == kind for trace in traces) for kind in kinds},
    }


STAGE = Stage(
    name="answer",
    command="abstractions",
    run=run,
    sections=("model", "prompt", "training", "answer", "seed"),
    inputs=(
        "prepare/train.jsonl",
        "prepare/shots.jsonl",
        "prepare/base.json",
        "hints/abstractions.jsonl",
        "hints/bare.jsonl",
        "hints/hinted.jsonl",
        "hints/replication.jsonl",
        "dpo/adapter",
    ),
    version=3,
)
