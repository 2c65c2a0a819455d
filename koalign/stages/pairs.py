"""pairs: graded samples, rankings, and what a judge prefers -> preference pairs. Needs no GPU."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from koalign.config.sections import Config
from koalign.data.prompting.orders import Order, in_order
from koalign.engines.judge import Judgement, judge
from koalign.engines.opening import tokenizer_of
from koalign.evaluation.stats.wording import in_words
from koalign.guard import HELD_OUT, refuse_leaks, write_drops
from koalign.jsonl import ById, read_jsonl, read_record, write_json, write_jsonl
from koalign.manifests import command_of
from koalign.mining.distilling.teacher_calls import PAID, REPLIES
from koalign.mining.pairs.judged import SamplePair, judged_pairs, sample_pairs
from koalign.mining.pairs.mining import Item, SampledPrompt, mine_candidates
from koalign.mining.pairs.pairing import (
    MINED,
    PlacedPair,
    balanced,
    pair_up,
    without_near_identical,
)
from koalign.mining.pairs.preferences import Limits, preference_pairs
from koalign.mining.pairs.report import describe_pairs
from koalign.records import (
    Base,
    Drop,
    KoalignError,
    Problem,
    PromptTokens,
    Ranking,
    Sample,
    count_reasons,
)
from koalign.renderer import open_renderer
from koalign.run import PREPARED, Inputs, Stage, StageResult

PROMPTS, SAMPLES = "samples/prompts.jsonl", "samples/samples.jsonl"
LONG = ("long_samples/prompts.jsonl", "long_samples/samples.jsonl")
"""Inputs of a run with a judge."""
REMEDIES = {
    "all_right": "Most problems are right in every sample: take harder ones, or raise sample.temperature",
    "all_wrong": "Most problems are never right: train SFT longer (sft.epochs), or take easier ones",
    "unreadable": "Most samples give no answer: raise sample.max_tokens, or "
    "train SFT longer (sft.epochs)",
    "no_better_than_guessing": "Most problems are right by guessing: raise sample.n, or train SFT longer",
    "no_rule_verifies_it": "Long answers have no rule: give rankings as training data, or name a judge "
    "(judge.url)",
    "judged_equal": "Most answers are equal to the judge: raise sample.temperature",
    "position_inconsistent": "The judge prefers a place to an answer: take a better one (judge.model)",
    "unreadable_verdict": "The judge gives no verdict that can be read: raise judge.max_tokens, or take "
    "another (judge.model)",
    "no_reply": "The server did not answer: see replies-failures.jsonl, and run again",
}
"""Why most problems gave no pair -> what to do."""
OTHERWISE = "Raise sample.n or sample.temperature, or train SFT longer (sft.epochs)"


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """Mine, add rankings and judged samples, drop near-identical pairs, then balance lengths and places.

    No pair at all is a result, with the reasons among the drops; where no judge replied it is an error.
    """
    base = read_record(inputs["prepare/base.json"], Base)
    problems = ById(inputs["prepare/train.jsonl"], Problem)
    rankings = read_jsonl(inputs["prepare/rankings.jsonl"], Ranking)
    sampled = _sampled_prompts(problems, inputs[PROMPTS], inputs[SAMPLES])
    by_judge: dict[str, list[SampledPrompt]] = {}
    if LONG[0] in inputs:
        by_judge = _sampled_prompts(problems, *(inputs[name] for name in LONG))
    if not (sampled or by_judge or rankings):
        raise KoalignError(
            f"no problem gave a pair: none was sampled. {REMEDIES['no_rule_verifies_it']}"
        )
    learned = [problems[name] for name in (*sampled, *by_judge)]
    refuse_leaks([*learned, *(ranking.problem for ranking in rankings)], inputs)

    items, candidates = [], {}
    for name in sorted(sampled):
        item, candidates[name] = mine_candidates(
            sampled[name],
            guess_level=config.pairs.guess_level,
            pool_share=config.pairs.pool_share,
            max_repetition=config.pairs.max_repetition,
            max_length_ratio=config.pairs.max_length_ratio,
        )
        items.append(item)
    mined = pair_up(
        candidates,
        per_problem=config.pairs.per_problem,
        hard_share=config.pairs.hard_share,
        seed=config.seed,
    )
    native: list[PlacedPair] = []
    drops: list[Drop] = []
    if rankings:
        native, drops = preference_pairs(
            rankings,
            open_renderer(config.prompt, inputs["prepare/shots.jsonl"]),
            tokenizer_of(config.model, base),
            limits=Limits(base.context, config.pairs.max_repetition, config.pairs.max_length_ratio),
            per_problem=config.pairs.per_problem,
        )
    judged: list[PlacedPair] = []
    judgement: Judgement | None = None
    if by_judge:
        judged, gone, judgement = _judged(
            config, [by_judge[name][0] for name in sorted(by_judge)], out
        )
        drops += gone
    pairs, gone, ches = _screened(config, base, [*mined, *native, *judged], inputs["sft/adapter"])
    drops += gone
    items = _with_their_use(items, pairs, gone)
    for item in items:
        if not candidates[item.problem_id]:
            rates = ", ".join(f"{rate.right} of {rate.n} right" for rate in item.orders)
            drops.append(
                Drop(stage="pairs", reason=item.use, problem_id=item.problem_id, detail=rates)
            )
    drops.sort(key=lambda drop: (drop.problem_id, drop.reason, drop.detail))
    write_jsonl(out / "items.jsonl", items)
    named = problems | {ranking.problem.id: ranking.problem for ranking in rankings}
    write_drops(out, drops, named.values())
    report = describe_pairs(items, pairs, drops, ches)
    if judgement:
        report["judge"] = {"problems": len(by_judge), **judgement.summary}
    write_json(out / "report.json", report)
    if not pairs and any(drop.reason == "no_reply" for drop in drops):
        raise KoalignError(why_no_pairs(out))
    pairs.sort(key=_file_order)
    write_jsonl(out / "pairs.jsonl", [placed.pair for placed in pairs])
    return StageResult(
        counts={
            "pairs": len(pairs),
            "problems_with_pairs": report["problems_with_pairs"],
            **count_reasons(drops, "dropped_"),
            **(judgement.counts if judgement else {}),
        },
        metrics={"cost": judgement.cost} if judgement else {},
    )


def why_no_pairs(folder: Path) -> str:
    """Why no problem gave a pair, by what the stage in this folder dropped, and what to do."""
    path = folder / "dropped.jsonl"
    reasons = Counter(drop.reason for drop in read_jsonl(path, Drop)).most_common()
    remedy = REMEDIES.get(reasons[0][0], OTHERWISE) if reasons else OTHERWISE
    return f"no problem gave a pair: {in_words(dict(reasons))}; see {path}. {remedy}"


def _sampled_prompts(
    problems: Mapping[str, Problem], prompts: Path, drawn: Path
) -> dict[str, list[SampledPrompt]]:
    """The prompts of each problem, with the samples drawn of them."""
    samples: dict[tuple[str, tuple[int, ...]], list[Sample]] = defaultdict(list)
    for sample in read_jsonl(drawn, Sample):
        samples[sample.problem_id, sample.permutation].append(sample)
    sampled: dict[str, list[SampledPrompt]] = defaultdict(list)
    for prompt in read_jsonl(prompts, PromptTokens):
        name, order = prompt.problem_id, prompt.permutation
        shown = in_order(problems[name], order)
        if not samples[name, order]:
            raise KoalignError(
                f"{drawn}: holds no sample of a prompt of {prompts} ({name}); remove {drawn.parent}, and "
                f"`koalign {command_of(drawn.parent)}` draws them again"
            )
        sampled[name].append(SampledPrompt(prompt, shown, samples[name, order]))
    return sampled


def _judged(
    config: Config, prompts: Sequence[SampledPrompt], out: Path
) -> tuple[list[PlacedPair], list[Drop], Judgement]:
    """Pairs of samples that the judge orders alike in both orders; its replies are logged in the stage."""
    limits = config.pairs
    compared: list[SamplePair] = []
    drops: list[Drop] = []
    for prompt in prompts:
        own, gone = sample_pairs(
            prompt,
            per_problem=limits.per_problem,
            max_repetition=limits.max_repetition,
            max_length_ratio=limits.max_length_ratio,
        )
        compared += own
        drops += gone
    comparisons = [pair.comparison for pair in compared]
    judgement = judge(config.judge, comparisons, out / REPLIES, title="pairs: judge")
    pairs, undecided = judged_pairs(compared, judgement.outcomes)
    return pairs, [*drops, *undecided], judgement


def _screened(
    config: Config, base: Base, pairs: Sequence[PlacedPair], policy: Path
) -> tuple[list[PlacedPair], list[Drop], list[float]]:
    """The pairs kept, the drops, and the CHES where they were computed."""
    kept = list(pairs)
    drops: list[Drop] = []
    ches: list[float] = []
    if config.pairs.ches_drop and kept and not base.scripted:
        from koalign.training.scoring import ln_ches

        kept.sort(key=_file_order)
        ches = ln_ches(policy, config.model, [placed.pair for placed in kept], config.training)
        kept, drops = without_near_identical(kept, ches, config.pairs.ches_drop)
    kept, gone = balanced(
        kept,
        max_length_bias=config.pairs.max_length_bias,
        max_position_excess=config.pairs.max_position_excess,
        seed=config.seed,
    )
    return kept, [*drops, *gone], ches


def _file_order(placed: PlacedPair) -> tuple[str, Order, str]:
    return placed.pair.problem_id, placed.pair.permutation, placed.name


def _with_their_use(
    items: Sequence[Item], pairs: Sequence[PlacedPair], drops: Sequence[Drop]
) -> list[Item]:
    """The items; where every pair was dropped from the set, `use` is the reason of the drop."""
    paired = {placed.pair.problem_id for placed in pairs if placed.pair.reason in MINED}
    why = {drop.problem_id: drop.reason for drop in drops}
    return [
        item.model_copy(update={"use": why[item.problem_id]})
        if item.use == "pairs" and item.problem_id not in paired
        else item
        for item in items
    ]


STAGE = Stage(
    name="pairs",
    command="dpo-pairs",
    run=run,
    sections=("model", "prompt", "training", "pairs", "seed"),
    inputs=(
        *PREPARED,
        "prepare/rankings.jsonl",
        "sft/adapter",
        PROMPTS,
        SAMPLES,
    ),
    looks_at=HELD_OUT,
    continues=False,
    keeps=PAID,
    version=17,
)
WITH_JUDGE = replace(STAGE, sections=(*STAGE.sections, "judge"), inputs=(*STAGE.inputs, *LONG))
