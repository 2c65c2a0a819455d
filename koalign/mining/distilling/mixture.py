"""mixture: verified rationales -> the training set: distinct, few per problem, in the configured shares."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from koalign.mining.distilling.verify import VerifiedSolution
from koalign.records import Drop, Problem, content_hash
from koalign.text.korean import fold


def mixture(
    candidates: Sequence[VerifiedSolution],
    *,
    traces: int,
    own_per_teacher: float,
    rationalized_share: float,
    seed: int,
) -> tuple[list[VerifiedSolution], list[Drop]]:
    """The kept rationales by problem, in the order of `candidates`, own ones first, and the drops.

    - A text of two problems is dropped from both; within a problem a text is kept once.
    - Per problem at most `traces`, own ones first: a teacher helps where the policy is weak.
    - At least `own_per_teacher` own ones for each of the teacher's, told the answer or not.
    - At most `rationalized_share` of all from a teacher that was told the answer.

    Over a share go first those of problems with most own ones.
    """
    distinct, drops = _distinct(candidates)
    own: list[VerifiedSolution] = []
    others: list[VerifiedSolution] = []
    for of_problem in _by_problem(distinct).values():
        drops += [candidate.solution.drop("over_traces") for candidate in of_problem[traces:]]
        for candidate in of_problem[:traces]:
            (own if candidate.solution.by == "own" else others).append(candidate)
    others = _most_wanted_first(own, others, seed)
    if own_per_teacher:
        quota = math.floor(len(own) / own_per_teacher + 1e-9)
        drops += [candidate.solution.drop("over_teacher_share") for candidate in others[quota:]]
        others = others[:quota]
    told = [candidate for candidate in others if candidate.solution.by == "rationalized"]
    untold = len(own) + len(others) - len(told)
    quota = math.floor(untold * rationalized_share / (1 - rationalized_share) + 1e-9)
    drops += [candidate.solution.drop("over_rationalized_share") for candidate in told[quota:]]
    kept = {*map(id, own), *map(id, others)} - {*map(id, told[quota:])}
    ordered = [c for of_problem in _by_problem(candidates).values() for c in of_problem]
    return [candidate for candidate in ordered if id(candidate) in kept], drops


def with_rationales(problems: Sequence[Problem], kept: Sequence[VerifiedSolution]) -> list[Problem]:
    """The problems of the kept rationales, each with those and none that it had before."""
    records = defaultdict(list)
    for candidate in kept:
        records[candidate.solution.problem.id].append(candidate.record)
    return [
        problem.model_copy(update={"rationales": tuple(records[problem.id])})
        for problem in problems
        if problem.id in records
    ]


def _distinct(
    candidates: Sequence[VerifiedSolution],
) -> tuple[list[VerifiedSolution], list[Drop]]:
    problems: dict[str, set[str]] = defaultdict(set)
    for candidate in candidates:
        problems[fold(candidate.rationale)].add(candidate.solution.problem.id)
    kept, drops = {}, []
    for candidate in _by_kind(candidates):
        text, beginning = fold(candidate.rationale), candidate.rationale[:60]
        if len(problems[text]) > 1:
            detail = f"of {len(problems[text])} problems: {beginning}"
            drops.append(candidate.solution.drop("copy_of_another_problem", detail))
        elif text in kept:
            drops.append(candidate.solution.drop("same_text_twice", beginning))
        else:
            kept[text] = candidate
    return list(kept.values()), drops


def _most_wanted_first(
    own: Sequence[VerifiedSolution], others: Sequence[VerifiedSolution], seed: int
) -> list[VerifiedSolution]:
    """First those of a teacher that was not told, then the first of each problem, then problems with few
    own ones."""
    have = Counter(candidate.solution.problem.id for candidate in own)
    keys = {
        id(candidate): (
            candidate.solution.by == "rationalized", number, have[name], content_hash(seed, name)
        )
        for name, of_problem in _by_problem(others).items()
        for number, candidate in enumerate(of_problem)
    }  # fmt: skip
    return sorted(others, key=lambda candidate: keys[id(candidate)])


def _by_problem(candidates: Sequence[VerifiedSolution]) -> dict[str, list[VerifiedSolution]]:
    """The rationales of each problem, own ones first, in the order of their draws."""
    problems: dict[str, list[VerifiedSolution]] = {c.solution.problem.id: [] for c in candidates}
    for candidate in _by_kind(candidates):
        problems[candidate.solution.problem.id].append(candidate)
    return problems


def _by_kind(candidates: Sequence[VerifiedSolution]) -> list[VerifiedSolution]:
    kinds = ("own", "teacher", "rationalized")
    return sorted(
        candidates,
        key=lambda c: (kinds.index(c.solution.by), c.solution.order, c.solution.index),
    )
