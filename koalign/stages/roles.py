"""roles: kept hints, passages and queries, and answers -> abstraction, answer, reader and query adapters.

Each is trained on top of the DPO adapter, whose ranks stay frozen. So is `reasoning`, a control of solving:
the policy's own right reasonings, with the settings of the answer adapter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from koalign.adapters.cards import stacked_card, write_card
from koalign.config import sections
from koalign.config.retrieval import Query
from koalign.config.sections import Config
from koalign.data.prompting.orders import render_in_order
from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.guard import within_context
from koalign.hashing import WORK, hash_path
from koalign.jsonl import ById, read_jsonl, read_record
from koalign.mining.hints.traces import answer_traces, right_samples
from koalign.mining.hints.uplift_screens import best_hints
from koalign.records import Abstraction, Base, KoalignError, Problem, Prompt, Sample
from koalign.renderer import open_renderer, reasoning_prompt
from koalign.retrieval.queries import WrittenQuery, best_queries, part_problems, query_renderer
from koalign.retrieval.raft import ReaderRow, reader_rows
from koalign.retrieval.records import ScreenedPassage, passages_text
from koalign.run import PREPARED, Inputs, Stage, StageResult

HINTS = "hints/abstractions.jsonl"
TRACES = "traces/samples.jsonl"
SAMPLES = ("hints/hinted.jsonl", "hints/replication.jsonl", "hints/bare.jsonl")
QUERIES = "queries/queries.jsonl"
PASSAGES = "passages/passages.jsonl"
PASSAGE_SAMPLES = ("passages/hinted.jsonl", "passages/replication.jsonl", "passages/bare.jsonl")


def train_abstraction(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Examples: the best kept hints of each problem, whole."""
    problems = _problems(inputs)
    hints = read_jsonl(inputs[HINTS], Abstraction)
    kept = best_hints(hints, config.abstraction.per_problem)
    if not kept:
        raise KoalignError(
            f"none of {len(hints)} hints passed the screens; see {inputs[HINTS]} for the verdicts. "
            "`koalign evaluate -s candidates.source=none` evaluates the steps before"
        )
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    prompts = [renderer.render(problems[hint.problem_id], "abstraction") for hint in kept]
    not_used = sum(hint.kept for hint in hints) - len(kept)
    return _train(
        "abstraction", config.abstraction, config, inputs, out, renderer, prompts,
        lambda tokenizer: completion_ids(tokenizer, prompts, [hint.text for hint in kept]),
        lambda numbers: {"examples": len(numbers), "kept_not_used": not_used},
    )  # fmt: skip


def train_answer(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Examples: the policy's own samples, with kept hints and without."""
    problems = _problems(inputs)
    hinted, replication, bare = (read_jsonl(inputs[name], Sample) for name in SAMPLES)
    traces = answer_traces(
        problems,
        [hint for hint in read_jsonl(inputs[HINTS], Abstraction) if hint.kept],
        hinted=hinted + replication,
        bare=bare,
        traces=config.answer.traces,
        bare_share=config.answer.bare_share,
        mismatched_share=config.answer.mismatched_share,
        seed=config.seed,
    )
    if not traces:
        raise KoalignError("no right answer under a kept hint; see hints/abstractions.jsonl")
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    prompts = [
        render_in_order(renderer, problems[trace.problem_id], trace.permutation, trace.hint)
        for trace in traces
    ]

    def counts(numbers: Sequence[int]) -> dict[str, int]:
        kinds = Counter(traces[number].kind for number in numbers)
        return {"examples": len(numbers)} | {k: kinds[k] for k in ("hinted", "mismatched", "bare")}

    token_ids = [trace.token_ids for trace in traces]
    return _train(
        "answer", config.answer, config, inputs, out, renderer, prompts, lambda _: token_ids, counts
    )


def train_reader(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Examples: the policy's own right samples, with a gold passage among distractors and without."""
    section, problems = config.reader, _problems(inputs)
    screened = read_jsonl(inputs[PASSAGES], ScreenedPassage)
    hinted, replication, bare = (read_jsonl(inputs[name], Sample) for name in PASSAGE_SAMPLES)
    rows, missing = reader_rows(
        problems,
        screened,
        hinted=hinted + replication,
        bare=bare,
        passages=section.passages,
        gold_share=section.gold_share,
        traces=section.traces,
        seed=config.seed,
    )
    if not rows:
        gold = sum(one.verdict == "gold" for one in screened)
        raise KoalignError(
            f"{inputs[PASSAGES]}: no right answer with a gold passage to learn from ({gold} of "
            f"{len(screened)} passages are gold); raise passages.per_problem, or index other documents"
        )
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])

    def render(row: ReaderRow) -> Prompt:
        text = passages_text(row.passages)
        return render_in_order(renderer, problems[row.problem_id], row.permutation, text)

    rows = _with_room(rows, render, config, read_record(inputs["prepare/base.json"], Base))

    def counts(numbers: Sequence[int]) -> dict[str, int]:
        used = [rows[number] for number in numbers]
        gold = sum(row.gold is not None for row in used)
        return {
            "examples": len(used),
            "gold": gold,
            "distractors_only": len(used) - gold,
            "distractors_only_missing": missing,
            "with_fewer_passages": sum(len(row.passages) < section.passages for row in used),
        }

    token_ids = [row.token_ids for row in rows]
    return _train(
        "reader", section, config, inputs, out, renderer, [*map(render, rows)], lambda _: token_ids,
        counts,
    )  # fmt: skip


