"""mixture: verified rationales -> the set to train on: distinct, few a problem, in their shares."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from koalign.data.text.korean import fold
from koalign.mining.distilling.verify import VerifiedSolution
from koalign.records import Drop, Problem, content_hash


def mixture(
    found: Sequence[VerifiedSolution],
    *,
    traces: int,
    own_per_teacher: float,
    rationalized_share: float,
    seed: int,
) -> tuple[list[VerifiedSolution], list[Drop]]:
    """What is kept, by problem in the order of `found`, own before the teacher's; and what is not, and why.

    A text that stands under two problems says nothing of either. Of one problem a text stands once, and
    at most `traces` in all: the policy's own first, so that a teacher helps where the policy is weak. For
    each of the teacher's, told the answer or not, there are at least `own_per_teacher` own ones, and at
    most `rationalized_share` of all come from a teacher that was told: the others go, first those of
    problems with most own ones.
    """
    distinct, drops = _distinct(found)
    own, others = [], []
    for several in _by_problem(distinct).values():
        own_first = [one for one in several if one.solution.by == "own"]
        taken = [*own_first, *(one for one in several if one.solution.by != "own")]
        drops += [one.solution.drop("over_traces") for one in taken[traces:]]
        own += [one for one in taken[:traces] if one.solution.by == "own"]
        others += [one for one in taken[:traces] if one.solution.by != "own"]
    others = _most_wanted_first(own, others, seed)
    if own_per_teacher:
        quota = math.floor(len(own) / own_per_teacher + 1e-9)
        drops += [one.solution.drop("over_teacher_share") for one in others[quota:]]
        others = others[:quota]
    told = [one for one in others if one.solution.by == "rationalized"]
    honest = len(own) + len(others) - len(told)
    quota = math.floor(honest * rationalized_share / (1 - rationalized_share) + 1e-9)
    drops += [one.solution.drop("over_rationalized_share") for one in told[quota:]]
    kept = {*map(id, own), *map(id, others)} - {*map(id, told[quota:])}
    listed = [one for several in _by_problem(found).values() for one in several if id(one) in kept]
    return listed, drops


def with_rationales(problems: Sequence[Problem], kept: Sequence[VerifiedSolution]) -> list[Problem]:
    """The problems that something is kept of, each with it and nothing that it had before."""
    records = defaultdict(list)
    for one in kept:
        records[one.solution.problem.id].append(one.record)
    return [
        problem.model_copy(update={"rationales": tuple(records[problem.id])})
        for problem in problems
        if problem.id in records
    ]


def _distinct(found: Sequence[VerifiedSolution]) -> tuple[list[VerifiedSolution], list[Drop]]:
    problems: dict[str, set[str]] = defaultdict(set)
    for one in found:
        problems[fold(one.rationale)].add(one.solution.problem.id)
    kept, drops, seen = [], [], set()
    for one in _by_kind(found):
        text = fold(one.rationale)
        if len(problems[text]) > 1:
            detail = f"of {len(problems[text])} problems: {one.rationale[:60]}"
            drops.append(one.solution.drop("copy_of_another_problem", detail))
        elif text in seen:
            drops.append(one.solution.drop("same_text_twice", one.rationale[:60]))
        else:
            seen.add(text)
            kept.append(one)
    return kept, drops


def _most_wanted_first(
    own: Sequence[VerifiedSolution], others: Sequence[VerifiedSolution], seed: int
) -> list[VerifiedSolution]:
    """Of a teacher that was not told before one that was; the first of a problem before its second; and
    those of problems with few own ones first."""
    have: dict[str, int] = defaultdict(int)
    for one in own:
        have[one.solution.problem.id] += 1
    keys = {}
    for several in _by_problem(others).values():
        for number, one in enumerate(several):
            name = one.solution.problem.id
            told = one.solution.by == "rationalized"
            keys[id(one)] = told, number, have[name], content_hash(seed, name)
    return sorted(others, key=lambda one: keys[id(one)])


def _by_problem(found: Sequence[VerifiedSolution]) -> dict[str, list[VerifiedSolution]]:
    """The rationales of each problem, own ones first, in the order of their draws."""
    problems: dict[str, list[VerifiedSolution]] = {one.solution.problem.id: [] for one in found}
    for one in _by_kind(found):
        problems[one.solution.problem.id].append(one)
    return problems


def _by_kind(found: Sequence[VerifiedSolution]) -> list[VerifiedSolution]:
    kinds = ("own", "teacher", "rationalized")
    return sorted(
        found,
        key=lambda one: (kinds.index(one.solution.by), one.solution.order, one.solution.index),
    )
