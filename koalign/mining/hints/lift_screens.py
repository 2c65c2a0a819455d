"""lift: how often the policy is right with and without a hint -> what the screens that ask it say."""

from __future__ import annotations

from collections.abc import Mapping

from koalign.evaluation.stats.intervals import rate_z
from koalign.records import Count

SCREENS: dict[str, tuple[str, ...]] = {
    "room": ("bare",),
    "lift": ("hinted",),
    "leak": ("hidden_bare", "hidden_hinted"),
    "fresh": ("fresh",),
}
"""Screen -> what is counted for it, in the order of asking: only what passed is asked more.

bare: without the hint; hinted: with it; hidden: both with nothing to answer but the choices; fresh:
with the hint, drawn again.
"""
LEAK_Z = 1.645
"""As `z`, but a wrong alarm costs an honest hint: one in twenty. Told answers lie far above."""
PER_PROBLEM = frozenset({"bare", "hidden_bare"})
"""What is counted once for all hints of a problem."""


def answers_for(kind: str, n: int, bare_n: int) -> int:
    """How many answers a count is of: `n` where a hint may help, else `bare_n`.

    Few hints come as far as the hidden question, and no leak may slip through by chance.
    """
    return n if kind in ("hinted", "fresh") else bare_n


def refusal(screen: str, counts: Mapping[str, Count], n: int, z: float) -> str | None:
    """Why a screen refuses a hint, from all that is counted up to it; none if it passes.

    room: not even `n` right answers out of `n` would be enough. lift: not right more often with the
    hint than without, by more than `z` standard errors. leak: the same by LEAK_Z with the question
    hidden, where no honest hint can help. fresh: the best of many noisy candidates looks better than
    it is, so what is drawn again must lie above the bare rate once more.
    """
    match screen:
        case "room":
            return None if _above(Count(right=n, n=n), counts["bare"], z) else "no_room"
        case "lift":
            return None if _above(counts["hinted"], counts["bare"], z) else "no_lift"
        case "leak":
            told = _above(counts["hidden_hinted"], counts["hidden_bare"], LEAK_Z)
            return "tells_the_answer_alone" if told else None
        case "fresh":
            again = counts["fresh"].rate > counts["bare"].rate
            return None if again else "lift_did_not_repeat"
    raise ValueError(f"no such screen: {screen}")


def _above(some: Count, others: Count, z: float) -> bool:
    return rate_z(some.right, some.n, others.right, others.n) > z
