"""report: solutions, verified and kept -> the counts to read before training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from koalign.mining.distilling.teacher_alarms import Chosen
from koalign.mining.distilling.verify import Solution, VerifiedSolution, hangul_share
from koalign.records import Drop, count_reasons

KINDS = ("own", "teacher", "rationalized")


def describe_distillation(
    solutions: Sequence[Solution],
    verified: Sequence[VerifiedSolution],
    kept: Sequence[VerifiedSolution],
    drops: Sequence[Drop],
) -> dict[str, Any]:
    """Counts, yields, shares and languages as one JSON value.

    `solutions`: all completions; `verified`: those that pass every check of their own; `kept`: those in
    the set. Shares of Hangul are of the letters, in tenths.
    """
    counts = {kind: sum(candidate.solution.by == kind for candidate in kept) for kind in KINDS}
    others = counts["teacher"] + counts["rationalized"]
    return {
        "problems_explained": len({candidate.solution.problem.id for candidate in kept}),
        "kept": counts,
        "own_per_teacher": round(counts["own"] / others, 2) if others else None,
        "rationalized_share": round(counts["rationalized"] / len(kept), 4) if kept else 0.0,
        "yield": {kind: _yield(kind, solutions, verified) for kind in KINDS},
        "hangul": {kind: _tenths(v for v in verified if v.solution.by == kind) for kind in KINDS},
        "positions": _positions(solutions),
        "dropped": count_reasons(drops),
        # The detail of a drop begins with its kind.
        "dropped_of": {
            kind: count_reasons(d for d in drops if d.detail.partition(" ")[0] == kind)
            for kind in KINDS
        },
    }


def chosen_by_teacher(solutions: Sequence[Solution]) -> list[Chosen]:
    """The choices that a teacher answers without having been told."""
    return [
        Chosen(
            problem_id=solution.problem.id,
            number=int(solution.verdict.answer),
            choices=len(solution.problem.choices),
        )
        for solution in solutions
        if solution.by == "teacher" and solution.problem.choices and solution.verdict.answer
    ]


def _yield(
    kind: str, solutions: Sequence[Solution], verified: Sequence[VerifiedSolution]
) -> dict[str, dict[str, int]]:
    """Number of the draw -> how many there are, how many are right, how many pass every check."""
    of_kind = [solution for solution in solutions if solution.by == kind]
    drawn = Counter(solution.index for solution in of_kind)
    right = Counter(solution.index for solution in of_kind if solution.verdict.correct)
    passed = Counter(v.solution.index for v in verified if v.solution.by == kind)
    return {
        str(index): {"drawn": drawn[index], "right": right[index], "verified": passed[index]}
        for index in sorted(drawn)
    }


def _tenths(verified: Iterable[VerifiedSolution]) -> dict[str, int]:
    tenths = Counter(min(9, int(10 * hangul_share(v.rationale))) for v in verified)
    return {f"{10 * n} to {10 * n + 10} %": tenths[n] for n in range(10)}


def _positions(solutions: Sequence[Solution]) -> dict[str, dict[str, int]]:
    """Number of choices -> place of the teacher's answer -> how often."""
    counts = Counter((c.choices, c.number) for c in chosen_by_teacher(solutions))
    sizes = sorted({size for size, _ in counts})
    return {
        str(size): {str(place): counts[size, place] for place in range(1, size + 1)}
        for size in sizes
    }
