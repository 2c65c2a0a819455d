"""sign_readings: a sign of base and system -> a verdict on the difference, and plain words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from koalign.evaluation.stats.intervals import Figure

Verdict = Literal["worse", "better", "small", "none", "too_few", "not_measured"]

MINIMUM = 10
"""Fewer items than this on any side, and nothing is said of a difference."""
POINTS = 0.05
"""The smallest difference between two shares that is called worse or better."""
TIMES = 1.25
"""The smallest factor between two lengths that is."""


@dataclass(frozen=True)
class Sign:
    """Something that is measured of base and system alike."""

    key: str
    title: str
    about: str
    """What is measured, on what."""
    worse: str
    """What a difference to the bad side means; `{d}` is the difference."""
    better: str
    absent: str
    """Why it may not have been measured."""
    bad: Literal["up", "down", "either"] = "up"
    unit: Literal["share", "tokens"] = "share"


NOTHING = "no problem was asked"
NO_REASONING = "the texts hold no reasoning"
NOT_MOVED = "no problem whose choices may change places"
SIGNS = (
    Sign(
        "train_accuracy", "accuracy, training problems", "Share of right answers.",
        "{d} lower than the base's", "{d} higher than the base's", NOTHING, bad="down",
    ),
    Sign(
        "held_out_accuracy", "accuracy, held-out problems", "Share of right answers.",
        "{d} lower than the base's", "{d} higher than the base's", NOTHING, bad="down",
    ),
    Sign(
        "gap", "training minus held-out accuracy",
        "The base has a gap too where training problems are easier; what lies beyond it was memorised.",
        "{d} larger than the base's: memorised", "{d} smaller than the base's", NOTHING,
    ),
    Sign(
        "shuffled_train", "lost in another order, training",
        "Accuracy on training problems as they stand, minus with the gold answer at another place.",
        "{d} more than the base loses: knows where the answers stood",
        "{d} less than the base loses", NOT_MOVED,
    ),
    Sign(
        "shuffled_held_out", "lost in another order, held-out",
        "Accuracy on held-out problems as they stand, minus with the gold answer at another place.",
        "{d} more than the base loses: reads places", "{d} less than the base loses", NOT_MOVED,
    ),
    Sign(
        "stays", "answers that stay with the content",
        "Share of held-out problems answered with the same choice in both orders, right or wrong, of those "
        "where both answers can be read.",
        "{d} fewer than the base's: reads places, not contents", "{d} more than the base's", NOT_MOVED,
        bad="down",
    ),
    Sign(
        "reworded", "lost under other instructions",
        "Accuracy on held-out problems as they stand, minus the mean with the instruction in other words.",
        "{d} more than the base loses: clings to one wording", "{d} less than the base loses",
        "koalign has no other wording of this template's instruction",
    ),
    Sign(
        "teacher_phrases", "teacher's phrases",
        "Share of the phrases of 13 letters in the reasoning on held-out problems that stand in what was "
        "taught and not in the prompt.",
        "{d} more than in the base's texts: the teacher's words, by heart",
        "{d} less than in the base's texts",
        "no reasoning was taught, or none was written",
    ),
    Sign(
        "opening", "one opening for all",
        "Share of the reasoning on held-out problems that begins with the three words that it most often "
        "begins with.",
        "{d} more than of the base's texts: a form learned by heart",
        "{d} less than of the base's texts", NO_REASONING,
    ),
    Sign(
        "contradiction", "reasoning contradicts the answer",
        "Share of the texts on held-out problems whose reasoning names one choice and whose answer is "
        "another, of those where both can be told.",
        "{d} more than of the base's texts: the answer does not follow",
        "{d} less than of the base's texts", f"{NO_REASONING} that names a choice",
    ),
    Sign(
        "han", "Chinese in Korean",
        "Share of the texts on held-out problems that look like Chinese beyond what their prompt holds.",
        "{d} more than of the base's texts", "{d} less than of the base's texts", NOTHING,
    ),
    Sign(
        "tokens", "median length", "Tokens of the texts on held-out problems.",
        "{d} the base's", "{d} the base's", NOTHING, bad="either", unit="tokens",
    ),
    Sign(
        "cut", "cut off at max_tokens", "Share of the texts on held-out problems.",
        "{d} more than of the base's texts", "{d} less than of the base's texts", NOTHING,
    ),
    Sign(
        "repetition", "repeats itself",
        "Share of the 4-grams of tokens that stood in the same text before, on held-out problems.",
        "{d} more than in the base's texts", "{d} less than in the base's texts", NOTHING,
    ),
    Sign(
        "unreadable", "no answer can be read",
        "Share of the texts on held-out problems; such an answer counts as wrong.",
        "{d} more than of the base's texts", "{d} less than of the base's texts", NOTHING,
    ),
)  # fmt: skip


def read(
    sign: Sign,
    base: Figure | None,
    system: Figure | None,
    difference: Figure | None,
    items: int,
) -> tuple[Verdict, str]:
    """The verdict on a difference, and its reading.

    `items` is how many the side with the fewest has. Worse or better: the 95 % interval leaves out 0
    and the difference reaches POINTS (of lengths: TIMES). Small: only the first holds.
    """
    if base is None and system is None:
        return "not_measured", f"not measured: {sign.absent}"
    if base is None or system is None or difference is None:
        one = "base" if base is None else "system"
        return "not_measured", f"cannot be told of the {one}: {sign.absent}"
    if items < MINIMUM or difference.low is None or difference.high is None:
        return "too_few", f"{items} items are too few to say"
    if difference.low <= 0 <= difference.high:
        return "none", "no difference can be seen"
    if sign.unit == "tokens":
        factor = system.value / max(base.value, 1.0)
        is_small = 1 / TIMES < factor < TIMES
        amount = f"{factor:.2g} times"
    else:
        is_small = abs(difference.value) < POINTS
        amount = f"{100 * abs(difference.value):.1f}".removesuffix(".0") + " points"
    is_bad = sign.bad == "either" or (difference.value > 0) == (sign.bad == "up")
    reading = (sign.worse if is_bad else sign.better).format(d=amount)
    if is_small:
        return "small", f"{reading.partition(':')[0]}: there, but small"
    return ("worse" if is_bad else "better"), reading
