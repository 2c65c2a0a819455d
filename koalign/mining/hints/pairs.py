"""hint_pairs: abstractions -> two hints of one problem, of which one helps measurably more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from koalign.records import Abstraction


def hint_pairs(hints: Sequence[Abstraction], gap: float) -> list[tuple[Abstraction, Abstraction]]:
    """(chosen, rejected) of one problem: the kept hint of the highest score against each other hint of
    which the policy is right with it less often, by `gap` or more.

    Both rates are of the lift screen, where they had one budget and one bare rate. A hint that was
    refused before it was counted, as all that tell the answer in words, is in no pair.
    """
    by_problem: dict[str, list[Abstraction]] = defaultdict(list)
    for hint in hints:
        if "hinted" in hint.counts:
            by_problem[hint.problem_id].append(hint)
    pairs = []
    for own in by_problem.values():
        kept = sorted((h for h in own if h.kept), key=lambda h: (-(h.score or 0), h.id))
        for chosen in kept[:1]:
            best = chosen.counts["hinted"].rate
            pairs += [
                (chosen, other) for other in own if best - other.counts["hinted"].rate >= gap - 1e-9
            ]
    return pairs
