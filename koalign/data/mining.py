"""mining: the graded samples of one problem -> preference pairs, or the reason why there are none."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from koalign.data.grading import grade, quotes_its_choice
from koalign.records import Problem, Sample


@dataclass(frozen=True)
class MinedPair:
    chosen: Sample
    rejected: Sample
    reason: str


def mine(
    problem: Problem,
    samples: Sequence[Sample],
    *,
    per_problem: int,
    hard_share: float,
    max_length_ratio: float,
    seed: int,
) -> tuple[list[MinedPair], str | None]:
    """Pairs of verified-right and verified-wrong samples of one problem, or the reason for none.

    Right: the rule says so and the written choice is the numbered one. Wrong: the rule says so and
    the format is right, so that the pair differs in the answer and not in the form. Harder wrong
    samples come first: those whose answer most wrong samples share, then the likelier ones. A wrong
    sample is used once. The result depends on the seed and on nothing of the order of the samples.
    """
    ordered = sorted(samples, key=lambda s: s.index)
    verdicts = {s.index: grade(problem, s.text, s.finish_reason) for s in ordered}
    readable = [s for s in ordered if verdicts[s.index].answer is not None]
    if not readable:
        return [], "no_readable_answer"
    right = [s for s in readable if verdicts[s.index].correct]
    if len(right) == len(ordered):
        return [], "all_right"
    if not right:
        return [], "all_wrong"
    chosen = _distinct([s for s in right if quotes_its_choice(problem, s.text)])
    if not chosen:
        return [], "no_consistent_right_answer"
    wrong = _distinct(
        [s for s in readable if not verdicts[s.index].correct and s.finish_reason == "stop"]
    )
    if not wrong:
        return [], "no_well_formed_wrong_answer"

    votes = Counter(verdicts[s.index].answer for s in readable if not verdicts[s.index].correct)
    rng = random.Random(f"{seed}/{problem.id}")
    hard = sorted(
        wrong,
        key=lambda s: (-votes[verdicts[s.index].answer], -s.logprob / len(s.token_ids), s.index),
    )
    middle = statistics.median(len(s.token_ids) for s in readable)
    chosen.sort(key=lambda s: (abs(len(s.token_ids) - middle), s.index))

    pairs: list[MinedPair] = []
    while hard and len(pairs) < per_problem:
        is_hard = rng.random() < hard_share
        rejected = hard[0] if is_hard else rng.choice(hard)
        hard.remove(rejected)
        partner = chosen[len(pairs) % len(chosen)]
        lengths = sorted([len(partner.token_ids), len(rejected.token_ids)])
        if lengths[1] <= max_length_ratio * lengths[0]:
            pairs.append(MinedPair(partner, rejected, "hard" if is_hard else "random"))
    return pairs, None if pairs else "lengths_too_different"


def _distinct(samples: Sequence[Sample]) -> list[Sample]:
    """One sample for each text: the first drawn."""
    first: dict[str, Sample] = {}
    for sample in samples:
        first.setdefault(sample.text, sample)
    return list(first.values())
