"""side_by_side: the columns of a sheet -> why they are two tables beside each other.

A row of such a sheet is no row of one table: `번호,문제,보기1,…,,번호,정답` holds the answers of others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from koalign.data.formats.column_names import choice, meaning
from koalign.data.formats.fields import is_label, is_missing

MOVE = "Put the second table below the first, or into a file of its own"
SORT = "Put each answer into the row of its problem, sorted alike"


def second_table(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]
) -> tuple[str, str]:
    """What is wrong, and what to do; empty where one table is there.

    `columns` are those that were guessed.
    """
    for name in names:
        twin = re.sub(r"\.1\Z", "", name)
        if twin != name and twin in names and (meaning(twin)[0] == "question" or choice(twin)):
            return f"{twin!r} stands there twice, as in two tables side by side", MOVE
    question, answer = columns.get("question"), columns.get("answer")
    if question not in names or answer not in names:
        return "", ""
    place, end = names.index(question), names.index(answer)
    numbers = [name for name in names if meaning(name.removesuffix(".1"))[0] == "key"]
    own = next((name for name in numbers if names.index(name) < place), "")
    for name in numbers:
        if own and place < names.index(name) < end:
            for row in rows:
                both = row.get(own), row.get(name)
                if not any(map(is_missing, both)) and all(map(is_label, both)) and _differ(*both):
                    return (
                        f"{own!r} is {both[0]} where {name!r}, left of {answer!r}, is {both[1]}, so the "
                        "answers are those of other rows"
                    ), SORT
    return "", ""


def _differ(one: Any, other: Any) -> bool:
    """Whether two numbers of problems do: `3.` and `3번` are the same."""
    return re.findall(r"\w+", str(one).rstrip("번.")) != re.findall(
        r"\w+", str(other).rstrip("번.")
    )
