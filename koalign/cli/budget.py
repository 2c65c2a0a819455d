"""budget: --budget and --greedy of koalign solve -> settings."""

from __future__ import annotations

from collections.abc import Sequence

from koalign.cli.options import refuse_twice
from koalign.records import KoalignError

GREEDY = ("hints=1", "answers=1", "bare=0", "temperature=0", "hint_temperature=0")


def budget_settings(budget: int | None, greedy: bool, settings: Sequence[str]) -> list[str]:
    """The settings with those of a budget; raises KoalignError for options that contradict one another."""
    if greedy and budget not in (None, 1):
        raise KoalignError(f"--greedy is a budget of 1, and not of {budget}; leave one of them out")
    if budget is None and not greedy:
        return [*settings]
    answers = budget or 1
    split = (f"hints={answers - answers // 2}", "answers=1", f"bare={answers // 2}")
    own = [f"solve.{one}" for one in (GREEDY if answers == 1 else split)]
    keys = (one.partition("=")[0] for one in own)
    refuse_twice("--greedy" if greedy else "--budget", keys, settings)
    return [*settings, *own]
