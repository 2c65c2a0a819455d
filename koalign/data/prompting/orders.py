"""orders: problems -> the orders in which their choices are shown, the gold answer elsewhere in each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from koalign.data.prompting.choices import order_dependent, permute
from koalign.data.prompting.prompts import Renderer
from koalign.records import Problem, Prompt

Order = tuple[int, ...]
"""As in `permute`: at i the place, from 0, that choice i had; empty: as they stand."""


def choice_orders(problems: Sequence[Problem], count: int, seed: int) -> list[list[Order]]:
    """For each problem up to `count` orders of its choices, the first as they stand.

    In each order the gold answer has another place, so a problem has no more orders than choices.
    Each further one puts it where, over all problems with so many choices, it has stood least; the
    other choices follow at random. What `order_dependent` names, has no gold or has no choices keeps
    its one order. Depends on the set of problems and the seed, not on how they are sorted.
    """
    orders: dict[str, list[Order]] = {problem.id: [()] for problem in problems}
    stood = Counter(_size_and_place(p) for p in problems if p.choices and p.answers)
    free = sorted(
        (p for p in problems if p.choices and p.answers and order_dependent(p) is None),
        key=lambda problem: problem.id,
    )
    left = {p.id: {*range(len(p.choices))} - {_size_and_place(p)[1]} for p in free}
    for number in range(1, count):
        for problem in free:
            size, gold = _size_and_place(problem)
            if not left[problem.id]:
                continue
            rng = random.Random(f"{seed}/{problem.id}/{number}")
            others = [old for old in range(size) if old != gold]
            rng.shuffle(others)
            places = rng.sample(sorted(left[problem.id]), len(left[problem.id]))
            place = min(places, key=lambda place: stood[size, place])
            left[problem.id].remove(place)
            stood[size, place] += 1
            orders[problem.id].append((*others[:place], gold, *others[place:]))
    return [orders[problem.id] for problem in problems]


def in_order(problem: Problem, order: Order) -> Problem:
    """The problem as it is shown in this order; rationales, which may name choices, stay behind."""
    if not order:
        return problem
    return permute(problem.model_copy(update={"rationale": "", "rationales": ()}), order)


def render_in_order(
    renderer: Renderer, problem: Problem, order: Order, hint: str = "", *, hidden: bool = False
) -> Prompt:
    """The prompt that shows the choices in this order, after the same shots as in any other."""
    shown, shots = in_order(problem, order), renderer.shots_for(problem)
    prompt = renderer.render(shown, "answer", hint, hidden=hidden, shots=shots)
    return prompt.model_copy(update={"problem_id": problem.id})


def shared_out(n: int, orders: Sequence[Order]) -> list[tuple[Order, int]]:
    """How many of `n` draws each order gets: as many as the others, the first ones one more."""
    return [(order, n // len(orders) + (i < n % len(orders))) for i, order in enumerate(orders)]


def _size_and_place(problem: Problem) -> tuple[int, int]:
    """How many choices there are, and the place of the first gold answer, from 0."""
    return len(problem.choices), int(problem.answers[0]) - 1
