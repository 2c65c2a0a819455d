"""uplift: right answers with and without each passage -> gold, distractor or poison; what retrieval pays.

The screens of hints, in both directions: a passage that moves the answers up or down is sampled again. It
is gold or poison only if the new samples say so too, with the false discovery rate controlled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from koalign.evaluation.stats.intervals import gap_figure, rate_z, share_figure
from koalign.mining.hints.uplift_screens import discoveries
from koalign.records import Count, Problem
from koalign.retrieval.records import ScreenedPassage, Verdict

Counts = Mapping[str, Count]
ALL = "all"


def is_moved(counts: Counts, z: float) -> bool:
    """Whether the hinted rate lies more than `z` standard errors from the bare one."""
    return abs(_z(counts, "hinted", "bare")) > z


def verdicts(counts: Sequence[Counts], rate: float) -> list[Verdict]:
    """Of each passage; those that were sampled again have the counts of the replication.

    `rate`: the false discovery rate, among gains and among losses.
    """
    found: list[Verdict] = ["unclear" if "replication" in own else "distractor" for own in counts]
    signs: dict[Verdict, int] = {"gold": 1, "poison": -1}
    for verdict, sign in signs.items():
        moved = [
            number
            for number, own in enumerate(counts)
            if "replication" in own and sign * _z(own, "hinted", "bare") > 0
        ]
        again = [sign * _z(counts[n], "replication", "replication_bare") for n in moved]
        for number, passes in zip(moved, discoveries(again, rate), strict=True):
            if passes:
                found[number] = verdict
    return found


def describe_uplift(
    problems: Sequence[Problem], screened: Sequence[ScreenedPassage]
) -> dict[str, Any]:
    """Shares of problems by what their passages do, for the corpus and per subject, with intervals."""
    of_problem: dict[str, list[ScreenedPassage]] = {}
    for one in screened:
        of_problem.setdefault(one.passage.problem_id, []).append(one)
    tried = [problem for problem in problems if problem.id in of_problem]
    subjects = sorted({problem.subject for problem in tried if problem.subject})
    groups = {ALL: tried} | {
        name: [problem for problem in tried if problem.subject == name] for name in subjects
    }
    sources: dict[str, Counter[str]] = {}
    for one in screened:
        sources.setdefault(one.passage.chunk.source, Counter())[one.verdict] += 1
    return {
        "verdicts": dict(sorted(Counter(one.verdict for one in screened).items())),
        "sources": {name: dict(sorted(own.items())) for name, own in sorted(sources.items())},
        "subjects": {name: _of_group(own, of_problem) for name, own in groups.items() if own},
    }


def _of_group(
    problems: Sequence[Problem], of_problem: Mapping[str, Sequence[ScreenedPassage]]
) -> dict[str, Any]:
    """Figures of some problems.

    first_gain: the first passage shown to every problem, against none. The samples are those of the first
    screen, of all passages, so nothing is chosen by them. chosen_gain: the passage shown that the first
    screen prefers, none where it prefers none, by the new samples. What is chosen by some samples is
    measured on others, since the best of several by the same samples is too good. Gains that are all
    alike have the interval of `gap_interval`.
    """
    clusters = [problem.cluster for problem in problems]
    own = [of_problem[problem.id] for problem in problems]
    bare = [passages[0].counts["bare"].rate for passages in own]
    first = [min(passages, key=lambda one: one.passage.rank) for passages in own]
    first_gains = [one.counts["hinted"].rate - rate for one, rate in zip(first, bare, strict=True)]

    def share(verdict: Verdict) -> dict[str, float | int | None]:
        held = [float(any(one.verdict == verdict for one in passages)) for passages in own]
        return share_figure(held, clusters).rounded()

    return {
        "problems": len(problems),
        "gold": share("gold"),
        "poison": share("poison"),
        "bare": round(fmean(bare), 4),
        "first_gain": gap_figure(first_gains, clusters).rounded(),
        "chosen_gain": gap_figure([*map(_gain_of_chosen, own)], clusters).rounded(),
    }


def _gain_of_chosen(passages: Sequence[ScreenedPassage]) -> float:
    """Of one problem: what the passage with the best first samples gains on the new ones; of none 0."""
    better = [
        one
        for one in passages
        if "replication" in one.counts and _z(one.counts, "hinted", "bare") > 0
    ]
    if not better:
        return 0.0
    counts = max(better, key=lambda one: (one.counts["hinted"].rate, -one.passage.rank)).counts
    return counts["replication"].rate - counts["replication_bare"].rate


def _z(counts: Counts, first: str, second: str) -> float:
    one, other = counts[first], counts[second]
    return rate_z(one.right, one.n, other.right, other.n)
