"""judge: comparisons of answers -> their outcomes, each asked of a server in both orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koalign.config.teacher import Judge
from koalign.engines.teacher import ask_teacher
from koalign.manifests import CALLS_FAILED
from koalign.mining.comparing import Comparison, Outcome, calls_of, outcome_of


@dataclass(frozen=True)
class Judgement:
    """What a judge found, and what it has cost."""

    outcomes: tuple[Outcome, ...]
    """In the order of the comparisons."""
    model: str
    """As the server calls it, or the config where nothing had to be asked."""
    cost: float = 0.0
    """Of the whole log."""
    failed: int = 0
    """Calls without a reply."""

    @property
    def counts(self) -> dict[str, int]:
        """Of the manifest: the calls that failed, if there are any."""
        return {CALLS_FAILED: self.failed} if self.failed else {}

    @property
    def summary(self) -> dict[str, Any]:
        """Model, cost, and how many comparisons had which outcome."""
        outcomes = dict(sorted(Counter(self.outcomes).items()))
        return {"model": self.model, "cost": self.cost, "outcomes": outcomes}


def judge(section: Judge, comparisons: Sequence[Comparison], log: Path, *, title: str) -> Judgement:
    """The outcome of each comparison; equal texts are a tie and are not asked.

    Replies are logged as those of a teacher are: see `ask_teacher`, also for what it raises.
    """
    calls = [call for c in comparisons if c.first != c.second for call in calls_of(c)]
    if not calls:
        return Judgement(tuple("tie" for _ in comparisons), section.model or "")
    result = ask_teacher(section, calls, log, title=title, short=True)
    replies = iter(result.replies)
    outcomes: list[Outcome] = [
        outcome_of((next(replies), next(replies))) if c.first != c.second else "tie"
        for c in comparisons
    ]
    models = sorted({reply.model for reply in result.replies if reply})
    return Judgement(
        tuple(outcomes), ", ".join(models) or section.model or "", result.cost, len(result.failures)
    )
