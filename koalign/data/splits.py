"""splits: what must never be shared between training, development and test problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from koalign.records import KoalignError, Problem


def refuse_shared(splits: Mapping[str, Sequence[Problem]]) -> None:
    """Raises KoalignError if a problem, or a group (a shared passage), stands in two splits."""
    for (name, problems), (other_name, others) in combinations(splits.items(), 2):
        ids = {problem.id for problem in problems}
        groups = {problem.group for problem in problems if problem.group}
        for other in others:
            if other.id in ids:
                raise KoalignError(
                    f"data.{other_name}: problem {other.id} ({other.question[:30]}…) is in "
                    f"data.{name} too; remove it from one of them"
                )
            if other.group in groups:
                raise KoalignError(
                    f"data.{other_name}: group {other.group!r} (problem {other.id}) is in "
                    f"data.{name} too; a shared passage must stay in one split"
                )
