"""pairs: graded samples -> preference pairs. A second's work, and the place to change one's mind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from koalign.data.mining import mine
from koalign.jsonl import read_jsonl, write_jsonl
from koalign.records import Completion, Drop, KoalignError, Pair, Problem, PromptTokens, Sample
from koalign.run import Stage, StageResult


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    problems = {p.id: p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem)}
    by_problem: dict[str, list[Sample]] = defaultdict(list)
    for sample in read_jsonl(inputs["samples/samples.jsonl"], Sample):
        by_problem[sample.problem_id].append(sample)
    pairs, dropped = [], []
    for prompt in read_jsonl(inputs["samples/prompts.jsonl"], PromptTokens):
        mined, reason = mine(
            problems[prompt.problem_id],
            by_problem[prompt.problem_id],
            per_problem=config.pairs.per_problem,
            hard_share=config.pairs.hard_share,
            max_length_ratio=config.pairs.max_length_ratio,
            seed=config.seed,
        )
        if reason:
            dropped.append(Drop(problem_id=prompt.problem_id, stage="pairs", reason=reason))
        for pair in mined:
            pairs.append(
                Pair(
                    problem_id=prompt.problem_id,
                    prompt=prompt.text,
                    prompt_ids=prompt.token_ids,
                    chosen=Completion(text=pair.chosen.text, token_ids=pair.chosen.token_ids),
                    rejected=Completion(text=pair.rejected.text, token_ids=pair.rejected.token_ids),
                    reason=pair.reason,
                )
            )
    write_jsonl(out / "dropped.jsonl", dropped)
    reasons = Counter(drop.reason for drop in dropped)
    if not pairs:
        raise KoalignError(f"no problem gave a pair: {dict(reasons)}; see {out / 'dropped.jsonl'}")
    write_jsonl(out / "pairs.jsonl", pairs)
    return StageResult(
        counts={
            "pairs": len(pairs),
            "problems_with_pairs": len({pair.problem_id for pair in pairs}),
            **{f"dropped_{reason}": count for reason, count in sorted(reasons.items())},
        }
    )


STAGE = Stage(
    name="pairs",
    command="dpo-pairs",
    run=run,
    sections=("pairs", "seed"),
    inputs=("prepare/train.jsonl", "samples/prompts.jsonl", "samples/samples.jsonl"),
    continues=False,
)
