"""traces: the policy's own verified answers -> what the answer adapter learns from.

Own traces rather than gold text: the adapter is to learn to use a hint, not a new style.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from koalign.data.grading import grade, quotes_its_choice
from koalign.records import Abstraction, Hint, Problem, Sample


@dataclass(frozen=True)
class Trace:
    """One training example of the answer adapter."""

    problem_id: str
    hint: str
    token_ids: tuple[int, ...]
    kind: Literal["hinted", "foreign", "bare"]


def answer_rows(
    problems: Mapping[str, Problem],
    kept: Sequence[Abstraction],
    *,
    hinted: Sequence[Sample],
    bare: Sequence[Sample],
    traces: int,
    bare_share: float,
    foreign_share: float,
    seed: int,
) -> list[Trace]:
    """Hinted rows, some under another problem's hint with the bare answer, and bare rows.

    At most `traces` distinct right answers a hint. The foreign rows teach the adapter to leave a
    useless hint alone, the bare ones to answer without any (after Eq. 3 of RLAD, arXiv 2510.02263).
    """
    right_hinted = _right(problems, hinted)
    right_bare = _right(problems, bare)
    rng = random.Random(seed)
    rows = []
    for abstraction in kept:
        name = Hint(problem_id=abstraction.problem_id, text=abstraction.text).id
        for sample in right_hinted.get((abstraction.problem_id, name), [])[:traces]:
            rows.append(Trace(abstraction.problem_id, abstraction.text, sample.token_ids, "hinted"))
    alone = [samples[0] for samples in right_bare.values()]
    foreign = _take(rng, alone, round(len(rows) * foreign_share / (1 - foreign_share)))
    for sample in foreign:
        others = [a for a in kept if a.problem_id != sample.problem_id]
        if others:
            text = rng.choice(others).text
            rows.append(Trace(sample.problem_id, text, sample.token_ids, "foreign"))
    for sample in _take(rng, alone, round(len(rows) * bare_share / (1 - bare_share))):
        rows.append(Trace(sample.problem_id, "", sample.token_ids, "bare"))
    return rows


def _right(
    problems: Mapping[str, Problem], samples: Sequence[Sample]
) -> dict[tuple[str, str], list[Sample]]:
    """The distinct right answers by problem and hint, in the order in which they were drawn."""
    found: dict[tuple[str, str], dict[str, Sample]] = defaultdict(dict)
    for sample in sorted(samples, key=lambda s: s.index):
        problem = problems[sample.problem_id]
        if grade(problem, sample.text, sample.finish_reason).correct and quotes_its_choice(
            problem, sample.text
        ):
            found[sample.problem_id, sample.abstraction_id].setdefault(sample.text, sample)
    return {key: list(by_text.values()) for key, by_text in sorted(found.items())}


def _take(rng: random.Random, samples: Sequence[Sample], count: int) -> list[Sample]:
    return rng.sample(samples, min(count, len(samples)))
