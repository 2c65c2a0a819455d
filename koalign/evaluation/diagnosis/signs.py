"""signs: what a diagnosis measures of base and system, and how a difference between them reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from koalign.evaluation.stats.intervals import Figure
from koalign.naming import counted

Outcome = Literal["worse", "better", "small", "none", "too_few", "not_measured"]

MINIMUM = 10
"""No difference is read from fewer items than this on either side."""
POINTS = 0.05
"""The smallest difference between two shares that is called worse or better."""
TIMES = 1.25
"""The smallest factor between two lengths that is called worse."""


@dataclass(frozen=True)
class Sign:
    """A figure of a model that tells learning by heart from learning to answer."""

    key: str
    title: str
    about: str
    """What is measured, on which items."""
    meaning: str = ""
    """What a system that is worse than its base has learned instead."""
    bad: Literal["up", "down", "either"] = "up"
    unit: Literal["share", "tokens"] = "share"


SIGNS = (
    Sign("train_accuracy", "accuracy, training problems", "Share of right answers.", bad="down"),
    Sign("held_out_accuracy", "accuracy, held-out problems", "Share of right answers.", bad="down"),
    Sign(
        "gap", "training minus held-out accuracy",
        "The base has a gap too where training problems are easier; what lies beyond it was memorised.",
        "memorised",
    ),
    Sign(
        "shuffled_train", "lost in another order, training",
        "Accuracy on training problems as they stand, minus with the gold answer at another place.",
        "knows where the answers stood",
    ),
    Sign(
        "shuffled_held_out", "lost in another order, held-out",
        "Accuracy on held-out problems as they stand, minus with the gold answer at another place.",
        "reads places",
    ),
    Sign(
        "stays", "same choice in both orders",
        "Share of held-out problems answered with the same choice in both orders, right or wrong, of those "
        "with an answer in both.",
        "reads places, not contents", bad="down",
    ),
    Sign(
        "teacher_phrases", "teacher's phrases",
        "Share of the phrases of 13 letters in the reasoning on held-out problems that stand in what was "
        "taught and not in the prompt.",
        "the teacher's words, by heart",
    ),
    Sign(
        "opening", "one opening for all",
        "Share of the reasoning on held-out problems that begins with its most frequent three words.",
        "a form learned by heart",
    ),
    Sign(
        "contradiction", "reasoning contradicts the answer",
        "Share of the texts on held-out problems whose reasoning names one choice and whose answer is "
        "another, of those that name both.",
        "the answer does not follow",
    ),
    Sign(
        "han", "Chinese in Korean",
        "Share of the texts on held-out problems that look like Chinese beyond what their prompt holds.",
    ),
    Sign(
        "tokens", "median length", "Tokens of the texts on held-out problems.",
        bad="either", unit="tokens",
    ),
    Sign("cut", "cut off at max_tokens", "Share of the texts on held-out problems."),
    Sign(
        "repetition", "repeats itself",
        "Share of the 4-grams of tokens that stood in the same text before, on held-out problems.",
    ),
    Sign(
        "unreadable", "no answer extracted",
        "Share of the texts on held-out problems; such an answer counts as wrong.",
    ),
)  # fmt: skip


def read(
    sign: Sign, base: Figure | None, system: Figure | None, difference: Figure | None, items: int
) -> tuple[Outcome, str]:
    """The outcome of a comparison, and its reading.

    `items` is how many the side with the fewest has. Worse or better: the 95 % interval leaves out 0
    and the difference reaches POINTS (of lengths: TIMES). Small: only the first holds.
    """
    if base is None or system is None or difference is None:
        sides = {"base": base, "system": system}
        absent = [name for name, figure in sides.items() if figure is None]
        return "not_measured", f"not measured: no item of the {' and the '.join(absent)} shows it"
    if items < MINIMUM or difference.low is None or difference.high is None:
        return "too_few", f"{counted(items, 'item')}: too few to tell"
    if difference.low <= 0 <= difference.high:
        return "none", "no difference can be seen"
    if sign.unit == "tokens":
        factor = system.value / max(base.value, 1.0)
        is_small = 1 / TIMES < factor < TIMES
        reading = f"{factor:.2g} times the base"
    else:
        is_small = abs(difference.value) < POINTS
        amount = f"{100 * abs(difference.value):.1f}".removesuffix(".0")
        reading = f"{amount} points {'higher' if difference.value > 0 else 'lower'} than the base"
    if is_small:
        return "small", f"{reading}, but small"
    if sign.bad == "either" or (difference.value > 0) == (sign.bad == "up"):
        return "worse", f"{reading}: {sign.meaning}" if sign.meaning else reading
    return "better", reading
