"""judged: samples of a long answer -> comparisons for a judge; their outcomes -> preference pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from koalign.mining.comparing import Comparison, Outcome, compared_text
from koalign.mining.pairs.mining import SampledPrompt
from koalign.mining.pairs.pairing import PlacedPair, place_pair
from koalign.records import Completion, Drop, Sample
from koalign.text.korean import han_leak, repetition


@dataclass(frozen=True)
class SamplePair:
    """Two samples of one prompt that can be the sides of a pair."""

    source: SampledPrompt
    samples: tuple[Sample, Sample]

    @property
    def comparison(self) -> Comparison:
        """What the judge compares."""
        first, second = (compared_text(sample.text) for sample in self.samples)
        return Comparison(self.source.problem, first, second)


def sample_pairs(
    source: SampledPrompt, *, per_problem: int, max_repetition: float, max_length_ratio: float
) -> tuple[list[SamplePair], list[Drop]]:
    """Up to `per_problem` pairs of samples in the order drawn, each sample in one; none: a Drop says why.

    Samples are distinct without their thoughts. The limits are those of mined pairs, so that the
    judge is asked nothing that could not be a pair.
    """
    distinct: dict[str, Sample] = {}
    for sample in sorted(source.samples, key=lambda sample: sample.index):
        shown = compared_text(sample.text)
        if (
            shown
            and sample.finish_reason == "stop"
            and repetition(sample.token_ids) <= max_repetition
            and not han_leak(sample.text, source.prompt.text).leaks
        ):
            distinct.setdefault(shown, sample)
    left = list(distinct.values())
    pairs: list[SamplePair] = []
    reason = "lengths_too_different" if len(left) > 1 else "fewer_than_two_well_formed_answers"
    while left and len(pairs) < per_problem:
        first = left.pop(0)
        for second in left:
            shorter, longer = sorted((len(first.token_ids), len(second.token_ids)))
            if longer <= max_length_ratio * shorter:
                left.remove(second)
                pairs.append(SamplePair(source, (first, second)))
                break
    return pairs, [] if pairs else [_drop(source, reason, "")]


def judged_pairs(
    pairs: Sequence[SamplePair], outcomes: Sequence[Outcome]
) -> tuple[list[PlacedPair], list[Drop]]:
    """The pairs that the judge orders alike in both orders, the better side chosen."""
    placed, drops = [], []
    for pair, outcome in zip(pairs, outcomes, strict=True):
        if outcome in ("first", "second"):
            chosen, rejected = pair.samples if outcome == "first" else pair.samples[::-1]
            sides = _completion(chosen), _completion(rejected)
            source = pair.source
            placed.append(place_pair(source.problem, source.prompt, sides, "judged", ()))
        else:
            reason = "judged_equal" if outcome == "tie" else outcome
            first, second = (sample.index for sample in pair.samples)
            drops.append(_drop(pair.source, reason, f"samples {first} and {second}"))
    return placed, drops


def _completion(sample: Sample) -> Completion:
    return Completion(text=sample.text, token_ids=sample.token_ids)


def _drop(source: SampledPrompt, reason: str, detail: str) -> Drop:
    return Drop(stage="pairs", reason=reason, problem_id=source.problem.id, detail=detail)
