"""report: solutions, verified and kept -> the counts to look at before training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from koalign.mining.distilling.teacher_alarms import Chosen
from koalign.mining.distilling.verify import Solution, VerifiedSolution, hangul_share
from koalign.records import Drop

KINDS = ("own", "teacher", "rationalized")


def describe_distillation(
    solutions: Sequence[Solution],
    found: Sequence[VerifiedSolution],
    kept: Sequence[VerifiedSolution],
    drops: Sequence[Drop],
) -> dict[str, Any]:
    """Counts, yields, shares and languages as one JSON value.

    `solutions` are all completions, `found` those that pass every check of their own, `kept` what is left
    of them in the set. Shares of Hangul are of the letters, in tenths.
    """
    counts = {kind: sum(one.solution.by == kind for one in kept) for kind in KINDS}
    others = counts["teacher"] + counts["rationalized"]
    return {
        "problems_explained": len({one.solution.problem.id for one in kept}),
        "kept": counts,
        "own_per_teacher": round(counts["own"] / others, 2) if others else None,
        "rationalized_share": round(counts["rationalized"] / len(kept), 4) if kept else 0.0,
        "yield": {kind: _yield(kind, solutions, found) for kind in KINDS},
        "hangul": {kind: _tenths(o for o in found if o.solution.by == kind) for kind in KINDS},
        "positions": _positions(solutions),
        "dropped": dict(sorted(Counter(drop.reason for drop in drops).items())),
        "dropped_of": {
            kind: dict(sorted(Counter(d.reason for d in drops if _of(d) == kind).items()))
            for kind in KINDS
        },
    }


def chosen_by_teacher(solutions: Sequence[Solution]) -> list[Chosen]:
    """The choices that a teacher which was not told answers, as the problems stand."""
    return [
        Chosen(
            problem_id=one.problem.id,
            number=int(one.verdict.answer),
            choices=len(one.problem.choices),
        )
        for one in solutions
        if one.by == "teacher" and one.problem.choices and one.verdict.answer
    ]


def _of(drop: Drop) -> str:
    return drop.detail.partition(" ")[0]


def _yield(
    kind: str, solutions: Sequence[Solution], found: Sequence[VerifiedSolution]
) -> dict[str, dict[str, int]]:
    """Number of the draw -> how many there are, how many are right, how many pass every check."""
    drawn = Counter(one.index for one in solutions if one.by == kind)
    right = Counter(one.index for one in solutions if one.by == kind and one.verdict.correct)
    passed = Counter(one.solution.index for one in found if one.solution.by == kind)
    return {
        str(index): {"drawn": drawn[index], "right": right[index], "verified": passed[index]}
        for index in sorted(drawn)
    }


def _tenths(found: Iterable[VerifiedSolution]) -> dict[str, int]:
    tenths = Counter(min(9, int(10 * hangul_share(one.rationale))) for one in found)
    return {f"{10 * n} to {10 * n + 10} %": tenths[n] for n in range(10)}


def _positions(solutions: Sequence[Solution]) -> dict[str, dict[str, int]]:
    """Number of choices -> place of the teacher's answer -> how often."""
    counts = Counter((one.choices, one.number) for one in chosen_by_teacher(solutions))
    sizes = sorted({size for size, _ in counts})
    return {
        str(size): {str(place): counts[size, place] for place in range(1, size + 1)}
        for size in sizes
    }
