"""compared: what a comparison of evaluations holds, which are the keys of comparison.json."""

from __future__ import annotations

from typing import Literal

from koalign.records import Record


class Row(Record):
    """One evaluation; figures are shares of 1."""

    name: str
    """The shortest end of its path that no other evaluation has."""
    folder: str
    protocol: str
    shots: int
    samples: int
    model: str
    adapters: str
    metric: str
    value: float
    low: float | None
    """95 %, as is `high`; none where resampled passages cannot differ."""
    high: float | None
    n: int
    """Items compared."""
    of: int
    """Problems of the data."""


class Subject(Record):
    """A comparison on the items of one subject; fields mean what they mean in Comparison."""

    subject: str
    n: int
    value_a: float
    value_b: float
    difference: float
    low: float | None
    high: float | None
    won: int
    lost: int
    p: float | None
    p_holm: float | None
    """Over all subjects of all comparisons."""


class Comparison(Record):
    """How much better `a` is than `b` on the same items."""

    a: str
    b: str
    n: int
    value_a: float
    value_b: float
    difference: float
    """Of the metric, a minus b, in shares of 1."""
    low: float | None
    """95 % of the difference, as is `high`, over passages drawn whole; none with one passage, and
    where an F1 or a mean over subjects differs alike on all."""
    high: float | None
    won: int
    """Items on which a earned more than b."""
    lost: int
    p: float | None
    """Exact McNemar; none of graded scores."""
    p_holm: float | None
    """Over all comparisons (Holm 1979)."""
    needed: int | None
    """How many more items must be won than lost for p < .05 where as many flip; none as `p`."""
    agreement: float
    """Share of the items with the same answer, right or wrong."""
    subjects: list[Subject]
    """From the greatest loss to the greatest gain; empty where there is but one."""


class Flip(Record):
    """An item on which `a` earned more (won) or less (lost) than `b`."""

    a: str
    b: str
    id: str
    key: str
    """What the source of the problem calls it."""
    question: str
    subject: str
    flip: Literal["won", "lost"]
    answer_a: str | None
    answer_b: str | None
    gold: tuple[str, ...]
    score_a: float
    score_b: float


class Compared(Record):
    """comparison.json: every evaluation against the first, and against its base model alone."""

    metric: str
    average: Literal["micro", "macro"]
    n: int
    """Items compared."""
    common: bool
    """Whether items that some evaluation lacks were left out."""
    evaluations: list[Row]
    comparisons: list[Comparison]
    warnings: list[str]
    """Why a difference may not be what it seems."""
    notes: list[str]
    """How the figures were made."""
    flips: list[Flip]
