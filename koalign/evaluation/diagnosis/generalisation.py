"""generalisation: what base and system answered to the same prompts -> signs that no answering was learned.

In project after project training accuracy rises and test accuracy does not. Each sign is measured of the
bare base as well: what the base does, too, was not learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import log2
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from koalign.data.prompting.orders import in_order
from koalign.evaluation.diagnosis.contrasts import Term, against, contrast, fewest
from koalign.evaluation.diagnosis.reasoning import (
    contradiction,
    copied,
    opening_of,
    phrases_in,
    rationale_of,
)
from koalign.evaluation.diagnosis.signs import MINIMUM, POINTS, SIGNS, TIMES, read
from koalign.evaluation.stats.intervals import Figure, figure
from koalign.evaluation.stats.resampling import clusters_of
from koalign.evaluation.stats.tables import frequencies
from koalign.grading.grade import grade
from koalign.records import Problem, Sample, Verdict
from koalign.text.korean import han_leak, repetition

if TYPE_CHECKING:
    import numpy as np

Side = Literal["train", "held_out"]
Item = tuple[Side, Problem]

EXAMPLES = 5
SHOWN_PHRASES = 10


@dataclass(frozen=True)
class Reply:
    """A greedy answer, with all that the model read."""

    problem: Problem
    """With its choices as they stand; the order in which they were shown is the sample's."""
    prompt: str
    sample: Sample

    @cached_property
    def verdict(self) -> Verdict:
        shown = in_order(self.problem, self.sample.permutation)
        return grade(shown, self.sample.text, self.sample.finish_reason)

    @property
    def choice(self) -> str | None:
        """The number that the answered choice has as the choices stand."""
        answer, order = self.verdict.answer, self.sample.permutation
        return str(order[int(answer) - 1] + 1) if answer and order else answer


@dataclass(frozen=True)
class Answers:
    """What one model answered, by the ids of the problems."""

    plain: Mapping[str, Reply]
    shuffled: Mapping[str, Reply]
    """With the gold answer at another place; of the problems whose choices may change places."""


