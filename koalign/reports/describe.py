"""describe: the problems of a split -> what a person wants to know of them before anything is trained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from koalign.data.prompting.choices import gold_positions
from koalign.data.text.korean import han_leak, oddities
from koalign.evaluation.stats.tables import frequencies, histogram, quantiles
from koalign.records import Problem

RANKS = {"min": 0.0, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")


def describe(problems: Sequence[Problem], lengths: Sequence[int]) -> dict[str, Any]:
    """Counts, choices, gold positions, lengths in tokens and oddities of text, as one JSON value.

    `lengths` are tokens of prompt and gold completion together, one for each problem.
    """
    marks: Counter[str] = Counter()
    han, leaks = 0, 0
    for problem in problems:
        asked = "\n".join((problem.passage, problem.box, problem.question, *problem.choices))
        marks.update(oddities(asked).keys())
        written = "\n".join((problem.rationale, *(() if problem.choices else problem.answers)))
        han += _HAN.search(asked) is not None
        leaks += _HAN.search(written) is not None and han_leak(written, asked).leaks
    return {
        "problems": len(problems),
        "with_answer": sum(bool(problem.answers) for problem in problems),
        "with_passage": sum(bool(problem.passage) for problem in problems),
        "with_rationale": sum(bool(p.rationale or p.rationales) for p in problems),
        "groups": len({(problem.source, problem.group or problem.id) for problem in problems}),
        "sources": frequencies(problem.source for problem in problems),
        "subjects": frequencies(problem.subject for problem in problems if problem.subject),
        "kinds": frequencies(problem.kind for problem in problems),
        "choices": frequencies(str(len(p.choices)) for p in problems if p.choices),
        "gold_positions": {
            str(size): {str(place): count for place, count in places.items()}
            for size, places in sorted(gold_positions(problems).items())
        },
        "tokens": quantiles(lengths, RANKS),
        "tokens_histogram": histogram(lengths, start=min(lengths, default=0)),
        "with_han": han,
        "answers_leaking_han": leaks,
        "oddities": dict(sorted(marks.items())),
    }