def _with_room(
    rows: Sequence[ReaderRow], render: Callable[[ReaderRow], Prompt], config: Config, base: Base
) -> list[ReaderRow]:
    """The rows, with fewer distractors where the context has no room for all."""
    fitting = list(rows)
    if base.scripted:
        return fitting

    from koalign.adapters.base import load_tokenizer

    tokenizer = load_tokenizer(config.model)
    left: Sequence[int] = range(len(fitting))
    while left:
        ids = prompt_ids(tokenizer, [render(fitting[number]) for number in left])
        left = [
            number
            for number, prompt in zip(left, ids, strict=True)
            if len(prompt) + len(fitting[number].token_ids) > base.context
            and len(fitting[number].passages) > 1
        ]
        for number in left:
            fitting[number] = fitting[number].shorter
    return fitting


def train_query(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Examples: of each problem the queries that find a gold passage best; none of what is held out."""
    problems, section = _problems(inputs), config.query
    written = read_jsonl(inputs[QUERIES], WrittenQuery)
    asked = [problems[name] for name in dict.fromkeys(one.problem_id for one in written)]
    taught, held_out = part_problems(asked, section.held_out)
    known = {problem.id for problem in taught}
    best = best_queries([one for one in written if one.problem_id in known], section.per_problem)
    if not best:
        raise KoalignError(
            f"{inputs[QUERIES]}: none of {len(written)} queries finds a gold passage; raise queries.n or "
            "retrieve.depth, or set queries.source: base"
        )
    renderer = query_renderer(config.prompt.thinking)
    prompts = [renderer.render(problems[one.problem_id], "answer") for one in best]
    return _train(
        "query", section, config, inputs, out, renderer, prompts,
        lambda tokenizer: completion_ids(tokenizer, prompts, [one.text for one in best]),
        lambda numbers: {"examples": len(numbers)} | ({"held_out": len(held_out)} if held_out else {}),
    )  # fmt: skip


def train_reasoning(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Examples: of each problem the first `answer.traces` distinct right reasonings."""
    problems = _problems(inputs)
    right = right_samples(problems, read_jsonl(inputs[TRACES], Sample))
    traces = [sample for own in right.values() for sample in own[: config.answer.traces]]
    renderer = open_renderer(reasoning_prompt(config.prompt))
    prompts = [renderer.render(problems[trace.problem_id], "answer") for trace in traces]
    token_ids = [trace.token_ids for trace in traces]
    return _train(
        "reasoning", config.answer, config, inputs, out, renderer, prompts,
        lambda _: token_ids,
        lambda numbers: {"examples": len(numbers)},
    )  # fmt: skip


def _problems(inputs: Inputs) -> dict[str, Problem]:
    return ById(inputs["prepare/train.jsonl"], Problem)


def _train(
    name: Literal["abstraction", "answer", "reader", "query", "reasoning"],
    section: sections.Abstraction | sections.Answer | sections.Reader | Query,
    config: Config,
    inputs: Inputs,
    out: Path,
    renderer: Renderer,
    prompts: Sequence[Prompt],
    completions: Callable[[Any], Sequence[Sequence[int]]],
    counts: Callable[[Sequence[int]], dict[str, int]],
) -> StageResult:
    """Train on prompts and completions.

    `completions`: tokenizer -> token ids of each. `counts`: numbers of examples -> counts of the stage.
    """
    base = read_record(inputs["prepare/base.json"], Base)
    data = {
        path.name: hash_path(path)
        for given, path in inputs.items()
        if given.startswith(("hints/", "passages/", "queries/", "traces/"))
    }
    role = "answer" if name == "reasoning" else name
    policy_template = open_renderer(config.prompt).hash
    card = stacked_card(inputs["dpo/adapter"], base, role, section.rank, data, policy_template)
    card = card.model_copy(update={"name": name, "template_hash": renderer.hash})
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult(counts(range(len(prompts))))

    from koalign.adapters.base import load_tokenizer
    from koalign.training.fit import Job
    from koalign.training.policy import masked_stack
    from koalign.training.sft import train_sft

    tokenizer = load_tokenizer(config.model)
    rows = list(zip(prompt_ids(tokenizer, prompts), completions(tokenizer), strict=True))
    problems = _problems(inputs)
    taught = [problems[prompt.problem_id] for prompt in prompts]
    kept = within_context(rows, taught, base, config.training.too_long, out)
    start = partial(
        masked_stack, config.model, inputs["dpo/adapter"], section.rank, config.seed, out / WORK
    )
    job = Job(start, tokenizer, card, section, config.training, config.seed, out)
    metrics = train_sft(job, [rows[number] for number in kept])
    return StageResult({**counts(kept), "dropped_too_long": len(rows) - len(kept)}, metrics)


ABSTRACTION = Stage(
    name="abstraction",
    command="abstractions",
    run=train_abstraction,
    sections=("model", "prompt", "training", "abstraction", "seed"),
    inputs=(*PREPARED, HINTS, "dpo/adapter"),
    version=4,
)
ANSWER = Stage(
    name="answer",
    command="abstractions",
    run=train_answer,
    sections=("model", "prompt", "training", "answer", "seed"),
    inputs=(*PREPARED, HINTS, *SAMPLES, "dpo/adapter"),
    version=5,
)
READER = Stage(
    name="reader",
    command="reader",
    run=train_reader,
    sections=("model", "prompt", "training", "reader", "seed"),
    inputs=(*PREPARED, PASSAGES, *PASSAGE_SAMPLES, "dpo/adapter"),
)
QUERY = Stage(
    name="query",
    command="query",
    run=train_query,
    sections=("model", "prompt", "training", "query", "seed"),
    inputs=(*PREPARED, QUERIES, "dpo/adapter"),
)
REASONING = Stage(
    name="reasoning",
    command="evaluate",
    run=train_reasoning,
    sections=ANSWER.sections,
    inputs=(*PREPARED, TRACES, "dpo/adapter"),
    version=3,
)
