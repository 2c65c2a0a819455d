"""problems: problems and their lengths -> counts for a report, in one pass."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from koalign.data.prompting.choices import gold_positions
from koalign.evaluation.stats.tables import frequencies, quantiles
from koalign.evaluation.stats.tables import histogram as counted_lengths
from koalign.records import Problem
from koalign.text.korean import han_leak, oddities

LENGTH_RANKS = {"min": 0.0, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")


def describe_problems(problems: Sequence[Problem], lengths: Sequence[int]) -> dict[str, Any]:
    """Counts, choices, gold positions, lengths in tokens and oddities of text, as one JSON value.

    `lengths` are tokens of prompt and gold completion together, one for each problem.
    """
    oddities_of = lru_cache(4096)(oddities)  # many problems share a passage
    sums, marks, sources, subjects, kinds, choices = (Counter[str]() for _ in range(6))
    groups = np.zeros(len(problems), np.int64)
    positions: dict[int, dict[int, int]] = {}
    for number, problem in enumerate(problems):
        question = "\n".join((problem.passage, problem.box, problem.question, *problem.choices))
        own = "\n".join(("", problem.box, problem.question, *problem.choices))
        target = "\n".join((problem.rationale, *(() if problem.choices else problem.answers)))
        marks.update(oddities_of(problem.passage).keys() | oddities(own).keys())
        sources[problem.source] += 1
        subjects[problem.subject] += 1
        kinds[problem.kind] += 1
        choices[str(len(problem.choices))] += 1
        groups[number] = hash((problem.source, problem.group or problem.id))
        for size, places in gold_positions([problem]).items():
            counts = positions.setdefault(size, dict.fromkeys(places, 0))
            for place, count in places.items():
                counts[place] += count
        leaks = _HAN.search(target) is not None and han_leak(target, question).leaks
        sums.update(
            with_answer=bool(problem.answers),
            with_passage=bool(problem.passage),
            with_rationale=bool(problem.rationale or problem.rationales),
            with_han=_HAN.search(question) is not None,
            answers_leaking_han=leaks,
        )
    del subjects[""], choices["0"]
    return {
        "problems": len(problems),
        **{name: sums[name] for name in ("with_answer", "with_passage", "with_rationale")},
        "groups": len(np.unique(groups)),
        "sources": frequencies(sources),
        "subjects": frequencies(subjects),
        "kinds": frequencies(kinds),
        "choices": frequencies(choices),
        "gold_positions": {
            str(size): {str(place): count for place, count in places.items()}
            for size, places in sorted(positions.items())
        },
        "tokens": quantiles(lengths, LENGTH_RANKS),
        "tokens_histogram": counted_lengths(lengths, start=min(lengths, default=0)),
        **{name: sums[name] for name in ("with_han", "answers_leaking_han")},
        "oddities": dict(sorted(marks.items())),
    }


def describe_kinds(problems: Sequence[Problem]) -> str:
    """`40 of 4 choices, 1 short without choices`."""
    choices = frequencies(str(len(problem.choices)) for problem in problems if problem.choices)
    return kinds_in_words(choices, frequencies(problem.kind for problem in problems))


def kinds_in_words(choices: Mapping[str, int], kinds: Mapping[str, int]) -> str:
    offered = [f"{choices[size]:,} of {size} choices" for size in sorted(choices, key=int)]
    free = [f"{kinds[kind]:,} {kind} without choices" for kind in sorted({*kinds} - {"choice"})]
    return ", ".join([*offered, *free])
