"""examples: what was read -> a problem of each kind as it was read, for a person to look at."""

from __future__ import annotations

from typing import Any

from koalign.data.formats.reading import Reading
from koalign.naming import beginning, ending
from koalign.records import Problem, Ranking
from koalign.yaml_text import in_yaml

MOST = 5
"""Examples of one source."""


def examples(reading: Reading) -> list[str]:
    """`문제.csv:2 is read as {question: …, choices: […], answer: …}`: the first of each kind of row.

    A kind is a format, columns that were guessed, and a number of choices. Where there are few, files of
    a kind that was shown already have an example too. The answer to a choice problem is shown by its
    text, which tells a person whether the keys are read right.
    """
    kinds: dict[tuple[Any, ...], str] = {}
    files: dict[str, str] = {}
    for record, place in zip(reading.records, reading.places, strict=True):
        if len(kinds) == MOST:
            break
        if not isinstance(record, Problem | Ranking):
            continue
        file = place.rpartition(":")[0]
        problem = record if isinstance(record, Problem) else record.problem
        read_as = reading.files.get(file), str(reading.columns.get(file))
        kind = type(record), *read_as, problem.kind, len(problem.choices)
        if kind in kinds and (file in files or len(files) == MOST):
            continue
        line = f"{place} is read as {in_yaml(_shown(record))}"
        kinds.setdefault(kind, line)
        files.setdefault(file, line)
    return [*dict.fromkeys([*kinds.values(), *files.values()])][:MOST]


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
