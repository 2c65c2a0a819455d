"""examples: what was read -> a problem of each kind as it was read, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from koalign.data.formats.reading import Reading
from koalign.naming import beginning, ending
from koalign.records import Problem, Ranking
from koalign.yaml_text import in_yaml

MOST = 5
"""Examples of one source."""


def examples(reading: Reading) -> Iterator[str]:
    """`문제.csv:2 is read as {question: …, choices: […], answer: …}`: the first of each kind of row.

    Rows are of one kind if their columns, their kind and their number of choices are. The answer to a
    choice problem is shown by its text, which tells a person whether the keys are read right.
    """
    seen = set[tuple[Any, ...]]()
    for record, place in zip(reading.records, reading.places, strict=True):
        if not isinstance(record, Problem | Ranking):
            continue
        problem = record if isinstance(record, Problem) else record.problem
        columns = reading.columns.get(place.rpartition(":")[0], {})
        kind = type(record), in_yaml(columns), problem.kind, len(problem.choices)
        if kind not in seen:
            seen.add(kind)
            yield f"{place} is read as {in_yaml(_shown(record))}"
        if len(seen) == MOST:
            return


def _shown(record: Problem | Ranking) -> dict[str, Any]:
    problem = record if isinstance(record, Problem) else record.problem
    answers = problem.answers
    if problem.choices:
        answers = tuple(problem.choices[int(answer) - 1] for answer in answers)
    fields = {
        "passage": beginning(problem.passage),
        "box": beginning(problem.box),
        "question": ending(problem.question),
        "choices": [beginning(choice) for choice in problem.choices],
        "answer": [beginning(answer) for answer in answers],
        "rationale": beginning(problem.rationale),
    }
    if isinstance(record, Ranking):
        fields |= {"best": beginning(record.texts[0]), "worst": beginning(record.texts[-1])}
    if len(answers) == 1:
        fields["answer"] = fields["answer"][0]
    return {name: value for name, value in fields.items() if value}
