"""benchmark: a protocol and the problems of a data set -> the evaluated items, and their prompts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from koalign.data.prompting.orders import Order, in_order
from koalign.data.prompting.prompts import Renderer
from koalign.evaluation.choice_bias import cyclic_orders
from koalign.evaluation.items import prompt_of, subject_of
from koalign.evaluation.protocols import Protocol
from koalign.evaluation.stats.resampling import clusters_of
from koalign.records import KoalignError, Problem, Prompt


@dataclass(frozen=True)
class Benchmark:
    """The items of an evaluation, and how each is prompted."""

    protocol: Protocol
    renderer: Renderer
    problems: Sequence[Problem]
    """Those that are evaluated, in the order of the data."""
    shots: Sequence[Sequence[Problem]]
    """Of each problem."""
    of: int
    """How many problems the data holds."""
    data: Mapping[str, str]
    """Path -> hash of what was read."""
    samples: int = 1
    cyclic: bool = False
    """Whether each problem is also asked in the cyclic orders of its choices."""
    seed: int = 0

    @cached_property
    def ids(self) -> list[str]:
        """Of the items: the problem's, and `#2` behind it where the data holds it a second time."""
        seen: Counter[str] = Counter()
        ids = []
        for problem in self.problems:
            seen[problem.id] += 1
            count = seen[problem.id]
            ids.append(problem.id if count == 1 else f"{problem.id}#{count}")
        return ids

    @cached_property
    def clusters(self) -> list[str]:
        """Of each item; see `clusters_of`."""
        return clusters_of(self.problems)

    @cached_property
    def orders(self) -> list[list[Order]]:
        """Of each item, the orders of its choices; `()` is the order of the data."""
        return [cyclic_orders(p) if self.cyclic else [()] for p in self.problems]

    def prompt(self, number: int, order: Order = (), hint: str = "") -> Prompt:
        """The prompt of an item."""
        problem = in_order(self.problems[number], order)
        prompt = prompt_of(self.protocol, self.renderer, problem, self.shots[number], hint)
        return prompt.model_copy(update={"problem_id": self.ids[number]})


def select(
    problems: Sequence[Problem], protocol: Protocol, subsets: Sequence[str], limit: int | None
) -> list[int]:
    """The numbers of the problems of these subjects or groups, of each subject the first `limit`.

    Raises KoalignError for a subset that the data does not hold.
    """
    subjects = [subject_of(protocol, problem) for problem in problems]
    wanted: set[str] = set()
    for name in subsets:
        named = {subject for subject in {*subjects} if _plain(subject) == _plain(name)}
        for group, members in protocol.groups.items():
            named |= {*members} & {*subjects} if _plain(group) == _plain(name) else set()
        if not named:
            listed = ", ".join(sorted({*filter(None, subjects)})) or "no subjects"
            raise KoalignError(f"--subset {name}: the data holds {listed}")
        wanted |= named
    taken: Counter[str] = Counter()
    numbers = []
    for number, subject in enumerate(subjects):
        if (not wanted or subject in wanted) and taken[subject] != limit:
            taken[subject] += 1
            numbers.append(number)
    return numbers


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip()).lower()
