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
    "replication": ("replication_bare", "replication"),
}
"""Screen -> the counts that it adds, in the order of sampling; only hints that passed are sampled again.

bare: without the hint; hinted: with it; hidden_*: the same with stem and passage hidden;
replication, replication_bare: new samples with the hint and without.
"""
REASONS = {
    "headroom": "no_headroom",
    "uplift": "no_uplift",
    "leak": "tells_the_answer_alone",
    "replication": "uplift_did_not_replicate",
}
LEAK_Z = 1.645
"""One-sided 5 % quantile of the normal distribution. A false alarm costs an honest hint, so it is higher
than the default `hints.z`; hints that tell the answer lie far above."""
PER_PROBLEM = frozenset({"bare", "hidden_bare", "replication_bare"})
"""Counts that all hints of a problem share."""


def samples_for(count: str, n: int, bare_n: int, replication_n: int) -> int:
    """Samples of a count: `n` with a hint, `bare_n` without, `replication_n` of each in the replication.

    The hidden counts have `bare_n`: few hints reach them, and no leak may pass by chance.
    """
    if count in ("replication", "replication_bare"):
        return replication_n
    return n if count == "hinted" else bare_n


def refusals(
    screen: str,
    counts: Sequence[Mapping[str, Count]],
    *,
    n: int,
    z: float,
    false_discovery_rate: float,
) -> list[str | None]:
    """Why a screen refuses each of the hints that reached it, from their counts; None: it passes.

    - headroom: even `n` right answers out of `n` would not be a significant uplift.
    - uplift: the hinted rate is not above the bare rate by more than `z` standard errors.
    - leak: the same by LEAK_Z with stem and passage hidden, where no honest hint can help.
    - replication: the uplift on new samples is not significant, with `false_discovery_rate` controlled
      over all these hints. The best of many noisy candidates looks better than it is.
    """
    match screen:
        case "headroom":
            passed = [_z(Count(right=n, n=n), own["bare"]) > z for own in counts]
        case "uplift":
            passed = [_z(own["hinted"], own["bare"]) > z for own in counts]
        case "leak":
            passed = [_z(own["hidden_hinted"], own["hidden_bare"]) <= LEAK_Z for own in counts]
        case _:
            passed = discoveries(
                [_z(own["replication"], own["replication_bare"]) for own in counts],
                false_discovery_rate,
            )
    return [None if passes else REASONS[screen] for passes in passed]


def hint_score(counts: Mapping[str, Count]) -> float:
    """The uplift on the replication samples: hinted rate minus bare rate, from -1 to 1."""
    return counts["replication"].rate - counts["replication_bare"].rate


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


def discoveries(zs: Sequence[float], rate: float) -> list[bool]:
    """Which one-sided tests are significant at a false discovery rate (Benjamini & Hochberg 1995).

    It holds for tests that share a bare count, too: they are positively dependent.
    """
    from scipy.stats import false_discovery_control, norm

    return [bool(p <= rate) for p in false_discovery_control(norm.sf(zs))] if zs else []


def _z(first: Count, second: Count) -> float:
    return rate_z(first.right, first.n, second.right, second.n)
