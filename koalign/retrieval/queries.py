"""queries: a problem -> what is looked for in an index."""

from __future__ import annotations

from koalign.records import Problem


def queries_of(problem: Problem) -> dict[str, str]:
    """Name -> text: the stem, the stem with each choice, and the 보기. The passage is read anyway."""
    queries = {"stem": problem.question}
    for number, choice in enumerate(problem.choices, start=1):
        queries[f"choice {number}"] = f"{problem.question} {choice}"
    if problem.box:
        queries["box"] = problem.box
    return queries
