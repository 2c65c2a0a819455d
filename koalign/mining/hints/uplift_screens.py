"""uplift_screens: right answers with and without a hint -> whether it is kept, and the best hints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from koalign.evaluation.stats.intervals import rate_z
from koalign.records import Abstraction, Count

SCREENS: dict[str, tuple[str, ...]] = {
    "headroom": ("bare",),
    "uplift": ("hinted",),
    "leak": ("hidden_bare", "hidden_hinted"),
    "replication": ("replication",),
}
"""Screen -> the counts that it adds, in the order of sampling; only hints that passed are sampled again.

bare: without the hint; hinted: with it; hidden_*: the same with the choices alone, the question hidden;
replication: with the hint, new samples.
"""
LEAK_Z = 1.645
"""One-sided 5 % quantile of the normal distribution. A false alarm costs an honest hint, so it is higher
than the default `hints.z`; hints that tell the answer lie far above."""
PER_PROBLEM = frozenset({"bare", "hidden_bare"})
"""Counts that all hints of a problem share."""


def samples_for(count: str, n: int, bare_n: int) -> int:
    """Samples of a count: `n` where the hint may help, else `bare_n`.

    Few hints reach the hidden question, and no leak may pass by chance.
    """
    return n if count in ("hinted", "replication") else bare_n


def refusal(screen: str, counts: Mapping[str, Count], n: int, z: float) -> str | None:
    """Why a screen refuses a hint, from the counts so far; None: it passes.

    - headroom: even `n` right answers out of `n` would not be a significant uplift.
    - uplift: the hinted rate is not above the bare rate by more than `z` standard errors.
    - leak: the same by LEAK_Z with the question hidden, where no honest hint can help.
    - replication: the hinted rate of new samples is not above the bare rate. The best of many noisy
      candidates looks better than it is.

    Raises ValueError for an unknown screen.
    """
    match screen:
        case "headroom":
            return None if _above(Count(right=n, n=n), counts["bare"], z) else "no_headroom"
        case "uplift":
            return None if _above(counts["hinted"], counts["bare"], z) else "no_uplift"
        case "leak":
            leaks = _above(counts["hidden_hinted"], counts["hidden_bare"], LEAK_Z)
            return "tells_the_answer_alone" if leaks else None
        case "replication":
            return None if hint_score(counts) > 0 else "uplift_did_not_replicate"
    raise ValueError(f"no such screen: {screen}")


def hint_score(counts: Mapping[str, Count]) -> float:
    """The uplift on the replication samples: hinted rate minus bare rate, from -1 to 1."""
    return counts["replication"].rate - counts["bare"].rate


def best_hints(hints: Sequence[Abstraction], per_problem: int) -> list[Abstraction]:
    """Of each problem at most `per_problem` kept hints of the highest score, in their given order."""
    kept = [hint for hint in hints if hint.kept]
    taken: Counter[str] = Counter()
    best = set()
    for hint in sorted(kept, key=lambda hint: (-(hint.score or 0), hint.id)):
        if taken[hint.problem_id] < per_problem:
            taken[hint.problem_id] += 1
            best.add(hint.id)
    return [hint for hint in kept if hint.id in best]


def _above(first: Count, second: Count, z: float) -> bool:
    return rate_z(first.right, first.n, second.right, second.n) > z
