"""rivals: the vote with passages and its controls -> whether it beats them, in all and by subject."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from koalign.evaluation.solving.columns import Name, Outcomes
from koalign.evaluation.stats.intervals import holm, paired_difference
from koalign.evaluation.stats.wording import interval, p_value, points
from koalign.records import Problem, Record

SIGNIFICANT = 0.05
"""The usual level: hints or passages pay where p is below it and the interval lies above 0."""
RELEVANT = 0.01
"""One percentage point. Hints or passages do not pay where the interval lies below it."""
RIVALS: dict[Name, str] = {
    "bare": "more votes at equal written tokens",
    "bare_total": "more votes at equal total tokens",
    "mismatched_vote": "another problem's passages",
}
"""What a vote with passages must beat: they cost no written tokens but those of a query, and many in
prompts."""

Conclusion = Literal["pays", "does not pay", "not decided"]


class Rival(Record):
    """The vote minus one of its controls, on the problems that have it."""

    name: Name
    difference: float
    low: float | None
    high: float | None
    p: float


class SubjectGain(Record):
    """Whether passages pay on the problems of one subject."""

    subject: str
    """Empty: none."""
    n: int
    vote: float
    """Share of right votes."""
    rivals: tuple[Rival, ...]
    """Those that were answered."""
    p_holm: float | None
    """The largest p of the rivals, since all must be beaten, corrected for all subjects (Holm 1979). None
    where a rival is missing."""
    verdict: Conclusion


@dataclass(frozen=True)
class Contest:
    """The vote with passages and its rivals on some problems."""

    rivals: tuple[Rival, ...]

    @property
    def p(self) -> float | None:
        """Of all rivals together (intersection-union test, Berger 1982); None where one is missing."""
        return max(r.p for r in self.rivals) if len(self.rivals) == len(RIVALS) else None

    def verdict(self, p: float | None) -> Conclusion:
        """`p`: that of all rivals, or what a correction made of it."""
        lows = [rival.low for rival in self.rivals]
        if p is not None and p < SIGNIFICANT and all(low is not None and low > 0 for low in lows):
            return "pays"
        if any(rival.high is not None and rival.high < RELEVANT for rival in self.rivals):
            return "does not pay"
        return "not decided"

    @property
    def figures(self) -> str:
        """The differences in a sentence."""
        return ", ".join(
            f"{points(r.difference)} points against {RIVALS[r.name]} ({tested(r.low, r.high, r.p)})"
            for r in self.rivals
        )


def contest(outcomes: Outcomes, clusters: Sequence[str], of: Collection[int]) -> Contest:
    """The rivals that were answered on the problems with these numbers."""
    rivals = []
    for name in RIVALS:
        rows = [row for row in outcomes[name] if row in of]
        if not rows:
            continue
        vote, rival = ([outcomes[side][row].right == 1 for row in rows] for side in ("vote", name))
        gap, p = paired_difference(vote, rival, [clusters[row] for row in rows])
        assert p is not None  # right or wrong
        rivals.append(Rival(name=name, difference=gap.value, low=gap.low, high=gap.high, p=p))
    return Contest(tuple(rivals))


def gains_by_subject(
    problems: Sequence[Problem], outcomes: Outcomes, clusters: Sequence[str]
) -> list[SubjectGain]:
    """From the greatest loss against `bare` to the greatest gain; none where there is but one subject."""
    rows: dict[str, set[int]] = {}
    for row, problem in enumerate(problems):
        rows.setdefault(problem.subject, set()).add(row)
    if len(rows) < 2:
        return []
    contests = [contest(outcomes, clusters, own) for own in rows.values()]
    corrected = holm([one.p for one in contests])
    gains = [
        SubjectGain(
            subject=subject,
            n=len(own),
            vote=fmean(outcomes["vote"][row].right for row in own),
            rivals=one.rivals,
            p_holm=p,
            verdict=one.verdict(p),
        )
        for (subject, own), one, p in zip(rows.items(), contests, corrected, strict=True)
    ]
    return sorted(gains, key=lambda gain: (gain.rivals[0].difference, gain.subject))


def tested(low: float | None, high: float | None, p: float | None) -> str:
    """`+1.2 to +3.4, p 0.012`; of one passage alone there is no interval."""
    test = "" if p is None else f"p {p_value(p)}"
    return ", ".join(filter(None, (interval(low, high, points, unknown=""), test)))
