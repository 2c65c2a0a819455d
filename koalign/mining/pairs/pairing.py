"""pairing: the candidates of all problems -> pairs without a bias of length or position.

Every pair that is left out becomes a Drop. The same pairs in any order and the same seed give the same
set.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from koalign.mining.pairs.mining import Candidate
from koalign.records import (
    Completion,
    Drop,
    Pair,
    Problem,
    PromptTokens,
    Verdict,
    content_hash,
)

MINED = ("hard", "random", "judged")
"""The reasons of pairs whose sides the policy wrote; all others come from rankings."""


@dataclass(frozen=True)
class PlacedPair:
    """A pair, and where its two answers stand."""

    pair: Pair
    choices: int = 0
    """How many choices there are; 0: the answers are no choices, or nobody has graded them."""
    places: tuple[int, int] = (0, 0)
    """The numbers of the choices that the chosen and the rejected side answer, from 1."""

    @property
    def cell(self) -> tuple[int, int]:
        """What is balanced: the number of choices, and the place of the chosen answer."""
        return self.choices, self.places[0]

    @property
    def lengths(self) -> tuple[int, int]:
        """Tokens of the chosen and of the rejected side."""
        return len(self.pair.chosen.token_ids), len(self.pair.rejected.token_ids)

    @cached_property
    def name(self) -> str:
        """The hash of the pair."""
        return content_hash(self.pair.model_dump(mode="json"))

    def drop(self, reason: str) -> Drop:
        """The pair, set aside."""
        chosen, rejected = self.lengths
        detail = f"{self.pair.reason}: {chosen} tokens chosen, {rejected} rejected"
        if self.choices:
            detail += f"; answers {self.places[0]} and {self.places[1]} of {self.choices}"
        return Drop(stage="pairs", reason=reason, problem_id=self.pair.problem_id, detail=detail)


def pair_up(
    candidates: Mapping[str, Sequence[Candidate]], *, per_problem: int, hard_share: float, seed: int
) -> list[PlacedPair]:
    """Up to `per_problem` pairs of each problem out of its candidates, the hardest first.

    `hard_share` of the pairs are drawn from the hard candidates, the others from all at random. A rejected
    sample is used once; a chosen sample is reused when all others have been. Of equally hard candidates,
    and of those drawn at random, the one is taken whose chosen answer stands where the fewest have so far.
    The rejected answers keep the places that the policy likes, for it is to unlearn them.
    """
    stood: Counter[tuple[int, int]] = Counter()
    pairs = []
    for problem_id in sorted(candidates, key=lambda name: content_hash(seed, name)):
        rng = random.Random(f"{seed}/{problem_id}")
        left = list(candidates[problem_id])
        used: Counter[str] = Counter()
        for _ in range(per_problem):
            hard = [candidate for candidate in left if candidate.hard]
            is_hard = rng.random() < hard_share and bool(hard)
            pool = hard if is_hard else rng.sample(left, len(left))
            reason = "hard" if is_hard else "random"
            offers = [(_pair(candidate, used, reason), candidate) for candidate in pool]
            if offers:
                pair, taken = min(
                    offers, key=lambda o: (-o[1].hardness if is_hard else 0.0, stood[o[0].cell])
                )
                left.remove(taken)
                used[pair.pair.chosen.text] += 1
                stood[pair.cell] += 1
                pairs.append(pair)
    return pairs


def without_near_identical(
    pairs: Sequence[PlacedPair], ches: Sequence[float], share: float
) -> tuple[list[PlacedPair], list[Drop]]:
    """Drop the `share` of pairs with the highest length-normalised CHES; `ches` in the order of `pairs`.

    DPO lowers both sides where their hidden states are nearly equal (arXiv 2410.08847).
    """
    names = [pair.name for pair in pairs]
    highest = sorted(range(len(pairs)), key=lambda n: (-ches[n], names[n]))
    gone = {*highest[: math.floor(share * len(pairs))]}
    return (
        [pair for number, pair in enumerate(pairs) if number not in gone],
        [pairs[number].drop("near_identical") for number in sorted(gone)],
    )


def balanced(
    pairs: Sequence[PlacedPair],
    *,
    max_length_bias: float | None,
    max_position_excess: float | None,
    seed: int,
) -> tuple[list[PlacedPair], list[Drop]]:
    """Drop pairs until neither side is longer on the whole nor prefers a position; see `config.Pairs`."""
    kept = sorted(pairs, key=lambda pair: content_hash(seed, pair.name))
    dropped: list[Drop] = []
    before = -1
    while len(kept) != before:  # what one limit drops may break the other
        before = len(kept)
        if max_length_bias is not None:
            kept, gone = _without_length_bias(kept, max_length_bias)
            dropped += [pair.drop("length_bias") for pair in gone]
        if max_position_excess is not None:
            kept, gone = _without_position_excess(kept, max_position_excess)
            dropped += [pair.drop("position_excess") for pair in gone]
    return kept, dropped


def place_pair(
    problem: Problem,
    prompt: PromptTokens,
    sides: tuple[Completion, Completion],
    reason: str,
    verdicts: Sequence[Verdict],
) -> PlacedPair:
    """The pair of a chosen and a rejected side, placed where their verdicts are of choices."""
    chosen, rejected = sides
    pair = Pair(
        problem_id=prompt.problem_id,
        prompt=prompt.text,
        prompt_ids=prompt.token_ids,
        chosen=chosen,
        rejected=rejected,
        reason=reason,
        permutation=prompt.permutation,
    )
    if not (problem.choices and verdicts):
        return PlacedPair(pair)
    first, second = (int(verdict.answer or 0) for verdict in verdicts)
    return PlacedPair(pair, len(problem.choices), (first, second))


def _pair(candidate: Candidate, used: Mapping[str, int], reason: str) -> PlacedPair:
    """The candidate with the right sample that has been chosen least."""
    chosen = min(candidate.partners, key=lambda partner: used.get(partner.sample.text, 0))
    source, rejected = candidate.source, candidate.rejected
    sides, verdicts = (chosen.completion, rejected.completion), (chosen.verdict, rejected.verdict)
    return place_pair(source.problem, source.prompt, sides, reason, verdicts)


def _without_length_bias(
    pairs: Sequence[PlacedPair], limit: float
) -> tuple[list[PlacedPair], list[PlacedPair]]:
    """Drops at the heavy end until |median difference| <= limit x median length of a side."""
    ordered = sorted(pairs, key=lambda pair: pair.lengths[0] - pair.lengths[1])
    differences = [pair.lengths[0] - pair.lengths[1] for pair in ordered]
    lengths = sorted(length for pair in pairs for length in pair.lengths)
    low, high = 0, len(ordered)
    while low < high:
        middle = _median(differences, low, high)
        if abs(middle) <= limit * _median(lengths, 0, len(lengths)):
            break
        heavy = high - 1 if middle > 0 else low
        low, high = (low, high - 1) if middle > 0 else (low + 1, high)
        for length in ordered[heavy].lengths:
            lengths.pop(bisect_left(lengths, length))
    gone = [*ordered[:low], *ordered[high:]]
    names = {id(pair) for pair in gone}
    return [pair for pair in pairs if id(pair) not in names], gone


def _without_position_excess(
    pairs: Sequence[PlacedPair], excess: float
) -> tuple[list[PlacedPair], list[PlacedPair]]:
    """Drops until no place holds more than `excess` times its fair share of the chosen answers.

    The fullest place first, and there random pairs before hard ones. The fair share is rounded up: of three
    pairs one may stand anywhere.
    """
    standing: dict[tuple[int, int], list[PlacedPair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: pair.pair.reason == "random"):
        if pair.choices:
            standing[pair.cell].append(pair)
    totals = Counter(pair.choices for pair in pairs)
    gone: list[PlacedPair] = []

    def over(cell: tuple[int, int]) -> int:
        return len(standing[cell]) - math.ceil(excess * totals[cell[0]] / cell[0])

    while standing and over(worst := max(sorted(standing), key=over)) > 0:
        gone.append(standing[worst].pop())
        totals[worst[0]] -= 1
    out = {id(pair) for pair in gone}
    return [pair for pair in pairs if id(pair) not in out], gone


def _median(ordered: Sequence[int], low: int, high: int) -> float:
    """The median of the part of an ordered sequence from `low` up to, without it, `high`."""
    size = high - low
    return (ordered[low + (size - 1) // 2] + ordered[low + size // 2]) / 2
