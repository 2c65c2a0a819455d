"""abstraction: kept hints -> the adapter that states an abstraction, on top of the DPO adapter."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from koalign.adapters.card import AdapterCard
from koalign.adapters.cards import stacked_card, write_card
from koalign.data.prompting import tokens
from koalign.data.prompting.prompts import Renderer
from koalign.guard import within_context
from koalign.jsonl import parse_record, read_json, read_jsonl, write_jsonl
from koalign.mining.hints.pairs import hint_pairs
from koalign.mining.hints.transfer import best_of
from koalign.records import Abstraction, Base, Completion, KoalignError, Pair, Problem
from koalign.renderer import open_renderer
from koalign.run import WORK, Stage, StageResult, hash_path

TAUGHT = "taught"
"""Sub-folder of what was taught before `abstraction.dpo` sharpened it."""


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    base = parse_record(Base, read_json(inputs["prepare/base.json"]), "prepare/base.json")
    problems = {p.id: p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem)}
    hints = read_jsonl(inputs["hints/abstractions.jsonl"], Abstraction)
    kept = best_of(hints, config.abstraction.per_problem)
    if not kept:
        raise KoalignError(
            f"none of {len(hints)} hints passed the screens; "
            f"see {inputs['hints/abstractions.jsonl']} for the verdicts"
        )
    section = config.abstraction
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    card = stacked_card(
        inputs["dpo/adapter"],
        base,
        "abstraction",
        section.rank,
        {"abstractions.jsonl": hash_path(inputs["hints/abstractions.jsonl"])},
        renderer.hash,
    )
    counts = {"examples": len(kept), "kept_not_used": sum(h.kept for h in hints) - len(kept)}
    if base.scripted:
        write_card(out / "adapter", card)
        return StageResult(counts)

    from koalign.adapters.base import load_tokenizer
    from koalign.training.policy import masked_stack
    from koalign.training.sft import teach

    tokenizer = load_tokenizer(config.model)
    asked = [renderer.render(problems[hint.problem_id], "abstraction") for hint in kept]
    written = tokens.completion_ids(tokenizer, asked, [hint.text for hint in kept])
    rows = list(zip(tokens.prompt_ids(tokenizer, asked), written, strict=True))
    names = [hint.problem_id for hint in kept]
    fitting = within_context(rows, names, base, config.training.too_long, out)
    dropped, rows = len(rows) - len(fitting), [rows[number] for number in fitting]
    counts |= {"examples": len(rows), "dropped_too_long": dropped}
    taught = out / TAUGHT if section.dpo else out
    metrics: dict[str, float] = {}
    if not (taught / "adapter").exists():
        metrics = teach(
            partial(
                masked_stack,
                config.model,
                inputs["dpo/adapter"],
                section.rank,
                config.seed,
                out / WORK,
            ),
            tokenizer,
            rows,
            card,
            section,
            config.training,
            config.tracking,
            config.seed,
            taught,
        )
        shutil.rmtree(taught / WORK, ignore_errors=True)
    if section.dpo:
        pairs = _pairs(tokenizer, renderer, problems, hints, section.dpo_gap)
        read = [pair for pair in pairs if _length(pair) <= base.context]
        counts |= {"pairs": len(read), "dropped_pairs_too_long": len(pairs) - len(read)}
        if not read:
            raise KoalignError(
                f"abstraction.dpo: of no problem a kept hint and another one lie {section.dpo_gap:g} "
                "apart; set it to false, or screen more hints of each problem"
            )
        write_jsonl(out / "pairs.jsonl", read)
        metrics = _prefer(config, tokenizer, base, read, card, taught / "adapter", out)
    return StageResult(counts, metrics)


def _pairs(
    tokenizer: Any,
    renderer: Renderer,
    problems: Mapping[str, Problem],
    hints: Sequence[Abstraction],
    gap: float,
) -> list[Pair]:
    found = hint_pairs(hints, gap)
    asked = [renderer.render(problems[chosen.problem_id], "abstraction") for chosen, _ in found]
    written = [
        tokens.completion_ids(tokenizer, asked, [pair[side].text for pair in found])
        for side in (0, 1)
    ]
    return [
        Pair(
            problem_id=chosen.problem_id,
            prompt=text,
            prompt_ids=tuple(ids),
            chosen=Completion(text=chosen.text, token_ids=tuple(better)),
            rejected=Completion(text=rejected.text, token_ids=tuple(worse)),
            reason="lift",
        )
        for (chosen, rejected), text, ids, better, worse in zip(
            found,
            tokens.prompt_texts(tokenizer, asked),
            tokens.prompt_ids(tokenizer, asked),
            *written,
            strict=True,
        )
    ]


def _length(pair: Pair) -> int:
    sides = (len(pair.chosen.token_ids), len(pair.rejected.token_ids))
    return len(pair.prompt_ids) + max(sides)


def _prefer(
    config: Any,
    tokenizer: Any,
    base: Base,
    pairs: Sequence[Pair],
    card: AdapterCard,
    taught: Path,
    out: Path,
) -> dict[str, float]:
    """Sharpen what was taught, in ranks of its own on top; the reference is what was taught."""
    from koalign.training.dpo import sharpen
    from koalign.training.policy import continued_policy, masked_stack
    from koalign.training.scoring import token_logps

    rank = config.abstraction.rank
    data = {**card.data, "pairs.jsonl": hash_path(out / "pairs.jsonl")}
    sharper = stacked_card(taught, base, "abstraction", rank, data, str(card.template_hash))
    return sharpen(
        partial(masked_stack, config.model, taught, rank, config.seed, out / WORK),
        tokenizer,
        pairs,
        token_logps(continued_policy(config.model, taught), pairs, config.training),
        sharper,
        config.dpo,
        config.training,
        config.tracking,
        config.seed,
        out,
    )


STAGE = Stage(
    name="abstraction",
    command="abstractions",
    run=run,
    sections=("model", "prompt", "training", "dpo", "abstraction", "seed"),
    inputs=(
        "prepare/train.jsonl",
        "prepare/shots.jsonl",
        "prepare/base.json",
        "hints/abstractions.jsonl",
        "dpo/adapter",
    ),
    version=3,
)
