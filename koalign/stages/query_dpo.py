"""query_dpo: queries of one problem, of which one finds gold better -> the query adapter, trained by DPO.

The reference is the query adapter as SFT left it. Problems that neither saw say which step is kept.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from koalign.adapters.cards import check_adapter, write_card
from koalign.config.sections import Config
from koalign.data.prompting.tokens import completion_ids, prompt_ids, prompt_texts
from koalign.guard import within_context
from koalign.hashing import hash_path
from koalign.jsonl import ById, read_json, read_jsonl, read_record, write_jsonl
from koalign.records import Base, Completion, KoalignError, Pair, Problem
from koalign.retrieval.queries import (
    QueryPair,
    WrittenQuery,
    part_problems,
    query_pairs,
    query_renderer,
)
from koalign.retrieval.records import ScreenedPassage, gold_chunks
from koalign.run import PREPARED, Inputs, Stage, StageResult
from koalign.text.visible import say

QUERIES = "queries/queries.jsonl"
PASSAGES = "passages/passages.jsonl"
CHUNKS = "index/chunks.jsonl"


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Metrics: the mean reciprocal rank of gold on the held-out problems, before and after, with errors."""
    base = read_record(inputs["prepare/base.json"], Base)
    parent = check_adapter(
        inputs["query/adapter"], base, query_renderer(config.prompt.thinking).hash
    )
    by_id = ById(inputs["prepare/train.jsonl"], Problem)
    written = read_jsonl(inputs[QUERIES], WrittenQuery)
    asked = [by_id[name] for name in dict.fromkeys(one.problem_id for one in written)]
    taught, held_out = part_problems(asked, config.query.held_out)
    known = {problem.id for problem in taught}
    pairs = query_pairs(
        [one for one in written if one.problem_id in known], config.query_dpo.per_problem
    )
    if not pairs:
        raise KoalignError(
            f"{inputs[QUERIES]}: no two queries of one problem differ in how well they find gold; raise "
            "queries.n or queries.temperature, or set query.held_out to 0"
        )
    write_jsonl(out / "pairs.jsonl", pairs)
    data = {path.name: hash_path(path) for path in (inputs[QUERIES], inputs[PASSAGES])}
    card = parent.model_copy(update={"name": "query_dpo", "data": data})
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult({"pairs": len(pairs), "held_out": len(held_out)})

    from koalign.adapters.base import load_tokenizer
    from koalign.engines.query_probe import QueryProbe, query_requests
    from koalign.training.dpo import train_dpo
    from koalign.training.fit import Job
    from koalign.training.guards import Watch
    from koalign.training.policy import continued_policy
    from koalign.training.scoring import reference_logps

    tokenizer = load_tokenizer(config.model)
    rows = _rows(config, tokenizer, by_id, pairs)
    longest = [
        (row.prompt_ids, max(row.chosen.token_ids, row.rejected.token_ids, key=len)) for row in rows
    ]
    problems = [by_id[row.problem_id] for row in rows]
    kept = within_context(longest, problems, base, config.training.too_long, out)
    rows = [rows[number] for number in kept]
    seen = sorted(taught, key=lambda problem: problem.id)[: len(held_out)]
    gold = gold_chunks(read_jsonl(inputs[PASSAGES], ScreenedPassage))
    probe = QueryProbe(
        tokenizer=tokenizer,
        base=base,
        max_tokens=config.queries.most_tokens,
        batch_size=config.probe.batch_size,
        sides={
            side: query_requests(tokenizer, base, pool, config.prompt.thinking)
            for side, pool in (("train", seen), ("held_out", held_out))
        },
        gold={name: frozenset(chunks) for name, chunks in gold.items()},
        chunks=inputs[CHUNKS],
        depth=config.retrieve.depth,
    )
    start = partial(continued_policy, config.model, inputs["query/adapter"])
    section, report = config.query_dpo, out / "probe.json"
    watch = Watch(config.probe, report, probe, from_adapter=True, dpo=section)
    job = Job(start, tokenizer, card, section, config.training, config.seed, out, watch)
    metrics = train_dpo(job, rows, reference_logps(start, rows, config.training))
    counts = {
        "pairs": len(rows),
        "held_out": len(held_out),
        "dropped_too_long": len(pairs) - len(rows),
    }
    return StageResult(counts, metrics | _control(report))


def _rows(
    config: Config, tokenizer: object, problems: ById[Problem], pairs: list[QueryPair]
) -> list[Pair]:
    """The pairs with the token ids that SFT has taught."""
    renderer = query_renderer(config.prompt.thinking)
    prompts = [renderer.render(problems[pair.problem_id], "answer") for pair in pairs]
    chosen, rejected = (
        completion_ids(tokenizer, prompts, texts)
        for texts in ([p.chosen.text for p in pairs], [p.rejected.text for p in pairs])
    )
    texts, ids = prompt_texts(tokenizer, prompts), prompt_ids(tokenizer, prompts)
    return [
        Pair(
            problem_id=pair.problem_id,
            prompt=texts[n],
            prompt_ids=tuple(ids[n]),
            chosen=Completion(text=pair.chosen.text, token_ids=tuple(chosen[n])),
            rejected=Completion(text=pair.rejected.text, token_ids=tuple(rejected[n])),
            reason="rank",
        )
        for n, pair in enumerate(pairs)
    ]


def _control(report: Path) -> dict[str, float]:
    """What the held-out problems say of the adapter at the start, and of the one that is kept; is said."""
    probed = read_json(report)
    steps = probed["evaluations"]
    before, after = steps[0], next(s for s in steps if s["step"] == probed["kept_step"])
    say(
        f"query_dpo: mean reciprocal rank of gold on {before['held_out_n']:.0f} held-out problems: "
        f"{before['held_out']:.3f} (standard error {before['held_out_error']:.3f}) before, "
        f"{after['held_out']:.3f} ({after['held_out_error']:.3f}) after"
        + ("" if after["step"] else ": the adapter at the start is kept"),
        err=True,
    )
    return {
        "mrr_before": before["held_out"],
        "mrr_before_error": before["held_out_error"],
        "mrr_after": after["held_out"],
        "mrr_after_error": after["held_out_error"],
    }


STAGE = Stage(
    name="query_dpo",
    command="query",
    run=run,
    sections=(
        "model", "prompt", "training", "probe", "retrieve", "queries", "query", "query_dpo", "seed",
    ),
    inputs=(
        *PREPARED, QUERIES, PASSAGES, CHUNKS, "index/index.json", "query/adapter",
    ),
    looks_at=("index/lexical",),
)  # fmt: skip
