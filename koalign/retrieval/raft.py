"""raft: screened passages and the policy's samples -> the training examples of the reader.

RAFT (arXiv 2403.10131): most rows show a passage that helps among others that do not, and some rows only
the others. The others ranked high for the problem, since hard distractors teach more than random ones
(arXiv 2505.06914).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from koalign.data.prompting.orders import Order
from koalign.mining.hints.traces import right_samples
from koalign.records import Problem, Sample
from koalign.retrieval.records import Passage, ScreenedPassage


@dataclass(frozen=True)
class ReaderRow:
    """One training example of the reader."""

    problem_id: str
    permutation: Order
    """The order of the choices that the answer was drawn under."""
    passages: tuple[Passage, ...]
    """In the order in which they stand in the prompt."""
    gold: Passage | None
    """The one of them that helps; None: distractors only."""
    token_ids: tuple[int, ...]
    """Of the answer."""

    @property
    def shorter(self) -> ReaderRow:
        """The row without its distractor of the worst rank."""
        distractors = (passage for passage in self.passages if passage != self.gold)
        worst = max(distractors, key=lambda passage: passage.rank)
        return replace(self, passages=tuple(p for p in self.passages if p != worst))


def reader_rows(
    problems: Mapping[str, Problem],
    screened: Sequence[ScreenedPassage],
    *,
    hinted: Sequence[Sample],
    bare: Sequence[Sample],
    passages: int,
    gold_share: float,
    traces: int,
    seed: int,
) -> tuple[list[ReaderRow], int]:
    """Rows with a gold passage, then rows without; and how many of the latter are missing.

    - With gold: at most `traces` distinct right answers under each gold passage. Beside it stand up to
      `passages - 1` distractors of the same problem, the best ranks first, all in random order.
    - Without: up to `passages` distractors, and a right answer that was drawn without any passage.

    `hinted`: samples with a passage, which `abstraction_id` names. `gold_share`: of the rows with gold
    among all. Poison and `unclear` are never shown.
    """
    distractors: dict[str, list[Passage]] = {}
    for judged in sorted(screened, key=lambda judged: judged.passage.rank):
        if judged.verdict == "distractor":
            distractors.setdefault(judged.passage.problem_id, []).append(judged.passage)
    right, rng = right_samples(problems, hinted), random.Random(seed)
    rows = []
    for gold in (s.passage for s in screened if s.verdict == "gold"):
        others = distractors.get(gold.problem_id, [])[: passages - 1]
        for sample in right.get((gold.problem_id, gold.hint.id), [])[:traces]:
            rows.append(_row(rng, sample, [gold, *others], gold))
    wanted = round(len(rows) * (1 - gold_share) / gold_share)
    usable = [
        sample
        for (problem_id, _), own in right_samples(problems, bare).items()
        if problem_id in distractors
        for sample in own[:traces]
    ]
    for sample in rng.sample(usable, min(wanted, len(usable))):
        shown = distractors[sample.problem_id][:passages]
        rows.append(_row(rng, sample, shown, None))
    return rows, max(0, wanted - len(usable))


def _row(
    rng: random.Random, sample: Sample, shown: Sequence[Passage], gold: Passage | None
) -> ReaderRow:
    in_random_order = tuple(rng.sample(shown, len(shown)))
    return ReaderRow(sample.problem_id, sample.permutation, in_random_order, gold, sample.token_ids)