def generalisation(
    items: Sequence[Item], base: Answers, system: Answers, taught: Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """Every sign of both models with 95 % intervals over passages, their difference and its reading.

    `taught` are the completions that training taught. One JSON value: `signs`, each with key, title,
    about, unit, base, system, difference (value, low, high, n), verdict, reading and counts;
    `summary`; `rules`; `examples`. Signs are one comparison each, so that of all of them together now
    and then one differs by chance.
    """
    phrases = phrases_in([text for text in map(rationale_of, taught) if text])
    passages = clusters_of([p for _, p in items])
    models = {
        name: _Model(items, answers, phrases)
        for name, answers in (("base", base), ("system", system))
    }
    signs = []
    for sign in SIGNS:
        figures: dict[str, Figure | None]
        if sign.unit == "tokens":
            figures, few = _lengths(items, base, system, passages, seed)
        else:
            terms = {name: model.terms(sign.key) for name, model in models.items()}
            figures = {name: contrast(own, passages, seed) for name, own in terms.items()}
            both = against(terms["system"], terms["base"])
            figures["difference"] = contrast(both, passages, seed)
            few = fewest(both)
        verdict, reading = read(
            sign, figures["base"], figures["system"], figures["difference"], few
        )
        signs.append(
            {
                "key": sign.key,
                "title": sign.title,
                "about": sign.about,
                "unit": sign.unit,
                **{name: f and f.rounded() for name, f in figures.items()},
                "verdict": verdict,
                "reading": reading,
                "counts": {name: model.counts(sign.key) for name, model in models.items()},
            }
        )
    return {
        "signs": signs,
        "summary": _summary(signs),
        "rules": {"minimum_items": MINIMUM, "points": POINTS, "times": TIMES, "interval": 0.95},
        "examples": {name: model.examples() for name, model in models.items()},
    }


@dataclass(frozen=True)
class _Text:
    """A text on a held-out problem, and what its reasoning shows."""

    reply: Reply
    copied: float | None
    phrases: list[str]
    opening: str | None
    contradicts: bool | None


class _Model:
    """The columns of one model's answers, a row an item."""

    def __init__(self, items: Sequence[Item], answers: Answers, phrases: np.ndarray) -> None:
        self._answers = answers
        self._texts = {
            problem.id: _text_of(answers.plain[problem.id], phrases)
            for side, problem in items
            if side == "held_out"
        }
        self._openings = frequencies(t.opening for t in self._texts.values() if t.opening)
        self._rows = [self._row(side, problem.id) for side, problem in items]

    def terms(self, key: str) -> list[Term]:
        """The columns that a sign is the sum and difference of."""
        parts = _PARTS.get(key, {key: 1})
        return [(sign, [row.get(name) for row in self._rows]) for name, sign in parts.items()]

    def _row(self, side: Side, name: str) -> dict[str, float | None]:
        """Right as it stands, lost or won in another order; the other columns of held-out ones only."""
        reply, moved = self._answers.plain[name], self._answers.shuffled.get(name)
        right = reply.verdict.correct
        row: dict[str, float | None] = {side: float(right)}
        if moved is not None:
            row[f"lost_{side}"] = float(right and not moved.verdict.correct)
            row[f"won_{side}"] = float(moved.verdict.correct and not right)
        if side == "train":
            return row
        text, sample = self._texts[name], reply.sample
        if moved is not None and reply.choice is not None and moved.choice is not None:
            row["stays"] = float(reply.choice == moved.choice)
        if text.opening is not None:
            row["opening"] = float(text.opening == next(iter(self._openings)))
        if text.contradicts is not None:
            row["contradiction"] = float(text.contradicts)
        return {
            **row,
            "teacher_phrases": text.copied,
            "han": float(han_leak(sample.text, reply.prompt).leaks),
            "cut": float(sample.finish_reason == "length"),
            "repetition": repetition(sample.token_ids),
            "unreadable": float(reply.verdict.answer is None),
        }

    def counts(self, key: str) -> dict[str, Any]:
        """The counts behind the figure of a sign, where there are more than the figure."""
        texts = list(self._texts.values())
        match key:
            case "opening" if self._openings:
                total = sum(self._openings.values())
                shares = [count / total for count in self._openings.values()]
                return {
                    "entropy_bits": round(sum(-share * log2(share) for share in shares), 4),
                    "different": len(shares),
                    "texts": total,
                }
            case "contradiction":
                names = {True: "contradicts", False: "agrees", None: "unknown"}
                counted = Counter(names[text.contradicts] for text in texts)
                return {name: counted[name] for name in names.values()}
            case "unreadable":
                why = [t.reply.verdict.why for t in texts if t.reply.verdict.answer is None]
                return dict(sorted(Counter(why).items()))
        return {}

    def examples(self) -> dict[str, Any]:
        """Examples to read: openings, copied phrases, texts that contradict themselves."""
        texts = self._texts.values()
        phrases = Counter(phrase for text in texts for phrase in set(text.phrases))
        longest = sorted(phrases.items(), key=lambda item: (-item[1] * len(item[0]), item[0]))
        return {
            "openings": dict(islice(self._openings.items(), EXAMPLES)),
            "phrases": dict(longest[:SHOWN_PHRASES]),
            "contradictions": [
                {
                    "id": problem.id,
                    "key": problem.key,
                    "question": problem.question,
                    "text": text.reply.sample.text,
                }
                for text in texts
                if text.contradicts
                for problem in [text.reply.problem]
            ][:EXAMPLES],
        }


_PARTS = {
    "train_accuracy": {"train": 1},
    "held_out_accuracy": {"held_out": 1},
    "gap": {"train": 1, "held_out": -1},
    "shuffled_train": {"lost_train": 1, "won_train": -1},
    "shuffled_held_out": {"lost_held_out": 1, "won_held_out": -1},
}
"""Sign -> its columns, where it is not one column of the same name."""


def _text_of(reply: Reply, phrases: np.ndarray) -> _Text:
    sample = reply.sample
    rationale = rationale_of(sample.text)
    share, runs = copied(rationale, reply.prompt, phrases) if len(phrases) else (None, [])
    return _Text(
        reply,
        share,
        runs,
        opening_of(rationale),
        contradiction(reply.problem, sample.text, sample.finish_reason),
    )


def _lengths(
    items: Sequence[Item], base: Answers, system: Answers, passages: Sequence[str], seed: int
) -> tuple[dict[str, Figure | None], int]:
    """Median tokens of both and the difference of the medians; and how many held-out texts there are."""
    rows = [
        (*(len(model.plain[problem.id].sample.token_ids) for model in (base, system)), passage)
        for (side, problem), passage in zip(items, passages, strict=True)
        if side == "held_out"
    ]
    clusters = [passage for *_, passage in rows]
    figures: dict[str, Figure | None] = {
        "base": figure([row[0] for row in rows], median, clusters, seed),
        "system": figure([row[1] for row in rows], median, clusters, seed),
        "difference": figure(rows, _gap_of_medians, clusters, seed),
    }
    return figures, len(rows)


def _gap_of_medians(rows: Sequence[tuple[int, int, str]]) -> float:
    return median(system for _, system, _ in rows) - median(base for base, _, _ in rows)


def _summary(signs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The two accuracies first, then each sign that is worse than the base's."""
    lines = {sign["key"]: f"{sign['title']}: {sign['reading']}" for sign in signs}
    accuracies = ("train_accuracy", "held_out_accuracy")
    worse = [s["key"] for s in signs if s["verdict"] == "worse" and s["key"] not in accuracies]
    return [lines[key] for key in (*accuracies, *worse)] + (
        [] if worse else ["no sign is worse than the base's"]
    )
