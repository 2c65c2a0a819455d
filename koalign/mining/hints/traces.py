"""traces: the policy's own answers -> what the answer adapter learns from.

Own traces rather than gold text: the adapter is to learn to use a hint, not a new style.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from koalign.data.grading.extract import comparable
from koalign.data.grading.grade import grade, quotes_its_choice
from koalign.data.prompting.orders import Order, in_order
from koalign.records import Abstraction, Problem, Sample


@dataclass(frozen=True)
class Trace:
    """One training example of the answer adapter."""

    problem_id: str
    permutation: Order
    """The order of the choices that it was drawn under."""
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
    """Hinted rows, some under another problem's hint with a bare answer, and bare rows.

    At most `traces` distinct right answers of each kept hint. `foreign_share` of the rows with a hint
    teach the adapter to leave a useless hint alone, `bare_share` of all rows to answer without any. A
    bare answer is what the policy itself says most often, right or wrong: what Eq. 3 of RLAD (arXiv
    2510.02263) does with no advantage and a KL term, supervised. Right ones only would raise the bare
    accuracy, and the gain of hints would be that of another solver.
    """
    right = _right(problems, hinted)
    rows = []
    for abstraction in kept:
        for sample in right.get((abstraction.problem_id, abstraction.id), [])[:traces]:
            rows.append(_trace(sample, abstraction.text, "hinted"))
    if not rows:
        return []
    rng = random.Random(seed)
    alone = _usual(rng, problems, bare)
    foreign = _take(rng, alone, round(len(rows) * foreign_share / (1 - foreign_share)))
    for sample in foreign:
        others = [a.text for a in kept if a.problem_id != sample.problem_id]
        if others:
            rows.append(_trace(sample, rng.choice(others), "foreign"))
    for sample in _take(rng, alone, round(len(rows) * bare_share / (1 - bare_share))):
        rows.append(_trace(sample, "", "bare"))
    return rows


def _trace(sample: Sample, hint: str, kind: Literal["hinted", "foreign", "bare"]) -> Trace:
    return Trace(sample.problem_id, sample.permutation, hint, sample.token_ids, kind)


def _right(
    problems: Mapping[str, Problem], samples: Sequence[Sample]
) -> dict[tuple[str, str], list[Sample]]:
    """The distinct right answers by problem and hint, in the order in which they were drawn."""
    found: dict[tuple[str, str], dict[tuple[str, Order], Sample]] = defaultdict(dict)
    for sample in sorted(samples, key=lambda s: (s.index, s.permutation)):
        shown = in_order(problems[sample.problem_id], sample.permutation)
        if grade(shown, sample.text, sample.finish_reason).correct and quotes_its_choice(
            shown, sample.text
        ):
            of_hint = found[sample.problem_id, sample.abstraction_id]
            of_hint.setdefault((sample.text, sample.permutation), sample)
    return {key: list(by_text.values()) for key, by_text in sorted(found.items())}


def _usual(
    rng: random.Random, problems: Mapping[str, Problem], samples: Sequence[Sample]
) -> list[Sample]:
    """Of each problem one sample at random, among those that give the answer it gives most often."""
    by_answer: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in sorted(samples, key=lambda s: (s.problem_id, s.permutation, s.index)):
        shown = in_order(problems[sample.problem_id], sample.permutation)
        answer = grade(shown, sample.text, sample.finish_reason).answer
        if answer is not None and sample.finish_reason == "stop":
            # Its words, since in another order of the choices it has another number.
            words = shown.choices[int(answer) - 1] if shown.choices else comparable(answer)
            by_answer[sample.problem_id][words].append(sample)
    return [
        rng.choice(max(found.items(), key=lambda one: (len(one[1]), one[0]))[1])
        for found in by_answer.values()
    ]


def _take(rng: random.Random, samples: Sequence[Sample], count: int) -> list[Sample]:
    return rng.sample(samples, min(count, len(samples)))
