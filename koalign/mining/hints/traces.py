"""traces: the policy's own samples -> the training examples of the answer adapter.

Own samples rather than gold text: the adapter should learn to use a hint, not a new style.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from koalign.data.prompting.orders import Order, in_order
from koalign.grading.grade import grade, quotes_its_choice
from koalign.grading.visible import comparable
from koalign.records import Abstraction, Problem, Sample

Kind = Literal["hinted", "mismatched", "bare"]


@dataclass(frozen=True)
class Trace:
    """One training example of the answer adapter."""

    problem_id: str
    permutation: Order
    """The order of the choices that it was drawn under."""
    hint: str
    token_ids: tuple[int, ...]
    kind: Kind


def answer_traces(
    problems: Mapping[str, Problem],
    kept: Sequence[Abstraction],
    *,
    hinted: Sequence[Sample],
    bare: Sequence[Sample],
    traces: int,
    bare_share: float,
    mismatched_share: float,
    seed: int,
) -> list[Trace]:
    """Hinted examples, then examples with a mismatched hint, then bare ones.

    - hinted: at most `traces` distinct right answers with each kept hint.
    - mismatched: `mismatched_share` of the examples with a hint carry another problem's hint and a bare
      answer, which teaches the adapter to leave a useless hint alone.
    - bare: `bare_share` of all examples have no hint.

    A bare answer is the policy's most frequent one, right or wrong: what Eq. 3 of RLAD (arXiv
    2510.02263) does with no advantage and a KL term, supervised. Right ones only would raise the bare
    accuracy, and the uplift of hints would be that of another solver.
    """
    right = right_samples(problems, hinted)
    rows = []
    for abstraction in kept:
        for sample in right.get((abstraction.problem_id, abstraction.id), [])[:traces]:
            rows.append(_trace(sample, abstraction.text, "hinted"))
    if not rows:
        return []
    rng = random.Random(seed)
    usual = _usual_samples(rng, problems, bare)
    for sample in _take(rng, usual, round(len(rows) * mismatched_share / (1 - mismatched_share))):
        others = [a.text for a in kept if a.problem_id != sample.problem_id]
        if others:
            rows.append(_trace(sample, rng.choice(others), "mismatched"))
    for sample in _take(rng, usual, round(len(rows) * bare_share / (1 - bare_share))):
        rows.append(_trace(sample, "", "bare"))
    return rows


def right_samples(
    problems: Mapping[str, Problem], samples: Sequence[Sample]
) -> dict[tuple[str, str], list[Sample]]:
    """The distinct right samples by problem and hint, in the order in which they were drawn."""
    right: dict[tuple[str, str], dict[tuple[str, Order], Sample]] = defaultdict(dict)
    for sample in sorted(samples, key=lambda s: (s.index, s.permutation)):
        shown = in_order(problems[sample.problem_id], sample.permutation)
        if grade(shown, sample.text, sample.finish_reason).correct and quotes_its_choice(
            shown, sample.text
        ):
            of_hint = right[sample.problem_id, sample.abstraction_id]
            of_hint.setdefault((sample.text, sample.permutation), sample)
    return {key: list(by_text.values()) for key, by_text in sorted(right.items())}


def _trace(sample: Sample, hint: str, kind: Kind) -> Trace:
    return Trace(sample.problem_id, sample.permutation, hint, sample.token_ids, kind)


def _usual_samples(
    rng: random.Random, problems: Mapping[str, Problem], samples: Sequence[Sample]
) -> list[Sample]:
    """Of each problem one random sample among those with its most frequent answer."""
    by_answer: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in sorted(samples, key=lambda s: (s.problem_id, s.permutation, s.index)):
        shown = in_order(problems[sample.problem_id], sample.permutation)
        answer = grade(shown, sample.text, sample.finish_reason).answer
        if answer is not None and sample.finish_reason == "stop":
            # By the text of the choice: its number depends on the order.
            words = shown.choices[int(answer) - 1] if shown.choices else comparable(answer)
            by_answer[sample.problem_id][words].append(sample)
    return [
        rng.choice(max(answers.items(), key=lambda answer: (len(answer[1]), answer[0]))[1])
        for answers in by_answer.values()
    ]


def _take(rng: random.Random, samples: Sequence[Sample], count: int) -> list[Sample]:
    return rng.sample(samples, min(count, len(samples)))
